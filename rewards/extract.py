r"""Find the answer that a text states: in the last ``\boxed{}``, or where data sets allow it in other places."""

import re
from typing import Literal

from boxed import last_boxed

Extraction = Literal["boxed", "lenient"]
"""`boxed`: the last box or nothing. `lenient`: without one an answer tag, a phrase, a formula or the last number."""

MAX_ANSWER_CHARS = 1000
"""Longer answers are not read: no gold comes near it, and hostile ones grow with their length."""

MAX_GAP_CHARS = 80
"""Between two boxes of a row."""

MAX_TAIL_CHARS = 4000
"""The lenient places are looked for at the end of a text only."""

MAX_ROW = 50
"""Longer rows of boxes are cut: each box costs another look at the text."""

_BETWEEN = re.compile(
    r"\}(?:[\s$.,;]|\\[()\[\],; ]|\\q?quad|\b(?:and|or)\b|\\text\{\s*(?:and|or)\s*\}|[a-z](?:_\{?\d\}?)?\s*=)*\Z"
)
_TAG = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL)
_PHRASE = re.compile(
    r"(?:\banswer(?:\s+is|\s*:)|答案(?:是|为|[::])|\bfinal answer\b|####|^\s*A:)\s*:?\s*(?=\S)",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE_END = re.compile(r"\.(?=\s|\Z)|\n|。")
_MARKUP = re.compile(r"</?[a-z][^<>]{0,40}>")
_FORMULA = re.compile(
    r"\$\$([^$]{1,1000})\$\$|\$([^$]{1,1000})\$|\\\((.{1,1000}?)\\\)|\\\[(.{1,1000}?)\\\]", re.DOTALL
)
_NUMBER = re.compile(r"(?<![\w.$])[-−]?\$?\d(?:[\d,]*\d)?(?:\.\d+)?(?:/\d+)?%?")
_WORDS = re.compile(r"[A-Za-z]{2,}\s+(?:[A-Za-z]+\s+)?[^\s]")


def find_answer(text: str, extraction: Extraction = "boxed") -> str | None:
    r"""Return the answer that a text states, as it is written, None where it states none.

    Args:
        text: A whole completion.
        extraction: "boxed" takes the last box alone. "lenient" goes on, where there is no box, with the last
            ``<answer>5</answer>``, else ``#### 5``, "The answer is 5.", ``A: 5`` or 答案是5, else formula or number.

    Returns:
        The answer; None for none, an empty or an over-long one.

    >>> find_answer(r"It is \boxed{5}."), find_answer("The answer is 5."), find_answer("The answer is 5.", "lenient")
    ('5', None, '5')
    """
    box = last_boxed(text) if extraction == "boxed" else row_of_boxes(text)
    if box is None and extraction == "lenient" and "\\boxed" not in text:
        box = _without_box(text)
    return box if box and len(box) <= MAX_ANSWER_CHARS else None


def row_of_boxes(text: str) -> str | None:
    r"""Return the last box, and with it those before that only a comma or "and" parts from it, as one list.

    >>> row_of_boxes(r"\boxed{1}, so $\boxed{2}$ and $x=\boxed{3}$")
    '2, 3'
    """
    boxes: list[str] = []
    for _ in range(MAX_ROW):
        box = last_boxed(text)
        if box is None:
            break
        if box not in boxes:
            boxes.insert(0, box)
        before = text[: max(text.rfind("\\boxed"), text.rfind("\\fbox"))]
        gap = _BETWEEN.search(before[-MAX_GAP_CHARS:])
        if gap is None:
            break
        text = before[: len(before) - len(gap[0]) + 1]
        if not text.endswith(f"{last_boxed(text)}}}"):
            break
    return ", ".join(boxes) if boxes else None


def _without_box(text: str) -> str | None:
    """Look for an unboxed answer, the surest place first."""
    tail = text[-MAX_TAIL_CHARS:]
    tags = _TAG.findall(tail)
    if tags:
        return _from_prose(tags[-1])
    end = _last_phrase_end(tail)
    if end is None:
        return _from_prose(tail)
    rest = _SENTENCE_END.split(tail[end:], maxsplit=1)[0]
    first = _NUMBER.match(rest) or _FORMULA.match(rest)
    return _from_prose(rest, last="=" in rest or not first)  # "is 17, not 18", but "is 3 * 6 = 18"


def _last_phrase_end(tail: str) -> int | None:
    """Return the end of the last phrase. The last line that may hold one goes first: the pattern is a slow one."""
    lower = tail.lower()
    last = max(lower.rfind(word) for word in ("answer", "答案", "####", "a:"))
    for begin in (tail.rfind("\n", 0, last) + 1, 0) if last >= 0 else ():
        ends = [phrase.end() for phrase in _PHRASE.finditer(tail, begin)]
        if ends:
            return ends[-1]
    return None


def _from_prose(text: str, *, last: bool = True) -> str:
    """Return the last (or first) formula or number of a sentence, or the text itself where it is no sentence."""
    text = _MARKUP.sub(" ", text).strip()
    matches = [match for pattern in (_FORMULA, _NUMBER) for match in pattern.finditer(text)]
    if not matches or not (_WORDS.search(text) or "\n" in text or _FORMULA.search(text)):
        return text
    matches.sort(key=lambda match: (match.end(), -match.start()))  # a number in a formula comes before it
    chosen = matches[-1] if last else min(matches, key=lambda match: match.start())
    return next((group for group in chosen.groups() if group), chosen[0]).strip()
