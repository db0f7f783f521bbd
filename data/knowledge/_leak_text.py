r"""Text with LaTeX as plain words and arithmetic, so that one search finds ``\frac{1}{2}``, 0.5, ½ and "a half".

For comparison only: words in small letters, numbers in digits, with `sqrt`, `binom`, `pi`, `+ - * / ^ !`.
"""

import re
from functools import lru_cache

from data.knowledge._leak_words import in_digits

_SYMBOLS = {
    "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "π": " pi ", "°": " degrees ", "√": "\\sqrt ",
    "½": "(1/2)", "⅓": "(1/3)", "⅔": "(2/3)", "¼": "(1/4)", "¾": "(3/4)", "’": "'",
    **{digit: f"^{i}" for i, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{digit: f"_{i}" for i, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")},
}  # fmt: skip
_TABLE = str.maketrans(_SYMBOLS)
_INNER = r"\{([^{}]*)\}"  # commands are resolved from the innermost braces outwards
_FIRST = [
    (r"\\begin\{[a-z*]+\}|\\end\{[a-z*]+\}|\\\\|&", " , "),
    (r"\\(?:left|right|displaystyle|big|Big|bigg|Bigg|,|;|!|:| |quad|qquad)(?![a-zA-Z])", " "),
    (r"\^\s*\{?\s*\\circ\s*\}?", " degrees "),
    (r"\\(?:cdot|times|ast)(?![a-zA-Z])", "*"),
    (r"\\div(?![a-zA-Z])", "/"),
    (r"\\pi(?![a-zA-Z])", " pi "),
    (r"\\?%", " percent "),
    (r"(?<=\d)\{,\}(?=\d)|(?<=\d),(?=\d{3}(?!\d))|(?<=\d) (?=\d{3}(?![\d.]))", ""),
    (r"\\([dt]?frac|[dt]?binom)\s*(\d)\s*(\d)", r"\\\1{\2}{\3}"),
    (rf"\\([dt]?frac)\s*(\d)\s*{_INNER}", r"\\\1{\2}{\3}"),
    (r"\\([dt]?frac)\s*\{(\w+)\}\s*(\d)", r"\\\1{\2}{\3}"),
    (r"(?<![\d.])(\d+)\s*\\[dt]?frac\{(\d+)\}\{(\d+)\}", r"(\1+\2/\3)"),  # a mixed number
    (r"\\sqrt\s*(\d+)", r"\\sqrt{\1}"),
    (r"([\^_])\s*([A-Za-z\d])(?![A-Za-z\d.]*\})", r"\1\2"),
]
_NESTED = [
    (rf"\\(?:text|textbf|textrm|mathrm|mathbf|mathit|operatorname|boxed|fbox|mbox|emph)\s*{_INNER}", r" \1 "),
    (rf"\\[dt]?frac\s*{_INNER}\s*{_INNER}", r"((\1)/(\2))"),
    (rf"\\[dt]?binom\s*{_INNER}\s*{_INNER}", r" binom(\1,\2) "),
    (rf"\\sqrt\s*\[\s*(\d+)\s*\]\s*{_INNER}", r"((\2)^(1/\1))"),
    (rf"\\sqrt\s*{_INNER}", r" sqrt(\1)"),
    (rf"([\^_])\s*{_INNER}", r"\1(\2)"),
]
_LAST = [
    (r"\\[()\[\]]|\\?\$|\*\*(?!\s*\d)", " "),
    (r"\\([a-zA-Z]+)", r" \1 "),
    (r"[\\{}~\"`]", " "),
    (r"\s+", " "),
]


def _compiled(rules: list[tuple[str, str]]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern), form) for pattern, form in rules]


_PASSES = _compiled(_FIRST), _compiled(_NESTED), _compiled(_LAST)


@lru_cache(maxsize=1024)  # a problem is read again for each of its points
def plain(text: str) -> str:
    r"""Return a text as plain arithmetic and words in small letters.

    >>> plain(r"Thus $x = \frac{1}{2}$, or two thirds.")
    'thus x = ((1)/(2)) , or (2/3).'
    """
    first, nested, last = _PASSES
    text = text.translate(_TABLE)
    for pattern, form in first:
        text = pattern.sub(form, text)
    before = ""
    while before != text:  # each pass takes away at least one pair of braces
        before = text
        for pattern, form in nested:
            text = pattern.sub(form, text)
    for pattern, form in last:
        text = pattern.sub(form, text)
    return in_digits(text.lower().strip())


def sentences(text: str) -> list[str]:
    """Return the sentences of a plain text."""
    return [part.strip() for part in re.split(r"(?<=[.;!?])\s+", text) if part.strip()]


def squeezed(text: str) -> str:
    r"""Return a text whose formulas have no blanks, no signs of multiplication and no brackets around one thing.

    >>> squeezed(r"so $y = 2\cdot x + 3$")
    'so y=2x+3'
    """
    text = re.sub(r"(?<![a-z])\(([a-z\d.]+)\)", r"\1", plain(text).removesuffix("."))
    text = re.sub(r"\s*([-+/^=<>(),\[\]_])\s*", r"\1", text)
    return re.sub(r"(?<=\d) (?=[a-z]\b)|\s*\*\s*", "", text).strip()
