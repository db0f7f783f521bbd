r"""One spelling for each way to typeset the same answer.

`canonical` undoes differences of typesetting alone: full-width characters, sizes, spacing, `\dfrac`, `\frac12`,
`1{,}000`, mixed numbers. It never changes a value, so equal canonical strings are equal answers.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from rewards.extract import MAX_ANSWER_CHARS, Extraction, find_answer, row_of_boxes
from rewards.quantities import ROUNDED_DECIMALS

_CHARACTERS = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code) != "＄"}  # full-width ASCII
    | dict.fromkeys("\u200b\u200c\u200d\ufeff\u2061\u2062", None)
    | dict.fromkeys("\u3000\u00a0\u2002\u2003\u2009\u202f\t\n\r", " ")
    | dict.fromkeys("−–—‐‑", "-")
    | dict.fromkeys('"“”`$', None)  # the dollars of formulas; the one of an amount is ＄ here
    | {"￠": "¢", "￡": "£", "￥": "¥"}
    | {"。": ".", "、": ",", "【": "[", "】": "]", "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "⋅": r"\cdot "}
    | {"π": r"\pi ", "∞": r"\infty ", "°": r"^{\circ}", "²": "^{2}", "³": "^{3}", "±": r"\pm "}
    | {"≤": r"\le ", "≥": r"\ge ", "≠": r"\neq ", "≈": r"\approx ", "∈": r"\in ", "∪": r"\cup ", "∩": r"\cap "}
    | {"…": r"\ldots ", "⋯": r"\ldots ", "′": "'", "″": "''", "’": "'"}
    | {"∅": r"\emptyset ", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "ℝ": r"\mathbb{R}"}
)

_NAMES = "arc(?:sin|cos|tan)|sinh?|cosh?|tanh?|cot|csc|log|ln|lg|exp|gcd|lcm"  # not sec and min, which are units
_SIGNS = {"dollar": "＄", "cent": "¢", "euro": "€", "pounds": "£", "sterling": "£", "yen": "¥"}
_ARGUMENT = r"([0-9a-zA-Z]|\\(?:pi|theta|alpha|beta)(?![a-zA-Z]))"
_GROUP = r"\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"  # braces, two levels within
_ANSWER_IS = (
    r"(?i:(?:(?:so |thus,? |therefore,? )?the )?(?:final )?(?:answer|solution)s?(?: is| are|:)\s*:?"
    r"|(?:最终)?答案[是为]?:?)"
)


def _join(match: re.Match[str]) -> str:
    return match[0].replace(" ", "").replace(",", "")


def _circle(match: re.Match[str]) -> str:
    return chr(ord("①") - 1 + int(match[1]))


def _introduction(match: re.Match[str]) -> str:
    return "" if match[0].endswith("}") else "\\text{"


def _sign(match: re.Match[str]) -> str:
    return _SIGNS[match[1]]


def _primes(match: re.Match[str]) -> str:
    return "'" * (match[0].count("'") + match[0].count("prime"))


def _sixtieths(match: re.Match[str]) -> str:
    """Write degrees, minutes and seconds as one number of degrees."""
    seconds = rf"+\frac{{{match[3]}}}{{3600}}" if match[3] else ""
    return rf"({match[1]}+\frac{{{match[2]}}}{{60}}{seconds})^{{\circ}}"


def _period(match: re.Match[str]) -> str:
    """Mark what a decimal that ends in dots repeats; without that six places are a rounding, and fewer say nothing.

    Two times are enough below six places; from there on three are needed, for 2.718281828... is e.
    """
    digits = match[1]
    least = 2 if len(digits) < ROUNDED_DECIMALS else 3
    for size in range(1, len(digits) // least + 1):
        period = digits[-size:]
        if digits.endswith(period * least):
            while digits.endswith(period):
                digits = digits[:-size]
            return rf".{digits}\overline{{{period}}}"
    return f".{digits}" if len(digits) >= ROUNDED_DECIMALS else match[0]


# Applied once each, from top to bottom.
_REWRITES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"(?<![a-zA-Z\d)}*])\*\*([^*]+)\*\*", r"\1"),
    (r"(?<=[a-zA-Z\d)}])\*\*(?:\(([^()]*)\)|(-?\d+|[a-zA-Z](?![a-zA-Z]))|(?=\{))", r"^{\1\2}"),
    (r"\^\{\}(?=\{)", "^"),
    (r"\\(?:text)?color\s*\{[^{}]*\}|\\underline\s*(?=\{)", ""),
    (r"√\s*(\d+)|(?<![a-zA-Z])\\?sqrt\s*\(([^()]*)\)|√\s*\(([^()]*)\)", r"\\sqrt{\1\2\3}"),
    ("√", r"\\sqrt "),
    (
        r"\{([^{}\\]*)\\choose(?![a-zA-Z])([^{}\\]*)\}|\A([^{}\\]*)\\choose(?![a-zA-Z])([^{}\\]*)\Z",
        r"\\binom{\1\3}{\2\4}",
    ),
    (r"(?<=[)\]])\s*U\s*(?=[(\[])", r"\\cup "),
    (r"\\mathbb\s*([A-Z])", r"\\mathbb{\1}"),
    (r"(?<!\\)\\[()\[\]]", ""),
    (rf"\\(?:text|math)?({'|'.join(_SIGNS)})(?![a-zA-Z])", _sign),
    (r"(?<![a-zA-Z])US\s*＄", "＄"),
    (r"\\(?:left|right)\s*\.", ""),
    (
        r"\\(?:left|right|middle|[bB]igg?[lrm]?|(?:display|text|script)style|n?o?limits|mathopen|mathclose"
        r"|tiny|small|[lL]arge|LARGE|[hH]uge)(?![a-zA-Z])",
        "",
    ),
    (r"\\phantom\s*(?:\{[^{}]*\}|\S)", ""),
    (r"\{\s*\\rm\s+([^{}]*)\}", r"\\text{\1}"),
    (r"\\(?:mathrm|mathbf|text)\s+([a-zA-Z])(?![a-zA-Z])", r"\1"),
    (r"\\(vec|bar|hat|overline|overrightarrow)\s+([a-zA-Z])(?![a-zA-Z])", r"\\\1{\2}"),
    (r"\\textcircled\s*\{\s*([1-9])\s*\}", _circle),
    (r"\\(?:mathbf|mathit|boldsymbol|bm|mathsf)\s*\{([^{}]*)\}", r"\1"),
    (r"\\(?:mathbf|mathit|boldsymbol|bm|mathsf)\s*(?=\{)", ""),
    (r"\\(?:mathrm|text(?:bf|it|rm|normal|sf|tt|up)?|mbox|hbox|operatorname\*?)\s*\{", r"\\text{"),
    (rf"\A\s*\\text\{{\s*+{_ANSWER_IS}\s*+(?:\}}|(?=[^{{}}]*\}}))", _introduction),
    (rf"\\text\{{\s*({_NAMES})\s*\}}", r"\\\1 "),
    (r"\\text\{\s*([eid])\s*\}", r"\1"),
    (r"\\text\{\s*([＄€£¥₹¢])\s*\}", r"\1"),
    (r"\\text\{\s*+([＄€£¥₹]?\s*+-?\d[\d.,]*(?:\s*:\s*\d[\d.,]*)*)(?![\w:])", r"\1\\text{"),
    (r"(?<=\d)(?:\{,\}|,\s*\\!)\s*(?=\d{3})", ""),
    (r"\\!", ""),
    (r"(?<!\\)\\[,;:> ]|~|\\q?quad(?![a-zA-Z])|\\hspace\*?\{[^{}]*\}|\\text\{\s*\}", " "),
    (r"\\colon(?![a-zA-Z])", ":"),
    (r"(?:\\text|\\math(?:bin|ord|punct|rel))?\{\s*([,:])\s*\}", r"\1"),
    (r"\\text\{([^{}]*[^{}\s])\s+(and|or)\s*\}", r"\\text{\1} \2 "),
    (r"(?<=\d)\.(?=/)", ""),
    (r"\s+", " "),
    (r"(?<![\d.,])(\d{1,3}(?: \d{3})+)(?![\d,]| \d)", _join),
    (r"(?<=[^\\]\{)[＄€£¥₹]?\d{1,3}(?:,\d{3})+(?=\})", _join),
    (r"\\(?:[dtcs]|nice)frac(?![a-zA-Z])", r"\\frac"),
    (rf"\\frac\s*{_ARGUMENT}", r"\\frac{\1}"),
    (rf"\\frac\s*{_GROUP}\s*{_ARGUMENT}", r"\\frac{\1}{\2}"),
    (r"(\\frac|\\sqrt|\\text|\})\s+(?=\{)", r"\1"),
    (rf"\\sqrt\s*(\[[^\]]*\])?\s*{_ARGUMENT}", r"\\sqrt\1{\2}"),
    (r"\\frac\{\s*(-?\d+)\s*\}\{\s*(-?\d+)\s*\}", r"\\frac{\1}{\2}"),
    (r"\^\s*\{?\s*\\circ\s*\}?|\\degrees?(?![a-zA-Z])", r"^{\\circ}"),
    (r"\^\s*(?:\{\s*((?:(?:\\prime(?![a-zA-Z])|')\s*)+)\}|(\\prime(?![a-zA-Z])|'))", _primes),
    (r"(?<![\d.])(\d+)\^\{\\circ\}\s*(\d+(?:\.\d+)?)\s*'(?!')(?:\s*(\d+(?:\.\d+)?)\s*'')?", _sixtieths),
    (r"\\(?:leqslant|leq|le)(?![a-zA-Z])|<=|≦", r"\\le "),
    (r"\\(?:geqslant|geq|ge)(?![a-zA-Z])|>=|≧", r"\\ge "),
    (r"\\(?:neq|ne|not\s*=)(?![a-zA-Z])|!=", r"\\neq "),
    (r"\\lt(?![a-zA-Z])", "<"),
    (r"\\gt(?![a-zA-Z])", ">"),
    (r"\\(?:varnothing|oslash|O)(?![a-zA-Z])|\\\{\s*\\\}|\\lbrace\s*\\rbrace", r"\\emptyset "),
    (r"\\lbrace(?![a-zA-Z])", r"\\{"),
    (r"\\rbrace(?![a-zA-Z])", r"\\}"),
    (r"\\(?:bigcup)(?![a-zA-Z])", r"\\cup"),
    (r"\\(?:approxeq|simeq|thickapprox)(?![a-zA-Z])", r"\\approx"),
    (r"\\(?:c|d|l)?dots[cbm]?(?![a-zA-Z])|\.{3,}", r"\\ldots "),
    (r"\\text\{\s*\\ldots\s*\}", r"\\ldots "),
    (r"\\(overline|bar|dot)\s*(\d)", r"\\\1{\2}"),
    (r"\\dot\{(\d)\}(\d*)\\dot\{(\d)\}", r"\\overline{\1\2\3}"),
    (r"(\.\d*\\(?:overline|bar|dot)\{\d+\})\s*\\ldots(?!\s*\d)\s*", r"\1"),
    (r"\.(\d+)\s*\\ldots(?!\s*\d)\s*", _period),
    (r"(?<![a-zA-Z\\])pi(?![a-zA-Z])", r"\\pi "),
    (r"(?<![a-zA-Z\\])(?:infinity|inf)(?![a-zA-Z])|\+\s*\\infty", r"\\infty "),
    (
        r"(?<![a-zA-Z])\s*\\text\{\s*(?:percent|percentage|pct)\s*\}|\s*\b(?:percent|percentage|pct)\b|\s*(?<!\\)%",
        r"\\%",
    ),
    (r"(?<=\d)\s*\\%", r"\\%"),
    (r"(?<![\w.}])(-?)(\d+) (\d+)/(\d+)(?![\w.])", r"\1(\2+\\frac{\3}{\4})"),
    (r"(?<![\w.}^])(\d+)\s*\\frac\{(\d+)\}\{(\d+)\}(?!\^)", r"(\1+\\frac{\2}{\3})"),
    (r"(?<![\w.}])(\d+(?:\.\d+)?)[eE]([+-]?\d{1,4})(?![\w.])", r"\1\\times 10^{\2}"),
    (r"(?<![\d.])\.(?=\d)", "0."),
    (r"\A\s*=\s*", ""),
    (r"\A\s*(?:\\text\{)?\s*(?:the set of )?(?:all real numbers|all reals|real numbers)\s*\}?\s*\Z", r"\\mathbb{R}"),
    (r"\s+", " "),
)
_COMPILED = tuple((re.compile(pattern), replacement) for pattern, replacement in _REWRITES)

_DOUBLED = re.compile(r"\\\\(?=[a-zA-Z{}()])")  # a file that was escaped twice
_INTRODUCTION = re.compile(rf"\A{_ANSWER_IS}\s*")
_LAST_STOP = re.compile(r"(?<![\\.])(?:\.{1,2}|[,;])\Z")  # but not the dots of 0.333... or the \; that is a space
_SPACES = re.compile(r"(?:\s|~|\\[,;:!\s]|\\\\)+\Z")
_DOLLAR = re.compile(r"\A\s*+(-?)\s*+\$(?=\s*+\d[^$]*+\Z)")  # of an amount: the dollars of formulas come in pairs
_PLAIN = re.compile(r"-?[0-9]{1,60}")


@lru_cache(maxsize=65536)
def canonical(answer: str) -> str:
    r"""Write an answer in the one way that all spellings of it share.

    >>> canonical(r"$\dfrac\pi 2.$"), canonical(r"29,\!322"), canonical("3 1/2"), canonical("18％")
    ('\\frac{\\pi}{2}', '29322', '(3+\\frac{1}{2})', '18\\%')
    """
    if _PLAIN.fullmatch(answer):
        return answer
    answer = _trimmed(_DOLLAR.sub(r"\1＄", answer).replace("\\$", "＄").translate(_CHARACTERS))
    if "\\\\begin" in answer:
        answer = answer.replace("\\\\", "\\")
    elif "\\begin" not in answer:
        answer = _DOUBLED.sub(r"\\", answer)
    for pattern, replacement in _COMPILED:
        answer = pattern.sub(replacement, answer)
    return _unbraced(_trimmed(_INTRODUCTION.sub("", answer.strip()))).replace("＄", "\\$")


def _trimmed(answer: str) -> str:
    """Take the end of a sentence off: stops, commas, and blanks of every kind."""
    return _SPACES.sub("", _LAST_STOP.sub("", _SPACES.sub("", answer.strip()))).strip()


def _unbraced(answer: str) -> str:
    """Take off braces around the whole: TeX does not print them."""
    while answer.startswith("{") and _closes_at(answer) == len(answer) - 1:
        answer = answer[1:-1].strip()
    return answer


def _closes_at(answer: str) -> int:
    """Return where the brace closes that opens the answer, -1 for nowhere."""
    depth = 0
    for match in re.finditer(r"\\.|[{}]", answer):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.start() if match.start() else -1
    return -1


def gold_of(gold: str) -> str | None:
    r"""Return the canonical gold answer, out of its box (``\boxed{236}``) if need be; None for none or a long one."""
    bare = bare_gold(gold)
    return None if bare is None else canonical(bare) or None


def bare_gold(gold: str) -> str | None:
    """Return a gold answer out of its box, as it is written; None for a long one."""
    inner = row_of_boxes(gold)
    gold = gold if inner is None else inner
    return gold if len(gold) <= MAX_ANSWER_CHARS else None


def answer_of(text: str, extraction: Extraction = "boxed") -> str | None:
    """Return the canonical answer that a text states, None for none, an empty or an over-long one."""
    answer = find_answer(text, extraction)
    return None if answer is None else canonical(answer) or None
