r"""The rules by which two answers are equal, applied one after the other, and algebra for what they leave.

The first rule that applies gives the verdict. A rule takes the two answers and the `Comparison`, to which it hands
their parts. It returns the verdict, or None where it does not apply. What no rule decides are two expressions, and
those are compared by algebra: the class `Algebra` refuses every question, `rewards.algebra.SymPy` answers them.
docs/answers.md says for each kind of answer what is equal and why.
"""

import re
from collections.abc import Callable, Sequence

from rewards.quantities import (
    DEGREE,
    ROUNDED_DECIMALS,
    in_base,
    in_radians,
    number,
    quantity,
    same_number,
    same_unit,
    time_of_day,
)
from rewards.syntax import Collection, bracketed, collection, equation, expanded, is_name, matrix, split, system

MAX_DEPTH = 12
"""Answers nested deeper are not taken apart."""

MAX_PARTS = 100
"""Longer lists are compared in their order only: finding the pairs takes quadratic time."""


class NeedsAlgebra(Exception):
    """Raised by `Algebra`: the verdict needs more than strings and numbers."""


class Algebra:
    """What the rules ask of a computer algebra system. This class has none and refuses every question."""

    def readable(self, text: str) -> bool:
        """Tell whether an expression, a relation or a set can be read."""
        raise NeedsAlgebra

    def same_value(self, gold: str, given: str) -> bool:
        """Compare two expressions without relations."""
        raise NeedsAlgebra

    def close(self, exact: str, rounded: str) -> bool:
        """Tell whether a number is about one per cent from a decimal at most, or rounds to a whole number."""
        raise NeedsAlgebra

    def below_one(self, text: str) -> bool:
        """Tell whether an expression is a number between minus one and one."""
        raise NeedsAlgebra

    def same_equation(self, gold: tuple[str, str], given: tuple[str, str]) -> bool:
        """Compare two equations, each given by its sides, up to a constant factor."""
        raise NeedsAlgebra

    def same_set(self, gold: str, given: str) -> bool:
        """Compare inequalities, intervals and unions."""
        raise NeedsAlgebra


def equal(gold: str, given: str, algebra: Algebra) -> bool:
    r"""Tell whether two canonical answers are the same.

    Args:
        gold: The gold answer, from `rewards.normalize.canonical`.
        given: The answer of a completion, likewise.
        algebra: Compares expressions.

    Raises:
        NeedsAlgebra: The verdict needs algebra, and `algebra` is the base class.

    >>> none = Algebra()
    >>> equal("1, 2", "2,1", none), equal("(1,2)", "(2,1)", none), equal(r"5\text{ cm}", "5", none)
    (True, False, True)
    """
    return Comparison(algebra).equal(gold, given)


class Comparison:
    """One comparison: the rules, an algebra, and how deep the answers are taken apart."""

    def __init__(self, algebra: Algebra):
        self.algebra = algebra
        self.depth = 0

    def equal(self, gold: str, given: str) -> bool:
        """Apply the first rule that has a verdict."""
        if squeezed(gold) == squeezed(given):
            return True
        if self.depth >= MAX_DEPTH:
            return False
        self.depth += 1
        try:
            return self.by_rules(_bare(gold), _bare(given))
        finally:
            self.depth -= 1

    def by_rules(self, gold: str, given: str) -> bool:
        """Return the verdict of the first rule that has one, else of algebra."""
        for rule in RULES:
            verdict = rule(gold, given, self)
            if verdict is not None:
                return verdict
        return self.same_value(gold, given)

    def same_value(self, gold: str, given: str) -> bool:
        """Compare two expressions by algebra."""
        return self.algebra.same_value(gold, given)


Rule = Callable[[str, str, Comparison], bool | None]


def squeezed(text: str) -> str:
    """Drop the blanks that mean nothing: all but those between two digits."""
    return re.sub(r"(?<!\d) | (?!\d)", "", text)


def _bare(text: str) -> str:
    r"""Drop what only introduces an answer, `x\in` or `x>1:` before an interval; and read `cases` as a list."""
    text = re.sub(r"\A[^:]*(?:[<>]|\\[lg]e )[^:]*:\s*(?=[(\[])", "", text)
    membership = re.match(r"\s*(?P<name>[^<>=]{1,20}?)\s*\\in(?![a-zA-Z])\s*(?=\S)", text)
    if membership and is_name(membership["name"]):
        text = text[membership.end() :]
    return system(text.strip())


def readable_gold(gold: str, algebra: Algebra) -> bool:
    """Tell whether a gold answer can be compared with anything: words, or expressions that can be read."""
    gold = _bare(gold)
    if not gold or _is_prose(gold):
        return False
    if number(gold) or in_base(gold) or time_of_day(gold) or _is_choice(gold) or _is_text(gold):
        return True
    if "\\approx" in gold:
        return all(readable_gold(side.strip(), algebra) for side in gold.split("\\approx") if side.strip())
    if _is_relation(gold):
        return algebra.readable(gold)
    return all(
        number(part) or _is_text(part) or _terms(part) or algebra.readable(part) for part in _leaves(gold, MAX_DEPTH)
    )


def _leaves(gold: str, depth: int) -> list[str]:
    """Return what a gold answer is made of, as far as it is taken apart."""
    if depth == 0:
        return [gold]
    depth -= 1
    rows = matrix(gold)
    listed = collection(gold)
    sides = equation(gold)
    if listed:
        return [leaf for part in listed.parts for leaf in _leaves(part, depth)]
    if rows:
        return [leaf for row in rows for cell in row for leaf in _leaves(cell, depth)]
    if sides:
        return [leaf for side in sides[is_name(sides.left) :] for leaf in _leaves(side, depth)]
    if "\\pm" in gold:
        return expanded(gold)
    body = quantity(gold).body
    inner = bracketed(body)
    if inner and inner[0] in ("()", "[]"):
        return _leaves(inner[1], depth)
    return [body] if body == gold else _leaves(body, depth)


# Numbers, and what may stand around them


def numbers(gold: str, given: str, comparison: Comparison) -> bool | None:
    """Numbers in digits are equal exactly, unless one is rounded."""
    first, second = number(gold), number(given)
    return same_number(first, second) if first and second else None


def measured(gold: str, given: str, comparison: Comparison) -> bool | None:
    r"""Units count where both name a well-known one; a percent or degree sign is left out, or is its factor.

    `5%` equals `0.05` (the factor) and `5` (left out), but `0.5%` does not equal `0.5`, which reads as a share.

    >>> from rewards.algebra import SymPy
    >>> [equal(gold, given, SymPy()) for gold, given in ((r"5\%", "0.05"), (r"5\%", "5"), (r"0.5\%", "0.5"))]
    [True, True, False]
    """
    first, second = quantity(gold), quantity(given)
    marks = [q.unit or ("%" if q.percent else "") for q in (first, second)]
    if all(marks) and not same_unit(*marks) and set(marks) != {"deg", "rad"}:
        return False
    if first.percent != second.percent:
        hundredth = [rf"\frac{{{q.body}}}{{100}}" if q.percent else q.body for q in (first, second)]
        return (
            comparison.equal(first.body, second.body) and not _is_share(first.body, comparison)
        ) or comparison.equal(*hundredth)
    if (first.unit == "deg") != (second.unit == "deg"):
        if "rad" not in marks and comparison.equal(first.body, second.body):
            return True
        values = [number(q.body) for q in (first, second)]
        if all(value and value.places < ROUNDED_DECIMALS for value in values):
            return values[0] == values[1] == 0
        radians = [in_radians(f"({q.body}){DEGREE}") if q.unit == "deg" else q.body for q in (first, second)]
        return comparison.same_value(*radians)
    changed = (first.body, second.body) != (gold, given)
    return comparison.equal(first.body, second.body) if changed else None


def _is_share(text: str, comparison: Comparison) -> bool:
    """Tell whether a number is below one in size: without a sign it is a share of the whole and no percentage."""
    value = number(text)
    return abs(value.value) < 1 if value else comparison.algebra.below_one(text)


def degrees(gold: str, given: str, comparison: Comparison) -> bool | None:
    r"""An angle is one with or without its sign, as in `\cos 58^\circ`; else the sign is a factor of π/180."""
    if (DEGREE in gold) == (DEGREE in given):
        return None
    plain = [text.replace(DEGREE, "") for text in (gold, given)]
    return comparison.equal(*plain) or comparison.same_value(in_radians(gold), in_radians(given))


def time(gold: str, given: str, comparison: Comparison) -> bool | None:
    """Times of day are equal on the 24-hour clock, or on the 12-hour one where only one says am or pm."""
    first, second = time_of_day(gold), time_of_day(given)
    if first is None or second is None:
        return None
    if first[0] == second[0]:
        return True
    bare = second[0] if first[1] else first[0]
    return first[1] != second[1] and bare < 13 * 3600 and first[0] % 43200 == second[0] % 43200


def base(gold: str, given: str, comparison: Comparison) -> bool | None:
    """Numbers with a base are equal digit for digit; one base may be left out."""
    first, second = in_base(gold), in_base(given)
    if first is None and second is None:
        return None
    if first and second:
        return first == second
    tagged, other = (first, given) if first else (second, gold)
    assert tagged is not None
    if not re.fullmatch(r"-?[0-9A-Za-z,. ]+", other) or not tagged[0].lstrip("-")[0].isdigit():
        return None
    return tagged[0] == re.sub(r"[, ]", "", other)


def ratio(gold: str, given: str, comparison: Comparison) -> bool | None:
    """Ratios are equal when their terms are proportional; one of two terms is also the fraction."""
    first, second = _terms(gold), _terms(given)
    if first is None and second is None:
        return None
    if first is None or second is None:
        terms, other = (first, given) if first else (second, gold)
        if terms is None or len(terms) != 2 or ":" in other:
            return False
        fraction = rf"\frac{{{terms[0]}}}{{{terms[1]}}}"
        return comparison.equal(fraction, other) if first else comparison.equal(other, fraction)
    if len(first) != len(second):
        return False
    return all(
        comparison.equal(rf"\frac{{{a}}}{{{b}}}", rf"\frac{{{c}}}{{{d}}}")
        for a, b, c, d in zip(first, first[1:], second, second[1:], strict=False)
    )


def _terms(text: str) -> list[str] | None:
    """Return the terms of a ratio such as 1:2:3."""
    if ":" not in text or "\\{" in text or "=" in text:
        return None
    terms = split(text, ":")
    return terms if len(terms) > 1 else None


# Words, and letters of choice

_UNTEXT = re.compile(r"\\text\{([^{}]*)\}")
_LETTERS = re.compile(r"\(?[A-H]\)?(?:(?:\s*,\s*|\s+and\s+|\s*)\(?[A-H]\)?)*\.?")
_LABEL = re.compile(
    r"(?:(?:option|choice)\s+)?(?:\(([A-H])\)|([A-H])[.):])(?:\s+|(?=\\text|[一-鿿]))(\S.*)", re.IGNORECASE | re.DOTALL
)
_ANOTHER_LABEL = re.compile(r"(?:or|and)\b\W*[A-H]\b|.*\b(?:or|and)\s*\([A-H]\)", re.DOTALL)  # two are no choice
_NAMED_LETTER = re.compile(r"(?:option|choice|选项|选)\s*\(?([A-H])\)?", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z一-鿿①-⑳][A-Za-z一-鿿①-⑳' ,.-]*")
_PROSE = re.compile(r"(?<![\\a-zA-Z{])[a-z]{3,}(?![a-zA-Z])")
_MATHS_WORDS = {
    "sin", "cos", "tan", "cot", "sec", "csc", "log", "exp", "and", "mod", "gcd", "lcm", "max", "min", "for", "all",
}  # fmt: skip


def _untexted(text: str) -> str:
    r"""Write the inside of each `\text{}` plainly."""
    return _UNTEXT.sub(r" \1 ", text).strip()


def choice(gold: str, given: str, comparison: Comparison) -> bool | None:
    """A gold of letters is a choice: the same letters, in any order, whatever text stands behind a single one."""
    wanted, offered = _letters(gold), _letters(given)
    if wanted and offered:
        return sorted(wanted) == sorted(offered)
    gold_label, given_label = _labelled(gold), _labelled(given)
    if wanted and given_label:
        return wanted == given_label[0]
    if offered and gold_label:
        return offered == gold_label[0]
    if gold_label and given_label:
        return gold_label[0] == given_label[0]
    if gold_label:
        return comparison.equal(gold_label[1], given)
    return comparison.equal(gold, given_label[1]) if given_label else None


def _letters(text: str) -> str | None:
    plain = _untexted(text).replace("\\", "").strip("{} ")
    named = _NAMED_LETTER.fullmatch(plain)
    if named:
        return named[1].upper()
    return re.sub(r"and|[^A-H]", "", plain) if _LETTERS.fullmatch(plain) else None


def _is_choice(gold: str) -> bool:
    """Tell whether a gold answer is a letter or several to choose."""
    return bool(_letters(gold) or _labelled(gold))


def _labelled(text: str) -> tuple[str, str] | None:
    """Return the letter and the rest of `(A) 5`."""
    match = _LABEL.fullmatch(re.sub(r"\\text\{\s*(\(?[A-H]\)?[.:]?)\s*\}", r"\1 ", text.strip()))
    if match is None or _ANOTHER_LABEL.match(_untexted(match[3])):
        return None
    return (match[1] or match[2]).upper(), match[3]


def words(gold: str, given: str, comparison: Comparison) -> bool | None:
    """Words are equal as words: blanks, stops and a capital at the beginning do not count."""
    first, second = _words(gold), _words(given)
    if first is None or second is None:
        return None if first is None and second is None else _word_against_formula(gold, given)
    if first == second:
        return True
    return False if _is_text(gold) or _is_text(given) else None  # else letters: ab and ba may be products


def _word_against_formula(gold: str, given: str) -> bool | None:
    """Return False where a text stands against what has digits, None where the text may be a name or a unit."""
    text, other = (gold, given) if _words(gold) is not None else (given, gold)
    return False if _is_text(text) and re.search(r"\d", other) else None


def _words(text: str) -> str | None:
    plain = _untexted(text)
    if not _WORDS.fullmatch(plain):
        return None
    # Between letters of a word it is an apostrophe, anywhere else a prime.
    letters = re.findall(r"[A-Za-z]+|(?<![A-Za-z]{2})'|'(?![a-z])|[一-鿿①-⑳]", plain)
    return "".join(word.lower() if word[1:].islower() and len(word) > 1 else word for word in letters)


def _is_text(text: str) -> bool:
    r"""Tell words from products of letters: they are in a `\text{}`, in Chinese, or one has four letters."""
    plain = _untexted(text)
    return bool(_WORDS.fullmatch(plain)) and (
        "\\text" in text or bool(re.search(r"[a-z]{4}|[A-Z][a-z]{2}|[一-鿿①-⑳]", plain))
    )


def _is_prose(text: str) -> bool:
    """Tell whether an answer is a sentence with formulas in it, which cannot be compared."""
    return len(set(_PROSE.findall(_UNTEXT.sub("", text))) - _MATHS_WORDS) > 3 and not _is_text(text)


# Answers of several parts

_RELATION = re.compile(r"[<>]|\\le |\\ge |\\neq|\\cup|\\cap|\\setminus|\\backslash|\\mathbb|\\mid|\\emptyset")

_DIGITS = re.compile(r"-?[\d,]*\.?\d*")


def approximation(gold: str, given: str, comparison: Comparison) -> bool | None:
    r"""`a \approx b` states a, and b as well if it is a rounded a and a is no decimal itself."""
    if "\\approx" not in gold + given:
        return None
    return any(comparison.equal(a, b) for a in _stated(gold, comparison) for b in _stated(given, comparison))


def _stated(text: str, comparison: Comparison) -> list[str]:
    sides = [side.strip() for side in text.split("\\approx") if side.strip()]
    if len(sides) < 2 or is_name(sides[0]):
        return sides[-1:]
    exact = equation(sides[0])
    first = exact.right if exact else sides[0]
    first, last = (found.body if found.unit else text for text in (first, sides[-1]) for found in [quantity(text)])
    if _DIGITS.fullmatch(first):
        return [sides[0]]  # 412 \approx 413 would be two answers
    return [sides[0], sides[-1]] if comparison.algebra.close(first, last) else [sides[0]]


def relation(gold: str, given: str, comparison: Comparison) -> bool | None:
    """Inequalities, intervals and unions are equal when they describe the same set of numbers."""
    if not _is_relation(gold) and not _is_relation(given):
        return None
    if comparison.algebra.same_set(gold, given):
        return True
    return (DEGREE in gold) != (DEGREE in given) and comparison.algebra.same_set(in_radians(gold), in_radians(given))


def _is_relation(text: str) -> bool:
    """Tell whether an answer is written with inequality signs or as an operation on sets."""
    return bool(_RELATION.search(text))


def plus_minus(gold: str, given: str, comparison: Comparison) -> bool | None:
    r"""`a \pm b` is the list of both values."""
    if "\\pm" not in gold + given:
        return None
    return _same_parts(_spread(gold), _spread(given), comparison)


def _spread(text: str) -> list[str]:
    listed = collection(text)
    parts = listed.parts if listed and listed.kind in ("", r"\{\}") else (text,)
    return [form for part in parts for form in expanded(part)]


def several(gold: str, given: str, comparison: Comparison) -> bool | None:
    """Lists are equal in any order, sets also when parts repeat, tuples in order and between the same brackets."""
    first, second = collection(gold), collection(given)
    if first and second is None:
        second = _regrouped(given, len(first.parts))
    elif second and first is None:
        first = _regrouped(gold, len(second.parts))
    if first and second:
        return _same_collection(first, second, comparison)
    if first:
        return len(first.parts) == 1 and comparison.equal(first.parts[0], given)
    return len(second.parts) == 1 and comparison.equal(gold, second.parts[0]) if second else None


def _regrouped(text: str, count: int) -> Collection | None:
    """Read `100,200` as a list, which it is beside a list of as many parts and a number anywhere else."""
    parts = tuple(text.split(","))
    return Collection("", parts) if number(text) and len(parts) == count > 1 else None


def _same_collection(gold: Collection, given: Collection, comparison: Comparison) -> bool:
    kinds = {gold.kind, given.kind}
    if kinds <= {"", r"\{\}"}:
        if kinds == {r"\{\}"}:
            return _covers(gold.parts, given.parts, comparison) and _covers(
                given.parts, gold.parts, comparison, turned=True
            )
        in_order = _names(gold.parts) != _names(given.parts)
        return (
            _in_order(gold.parts, given.parts, comparison)
            if in_order
            else _same_parts(gold.parts, given.parts, comparison)
        )
    if len(kinds) == 1 or kinds == {"", "()"}:
        return _in_order(gold.parts, given.parts, comparison)
    return False


def _names(parts: Sequence[str]) -> bool:
    """Tell whether the parts are values of different unknowns, as in `x=1, y=2`."""
    names = [sides.left.split("_")[0] for sides in map(equation, parts) if sides and is_name(sides.left)]
    return len(names) == len(parts) and len(set(names)) == len(names) > 1


def _in_order(gold: Sequence[str], given: Sequence[str], comparison: Comparison) -> bool:
    return len(gold) == len(given) and all(comparison.equal(a, b) for a, b in zip(gold, given, strict=True))


def _same_parts(gold: Sequence[str], given: Sequence[str], comparison: Comparison) -> bool:
    """Pair the parts off; equality is as good as transitive, so the first match does."""
    if len(gold) != len(given):
        return False
    if len(gold) > MAX_PARTS:
        return _in_order(gold, given, comparison)
    left = list(given)
    for part in gold:
        match = next((other for other in left if comparison.equal(part, other)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _covers(wanted: Sequence[str], parts: Sequence[str], comparison: Comparison, *, turned: bool = False) -> bool:
    """Tell whether each wanted element is among the parts."""
    if len(wanted) * len(parts) > MAX_PARTS**2:
        return False
    return all(any(comparison.equal(b, a) if turned else comparison.equal(a, b) for b in parts) for a in wanted)


def cells(gold: str, given: str, comparison: Comparison) -> bool | None:
    """Matrices are equal cell by cell, whatever their brackets."""
    first, second = matrix(gold), matrix(given)
    if first is None or second is None:
        return None
    same_shape = [len(row) for row in first] == [len(row) for row in second]
    return same_shape and all(_in_order(a, b, comparison) for a, b in zip(first, second, strict=True))


def named(gold: str, given: str, comparison: Comparison) -> bool | None:
    r"""`x=5` is 5, and `x\in A` is A; two equations are equal up to a factor."""
    first, second = equation(gold), equation(given)
    if first and second:
        if first.left.replace(" ", "") == second.left.replace(" ", ""):
            return comparison.equal(first.right, second.right)
        if _function(first.left) and _function(second.left) and "y" in (first.left, second.left):
            return comparison.equal(first.right, second.right)
        return comparison.algebra.same_equation(first, second)
    if first:
        return is_name(first.left) and comparison.equal(first.right, given)
    return comparison.equal(gold, second.right) if second else None


def _function(left: str) -> bool:
    return left == "y" or bool(re.fullmatch(r"[a-zA-Z]\s*\(\s*[a-zA-Z]\s*\)", left))


def grouped(gold: str, given: str, comparison: Comparison) -> bool | None:
    """Brackets around a whole expression mean nothing."""
    first, second = _inside(gold), _inside(given)
    return comparison.equal(first or gold, second or given) if first or second else None


def _inside(text: str) -> str | None:
    outer = bracketed(text)
    return outer[1] if outer and outer[0] in ("()", "[]") and outer[1] else None


RULES: tuple[Rule, ...] = (
    numbers,
    choice,
    words,
    time,
    base,
    approximation,
    relation,
    named,
    plus_minus,
    several,
    cells,
    ratio,
    measured,
    degrees,
    grouped,
)
