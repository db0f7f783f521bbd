r"""Rules for answers of several parts or with something around them: lists, brackets, matrices, equations.

A rule gets the two answers and an `Asker`, to whom it returns with the parts. It gives the verdict, or None where it
does not apply.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from rewards._parts import Collection, bracketed, collection, equation, expanded, is_name, matrix
from rewards._quantity import DEGREE, in_radians, number, quantity

MAX_PARTS = 100
"""Longer lists are compared in their order only: finding the pairs takes quadratic time."""

_RELATION = re.compile(r"[<>]|\\le |\\ge |\\neq|\\cup|\\cap|\\setminus|\\backslash|\\mathbb|\\mid|\\emptyset")

_DIGITS = re.compile(r"-?[\d,]*\.?\d*")


class Asker(Protocol):
    """Compares parts of answers, by the rules again or by algebra."""

    def equal(self, gold: str, given: str) -> bool:
        """Compare two answers."""

    def same_value(self, gold: str, given: str) -> bool:
        """Compare two expressions without relations."""

    def close(self, exact: str, rounded: str) -> bool:
        """Tell whether a number is about one per cent from a decimal at most, or rounds to a whole number."""

    def below_one(self, text: str) -> bool:
        """Tell whether an expression is a number between minus one and one."""

    def same_equation(self, gold: tuple[str, str], given: tuple[str, str]) -> bool:
        """Compare two equations, each given by its sides, up to a constant factor."""

    def same_set(self, gold: str, given: str) -> bool:
        """Compare inequalities, intervals and unions."""


Rule = Callable[[str, str, Asker], bool | None]


def approximation(gold: str, given: str, ask: Asker) -> bool | None:
    r"""`a \approx b` states a, and b as well if it is a rounded a and a is no decimal itself."""
    if "\\approx" not in gold + given:
        return None
    return any(ask.equal(a, b) for a in _stated(gold, ask) for b in _stated(given, ask))


def _stated(text: str, ask: Asker) -> list[str]:
    sides = [side.strip() for side in text.split("\\approx") if side.strip()]
    if len(sides) < 2 or is_name(sides[0]):
        return sides[-1:]
    exact = equation(sides[0])
    first = exact.right if exact else sides[0]
    first, last = (found.body if found.unit else text for text in (first, sides[-1]) for found in [quantity(text)])
    if _DIGITS.fullmatch(first):
        return [sides[0]]  # 412 \approx 413 would be two answers
    return [sides[0], sides[-1]] if ask.close(first, last) else [sides[0]]


def relation(gold: str, given: str, ask: Asker) -> bool | None:
    """Inequalities, intervals and unions are equal when they describe the same set of numbers."""
    if not is_relation(gold) and not is_relation(given):
        return None
    if ask.same_set(gold, given):
        return True
    return (DEGREE in gold) != (DEGREE in given) and ask.same_set(in_radians(gold), in_radians(given))


def is_relation(text: str) -> bool:
    """Tell whether an answer is written with inequality signs or as an operation on sets."""
    return bool(_RELATION.search(text))


def plus_minus(gold: str, given: str, ask: Asker) -> bool | None:
    r"""`a \pm b` is the list of both values."""
    if "\\pm" not in gold + given:
        return None
    return _same_parts(_spread(gold), _spread(given), ask)


def _spread(text: str) -> list[str]:
    found = collection(text)
    parts = found.parts if found and found.kind in ("", r"\{\}") else (text,)
    return [form for part in parts for form in expanded(part)]


def several(gold: str, given: str, ask: Asker) -> bool | None:
    """Lists are equal in any order, sets also when parts repeat, tuples in order and between the same brackets."""
    first, second = collection(gold), collection(given)
    if first and second is None:
        second = _regrouped(given, len(first.parts))
    elif second and first is None:
        first = _regrouped(gold, len(second.parts))
    if first and second:
        return _same_collection(first, second, ask)
    if first:
        return len(first.parts) == 1 and ask.equal(first.parts[0], given)
    return len(second.parts) == 1 and ask.equal(gold, second.parts[0]) if second else None


def _regrouped(text: str, count: int) -> Collection | None:
    """Read `100,200` as a list, which it is beside a list of as many parts and a number anywhere else."""
    parts = tuple(text.split(","))
    return Collection("", parts) if number(text) and len(parts) == count > 1 else None


def _same_collection(gold: Collection, given: Collection, ask: Asker) -> bool:
    kinds = {gold.kind, given.kind}
    if kinds <= {"", r"\{\}"}:
        if kinds == {r"\{\}"}:
            return _covers(gold.parts, given.parts, ask) and _covers(given.parts, gold.parts, ask, turned=True)
        in_order = _names(gold.parts) != _names(given.parts)
        return _in_order(gold.parts, given.parts, ask) if in_order else _same_parts(gold.parts, given.parts, ask)
    if len(kinds) == 1 or kinds == {"", "()"}:
        return _in_order(gold.parts, given.parts, ask)
    return False


def _names(parts: Sequence[str]) -> bool:
    """Tell whether the parts are values of different unknowns, as in `x=1, y=2`."""
    names = [found.left.split("_")[0] for found in map(equation, parts) if found and is_name(found.left)]
    return len(names) == len(parts) and len(set(names)) == len(names) > 1


def _in_order(gold: Sequence[str], given: Sequence[str], ask: Asker) -> bool:
    return len(gold) == len(given) and all(ask.equal(a, b) for a, b in zip(gold, given, strict=True))


def _same_parts(gold: Sequence[str], given: Sequence[str], ask: Asker) -> bool:
    """Pair the parts off; equality is as good as transitive, so the first match does."""
    if len(gold) != len(given):
        return False
    if len(gold) > MAX_PARTS:
        return _in_order(gold, given, ask)
    left = list(given)
    for part in gold:
        match = next((other for other in left if ask.equal(part, other)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _covers(wanted: Sequence[str], parts: Sequence[str], ask: Asker, *, turned: bool = False) -> bool:
    """Tell whether each wanted element is among the parts."""
    if len(wanted) * len(parts) > MAX_PARTS**2:
        return False
    return all(any(ask.equal(b, a) if turned else ask.equal(a, b) for b in parts) for a in wanted)


def cells(gold: str, given: str, ask: Asker) -> bool | None:
    """Matrices are equal cell by cell, whatever their brackets."""
    first, second = matrix(gold), matrix(given)
    if first is None or second is None:
        return None
    same_shape = [len(row) for row in first] == [len(row) for row in second]
    return same_shape and all(_in_order(a, b, ask) for a, b in zip(first, second, strict=True))


def named(gold: str, given: str, ask: Asker) -> bool | None:
    r"""`x=5` is 5, and `x\in A` is A; two equations are equal up to a factor."""
    first, second = equation(gold), equation(given)
    if first and second:
        if first.left.replace(" ", "") == second.left.replace(" ", ""):
            return ask.equal(first.right, second.right)
        if _function(first.left) and _function(second.left) and "y" in (first.left, second.left):
            return ask.equal(first.right, second.right)
        return ask.same_equation(first, second)
    if first:
        return is_name(first.left) and ask.equal(first.right, given)
    return ask.equal(gold, second.right) if second else None


def _function(left: str) -> bool:
    return left == "y" or bool(re.fullmatch(r"[a-zA-Z]\s*\(\s*[a-zA-Z]\s*\)", left))


def grouped(gold: str, given: str, ask: Asker) -> bool | None:
    """Brackets around a whole expression mean nothing."""
    first, second = _inside(gold), _inside(given)
    return ask.equal(first or gold, second or given) if first or second else None


def _inside(text: str) -> str | None:
    found = bracketed(text)
    return found[1] if found and found[0] in ("()", "[]") and found[1] else None
