r"""Algebra by sympy: read an expression with math-verify's parser, and compare values, equations and sets.

Two expressions are equal when their values agree. They are evaluated at points drawn once and for all, to 60 digits,
and must agree to 50; and their difference must vanish to 400 digits behind the point. No rearranging can miss then,
and none can run away; what agrees by chance would have to do so at every point. Inequalities, intervals, unions and
set-builders are equal when they are the same set of real numbers.

Everything here runs without limits of time; see `rewards.verifier`.
"""

import logging
import re
from functools import lru_cache
from typing import Any

import sympy
from latex2sympy2_extended import NormalizationConfig, latex2sympy
from latex2sympy2_extended.latex2sympy2 import ConversionConfig
from sympy import And, Basic, Expr, Interval, MatrixBase, MatrixExpr, Or, Rational, Set, Symbol
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from typing_extensions import override

from rewards.quantities import (
    DEGREE,
    FLOAT_NOISE,
    ROUNDED_DECIMALS,
    TOLERANCE,
    in_radians,
    is_rounded,
    number,
)
from rewards.rules import Algebra
from rewards.syntax import bracketed, collection, split

logger = logging.getLogger(__name__)


class SymPy(Algebra):
    """The algebra of `rewards.rules` with sympy behind it."""

    @override
    def readable(self, text: str) -> bool:
        return parsed(text) is not None or _read_set(text) is not None

    @override
    def same_value(self, gold: str, given: str) -> bool:
        first, second = parsed(gold), parsed(given)
        if not _guarded(_same_object, first, second, is_rounded(gold) or is_rounded(given)):
            return False
        decimals = [value.places for value in (number(gold), number(given)) if value]
        return all(_guarded(_within, first, second, n) for n in decimals if n >= ROUNDED_DECIMALS)

    @override
    def close(self, exact: str, rounded: str) -> bool:
        return _guarded(_near, parsed(exact), parsed(rounded), "." not in rounded)

    @override
    def below_one(self, text: str) -> bool:
        return _guarded(_is_below_one, parsed(text))

    @override
    def same_equation(self, gold: tuple[str, str], given: tuple[str, str]) -> bool:
        return _guarded(lambda: _proportional(_difference(gold), _difference(given)))

    @override
    def same_set(self, gold: str, given: str) -> bool:
        return _guarded(_same_set, gold, given)


def _guarded(question: Any, *arguments: Any) -> bool:
    """Ask the library; what it cannot answer is not equal."""
    if any(argument is None for argument in arguments):
        return False
    try:
        return bool(question(*arguments))
    except MemoryError:
        raise
    except Exception:  # as in `parsed`
        logger.debug("a comparison failed", exc_info=True)
        return False


def _difference(sides: tuple[str, str]) -> Any:
    left, right = parsed(sides[0]), parsed(sides[1])
    return left - right if isinstance(left, Expr) and isinstance(right, Expr) else None


# Reading

_LATEX = NormalizationConfig(
    basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="none", equations=False
)
_CASE = ConversionConfig(interpret_as_mixed_fractions=False, lowercase_symbols=False)
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")
_COMPLEX = re.compile(r"(?<![a-zA-Z\\])i(?![a-zA-Z])|\\(?:Re|Im|arg|imath|mathbb\{C\})")
_SPELLINGS = (
    (re.compile(r"\\\$|[€£¥₹¢]"), ""),
    # It reads 2(3) as a mixed number, 5.
    (re.compile(r"(?<![\w^.\\])(\d+(?:\.\d+)?)\s*(?=\()|(\))\s*(?=[(\d])"), r"\1\2\\cdot "),
    # It drops primes and dots.
    (re.compile(r"(?<!')('+)_(?:\{(\w+)\}|(\w))"), lambda m: f"_{{{m[2] or m[3]}{'prime' * len(m[1])}}}"),
    (re.compile(r"_(?:\{(\w+)\}|(\w))('+)"), lambda m: f"_{{{m[1] or m[2]}{'prime' * len(m[3])}}}"),
    (re.compile(r"(?<=[a-zA-Z])('+)"), lambda match: "_{" + "prime" * len(match[1]) + "}"),
    (re.compile(r"('+)"), lambda match: " p_{" + "prime" * len(match[1]) + "}"),
    (re.compile(r"\\ldots(?![a-zA-Z])"), " l_{dots}"),
    (re.compile(r"_\{\\([a-zA-Z]+)\s*\}"), r"_{\1}"),
    (re.compile(r"\\log_\{?e\}?(?![a-zA-Z])"), r"\\ln "),
    (re.compile(r"\\lg(?![a-zA-Z])"), r"\\log_{10}"),
    (re.compile(r"(?<![a-zA-Z\\])E(?=_)"), r"\\Xi"),  # it takes E for the base of logarithms, and that has no index
    (re.compile(r"\\(?:mid|vert|lvert|rvert)(?![a-zA-Z])"), "|"),
)
_REPEATING = re.compile(r"(?<!\d)(\d{1,3}(?:,\d{3})+|\d*)\.(\d*)\\(?:overline|dot|bar)\{(\d+)\}")


@lru_cache(maxsize=16384)
def parsed(text: str) -> Any:
    """Read one expression, relation or set into a sympy object, None where it cannot be read.

    Nothing may turn these objects into text: an integer of more than 4,300 digits raises when it is printed.
    """
    try:
        result = latex2sympy(
            _prepared(text),
            is_real=not _COMPLEX.search(text),
            convert_degrees=False,
            normalization_config=_LATEX,
            conversion_config=_CASE,
        )
        return _exact(result) if isinstance(result, Basic | MatrixBase) else None
    except MemoryError:  # a limit, and reported as such
        raise
    except Exception:  # only library code runs in here, and on text that a model wrote it raises every kind of error
        logger.debug("an answer of %d characters could not be read", len(text), exc_info=True)
        return None


def _prepared(text: str) -> str:
    """Write what the parser does not know in terms that it knows."""
    text = _REPEATING.sub(_repeating, text)
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    return in_radians(text) if _TRIGONOMETRY.search(text) else text.replace(DEGREE, "")


def _repeating(match: "re.Match[str]") -> str:
    whole, fixed, period = match[1].replace(",", ""), match[2], match[3]
    value = Rational(int(f"{whole}{fixed}{period}") - int(f"{whole}{fixed}" or "0"), 10 ** len(fixed)) / (
        10 ** len(period) - 1
    )
    return rf"\frac{{{value.p}}}{{{value.q}}}"


def _exact(expression: Any) -> Any:
    """Replace decimals by the fractions that they are, and the letter i by the imaginary unit."""
    known = {number: Rational(str(number)) for number in expression.atoms(sympy.Float)}
    known |= {symbol: sympy.I for symbol in expression.free_symbols if symbol.name == "i"}
    return expression.xreplace(known) if known else expression


# Values

DIGITS = 60
MOST_DIGITS = 400
LARGEST = 20_000
"""Digits before the point beyond which two values count as equal only if they are written alike."""
AGREEMENT = sympy.Float(10, DIGITS) ** -50
ROUNDED_AGREEMENT = Rational(TOLERANCE.numerator, TOLERANCE.denominator) * (1 + Rational(1, 10**20))

# Positive points first: an answer such as \sqrt{1/n} is meant where it is real.
_SCALES = tuple(Rational(p, 100) for p in (37, 171, 613, 10141, -130, -57, -707, -9973))


def _same_object(gold: Any, given: Any, rounded: bool = False) -> bool:
    """Compare two sympy objects, none of them a relation or a set."""
    gold, given = (side.doit() if isinstance(side, MatrixExpr) else side for side in (gold, given))
    if isinstance(gold, MatrixBase) and isinstance(given, MatrixBase):
        return gold.shape == given.shape and all(
            _same_object(a, b, rounded) for a, b in zip(gold.flat(), given.flat(), strict=True)
        )
    if not isinstance(gold, Expr) or not isinstance(given, Expr):
        return bool(gold == given)
    if gold.has(sympy.nan, sympy.zoo) or given.has(sympy.nan, sympy.zoo):
        return False
    if gold == given:
        return True
    if gold.is_Rational and given.is_Rational and not rounded:
        return False
    gold, given = _functions_as_symbols(gold), _functions_as_symbols(given)
    return bool(gold == given) or _agree(gold, given, rounded)


def _functions_as_symbols(expression: Expr) -> Any:
    """Take `f(x)` for an unknown of its own, forget what is assumed about the others, and take odd roots as real."""
    unknown = {f: Symbol(f"{f.func.__name__}({f.args})") for f in expression.atoms(AppliedUndef)}
    expression = expression.xreplace(unknown)
    expression = expression.xreplace({s: Symbol(s.name) for s in expression.free_symbols})
    roots = set() if expression.has(sympy.I) else {power for power in expression.atoms(sympy.Pow) if _is_odd(power)}
    return expression.xreplace({power: _real_root(power) for power in roots})


def _is_odd(power: Any) -> bool:
    """Tell whether a power is an odd root, which a negative number has among the reals, of what may be negative."""
    exponent = power.exp.doit() if power.exp.is_number else power.exp
    odd = exponent.is_Rational and exponent.q > 1 and exponent.q % 2
    return bool(odd and (power.base.free_symbols or power.base.is_negative))


def _real_root(power: Any) -> Any:
    exponent = power.exp.doit()
    return sympy.sign(power.base) ** exponent.p * sympy.Abs(power.base) ** exponent


def _points(names: list[str], *, whole: bool = False) -> list[dict[Symbol, Rational]]:
    """Return values for the symbols: all positive first, then of either sign; all different, the same in each run.

    Where sums and products run over whole numbers, so do the values.
    """
    if whole:
        return [{Symbol(name): sympy.Integer(j + 3 + 2 * k) for k, name in enumerate(names)} for j in range(4)]
    return [
        {Symbol(name): scale * Rational(97 + 41 * k, 97) * (-1) ** (k * (j > 3)) for k, name in enumerate(names)}
        for j, scale in enumerate(_SCALES)
    ]


def _agree(gold: Any, given: Any, rounded: bool) -> bool:
    """Compare values at all points: where both are real they agree, and elsewhere neither is real."""
    names = sorted({symbol.name for symbol in gold.free_symbols | given.free_symbols})
    whole = gold.has(sympy.Sum, sympy.Product) or given.has(sympy.Sum, sympy.Product)
    is_complex = gold.has(sympy.I) or given.has(sympy.I)
    agreed = doubtful = 0
    for point in _points(names, whole=whole) if names else [{}]:
        first, second = _value(gold, point), _value(given, point)
        if first is None and second is None:
            continue
        if first is None or second is None:
            return False
        if _same_number(first, second, ROUNDED_AGREEMENT if rounded else AGREEMENT):
            if not rounded and not _cancel(gold, given, point, first):
                return False
            agreed += 1
        elif is_complex or bool(first.is_real) or bool(second.is_real):
            return False
        else:
            doubtful += 1
    return agreed > 2 or (agreed > 0 and doubtful == 0)


def _cancel(gold: Any, given: Any, point: dict[Symbol, Rational], value: Any) -> bool:
    """Tell 100! from 100! + 1, which agree to 158 digits: the difference is evaluated with as many as it takes."""
    whole = max(0, int(sympy.log(_size(value) + 1, 10).evalf(5)))
    difference = sympy.Add(gold, sympy.Mul(-1, given, evaluate=False), evaluate=False)
    return whole <= LARGEST and _value(difference, point, MOST_DIGITS + whole) in (None, 0)


def _value(expression: Any, point: dict[Symbol, Rational], most: int = MOST_DIGITS) -> Any:
    """Return the value to `DIGITS` digits, of at most so many to work with; None where there is none."""
    value = expression.evalf(DIGITS, subs=point, maxn=most) if point else expression.evalf(DIGITS, maxn=most)
    if not _is_number(value):
        value = expression.subs(point).doit().evalf(DIGITS, maxn=most)
    if not _is_number(value):
        return None
    real, imaginary = (sympy.S.Zero if _is_noise(part) else part for part in value.as_real_imag())
    return real + sympy.I * imaginary


def _is_noise(part: Any) -> bool:
    """Tell a zero from a small number: of a zero not one digit is known."""
    return bool(part.is_Float and part._prec <= 8)


def _is_number(value: Any) -> bool:
    return (
        bool(value.is_number)
        and value.is_finite is not False
        and all(part.is_Float or part.is_Rational for part in value.as_real_imag())
    )


def _same_number(first: Any, second: Any, tolerance: Any) -> bool:
    if first is None or second is None:
        return False
    scale = max(_size(first), _size(second))
    return bool(_size(first - second) <= tolerance * scale)


def _size(number: Any) -> Any:
    real, imaginary = number.as_real_imag()
    return sympy.sqrt(real**2 + imaginary**2).evalf(DIGITS)


def _near(exact: Any, rounded: Any, whole: bool) -> bool:
    """Tell whether two numbers are within one per cent, and half a unit of a whole one."""
    first, second = _value(exact, {}), _value(rounded, {})
    if not _same_number(first, second, Rational(1, 100)):
        return False
    return not whole or bool(_size(first - second) <= Rational(1, 2))


def _is_below_one(value: Any) -> bool:
    """Tell whether the size of a number is less than one; an expression with unknowns has none."""
    value = _value(value, {})
    return value is not None and bool(_size(value) < 1)


def _within(first: Any, second: Any, places: int) -> bool:
    """Tell whether a rounded number is off by no more than its last place, or the noise of a double."""
    first, second = _value(first, {}), _value(second, {})
    if first is None or second is None:
        return False
    noise = Rational(FLOAT_NOISE.numerator, FLOAT_NOISE.denominator) * max(_size(first), _size(second))
    return bool(_size(first - second) <= max(Rational(1, 10**places), noise))


def _proportional(gold: Any, given: Any, *, positive: bool = False) -> bool:
    """Tell whether two expressions are constant multiples of each other, so that their zeros are the same."""
    if not isinstance(gold, Expr) or not isinstance(given, Expr):
        return False
    first, second = (sympy.fraction(sympy.together(_functions_as_symbols(side)))[0] for side in (gold, given))
    if first.free_symbols != second.free_symbols or not first.free_symbols:
        return bool(first == second) if first.free_symbols else False
    names = sorted(symbol.name for symbol in first.free_symbols)
    values = [(_value(first, point), _value(second, point)) for point in _points(names)]
    ratios = [a / b for a, b in values if a is not None and b is not None and _size(b) != 0]
    if not ratios or (positive and not (ratios[0].is_real and ratios[0] > 0)):
        return False
    return (
        len(ratios) == len(values)
        and _size(ratios[0]) != 0
        and all(_same_number(ratios[0], ratio, AGREEMENT) for ratio in ratios)
    )


# Sets

_BUILDER = re.compile(r"\s*(?P<name>[a-zA-Z])\s*(?:\\in\s*\\mathbb\{R\}\s*)?(?:\\mid|\||:)\s*(?P<condition>.+)")
_OPERATION = re.compile(r"\\(?:cup|cap|setminus|backslash)(?![a-zA-Z])")
_EMPTY = re.compile(r"\\emptyset|[<>]|\\[lg]e |\\neq ")
_CALL = re.compile(r"(?<![a-zA-Z\\])([fghFGH])\(([a-zA-Z])\)")  # an unknown, not a product
_UNKNOWN = Symbol("set_unknown", real=True)


def _same_set(gold: str, given: str) -> bool:
    """Compare two texts as sets, or else as inequalities in several unknowns.

    A gold of two numbers in round brackets may be a point: no operation on sets equals it, and nothing empty does.
    """
    pair = collection(gold)
    if pair and pair.kind == "()" and _OPERATION.search(given):
        return False
    first, second = _read_set(gold), _read_set(given)
    if first is None or second is None:
        return False
    if isinstance(first, Relational) and isinstance(second, Relational):
        return _same_relation(first, second)
    names = [_unknowns(gold), _unknowns(given)]
    if all(names) and names[0] != names[1]:
        return False
    a, b = _as_set(first), _as_set(second)
    if a is None or b is None:
        return _same_conjunction(first, second)
    return _equal_sets(a, b) and (a.is_empty is not True or _meant_empty(gold, given))


def _meant_empty(gold: str, given: str) -> bool:
    """Tell whether one text writes the empty set and the other does, too, or is an inequality without solutions.

    What else reads as empty was meant otherwise: `1 and 2` is a list and no intersection.
    """
    texts = (gold, given)
    return any("\\emptyset" in text for text in texts) and all(_EMPTY.search(text) for text in texts)


def _read_set(text: str) -> Any:
    """Read a relation, a conjunction, or a set; alternatives become a union. None where it cannot be read."""
    text = _CALL.sub(r"\1_{\2}", text.strip())
    inside = bracketed(text)
    builder = _BUILDER.fullmatch(inside[1]) if inside and inside[0] == r"\{\}" else None
    if builder:
        return _read_set(builder["condition"])
    parts = split(re.sub(r"\\text\{\s*(?:or|and)\s*\}", lambda m: " or " if "or" in m[0] else " and ", text), "&,")
    if len(parts) > 1:
        sets = [_read_set(part) for part in parts]
        if any(part is None for part in sets):
            return None
        joined = [_as_set(part) for part in sets]
        if any(part is None for part in joined):
            return And(*sets) if all(isinstance(part, Relational | And) for part in sets) else None
        return sympy.Intersection(*joined) if re.search(r"\band\b", text) else sympy.Union(*joined)
    return _read_one_set(text)


def _read_one_set(text: str) -> Any:
    listed = collection(text)
    if listed and listed.kind in ("()", "[]", "(]", "[)") and len(listed.parts) == 2:
        ends = [parsed(part) for part in listed.parts]
        if None in ends:
            return None
        interval = Interval(*ends, left_open=listed.kind[0] == "(", right_open=listed.kind[1] == ")")
        return None if interval.is_empty else interval  # (8,-3) is a point
    if listed and listed.kind == r"\{\}":
        elements = [parsed(part) for part in listed.parts]
        return None if None in elements else sympy.FiniteSet(*elements)
    if "\\cup" in text:
        sides = [_read_set(side) for side in re.split(r"\\cup", text)]
        sets = [_as_set(side) for side in sides]
        return None if any(side is None for side in sets) else sympy.Union(*sets)
    return parsed(text)


def _unknowns(text: str) -> set[str]:
    """Return the unknowns that a text solves for, none for a set."""
    value = _read_set(text)
    return {symbol.name for symbol in value.free_symbols} if isinstance(value, Relational | And | Or) else set()


def _as_set(value: Any) -> Any:
    """Return the real numbers that satisfy a relation in one unknown; a set is itself."""
    if isinstance(value, Set):
        return value
    if isinstance(value, sympy.Tuple):
        return None
    if isinstance(value, Relational | And | Or):
        symbols = value.free_symbols
        if len(symbols) != 1:
            return None
        value = _on_the_reals(value, symbols.pop())
        return (
            value.as_set()
            if isinstance(value, Relational | And | Or)
            else (sympy.S.Reals if value == sympy.true else sympy.S.EmptySet)
        )
    return sympy.FiniteSet(value) if isinstance(value, sympy.Expr) else None


def _on_the_reals(value: Any, symbol: Any) -> Any:
    """Put a real unknown for the symbol, for which `x < oo` is true. The parser's own `And` may not become a part."""
    if isinstance(value, And | Or):
        return (And if isinstance(value, And) else Or)(*(_on_the_reals(part, symbol) for part in value.args))
    return value.xreplace({symbol: _UNKNOWN}).doit()


def _equal_sets(a: Any, b: Any) -> bool:
    if a == b:
        return True
    if isinstance(a, Interval) and isinstance(b, Interval):
        open_alike = a.left_open == b.left_open and a.right_open == b.right_open
        return open_alike and _same_object(a.start, b.start) and _same_object(a.end, b.end)
    if isinstance(a, sympy.FiniteSet) and isinstance(b, sympy.FiniteSet):
        return len(a) == len(b) and all(any(_same_object(x, y) for y in b) for x in a)
    if isinstance(a, sympy.Union) and isinstance(b, sympy.Union):
        return len(a.args) == len(b.args) and all(any(_equal_sets(x, y) for y in b.args) for x in a.args)
    return a.symmetric_difference(b).is_empty is True


def _same_relation(gold: Any, given: Any) -> bool:
    """Compare two relations: the same difference of sides up to a positive factor, or the same real solutions."""
    first, second = (_turned(side) for side in (gold, given))
    if first[0] is second[0] and _proportional(first[1], second[1], positive=first[0] is not sympy.Ne):
        return True
    if gold.free_symbols != given.free_symbols:
        return False
    a, b = _as_set(gold), _as_set(given)
    return a is not None and b is not None and _equal_sets(a, b)


def _turned(relation: Any) -> tuple[Any, Any]:
    """Write a relation as `difference > 0` or `difference >= 0`."""
    difference = relation.lhs - relation.rhs
    if isinstance(relation, sympy.StrictLessThan | sympy.LessThan):
        difference = -difference
    strict = isinstance(relation, sympy.StrictLessThan | sympy.StrictGreaterThan)
    kind = sympy.StrictGreaterThan if strict else sympy.GreaterThan
    return (
        sympy.Ne if isinstance(relation, sympy.Ne) else sympy.Eq if isinstance(relation, sympy.Eq) else kind
    ), difference


def _same_conjunction(gold: Any, given: Any) -> bool:
    """Compare chains such as `a < b < c` link by link, in any order."""
    if not isinstance(gold, And) or not isinstance(given, And) or len(gold.args) != len(given.args):
        return False
    return all(any(_same_relation(x, y) for y in given.args) for x in gold.args)
