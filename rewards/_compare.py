r"""The comparison of two answers: rule after rule, and algebra for what is left.

The first rule that applies gives the verdict. What remains are two expressions, and those are a matter of algebra,
which is handed in: `NoAlgebra` refuses, `rewards._algebra` knows sympy. docs/answers.md says for each kind what is
equal and why.
"""

import re
from typing import NoReturn, Protocol

from rewards import _rules, _rules_numbers, _rules_text
from rewards._parts import bracketed, collection, equation, expanded, is_name, matrix, system
from rewards._quantity import in_base, number, quantity, time_of_day

MAX_DEPTH = 12
"""Answers nested deeper are not taken apart."""


class NeedsAlgebra(Exception):
    """Raised by `NoAlgebra`: the verdict needs more than strings and numbers."""


class Algebra(Protocol):
    """What the rules leave to a computer algebra system; see `rewards._rules.Asker`."""

    def same_value(self, gold: str, given: str) -> bool: ...
    def close(self, exact: str, rounded: str) -> bool: ...
    def below_one(self, text: str) -> bool: ...
    def same_equation(self, gold: tuple[str, str], given: tuple[str, str]) -> bool: ...
    def same_set(self, gold: str, given: str) -> bool: ...
    def readable(self, text: str) -> bool:
        """Tell whether an expression, a relation or a set can be read."""


class NoAlgebra:
    """The algebra of who has none: it refuses every question."""

    def same_value(self, gold: str, given: str) -> NoReturn:
        raise NeedsAlgebra

    def close(self, exact: str, rounded: str) -> NoReturn:
        raise NeedsAlgebra

    def below_one(self, text: str) -> NoReturn:
        raise NeedsAlgebra

    def same_equation(self, gold: tuple[str, str], given: tuple[str, str]) -> NoReturn:
        raise NeedsAlgebra

    def same_set(self, gold: str, given: str) -> NoReturn:
        raise NeedsAlgebra

    def readable(self, text: str) -> NoReturn:
        raise NeedsAlgebra


_RULES: tuple[_rules.Rule, ...] = (
    _rules_numbers.numbers,
    _rules_text.choice,
    _rules_text.words,
    _rules_numbers.time,
    _rules_numbers.base,
    _rules.approximation,
    _rules.relation,
    _rules.named,
    _rules.plus_minus,
    _rules.several,
    _rules.cells,
    _rules_numbers.ratio,
    _rules_numbers.measured,
    _rules_numbers.degrees,
    _rules.grouped,
)


class Comparison:
    """One comparison: the rules, an algebra, and how deep it has gone."""

    def __init__(self, algebra: Algebra):
        self.same_value = algebra.same_value
        self.close = algebra.close
        self.below_one = algebra.below_one
        self.same_equation = algebra.same_equation
        self.same_set = algebra.same_set
        self._depth = 0

    def equal(self, gold: str, given: str) -> bool:
        """Apply the first rule that has a verdict."""
        if squeezed(gold) == squeezed(given):
            return True
        if self._depth >= MAX_DEPTH:
            return False
        self._depth += 1
        try:
            return self._by_rules(_bare(gold), _bare(given))
        finally:
            self._depth -= 1

    def _by_rules(self, gold: str, given: str) -> bool:
        for rule in _RULES:
            verdict = rule(gold, given, self)
            if verdict is not None:
                return verdict
        return self.same_value(gold, given)


def equal(gold: str, given: str, algebra: Algebra) -> bool:
    r"""Tell whether two canonical answers are the same.

    Args:
        gold: The gold answer, from `rewards._rewrite.canonical`.
        given: The answer of a completion, likewise.
        algebra: Who decides on expressions.

    >>> none = NoAlgebra()
    >>> equal("1, 2", "2,1", none), equal("(1,2)", "(2,1)", none), equal(r"5\text{ cm}", "5", none)
    (True, False, True)
    """
    return Comparison(algebra).equal(gold, given)


def squeezed(text: str) -> str:
    """Drop the blanks that mean nothing: all but those between two digits."""
    return re.sub(r"(?<!\d) | (?!\d)", "", text)


def _bare(text: str) -> str:
    r"""Drop what only introduces an answer, `x\in` or `x>1:` before an interval; and read `cases` as a list."""
    text = re.sub(r"\A[^:]*(?:[<>]|\\[lg]e )[^:]*:\s*(?=[(\[])", "", text)
    found = re.match(r"\s*(?P<name>[^<>=]{1,20}?)\s*\\in(?![a-zA-Z])\s*(?=\S)", text)
    if found and is_name(found["name"]):
        text = text[found.end() :]
    return system(text.strip())


def readable_gold(gold: str, algebra: Algebra) -> bool:
    """Tell whether a gold answer can be compared with anything: words, or expressions that can be read."""
    gold = _bare(gold)
    if not gold or _rules_text.is_prose(gold):
        return False
    if number(gold) or in_base(gold) or time_of_day(gold) or _rules_text.is_choice(gold) or _rules_text.is_text(gold):
        return True
    if "\\approx" in gold:
        return all(readable_gold(side.strip(), algebra) for side in gold.split("\\approx") if side.strip())
    if _rules.is_relation(gold):
        return algebra.readable(gold)
    return all(_readable_part(part, algebra) for part in _leaves(gold, MAX_DEPTH))


def _leaves(gold: str, depth: int) -> list[str]:
    """Return what a gold answer is made of, as far as it is taken apart."""
    if depth == 0:
        return [gold]
    depth -= 1
    rows = matrix(gold)
    found = collection(gold)
    sides = equation(gold)
    if found:
        return [leaf for part in found.parts for leaf in _leaves(part, depth)]
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


def _readable_part(part: str, algebra: Algebra) -> bool:
    return bool(number(part) or _rules_text.is_text(part) or _rules_numbers.is_ratio(part)) or algebra.readable(part)
