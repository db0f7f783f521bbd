r"""The verdicts that need no algebra: equal strings, plain numbers, and whatever is made of these.

Cheap enough for the process that trains: nothing here imports sympy, and only short answers are looked at. Reading an
answer has no limit of time here, and takes time that grows with the square of its length or worse where a text is made
to that end; what is longer than `QUICK_CHARS` is left to processes that can be killed. What is decided here is what
`rewards._judge.judge` would decide, only sooner, because both follow `rewards._compare.equal`.
"""

from enum import Enum
from typing import Final

from rewards._compare import NeedsAlgebra, NoAlgebra, equal, readable_gold
from rewards._extract import MAX_ANSWER_CHARS, Extraction, find_answer, row_of_boxes
from rewards._rewrite import canonical

__all__ = ["MAX_ANSWER_CHARS", "UNDECIDED", "Extraction", "Undecided", "answer_of", "gold_of", "quick", "stated"]

QUICK_CHARS = 80
"""Of golds and answers that `quick` reads. In 12,000 completions of models eight answers were longer."""


class Undecided(Enum):
    """The answer of `quick` to a pair that needs algebra, or is too long for it."""

    UNDECIDED = "undecided"


UNDECIDED: Final = Undecided.UNDECIDED


def quick(
    gold: str, text: str, *, extraction: Extraction = "boxed", readable: bool = False
) -> float | Undecided | None:
    r"""Decide a pair without algebra where the verdict is certain.

    Args:
        gold: The gold answer, as for `judge`.
        text: A whole completion, as for `judge`.
        extraction: As for `judge`.
        readable: The caller knows that this gold can be read, so equal strings and missing answers are decided too.

    Returns:
        What `judge` returns for the pair, or `UNDECIDED`.

    >>> quick("18", r"\boxed{18.0}"), quick("18", r"\boxed{17}"), quick("x+1", r"\boxed{1+x}")
    (1.0, 0.0, <Undecided.UNDECIDED: 'undecided'>)
    """
    bare, answer = _bare(gold), find_answer(text, extraction)
    if bare is None:
        return None
    if max(len(bare), len(answer or "")) > QUICK_CHARS:
        return UNDECIDED
    wanted = canonical(bare)
    if not wanted:
        return None
    try:
        if not readable and not readable_gold(wanted, NoAlgebra()):
            return None
        given = canonical(answer) if answer else ""
        return 1.0 if given and equal(wanted, given, NoAlgebra()) else 0.0
    except NeedsAlgebra:
        return UNDECIDED


def gold_of(gold: str) -> str | None:
    r"""Return the canonical gold answer, out of its box (``\boxed{236}``) if need be; None for none or a long one."""
    bare = _bare(gold)
    return None if bare is None else canonical(bare) or None


def stated(text: str, extraction: Extraction = "boxed") -> str | None:
    """Return what equal texts share: the canonical answer, a long one as it stands, None for none."""
    answer = find_answer(text, extraction)
    if answer is None or len(answer) > QUICK_CHARS:
        return answer
    return canonical(answer) or None


def answer_of(text: str, extraction: Extraction = "boxed") -> str | None:
    """Return the canonical answer that a text states, None for none, an empty or an over-long one."""
    answer = find_answer(text, extraction)
    return None if answer is None else canonical(answer) or None


def _bare(gold: str) -> str | None:
    """A gold answer out of its box, as it is written; None for a long one."""
    inner = row_of_boxes(gold)
    gold = gold if inner is None else inner
    return gold if len(gold) <= MAX_ANSWER_CHARS else None
