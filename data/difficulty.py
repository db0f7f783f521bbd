"""The learnable zone: which problems a model solves sometimes, from as few samples as can tell.

A problem that is always or never solved gives a group of equal rewards, and so no gradient. Nexus-1.5B's card keeps a
problem if 2 to 5 of 8 sampled solutions are right, both inclusive.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

Verdict = Literal["too_hard", "learnable", "too_easy"]


def classify(n_correct: int, n_samples: int, low: int = 2, high: int = 5) -> Verdict:
    """Say where a count of right answers lies.

    Args:
        n_correct: Right answers.
        n_samples: Answers in all.
        low: Fewest right answers of a learnable problem.
        high: Most right answers of a learnable problem.

    Raises:
        ValueError: Not 0 ≤ n_correct ≤ n_samples or not 0 ≤ low ≤ high ≤ n_samples.

    >>> [classify(c, 8) for c in (0, 1, 2, 5, 6)]
    ['too_hard', 'too_hard', 'learnable', 'learnable', 'too_easy']
    """
    if not 0 <= low <= high <= n_samples:
        raise ValueError(f"a zone needs 0 ≤ low ≤ high ≤ samples; found low {low}, high {high}, {n_samples} samples")
    if not 0 <= n_correct <= n_samples:
        raise ValueError(f"of {n_samples} answers 0 to {n_samples} can be right; found {n_correct}")
    return "too_hard" if n_correct < low else "too_easy" if n_correct > high else "learnable"


def verdict_so_far(n_correct: int, n_drawn: int, n_samples: int, low: int = 2, high: int = 5) -> Verdict | None:
    """Say what all samples will give, as soon as no remaining sample can change it; None while it is open.

    Args:
        n_correct: Right answers so far.
        n_drawn: Answers so far.
        n_samples: Answers that would be drawn in all.
        low: As in `classify`.
        high: As in `classify`.

    Raises:
        ValueError: Counts that cannot be.

    >>> verdict_so_far(0, 7, 8), verdict_so_far(6, 6, 8), verdict_so_far(2, 5, 8), verdict_so_far(1, 5, 8)
    ('too_hard', 'too_easy', 'learnable', None)
    """
    if not 0 <= n_correct <= n_drawn <= n_samples:
        raise ValueError(f"counts must be 0 ≤ right ≤ drawn ≤ samples; found {n_correct}, {n_drawn}, {n_samples}")
    worst = classify(n_correct, n_samples, low, high)
    best = classify(n_correct + n_samples - n_drawn, n_samples, low, high)
    return worst if worst == best else None


@dataclass(frozen=True)
class Zone:
    """Between how many right answers of how many a problem is learnable.

    Attributes:
        samples: Answers to a problem in all.
        low: Fewest right ones.
        high: Most right ones.
    """

    samples: int = 8
    low: int = 2
    high: int = 5

    def __post_init__(self) -> None:
        classify(0, self.samples, self.low, self.high)

    def verdict(self, n_correct: int, n_drawn: int) -> Verdict | None:
        """`verdict_so_far` for this zone."""
        return verdict_so_far(n_correct, n_drawn, self.samples, self.low, self.high)

    def open(self, n_correct: int, n_drawn: int) -> bool:
        """Whether a further answer may change the verdict."""
        return self.verdict(n_correct, n_drawn) is None


def certain_draws(n_correct: int, n_drawn: int, samples: int, is_open: Callable[[int, int], bool]) -> int:
    """Return how many further answers are needed in any case, before some outcome of theirs can end the drawing.

    Drawn together they fill batches, and not one of them is drawn in vain: five of eight at first, as two right and
    three wrong is the earliest end.

    Args:
        n_correct: Right answers so far.
        n_drawn: Answers so far.
        samples: Answers in all.
        is_open: Whether to go on at (right, drawn).

    >>> certain_draws(0, 0, 8, Zone().open), certain_draws(0, 5, 8, Zone().open)
    (5, 2)
    """
    if n_drawn >= samples or not is_open(n_correct, n_drawn):
        return 0
    for more in range(1, samples - n_drawn):
        if not all(is_open(n_correct + right, n_drawn + more) for right in range(more + 1)):
            return more
    return samples - n_drawn


def expected_draws(pass_rate: float, zone: Zone) -> float:
    """Return how many answers a problem takes on average until its verdict is certain: the least that any rule can.

    Args:
        pass_rate: Probability that an answer is right.
        zone: The zone.

    >>> expected_draws(1.0, Zone()), expected_draws(0.0, Zone())
    (6.0, 7.0)
    """

    @cache
    def still(n_correct: int, n_drawn: int) -> float:
        if not zone.open(n_correct, n_drawn):
            return 0.0
        right, wrong = still(n_correct + 1, n_drawn + 1), still(n_correct, n_drawn + 1)
        return 1.0 + pass_rate * right + (1.0 - pass_rate) * wrong

    return still(0, 0)
