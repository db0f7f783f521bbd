"""The values of all numbers and sums in a plain text, and of all their parts."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

Value = Fraction | float

_TOKEN = re.compile(r"\d+(?:\.\d+)?|\.\d+|[a-z]+|\S")
_LARGEST_BITS = 10_000  # of a power: more digits than an answer has, and safe to compute
_LARGEST_FACTORIAL = 500
_DEEPEST = 40  # brackets within brackets


@dataclass(frozen=True)
class Found:
    """A value in a text.

    Attributes:
        value: Exact where it is rational.
        start: Place of its first token.
        end: Place after its last one.
        whole: Whether it is all of an expression, and not a part of a larger one.
    """

    value: Value
    start: int
    end: int
    whole: bool = False


def tokens(text: str) -> list[str]:
    """Return the numbers, words and signs of a plain text."""
    return _TOKEN.findall(text)


def same(one: Value, other: Value) -> bool:
    """Tell whether two values are equal, up to rounding where one is not rational."""
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return one == other
    try:
        return math.isclose(one, other, rel_tol=1e-9)
    except OverflowError:
        return False


def values(words: list[str]) -> list[Found]:
    """Return the values of all expressions among the tokens and of all their parts."""
    found: list[Found] = []
    place = 0
    while place < len(words):
        reader = _Reader(words, place)
        whole = reader.sum()
        if whole is None:
            place += 1
            continue
        found += [Found(f.value, f.start, f.end, (f.start, f.end) == (place, reader.place)) for f in reader.found]
        place = reader.place
    return found


class _Reader:
    """Reads the longest sum that begins at a place, and notes every part's value."""

    def __init__(self, words: list[str], place: int) -> None:
        self.words, self.place, self.depth = words, place, 0
        self.found: list[Found] = []

    def sum(self) -> Value | None:
        return self._chain(self._product, {"+": lambda a, b: a + b, "-": lambda a, b: a - b})

    def _product(self) -> Value | None:
        return self._chain(self._signed, {"*": lambda a, b: a * b, "/": lambda a, b: a / b})

    def _chain(
        self, part: Callable[[], Value | None], operations: dict[str, Callable[[Value, Value], Value]]
    ) -> Value | None:
        start, total = self.place, part()
        while total is not None:
            before, sign = self.place, self._peek()
            implied = "*" in operations and (sign in ("sqrt", "pi", "binom") or (sign == "(" and self._after(")")))
            if sign not in operations and not implied:
                break
            self.place += not implied
            other = part()
            result = None if other is None else _compute(operations["*" if implied else sign], total, other)
            if result is None:
                self.place = before
                break
            total = self._note(result, start)
        return total

    def _signed(self) -> Value | None:
        start = self.place
        if self._peek() != "-":
            return self._power()
        binary = start > 0 and (self.words[start - 1] in ")!" or re.fullmatch(r"[\d.]+|[a-z]", self.words[start - 1]))
        self.place += 1
        value = None if binary else self._power()
        if value is None:
            self.place = start
            return None
        return self._note(-value, start)

    def _power(self) -> Value | None:
        start, value = self.place, self._atom()
        while value is not None and self._peek() == "!" and isinstance(value, Fraction):
            if value.denominator != 1 or not 0 <= value <= _LARGEST_FACTORIAL:
                break
            self.place += 1
            value = self._note(Fraction(math.factorial(int(value))), start)
        if value is None or self._peek() != "^":
            return value
        before = self.place
        self.place += 1
        exponent = self._signed()
        result = None if exponent is None else _power(value, exponent)
        if result is None:
            self.place = before
            return value
        return self._note(result, start)

    def _atom(self) -> Value | None:
        start, word = self.place, self._peek()
        self.place += 1
        if re.fullmatch(r"\d+(?:\.\d+)?|\.\d+", word):
            return self._note(Fraction(word), start)
        if word == "pi":
            return self._note(math.pi, start)
        inner = self._inside(word)
        if inner is None:
            self.place = start
            return None
        return self._note(inner, start)

    def _inside(self, word: str) -> Value | None:
        if word in ("sqrt", "binom"):
            if self._peek() != "(":
                return None
            self.place += 1
        elif word != "(":
            return None
        value = self._deeper()
        if word == "binom" and value is not None and self._peek() == ",":
            self.place += 1
            value = _choose(value, self.sum())
        if value is None or self._peek() != ")":
            return None
        self.place += 1
        return _power(value, Fraction(1, 2)) if word == "sqrt" else value

    def _deeper(self) -> Value | None:
        self.depth += 1
        value = self.sum() if self.depth <= _DEEPEST else None
        self.depth -= 1
        return value

    def _peek(self) -> str:
        return self.words[self.place] if self.place < len(self.words) else ""

    def _after(self, word: str) -> bool:
        return self.place > 0 and self.words[self.place - 1] == word

    def _note(self, value: Value, start: int) -> Value:
        self.found.append(Found(value, start, self.place))
        return value


def _compute(operation: Callable[[Value, Value], Value], one: Value, other: Value) -> Value | None:
    try:
        return operation(one, other)
    except (ZeroDivisionError, OverflowError):
        return None


def _power(base: Value, exponent: Value) -> Value | None:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        if exponent.denominator == 1:
            bits = max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(exponent)
            return base**exponent if bits <= _LARGEST_BITS and (base or exponent > 0) else None
        if exponent == Fraction(1, 2) and base >= 0:
            root = Fraction(math.isqrt(base.numerator), math.isqrt(base.denominator))
            if root * root == base:
                return root
    try:
        result = float(base) ** float(exponent)
    except (OverflowError, ZeroDivisionError):
        return None
    return result if isinstance(result, float) else None  # a root of a negative number is complex


def _choose(n: Value, k: Value | None) -> Value | None:
    whole = isinstance(n, Fraction) and isinstance(k, Fraction) and n.denominator == k.denominator == 1
    return Fraction(math.comb(int(n), int(k))) if whole and k is not None and 0 <= k <= n <= 2000 else None
