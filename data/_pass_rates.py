"""How pass rates are spread over a pool of problems, estimated while it is being sampled."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import comb

import numpy as np

from data.difficulty import Zone

GRID = 21  # points per axis
ZOOMS = 5  # each to a quarter of the range: to 1e-2 of the logarithm of the concentration, far below its own error


@dataclass(frozen=True)
class PassRates:
    """A beta distribution of pass rates; of the answers to one problem the number of right ones is beta-binomial.

    Attributes:
        alpha: Parameter of right answers.
        beta: Parameter of wrong answers.
    """

    alpha: float
    beta: float

    @classmethod
    def fit(cls, counts: Iterable[tuple[int, int]], samples: int) -> "PassRates":
        """Estimate by maximum likelihood.

        Problems that were stopped early count as they are: whether to stop depended on the answers alone, so the
        likelihood of (right, drawn) is the same as if that many had been planned. One problem's worth of every
        possible count is added, so that a pool without a single right answer does not make one impossible.

        Args:
            counts: (right, drawn) of every problem.
            samples: Answers that are drawn in all.
        """
        tally: Counter[tuple[int, int]] = Counter(counts)
        weights = {(right, samples): 1.0 / (samples + 1) for right in range(samples + 1)}
        for count, problems in tally.items():
            weights[count] = weights.get(count, 0.0) + problems
        mean, log_size, reach = 0.0, 1.0, np.array([6.0, 5.0])  # logit of the mean; log of alpha + beta
        for _ in range(ZOOMS):
            means = np.linspace(mean - reach[0], mean + reach[0], GRID)[:, None]
            sizes = np.linspace(log_size - reach[1], log_size + reach[1], GRID)[None, :]
            alphas, betas = np.exp(sizes) / (1 + np.exp(-means)), np.exp(sizes) / (1 + np.exp(means))
            likelihood = sum(
                weight * log_probability(right, drawn, alphas, betas) for (right, drawn), weight in weights.items()
            )
            row, column = np.unravel_index(np.argmax(likelihood), (GRID, GRID))
            mean, log_size, reach = float(means[row, 0]), float(sizes[0, column]), reach / 4
        size = float(np.exp(log_size))
        return cls(size / (1 + float(np.exp(-mean))), size / (1 + float(np.exp(mean))))

    def chance(self, n_correct: int, n_drawn: int, zone: Zone) -> float:
        """Return the probability that a problem ends in the zone, given its answers so far."""
        alpha, beta, more = self.alpha + n_correct, self.beta + n_drawn - n_correct, zone.samples - n_drawn
        ends = range(max(0, zone.low - n_correct), min(more, zone.high - n_correct) + 1)
        return float(sum(comb(more, k) * np.exp(log_probability(k, more, alpha, beta)) for k in ends))


def log_probability(right: int, drawn: int, alpha: float | np.ndarray, beta: float | np.ndarray) -> np.ndarray:
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
