r"""The values of all numbers and sums in a text, whether in digits, in LaTeX or in words.

``\frac{1}{2}``, 0.5, ½ and "a half" have one value: `plain` makes plain arithmetic of all of them, and `values` reads
it.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from operator import add, mul, sub, truediv

Value = Fraction | float
"""Exact where it is rational."""


def _rules(*rules: tuple[str, str]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern), form) for pattern, form in rules]


# --- LaTeX as plain arithmetic

_SYMBOLS = str.maketrans({
    "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "π": " pi ", "°": " degrees ", "√": "\\sqrt ",
    "½": "(1/2)", "⅓": "(1/3)", "⅔": "(2/3)", "¼": "(1/4)", "¾": "(3/4)", "’": "'",
    **{digit: f"^{i}" for i, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{digit: f"_{i}" for i, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")},
})  # fmt: skip
_INNER = r"\{([^{}]*)\}"
_FIRST = _rules(
    (r"\\begin\{[a-z*]+\}|\\end\{[a-z*]+\}|\\\\|&", " , "),
    (r"\\(?:left|right|displaystyle|[bB]igg?|,|;|!|:| |quad|qquad)(?![a-zA-Z])", " "),
    (r"\^\s*\{?\s*\\circ\s*\}?", " degrees "),
    (r"\\(?:cdot|times|ast)(?![a-zA-Z])", "*"),
    (r"\\div(?![a-zA-Z])", "/"),
    (r"\\?%", " percent "),
    (r"(?<=\d)\{,\}(?=\d)|(?<=\d),(?=\d{3}(?!\d))|(?<=\d) (?=\d{3}(?![\d.]))", ""),
    (r"(?<=\d) (?=\d[\d .]*\})", ""),  # \mathbf{1 2}, as scanned texts have it
    (r"\\[dt](frac|binom)", r"\\\1"),
    (r"\\(frac|binom)\s*(\d)\s*(\d)", r"\\\1{\2}{\3}"),
    (rf"\\frac\s*(\d)\s*{_INNER}", r"\\frac{\1}{\2}"),
    (r"\\frac\s*\{(\w+)\}\s*(\d)", r"\\frac{\1}{\2}"),
    (r"(?<![\d.])(\d+)\s*\\frac\{(\d+)\}\{(\d+)\}", r"(\1+\2/\3)"),  # a mixed number
    (r"\\sqrt\s*(\d+)", r"\\sqrt{\1}"),
)
_INNERMOST = _rules(  # applied until nothing changes, from the innermost braces outwards
    (rf"\\(?:text|textbf|textrm|mathrm|mathbf|mathit|operatorname|boxed|fbox|mbox|emph)\s*{_INNER}", r" \1 "),
    (rf"\\frac\s*{_INNER}\s*{_INNER}", r"((\1)/(\2))"),
    (rf"\\binom\s*{_INNER}\s*{_INNER}", r" binom(\1,\2) "),
    (rf"\\sqrt\s*\[\s*(\d+)\s*\]\s*{_INNER}", r"((\2)^(1/\1))"),
    (rf"\\sqrt\s*{_INNER}", r" sqrt(\1)"),
    (rf"([\^_])\s*{_INNER}", r"\1(\2)"),
)
_LAST = _rules(
    (r"\\[()\[\]]|\\?\$|\*\*(?!\s*\d)", " "),
    (r"\\([a-zA-Z]+)", r" \1 "),
    (r"[\\{}~\"`]", " "),
    (r"\s+", " "),
)

# --- numbers and sums in words as arithmetic in digits

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: i for i, word in enumerate([*_ONES.split(), "eighteen", "nineteen"])}
_SMALL |= {word: 20 + 10 * i for i, word in enumerate(_TENS.split())}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_PARTS = {word.removesuffix("y") + ("ieth" if word[-1] == "y" else "th"): i for word, i in _SMALL.items() if i > 3}
_PARTS |= {"half": 2, "halve": 2, "third": 3, "quarter": 4, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12}

_WORD = "|".join([*_SMALL, *_SCALES])
_NUMBER = re.compile(rf"\b(?:an? (?=hundred|thousand|million))?(?:(?:{_WORD})(?:[ -](?:and )?(?=(?:{_WORD})\b))?)+\b")
_DOZEN = re.compile(r"\b(?:(\d+) |a )?dozen\b")
_SHARE = re.compile(
    rf"\b(\d+|an?|one)[ -]({'|'.join(sorted(_PARTS, key=len, reverse=True))})s?\b(?! (?:power|root|term))"
)

_N = r"(?:the )?(-?(?:\d+(?:\.\d+)?(?:\^\(?\d+\)?)?|(?:sqrt|binom)?\([-+*/^!,.()\d]*\)))"  # a number or a bracket
_PHRASES = [  # applied until nothing changes
    (r"\b(?:negative|minus) (?<!\d minus )(?<!\) minus )N", r"-\1"),
    (r"\b(?:square )?root of N", r"sqrt(\1)"),
    (r"N squared\b", r"(\1^2)"),
    (r"N cubed\b", r"(\1^3)"),
    (r"\b(?:twice|double) N", r"(2*\1)"),
    (r"\bhalf (?:of )?N", r"(\1/2)"),
    (r"\bsum of N and N", r"(\1+\2)"),
    (r"(?<![\d.])(\d+) and \((\d+)/(\d+)\)", r"(\1+\2/\3)"),
    (r"N to the (?:power (?:of )?)?N(?:th)?(?: power)?\b", r"(\1^\2)"),
    (r"N (?:times|multiplied by) N", r"(\1*\2)"),
    (r"N (?:divided by|over|out of|in every|in) N", r"(\1/\2)"),
    (r"N ?: ?N", r"(\1/\2)"),
    (r"N (?:more|greater|larger) than N", r"(\1+\2)"),
    (r"N (?:less|fewer|smaller) than N", r"(\2-\1)"),
    (r"N plus N", r"(\1+\2)"),
    (r"N minus N", r"(\1-\2)"),
]
_SPOKEN = _rules(*((pattern.replace("N", _N), form) for pattern, form in _PHRASES))
_LONGEST = 2000  # characters: longer texts are not read for spoken sums, whose patterns are tried many times


@lru_cache(maxsize=1024)  # a problem is read again for each of its points
def plain(text: str) -> str:
    r"""Return a text as plain arithmetic and words in small letters, with `sqrt`, `binom`, `pi` and + - * / ^ !.

    >>> plain(r"Thus $x = \frac{1}{2}$, or two thirds.")
    'thus x = ((1)/(2)) , or (2/3).'
    >>> plain("one hundred and three, seven less than fifty")
    '103, (50-7)'
    """
    text = _settle(_INNERMOST, _apply(_FIRST, text.translate(_SYMBOLS)))
    text = _apply(_LAST, text).lower().strip()
    text = _NUMBER.sub(lambda match: str(_number(match[0])), text)
    text = _DOZEN.sub(lambda match: str(12 * int(match[1] or 1)), text)
    text = _SHARE.sub(lambda match: f"({match[1] if match[1].isdigit() else 1}/{_PARTS[match[2]]})", text)
    return _settle(_SPOKEN, text) if len(text) <= _LONGEST else text


def _apply(rules: list[tuple[re.Pattern[str], str]], text: str) -> str:
    for pattern, form in rules:
        text = pattern.sub(form, text)
    return text


def _settle(rules: list[tuple[re.Pattern[str], str]], text: str) -> str:
    before = ""
    while before != text:
        before, text = text, _apply(rules, text)
    return text


def _number(words: str) -> int:
    total = group = 0
    for word in re.findall(r"[a-z]+", words):
        if word == "hundred":
            group = 100 * max(group, 1)
        elif word in _SCALES:
            total, group = total + _SCALES[word] * max(group, 1), 0
        else:
            group += _SMALL.get(word, 0)
    return total + group


def sentences(text: str) -> list[str]:
    """Return the sentences of a plain text."""
    return [part.strip() for part in re.split(r"(?<=[.;!?])\s+", text) if part.strip()]


def tokens(text: str) -> list[str]:
    """Return the numbers, words and signs of a plain text."""
    return re.findall(r"\d+(?:\.\d+)?|\.\d+|[a-z]+|\S", text)


# --- expressions

_ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {"+": add, "-": sub, "*": mul, "/": truediv}
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 3, "!": 4}
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


def same(one: Value, other: Value) -> bool:
    """Tell whether two values are equal, up to rounding where one is not rational."""
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return one == other
    try:
        return math.isclose(one, other, rel_tol=1e-9)
    except OverflowError:
        return False


def values(words: list[str]) -> list[Found]:
    """Return the values of all expressions among the tokens of a plain text, and of all their parts.

    >>> [(str(found.value), found.whole) for found in values(tokens("x = 2*(3+4)"))]
    [('2', False), ('3', False), ('4', False), ('7', False), ('7', False), ('14', True)]
    """
    found: list[Found] = []
    place = 0
    while place < len(words):
        reader = _Reader(words, place)
        if reader.expression() is None:
            place += 1
            continue
        extent = (place, reader.place)
        found += [replace(part, whole=(part.start, part.end) == extent) for part in reader.found]
        place = reader.place
    return found


class _Reader:
    """Reads the longest expression that begins at a token, by precedence, and notes every part's value."""

    def __init__(self, words: list[str], place: int) -> None:
        self.words, self.place, self.depth = words, place, 0
        self.found: list[Found] = []

    def expression(self, binding: int = 0) -> Value | None:
        """Read on as long as operators bind tighter than this; None where no expression begins."""
        start, value = self.place, self._operand()
        while value is not None:
            before, sign = self.place, self._peek()
            implied = sign in ("sqrt", "pi", "binom") or (sign == "(" and self.words[before - 1] == ")")
            sign = "*" if implied else sign
            if _BINDING.get(sign, 0) <= binding:
                break
            self.place += not implied
            right = Fraction(0) if sign == "!" else self.expression(_BINDING[sign] - (sign == "^"))
            result = None if right is None else _compute(sign, value, right)
            if result is None:
                self.place = before
                break
            value = self._note(result, start)
        return value

    def _operand(self) -> Value | None:
        start, word = self.place, self._peek()
        self.place += 1
        value: Value | None = None
        if re.fullmatch(r"\d+(?:\.\d+)?|\.\d+", word):
            value = Fraction(word)
        elif word == "pi":
            value = math.pi
        elif word == "-" and not (start and re.fullmatch(r"[)!]|[\d.]+|[a-z]", self.words[start - 1])):
            value = self.expression(_BINDING["*"])
            value = None if value is None else -value
        elif word == "(" or (word in ("sqrt", "binom") and self._peek() == "("):
            self.place += word != "("
            value = self._bracket(word)
        if value is None:
            self.place = start
            return None
        return self._note(value, start)

    def _bracket(self, function: str) -> Value | None:
        self.depth += 1
        value = self.expression() if self.depth <= _DEEPEST else None
        self.depth -= 1
        if function == "binom" and value is not None and self._peek() == ",":
            self.place += 1
            lower = self.expression()
            value = None if lower is None else _compute("binom", value, lower)
        if value is None or self._peek() != ")":
            return None
        self.place += 1
        return _compute("^", value, Fraction(1, 2)) if function == "sqrt" else value

    def _peek(self) -> str:
        return self.words[self.place] if self.place < len(self.words) else ""

    def _note(self, value: Value, start: int) -> Value:
        self.found.append(Found(value, start, self.place))
        return value


def _compute(sign: str, one: Value, other: Value) -> Value | None:
    """Return the result of an operation, None where there is none or it is too large."""
    try:
        if sign in _ARITHMETIC:
            return _ARITHMETIC[sign](one, other)
        if isinstance(one, Fraction) and isinstance(other, Fraction):
            if sign == "!":
                whole = one.denominator == 1 and 0 <= one <= _LARGEST_FACTORIAL
                return Fraction(math.factorial(int(one))) if whole else None
            if sign == "binom":
                whole = one.denominator == other.denominator == 1 and 0 <= other <= one <= 2000
                return Fraction(math.comb(int(one), int(other))) if whole else None
            if other.denominator == 1:
                bits = max(one.numerator.bit_length(), one.denominator.bit_length()) * abs(other)
                return one**other if bits <= _LARGEST_BITS else None
            if other == Fraction(1, 2) and one >= 0:
                root = Fraction(math.isqrt(one.numerator), math.isqrt(one.denominator))
                if root * root == one:
                    return root
        elif sign != "^":
            return None
        power = float(one) ** float(other)
    except (ZeroDivisionError, OverflowError):
        return None
    return power if isinstance(power, float) else None  # a root of a negative number is complex
