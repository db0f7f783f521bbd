r"""Rules for numbers and what may stand around them: units, degrees, per cent, bases, times of day, ratios."""

import re

from rewards._parts import split
from rewards._quantity import (
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
from rewards._rules import Asker


def numbers(gold: str, given: str, ask: Asker) -> bool | None:
    """Numbers in digits are equal exactly, unless one is rounded."""
    first, second = number(gold), number(given)
    return same_number(first, second) if first and second else None


def measured(gold: str, given: str, ask: Asker) -> bool | None:
    """Units count where both name a well-known one; a percent or degree sign is left out, or is its factor."""
    first, second = quantity(gold), quantity(given)
    marks = [q.unit or ("%" if q.percent else "") for q in (first, second)]
    if all(marks) and not same_unit(*marks) and set(marks) != {"deg", "rad"}:
        return False
    if first.percent != second.percent:
        hundredth = [rf"\frac{{{q.body}}}{{100}}" if q.percent else q.body for q in (first, second)]
        return (ask.equal(first.body, second.body) and not _is_share(first.body, ask)) or ask.equal(*hundredth)
    if (first.unit == "deg") != (second.unit == "deg"):
        if "rad" not in marks and ask.equal(first.body, second.body):
            return True
        values = [number(q.body) for q in (first, second)]
        if all(value and value.places < ROUNDED_DECIMALS for value in values):
            return values[0] == values[1] == 0
        radians = [in_radians(f"({q.body}){DEGREE}") if q.unit == "deg" else q.body for q in (first, second)]
        return ask.same_value(*radians)
    changed = (first.body, second.body) != (gold, given)
    return ask.equal(first.body, second.body) if changed else None


def _is_share(text: str, ask: Asker) -> bool:
    """Tell whether a number is below one in size: without a sign it is a share of the whole and no percentage."""
    value = number(text)
    return abs(value.value) < 1 if value else ask.below_one(text)


def degrees(gold: str, given: str, ask: Asker) -> bool | None:
    r"""An angle is one with or without its sign, as in `\cos 58^\circ`; else the sign is a factor of π/180."""
    if (DEGREE in gold) == (DEGREE in given):
        return None
    plain = [text.replace(DEGREE, "") for text in (gold, given)]
    return ask.equal(*plain) or ask.same_value(in_radians(gold), in_radians(given))


def time(gold: str, given: str, ask: Asker) -> bool | None:
    """Times of day are equal on the 24-hour clock, or on the 12-hour one where only one says am or pm."""
    first, second = time_of_day(gold), time_of_day(given)
    if first is None or second is None:
        return None
    if first[0] == second[0]:
        return True
    bare = second[0] if first[1] else first[0]
    return first[1] != second[1] and bare < 13 * 3600 and first[0] % 43200 == second[0] % 43200


def base(gold: str, given: str, ask: Asker) -> bool | None:
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


def ratio(gold: str, given: str, ask: Asker) -> bool | None:
    """Ratios are equal when their terms are proportional; one of two terms is also the fraction."""
    first, second = _terms(gold), _terms(given)
    if first is None and second is None:
        return None
    if first is None or second is None:
        terms, other = (first, given) if first else (second, gold)
        if terms is None or len(terms) != 2 or ":" in other:
            return False
        fraction = rf"\frac{{{terms[0]}}}{{{terms[1]}}}"
        return ask.equal(fraction, other) if first else ask.equal(other, fraction)
    if len(first) != len(second):
        return False
    return all(
        ask.equal(rf"\frac{{{a}}}{{{b}}}", rf"\frac{{{c}}}{{{d}}}")
        for a, b, c, d in zip(first, first[1:], second, second[1:], strict=False)
    )


def is_ratio(text: str) -> bool:
    """Tell whether an answer is a ratio such as 1:2."""
    return _terms(text) is not None


def _terms(text: str) -> list[str] | None:
    """Return the terms of a ratio such as 1:2:3."""
    if ":" not in text or "\\{" in text or "=" in text:
        return None
    terms = split(text, ":") if ":" in text else []
    return terms if len(terms) > 1 else None
