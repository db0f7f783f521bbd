r"""Is this answer equal to that one? The answer that a text states against the gold answer.

Everything here runs in the calling process and has no limits of time or memory: `rewards._verifier` runs it where it
can be killed. The gold comes first.
"""

from functools import lru_cache

from rewards._algebra import SymPy
from rewards._compare import equal, readable_gold
from rewards._normal import Extraction, Undecided, answer_of, gold_of, quick

_ALGEBRA = SymPy()


def judge(gold: str, text: str, extraction: Extraction = "boxed") -> float | None:
    r"""Compare the answer that a text states with the gold answer.

    Args:
        gold: A short answer in LaTeX, bare (``\frac{1}{2}``) or already boxed.
        text: A whole completion. Only its last box counts; no box, an empty or an over-long one is a wrong answer.
        extraction: Where the answer stands: "boxed", or "lenient" for data sets that accept one without a box.

    Returns:
        1.0 for equivalent, 0.0 for not, None where the gold itself cannot be read.

    >>> judge("0.5", r"It is \boxed{\frac12}."), judge("7", "It is 7.")
    (1.0, 0.0)
    """
    verdict = quick(gold, text, extraction=extraction)
    return by_algebra(gold, text, extraction) if isinstance(verdict, Undecided) else verdict


def by_algebra(gold: str, text: str, extraction: Extraction = "boxed") -> float | None:
    """Do as `judge`, without asking `quick` first."""
    wanted = gold_of(gold)
    if wanted is None or not _readable(wanted):
        return None
    given = answer_of(text, extraction)
    return 1.0 if given is not None and equal(wanted, given, _ALGEBRA) else 0.0


@lru_cache(maxsize=16384)  # golds repeat, once per completion and epoch
def _readable(gold: str) -> bool:
    return readable_gold(gold, _ALGEBRA)
