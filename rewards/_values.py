r"""Two sympy expressions are equal when their values agree.

They are evaluated at points drawn once and for all, to 60 digits, and must agree to 50; and their difference must
vanish to 400 digits behind the point. No rearranging can miss then, and none can run away; what agrees by chance would
have to do so at every point.
"""

from typing import Any

import sympy
from sympy import Expr, MatrixBase, MatrixExpr, Rational, Symbol
from sympy.core.function import AppliedUndef

from rewards._quantity import FLOAT_NOISE, TOLERANCE

DIGITS = 60
MOST_DIGITS = 400
LARGEST = 20_000
"""Digits before the point beyond which two values count as equal only if they are written alike."""
AGREEMENT = sympy.Float(10, DIGITS) ** -50
ROUNDED_AGREEMENT = Rational(TOLERANCE.numerator, TOLERANCE.denominator) * (1 + Rational(1, 10**20))

# Positive points first: an answer such as \sqrt{1/n} is meant where it is real.
_SCALES = tuple(Rational(p, 100) for p in (37, 171, 613, 10141, -130, -57, -707, -9973))


def same_object(gold: Any, given: Any, rounded: bool = False) -> bool:
    """Compare two sympy objects, none of them a relation or a set."""
    gold, given = (side.doit() if isinstance(side, MatrixExpr) else side for side in (gold, given))
    if isinstance(gold, MatrixBase) and isinstance(given, MatrixBase):
        return gold.shape == given.shape and all(
            same_object(a, b, rounded) for a, b in zip(gold.flat(), given.flat(), strict=True)
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


def points(names: list[str], *, whole: bool = False) -> list[dict[Symbol, Rational]]:
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
    for point in points(names, whole=whole) if names else [{}]:
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


def near(exact: Any, rounded: Any, whole: bool) -> bool:
    """Tell whether two numbers are within one per cent, and half a unit of a whole one."""
    first, second = _value(exact, {}), _value(rounded, {})
    if not _same_number(first, second, Rational(1, 100)):
        return False
    return not whole or bool(_size(first - second) <= Rational(1, 2))


def below_one(number: Any) -> bool:
    """Tell whether the size of a number is less than one; an expression with unknowns has none."""
    value = _value(number, {})
    return value is not None and bool(_size(value) < 1)


def within(first: Any, second: Any, places: int) -> bool:
    """Tell whether a rounded number is off by no more than its last place, or the noise of a double."""
    first, second = _value(first, {}), _value(second, {})
    if first is None or second is None:
        return False
    noise = Rational(FLOAT_NOISE.numerator, FLOAT_NOISE.denominator) * max(_size(first), _size(second))
    return bool(_size(first - second) <= max(Rational(1, 10**places), noise))


def proportional(gold: Any, given: Any, *, positive: bool = False) -> bool:
    """Tell whether two expressions are constant multiples of each other, so that their zeros are the same."""
    if not isinstance(gold, Expr) or not isinstance(given, Expr):
        return False
    first, second = (sympy.fraction(sympy.together(_functions_as_symbols(side)))[0] for side in (gold, given))
    if first.free_symbols != second.free_symbols or not first.free_symbols:
        return bool(first == second) if first.free_symbols else False
    names = sorted(symbol.name for symbol in first.free_symbols)
    values = [(_value(first, point), _value(second, point)) for point in points(names)]
    ratios = [a / b for a, b in values if a is not None and b is not None and _size(b) != 0]
    if not ratios or (positive and not (ratios[0].is_real and ratios[0] > 0)):
        return False
    return (
        len(ratios) == len(values)
        and _size(ratios[0]) != 0
        and all(_same_number(ratios[0], ratio, AGREEMENT) for ratio in ratios)
    )
