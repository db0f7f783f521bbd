"""Differences between ways to train, each with several seeds, measured on the same problems."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


def seeded_difference(
    before: Sequence[Sequence[float]],
    after: Sequence[Sequence[float]],
    *,
    bounds: tuple[float, float] | None = None,
) -> SeededDifference:
    """Mean of `after − before`, with a t interval by Satterthwaite's degrees of freedom.

    Problems and seeds are crossed: every seed is measured on every problem, so the error of the mean is that of both
    margins (Owen, 2007, 0712.1111, whose simple bound it is: their interaction is counted twice, never left out).
    Three seeds that disagree leave a wide interval, as they should: with an equal spread of all, t is near 4.3.

    Args:
        before: (S, n), S ≥ 2 seeds by n problems; n = 1 for what was measured of a run as a whole.
        after: (S, n), with the same seeds and problems in the same order.
        bounds: The least and the most that a number can be, (0, 1) for verdicts. The interval then ends where the
            bounds and the interval of `before` do: a score of at most 68 % cannot fall by more than 68 points. (Not
            where its mean does: that is measured, too, and of a fall to 0 half of the errors would be cut off.)

    Raises:
        ValueError: The shapes differ, or there are fewer than two seeds.
    """
    d = np.asarray(after, float) - np.asarray(before, float)
    if np.shape(before) != np.shape(after) or d.ndim != 2 or len(d) < 2:
        raise ValueError(
            f"a difference over seeds needs the same two or more seeds and the same problems on both sides; found "
            f"{np.shape(before)} and {np.shape(after)}"
        )
    mean, error, t = _mean(d)
    half, by_seed = t.quantile(0.95) * error, tuple(map(float, d.mean(1)))
    p = 1 - t.within(abs(mean) / error) if error else float(mean == 0.0)
    low, high = mean - half, mean + half
    if bounds is not None:
        start, its_error, its_t = _mean(np.asarray(before, float))
        room = its_t.quantile(0.95) * its_error
        low = max(low, bounds[0] - min(bounds[1], start + room))
        high = min(high, bounds[1] - max(bounds[0], start - room))
    return SeededDifference(mean, error, low, high, p, by_seed)


def _mean(values: NDArray[np.float64]) -> tuple[float, float, Student]:
    """Of (S, n): the mean, its standard error, and the t that the error asks for."""
    margins = [margin for margin in (values.mean(1), values.mean(0)) if len(margin) > 1]
    parts = np.array([margin.var(ddof=1) / len(margin) for margin in margins])
    freedom = np.array([len(margin) - 1 for margin in margins])
    spread = (parts**2 / freedom).sum()
    t = Student(float(parts.sum() ** 2 / spread) if spread > 0.0 else float(freedom.sum()))
    return float(values.mean()), float(parts.sum() ** 0.5), t
