"""A gold answer as something to look for, and how much an occurrence of it means."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from data.knowledge._leak_text import plain
from data.knowledge._leak_values import Value, same, tokens, values

# Of the 8,049 released points many hold a 0, 1 or 2, few another of these, and hardly any a number beyond them.
_COMMON_WHOLE = {0, 1, 2, 3, 4, 10, 60, 90, 100, 180, 360, 1000}
_COMMON_PARTS = {Fraction(1, 2), Fraction(1, 3), Fraction(2, 3), Fraction(1, 4), Fraction(3, 4)}
_COMMON_ROOTS = [math.sqrt(2), math.sqrt(3), math.sqrt(2) / 2, math.sqrt(3) / 2, math.pi, 2 * math.pi]
_COMMON_ROOTS += [math.pi / part for part in (2, 3, 4, 6)]


@dataclass(frozen=True)
class Gold:
    """A gold answer to look for.

    Attributes:
        values: Of its parts, where all of them are numbers; a percentage and its sign aside.
        text: The answer as plain text.
        percent: Whether the values are percentages.
    """

    values: tuple[Value, ...]
    text: str
    percent: bool = False

    @property
    def numbers(self) -> set[Fraction]:
        """The numbers in the text that are not common, of two digits or more: the marks of a formula."""
        found = (one.value for one in values(tokens(self.text)) if one.end - one.start == 1)
        return {value for value in found if isinstance(value, Fraction) and value >= 10 and not common(value)}


def read_gold(answer: str) -> Gold:
    """Read an answer: a number with or without unit, several of them, an interval, a formula, or words."""
    text = plain(answer)
    bare = text.rsplit("=", 1)[-1] if text.count("=") == 1 else text
    bare = re.sub(r"^\s*[a-z] in (?=[\[(])", "", bare)
    if "," in bare:
        bare = re.sub(r"^\s*[(\[](?=[^,]*,)", "", bare) if _opens_all(bare) else bare
    parts = [_number(part) for part in re.split(r"[,;]|\band\b|\bor\b", bare) if part.strip()]
    known = tuple(part for part in parts if part is not None)
    return Gold(known if len(known) == len(parts) else (), text, "percent" in text)


def common(value: Value) -> bool:
    """Tell whether a number occurs in many statements that have nothing to do with the problem."""
    size = magnitude(value)
    if isinstance(size, Fraction):
        return size in _COMMON_WHOLE or size in _COMMON_PARTS
    return any(same(size, root) for root in _COMMON_ROOTS)


def magnitude(value: Value) -> Value:
    """Return a value without its sign."""
    return -value if value < 0 else value


def _opens_all(text: str) -> bool:
    """Tell whether the first bracket closes at the end, or never (as of a half-open interval)."""
    depth = 0
    for place, sign in enumerate(text.strip()):
        depth += (sign in "([") - (sign in ")]")
        if depth == 0:
            return place == len(text.strip()) - 1
    return True


def _number(part: str) -> Value | None:
    words = tokens(re.sub(r"^\s*[a-z]\s*(?:=|in)\s*", "", part))
    whole = [one for one in values(words) if one.whole]
    if len(whole) != 1:
        return None
    rest = words[: whole[0].start] + words[whole[0].end :]
    return whole[0].value if all(re.fullmatch(r"[a-z]{2,}|[.')\]]", word) for word in rest) else None
