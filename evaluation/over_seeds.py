"""Differences between ways to train, each with several seeds, measured on the same problems."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation._student import Student


@dataclass(frozen=True)
class SeededDifference:
    """A paired difference whose error counts both the choice of problems and that of seeds.

    Attributes:
        mean: Over problems and seeds.
        standard_error: √(s²_problems / n + s²_seeds / S).
        low: Of the 95 % interval.
        high: Of the 95 % interval.
        p: Two-sided, of no difference.
        by_seed: Mean of each seed.
    """

    mean: float
    standard_error: float
    low: float
    high: float
    p: float
    by_seed: tuple[float, ...]

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0.0 or self.high < 0.0


def seeded_difference(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> SeededDifference:
    """Mean of `after − before`, with a t interval by Satterthwaite's degrees of freedom.

    Problems and seeds are crossed: every seed is measured on every problem, so the error of the mean is that of both
    margins (Owen, 2007, 0712.1111, whose simple bound it is: their interaction is counted twice, never left out).
    Three seeds that disagree leave a wide interval, as they should: with an equal spread of all, t is near 4.3.

    Args:
        before: (S, n), S ≥ 2 seeds by n problems; n = 1 for what was measured of a run as a whole.
        after: (S, n), with the same seeds and problems in the same order.

    Raises:
        ValueError: The shapes differ, or there are fewer than two seeds.
    """
    d = np.asarray(after, float) - np.asarray(before, float)
    if np.shape(before) != np.shape(after) or d.ndim != 2 or len(d) < 2:
        raise ValueError(
            f"a difference over seeds needs the same two or more seeds and the same problems on both sides; found "
            f"{np.shape(before)} and {np.shape(after)}"
        )
    by_seed = d.mean(1)
    margins = [margin for margin in (by_seed, d.mean(0)) if len(margin) > 1]
    parts = np.array([margin.var(ddof=1) / len(margin) for margin in margins])
    freedom = np.array([len(margin) - 1 for margin in margins])
    mean, error = float(d.mean()), float(parts.sum() ** 0.5)
    if error == 0.0:
        return SeededDifference(mean, 0.0, mean, mean, float(mean == 0.0), tuple(map(float, by_seed)))
    t = Student(float(parts.sum() ** 2 / (parts**2 / freedom).sum()))
    half = t.quantile(0.95) * error
    return SeededDifference(
        mean, error, mean - half, mean + half, 1 - t.within(abs(mean) / error), tuple(map(float, by_seed))
    )
