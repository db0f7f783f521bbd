"""Means with errors. A problem is the unit that was drawn, so errors are clustered by problem."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Two-sided 95 % of the normal distribution; the sets measured here have hundreds of problems.
Z95 = 1.959964


@dataclass(frozen=True)
class Difference:
    """A paired difference with its standard error and 95 % interval."""

    mean: float
    standard_error: float
    low: float
    high: float


def mean_at_n(correct: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Mean over problems of the mean over their samples (avg@n), and its standard error.

    Args:
        correct: (problems, n), one row per problem; any number per sample, such as 0/1 or a length.

    Returns:
        (mean, standard_error); the error is NaN for a single problem.

    Raises:
        ValueError: There is no problem.

    Example:
        >>> mean, error = mean_at_n([[1.0], [0.0], [1.0], [0.0]])
        >>> mean, round(error, 6)  # √(1/3 / 4)
        (0.5, 0.288675)
    """
    if not len(correct):
        raise ValueError("mean_at_n needs at least one problem; found none.")
    means = np.array([np.mean(row) for row in correct])
    error = means.std(ddof=1) / len(means) ** 0.5 if len(means) > 1 else float("nan")
    return float(means.mean()), float(error)


def paired_difference(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> Difference:
    """Mean change from `before` to `after` on the same problems.

    Pairing takes the difficulty of each problem out of the error.

    Args:
        before: (problems, n).
        after: (problems, m), the same problems in the same order.

    Raises:
        ValueError: The two do not have the same number of problems.
    """
    if len(before) != len(after):
        raise ValueError(f"Paired samples need the same problems; found {len(before)} before and {len(after)} after.")
    change = [[float(np.mean(a) - np.mean(b))] for b, a in zip(before, after, strict=True)]
    mean, error = mean_at_n(change)
    return Difference(mean, error, mean - Z95 * error, mean + Z95 * error)
