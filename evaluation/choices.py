r"""Multiple choice: which letters does a text choose, and are they the right ones?

A letter counts where it stands as the answer (``\boxed{C}``, ``\boxed{\text{(C) } 5}``), and so does what a box holds
when it is one of the options: models that were taught to compute box the number. Strictly that is the last box alone.
Leniently, without a box, it is what follows "the answer is", 答案是 or 故选, else the last letter in brackets, else an
option's content in the last sentence.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from boxed import last_boxed
from rewards import verify

Extraction = Literal["boxed", "lenient"]

_LETTERS = r"\(?([A-H])\)?(?:\s*(?:,|;|/|&|and|or|和|与|及|、)?\s*\(?([A-H])\)?)*"
_ALONE = re.compile(
    rf"(?:the\s+)?(?:option|choice|answer|选项?|答案)?\s*(?:is|是|为|:)?\s*(?P<letters>{_LETTERS})\s*[.。]?", re.I
)
_BEFORE_CONTENT = re.compile(r"(?:\(([A-H])\)|([A-H])[.:、)])\s*\S")
_TYPESETTING = re.compile(r"\\(?:text(?:bf|rm|it)?|mathrm|mathbf|mathsf|boldsymbol|bf|rm)(?![a-zA-Z])|[{}$~]|\\[ ,;!]")
_STATED = re.compile(
    r"(?:answer\s*(?:is|:)|correct\s+(?:option|choice|answer)\s*(?:is|:)?|答案\s*(?:是|为|:)|故?选择?\s*:?)"
    rf"\s*(?:\$|\*\*|option|choice)*\s*(?P<letters>{_LETTERS})(?![a-zA-Z'])",
    re.I,
)
_BRACKETED = re.compile(r"\(([A-H])\)(?![a-zA-Z(])")
_TAIL_CHARS = 1000


def chosen_letters(answer: str) -> str | None:
    r"""Return the letters that an answer names, None where it names none.

    Args:
        answer: The content of a box.

    Returns:
        Capitals in order, each once.

    >>> chosen_letters(r"\text{(C)}"), chosen_letters("D, A"), chosen_letters("B. 5"), chosen_letters("a body at rest")
    ('C', 'AD', 'B', None)
    """
    text = _TYPESETTING.sub(" ", unicodedata.normalize("NFKC", answer)).strip()
    whole = _ALONE.fullmatch(text)
    if whole:
        return _capitals(whole["letters"])
    first = _BEFORE_CONTENT.match(text)
    return (first[1] or first[2]) if first else None


def grade_choices(
    golds: Sequence[str], texts: Sequence[str], options: Sequence[Sequence[str]], *, extraction: Extraction = "boxed"
) -> list[float]:
    r"""Compare what texts choose with the right letters.

    Args:
        golds: A letter or several, such as "C" or "ACD"; all must be chosen, and no other.
        texts: As many completions.
        options: Of each problem, in order of the letters.
        extraction: "boxed" reads the last box alone, "lenient" goes on without one.

    Returns:
        1.0 or 0.0 each.

    >>> grade_choices(["B"], [r"It is \boxed{0.5}."], [["2", r"$\frac{1}{2}$"]])
    [1.0]
    """
    answers = [_answer(text, extraction) for text in texts]
    letters = [None if answer is None else chosen_letters(answer) for answer in answers]
    verdicts = [float(chosen == gold) for chosen, gold in zip(letters, golds, strict=True)]
    unnamed = [i for i, answer in enumerate(answers) if answer and letters[i] is None and len(golds[i]) == 1]
    matches = _matching([options[i] for i in unnamed], [str(answers[i]) for i in unnamed])
    for place, matched in zip(unnamed, matches, strict=True):
        verdicts[place] = float(golds[place] in matched)
    return verdicts


def _answer(text: str, extraction: Extraction) -> str | None:
    box = last_boxed(text)
    if box is not None or extraction == "boxed" or "\\boxed" in text:
        return box
    tail = unicodedata.normalize("NFKC", text[-_TAIL_CHARS:])
    for found in reversed(list(_STATED.finditer(tail))):
        letters = _capitals(found["letters"])
        if letters:
            return letters
    bracketed = _BRACKETED.findall(tail)
    if bracketed:
        return bracketed[-1]
    sentences = [line for line in re.split(r"(?<=[.。])\s+|\n", tail.strip()) if line.strip()]
    return re.sub(r".*(?:\bis\b|是|为|:)\s*", "", sentences[-1]).strip(" .。") if sentences else None


def _capitals(text: str) -> str | None:
    """Sort the letters of a match; small ones are names of unknowns or words, and choose nothing."""
    words = re.sub(r"and|or", " ", text)
    return None if re.search(r"[a-z]", words) else "".join(sorted(set(re.findall(r"[A-H]", words)))) or None


def _matching(options: Sequence[Sequence[str]], answers: Sequence[str]) -> list[str]:
    """Return for each answer the letters of the options that it is equal to, as a text or to the verifier."""
    pairs = [(i, letter, text) for i, row in enumerate(options) for letter, text in zip("ABCDEFGH", row, strict=False)]
    verdicts = verify([text for _, _, text in pairs], [f"\\boxed{{{answers[i]}}}" for i, _, _ in pairs])
    matched = [""] * len(answers)
    for (i, letter, text), verdict in zip(pairs, verdicts, strict=True):
        if verdict == 1.0 or _plain(text) == _plain(answers[i]):
            matched[i] += letter
    return matched


def _plain(text: str) -> str:
    bare = _TYPESETTING.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return re.sub(r"\s+", "", bare).strip(".。,;")
