r"""Sets of numbers by sympy: inequalities, intervals, unions, set-builders, and when two are the same."""

import re
from typing import Any

import sympy
from sympy import And, Interval, Or, Set, Symbol
from sympy.core.relational import Relational

from rewards._algebra import parsed
from rewards._parts import bracketed, collection, split
from rewards._values import proportional, same_object

_BUILDER = re.compile(r"\s*(?P<name>[a-zA-Z])\s*(?:\\in\s*\\mathbb\{R\}\s*)?(?:\\mid|\||:)\s*(?P<condition>.+)")
_OPERATION = re.compile(r"\\(?:cup|cap|setminus|backslash)(?![a-zA-Z])")
_EMPTY = re.compile(r"\\emptyset|[<>]|\\[lg]e |\\neq ")
_CALL = re.compile(r"(?<![a-zA-Z\\])([fghFGH])\(([a-zA-Z])\)")  # an unknown, not a product
_UNKNOWN = Symbol("set_unknown", real=True)


def same_set(gold: str, given: str) -> bool:
    """Compare two texts as sets, or else as inequalities in several unknowns.

    A gold of two numbers in round brackets may be a point: no operation on sets equals it, and nothing empty does.
    """
    found = collection(gold)
    if found and found.kind == "()" and _OPERATION.search(given):
        return False
    first, second = read(gold), read(given)
    if first is None or second is None:
        return False
    if isinstance(first, Relational) and isinstance(second, Relational):
        return _same_relation(first, second)
    names = [_names(gold), _names(given)]
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


def read(text: str) -> Any:
    """Read a relation, a conjunction, or a set; alternatives become a union. None where it cannot be read."""
    text = _CALL.sub(r"\1_{\2}", text.strip())
    inside = bracketed(text)
    builder = _BUILDER.fullmatch(inside[1]) if inside and inside[0] == r"\{\}" else None
    if builder:
        return read(builder["condition"])
    parts = split(re.sub(r"\\text\{\s*(?:or|and)\s*\}", lambda m: " or " if "or" in m[0] else " and ", text), "&,")
    if len(parts) > 1:
        sets = [read(part) for part in parts]
        if any(part is None for part in sets):
            return None
        joined = [_as_set(part) for part in sets]
        if any(part is None for part in joined):
            return And(*sets) if all(isinstance(part, Relational | And) for part in sets) else None
        return sympy.Intersection(*joined) if re.search(r"\band\b", text) else sympy.Union(*joined)
    return _read_one(text)


def _read_one(text: str) -> Any:
    found = collection(text)
    if found and found.kind in ("()", "[]", "(]", "[)") and len(found.parts) == 2:
        ends = [parsed(part) for part in found.parts]
        if None in ends:
            return None
        interval = Interval(*ends, left_open=found.kind[0] == "(", right_open=found.kind[1] == ")")
        return None if interval.is_empty else interval  # (8,-3) is a point
    if found and found.kind == r"\{\}":
        elements = [parsed(part) for part in found.parts]
        return None if None in elements else sympy.FiniteSet(*elements)
    if "\\cup" in text:
        sides = [read(side) for side in re.split(r"\\cup", text)]
        sets = [_as_set(side) for side in sides]
        return None if any(side is None for side in sets) else sympy.Union(*sets)
    return parsed(text)


def _names(text: str) -> set[str]:
    """Return the unknowns that a text solves for, none for a set."""
    value = read(text)
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
        return open_alike and same_object(a.start, b.start) and same_object(a.end, b.end)
    if isinstance(a, sympy.FiniteSet) and isinstance(b, sympy.FiniteSet):
        return len(a) == len(b) and all(any(same_object(x, y) for y in b) for x in a)
    if isinstance(a, sympy.Union) and isinstance(b, sympy.Union):
        return len(a.args) == len(b.args) and all(any(_equal_sets(x, y) for y in b.args) for x in a.args)
    return a.symmetric_difference(b).is_empty is True


def _same_relation(gold: Any, given: Any) -> bool:
    """Compare two relations: the same difference of sides up to a positive factor, or the same real solutions."""
    first, second = (_turned(side) for side in (gold, given))
    if first[0] is second[0] and proportional(first[1], second[1], positive=first[0] is not sympy.Ne):
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
