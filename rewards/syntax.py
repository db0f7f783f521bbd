r"""Take an answer apart, as a string: lists, brackets, matrices, equations. No algebra and no verdicts."""

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"\\begin\b|\\end\b|\\[{}]|\\[lr](?:angle|brace|brack)\b|\\.|[(){}\[\],;:]|(?<![<>!=\\])=(?!=)"
    r"|(?<![a-zA-Z])(?:and|or)(?![a-z])|[和或与及]",
    re.DOTALL,
)
_OPEN = {"\\begin", "\\{", "\\langle", "\\lbrace", "\\lbrack", "(", "[", "{"}
_CLOSE = {"\\end", "\\}", "\\rangle", "\\rbrace", "\\rbrack", ")", "]", "}"}
_WORD = re.compile(r"\s*,?\s*\\text\{\s*,?\s*(?:and|or)\s*\}\s*")
_ENVIRONMENT = re.compile(r"\\begin\{([a-zA-Z]*)\}(?:\{[^{}]*\})?(.*)\\end\{\1\}\Z", re.DOTALL)
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_NAME = re.compile(
    r"(?:\\?[a-zA-Z]+'*(?:_(?:\{[^{}]*\}|\w+))?(?:\^\{?-1\}?)?(?:\([^()=]*\))?"
    r"|\|?\s*[A-Z]{1,4}\s*\|?|\\(?:angle|overline|vec|triangle|text)\s*\{?[A-Za-z ]+\}?"
    r"|\(\s*[a-zA-Z](?:_\{?\w+\}?)?(?:\s*,\s*[a-zA-Z](?:_\{?\w+\}?)?)*\s*\)"
    r"|\\frac\{[a-zA-Z]+\}\{[a-zA-Z]+\}|\w+(?:_\{?\w+\}?)?\s*:\s*\w+(?:_\{?\w+\}?)?)"
)


class Collection(NamedTuple):
    r"""Several answers in one. `kind` is the pair of its brackets, "" for a bare list, `\{\}` for a set."""

    kind: str
    parts: tuple[str, ...]


class Equation(NamedTuple):
    """The outer ends of a chain of equalities."""

    left: str
    right: str


def split(text: str, separators: str, *, grouped: bool = True) -> list[str]:
    """Split at the separators outside all brackets; of "&" counts any word or sign for "and" and "or".

    With `grouped` a comma before three digits belongs to the number.

    >>> split("(1,2),3", ",;"), split(r"1 and 2", "&")
    (['(1,2)', '3'], ['1', '2'])
    """
    if "&" in separators:
        text = _WORD.sub(" and ", text)
    inside = {at for match in _GROUPED.finditer(text) for at in range(*match.span())} if grouped else set()
    parts, depth, start = [], 0, 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        depth += (sign in _OPEN) - (sign in _CLOSE)
        if (
            depth == 0
            and token.start() not in inside
            and (sign in separators or ("&" in separators and sign in {"and", "or", *"和或与及"}))
        ):
            parts.append(text[start : token.start()])
            start = token.end()
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def bracketed(text: str) -> tuple[str, str] | None:
    r"""Return the kind of the brackets around the whole text and what is in them, None where there are none."""
    tokens = [token for token in _TOKEN.finditer(text) if token[0] in _OPEN or token[0] in _CLOSE]
    if not tokens or tokens[0].start() or tokens[0][0] in ("{", "\\begin") or tokens[-1].end() != len(text):
        return None
    depth = 0
    for token in tokens:
        depth += 1 if token[0] in _OPEN else -1
        if depth == 0 and token is not tokens[-1]:
            return None
    if depth:
        return None
    kind = (tokens[0][0] + tokens[-1][0]).replace("\\langle", "(").replace("\\rangle", ")")
    return kind, text[tokens[0].end() : tokens[-1].start()].strip()


def collection(text: str) -> Collection | None:
    r"""Read a list, set, tuple or interval; None for anything of one part.

    >>> collection("1, 2"), collection("(1,2]"), collection("x+1")
    (Collection(kind='', parts=('1', '2')), Collection(kind='(]', parts=('1', '2')), None)
    """
    parts = _list_parts(text)
    if len(parts) > 1:
        return Collection("", tuple(_shared_name(parts)))
    outer = bracketed(text)
    if outer is None:
        return None
    kind, inner = outer
    parts = _list_parts(inner, grouped=False)
    if len(parts) > 1 and all(equation(part) for part in parts):
        kind = ""
    if len(parts) > 1 or (kind == r"\{\}" and parts):
        return Collection(kind, tuple(parts))
    return None


def _list_parts(text: str, *, grouped: bool = True) -> list[str]:
    """Return the parts of a bare list, one for a single answer; where it has semicolons, commas are within parts."""
    parts = split(text, ";")
    return parts if len(parts) > 1 else split(text, ",&", grouped=grouped)


def _shared_name(parts: list[str]) -> list[str]:
    """Read `n=1, 2, 3` as three values of one name."""
    first = equation(parts[0])
    if first and is_name(first.left) and not any(equation(part) for part in parts[1:]):
        return [first.right, *parts[1:]]
    return parts


def expanded(text: str) -> list[str]:
    r"""Write each ± as two answers; `\mp` goes against the `\pm` beside it.

    >>> expanded(r"1\pm 2")
    ['1+ 2', '1- 2']
    """
    if "\\mp" in text:
        return [text.replace("\\pm", a).replace("\\mp", b) for a, b in ("+-", "-+")]
    if text.count("\\pm") > 3:
        return [text]
    forms = [text]
    while "\\pm" in forms[0]:
        forms = [form.replace("\\pm", sign, 1) for form in forms for sign in "+-"]
    return [form.removeprefix("+") for form in forms]


def matrix(text: str) -> list[list[str]] | None:
    """Return the cells of a matrix, None where the text is no matrix; a determinant is a number."""
    outer = bracketed(text)
    match = _ENVIRONMENT.fullmatch(outer[1] if outer and outer[0] in ("()", "[]") else text)
    if not match or match[1] not in {"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array"}:
        return None
    if "\\begin" in match[2]:
        return None
    rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?", match[2].replace("\\hline", "")) if row.strip()]
    return [[cell.strip() for cell in row.split("&")] for row in rows]


def system(text: str) -> str:
    """Write a system of equations in `cases` as a list."""
    match = _ENVIRONMENT.fullmatch(text)
    if match and match[1] in {"cases", "aligned", "array"} and "=" in match[2]:
        rows = [row.strip().strip(",") for row in match[2].replace("&", "").split("\\\\")]
        return ", ".join(row for row in rows if row)
    return text


def equation(text: str) -> Equation | None:
    """Return the first and the last side of an equation, None for anything else."""
    if any(sign in text for sign in ("<", ">", "\\le ", "\\ge ", "\\neq")):
        return None
    sides = split(text, "=")
    if len(sides) < 2 or len(_list_parts(text)) > 1:
        return None
    return Equation(sides[0], sides[-1])


def is_name(left: str) -> bool:
    r"""Tell whether a left side only names what is sought: `x`, `f(x)`, `(p,q)`, `|AB|`, `S_1:S`."""
    return left.strip() not in {r"\pi", "e", "i"} and bool(_NAME.fullmatch(left.strip()))
