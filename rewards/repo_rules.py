r"""REPO's published rule-based reward, kept for comparison with its card.

It is easy to hack: 5.5 of its 10.5 points are for appearance. This text solves nothing and gets them all, whatever
the problem, and 7.5 wherever the gold has a 0 in it; the right answer alone, ``\boxed{4}``, gets 6.0::

    First step, second step, then the solution: x = 1 + 2 - 3 * 4 / 5 \boxed{0}

Train with `accuracy` unless the composite itself is the object of study.
"""

import re
from collections.abc import Sequence
from typing import Any

from boxed import last_boxed
from rewards.custom import Completion, text_of

STEP_WORDS = ("step", "first", "second", "then", "therefore", "thus", "hence", "solution:", "solve")
SYMBOLS = ("=", "+", "-", "*", "/", "^", r"\frac", r"\sqrt", "^{", "_{")
SHORT_CHARS = 50

_FIRST_BOX_END = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])")


def repo_rules(completions: Sequence[Completion], answer: Sequence[str], **_: Any) -> list[float | None]:
    r"""Add up REPO's five rules, -1 to 10.5 points.

    r = 2 · 1[contains ``\boxed{``] + min(2, 0.5 · #step words) + min(1.5, 0.3 · #symbols)
    + 5 if the first box is the gold, 3 if it is so without blanks, 2 if one contains the other
    - 1[fewer than 50 characters]

    A word or symbol counts once, however often it occurs. Answers are compared as text: 0.5 is not 1/2 here.

    Args:
        completions: N texts or message lists.
        answer: N gold answers.

    Returns:
        N rewards.

    Raises:
        ValueError: There are more or fewer golds than completions.
    """
    return [_points(text_of(completion), gold) for completion, gold in zip(completions, answer, strict=True)]


def _points(text: str, gold: str) -> float:
    lower = text.lower()
    words = min(2.0, 0.5 * sum(word in lower for word in STEP_WORDS))
    symbols = min(1.5, 0.3 * sum(symbol in text for symbol in SYMBOLS))
    box = 2.0 if r"\boxed{" in text else 0.0
    return box + words + symbols + _answer_points(_first_boxed(text), gold.strip()) - (len(text) < SHORT_CHARS)


def _answer_points(box: str | None, gold: str) -> float:
    if not box or not gold:
        return 0.0
    if box == gold:
        return 5.0
    if "".join(box.split()) == "".join(gold.split()):
        return 3.0
    return 2.0 if box in gold or gold in box else 0.0


def _first_boxed(text: str) -> str | None:
    """Return the content of the first box: the last one of the text up to where a second begins."""
    boxes = list(_FIRST_BOX_END.finditer(text))
    return last_boxed(text[: boxes[1].start()] if len(boxes) > 1 else text)
