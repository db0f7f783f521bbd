"""The learnable zone: which problems a model solves sometimes, from as few samples as can tell.

A problem that is always or never solved gives a group of equal rewards, and so no gradient. Nexus-1.5B's card keeps a
problem if 2 to 5 of 8 sampled solutions are right, both inclusive.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from math import comb
from typing import Literal

import numpy as np

Verdict = Literal["too_hard", "learnable", "too_easy"]


@dataclass(frozen=True)
class Zone:
    """Between how many right answers of how many a problem is learnable.

    Attributes:
        samples: Answers to a problem in all.
        low: Fewest right answers of a learnable problem.
        high: Most right answers of a learnable problem.

    Raises:
        ValueError: Not 0 ≤ low ≤ high ≤ samples.
    """

    samples: int = 8
    low: int = 2
    high: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= self.samples:
            raise ValueError(
                f"a zone needs 0 ≤ low ≤ high ≤ samples; found low {self.low}, high {self.high}, "
                f"{self.samples} samples"
            )

    def verdict(self, n_correct: int, n_drawn: int) -> Verdict | None:
        """Say what all samples will give, as soon as no remaining sample can change it; None while it is open.

        Args:
            n_correct: Right answers so far.
            n_drawn: Answers so far.

        Raises:
            ValueError: Not 0 ≤ n_correct ≤ n_drawn ≤ samples.

        >>> zone = Zone()
        >>> zone.verdict(0, 7), zone.verdict(6, 6), zone.verdict(2, 5), zone.verdict(1, 5)
        ('too_hard', 'too_easy', 'learnable', None)
        """
        if not 0 <= n_correct <= n_drawn <= self.samples:
            raise ValueError(
                f"counts must be 0 ≤ right ≤ drawn ≤ samples; found {n_correct}, {n_drawn}, {self.samples}"
            )
        fewest, most = n_correct, n_correct + self.samples - n_drawn
        if most < self.low:
            return "too_hard"
        if fewest > self.high:
            return "too_easy"
        return "learnable" if self.low <= fewest and most <= self.high else None

    def open(self, n_correct: int, n_drawn: int) -> bool:
        """Whether a further answer may change the verdict."""
        return self.verdict(n_correct, n_drawn) is None


def certain_draws(n_correct: int, n_drawn: int, samples: int, is_open: Callable[[int, int], bool]) -> int:
    """Return how many further answers are needed in any case, before some outcome of theirs can settle the verdict.

    Sampled together they fill batches, and not one of them is sampled in vain: five of eight at first, as two right
    and three wrong is the earliest end.

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
    def remaining(n_correct: int, n_drawn: int) -> float:
        if not zone.open(n_correct, n_drawn):
            return 0.0
        right, wrong = remaining(n_correct + 1, n_drawn + 1), remaining(n_correct, n_drawn + 1)
        return 1.0 + pass_rate * right + (1.0 - pass_rate) * wrong

    return remaining(0, 0)


_GRID = 21  # points per axis
_ZOOMS = 5  # each to a quarter of the range: to 1e-2 of the logarithm of the concentration, far below its own error


@dataclass(frozen=True)
class PassRates:
    """A beta distribution of pass rates over a set of problems, estimated while it is being sampled.

    The number of right answers to one problem is then beta-binomial.

    Attributes:
        alpha: Parameter of right answers.
        beta: Parameter of wrong answers.
    """

    alpha: float
    beta: float

    @classmethod
    def fit(cls, counts: Iterable[tuple[int, int]], samples: int) -> "PassRates":
        """Estimate the distribution by maximum likelihood.

        Problems that were stopped early count as they are: whether to stop depended on the answers alone, so the
        likelihood of (right, drawn) is the same as if that many had been planned. One problem's worth of every
        possible count is added, so that a set without a single right answer does not make one impossible.

        Args:
            counts: (right, drawn) of every problem.
            samples: Answers to a problem in all.
        """
        tally: Counter[tuple[int, int]] = Counter(counts)
        weights = {(right, samples): 1.0 / (samples + 1) for right in range(samples + 1)}
        for count, problems in tally.items():
            weights[count] = weights.get(count, 0.0) + problems
        mean, log_size, reach = 0.0, 1.0, np.array([6.0, 5.0])  # logit of the mean; log of alpha + beta
        for _ in range(_ZOOMS):
            means = np.linspace(mean - reach[0], mean + reach[0], _GRID)[:, None]
            sizes = np.linspace(log_size - reach[1], log_size + reach[1], _GRID)[None, :]
            alphas, betas = np.exp(sizes) / (1 + np.exp(-means)), np.exp(sizes) / (1 + np.exp(means))
            likelihood = sum(
                weight * _log_probability(right, drawn, alphas, betas) for (right, drawn), weight in weights.items()
            )
            row, column = np.unravel_index(np.argmax(likelihood), (_GRID, _GRID))
            mean, log_size, reach = float(means[row, 0]), float(sizes[0, column]), reach / 4
        size = float(np.exp(log_size))
        return cls(size / (1 + float(np.exp(-mean))), size / (1 + float(np.exp(mean))))

    def chance(self, n_correct: int, n_drawn: int, zone: Zone) -> float:
        """Return the probability that a problem ends in the zone, given its answers so far."""
        alpha, beta, more = self.alpha + n_correct, self.beta + n_drawn - n_correct, zone.samples - n_drawn
        ends = range(max(0, zone.low - n_correct), min(more, zone.high - n_correct) + 1)
        return float(sum(comb(more, k) * np.exp(_log_probability(k, more, alpha, beta)) for k in ends))


def _log_probability(right: int, drawn: int, alpha: float | np.ndarray, beta: float | np.ndarray) -> np.ndarray:
    """Return log B(α + right, β + wrong) − log B(α, β): of one order of the answers, elementwise over α and β."""
    wrong = drawn - right
    total = np.zeros(np.broadcast(alpha, beta).shape)
    for i in range(right):
        total = total + np.log(alpha + i)
    for i in range(wrong):
        total = total + np.log(beta + i)
    for i in range(drawn):
        total = total - np.log(alpha + beta + i)
    return total
