"""95 % intervals for scores and for their differences, which hold where few problems are right, or few changed.

A score is a mean over problems of numbers between 0 and 1: verdicts, shares of right samples, votes. Its limits are
Gaffke's (Mathematical Methods of Statistics 14, 2005; Learned-Miller and Thomas, 1905.06208): the upper one is the
97.5 % quantile of Σ D_i x_i over the n problems and one more with x = 1, the weights D being Dirichlet(1, …, 1); for
the lower one the problem added has x = 0. In words: the problems that were not drawn may be like those that were, but
for one of which the worst is assumed. With one 0/1 sample per problem these are Clopper and Pearson's limits exactly,
which never hold less than 95 %. With several samples the same is conjectured, not proved, of all difficulties that
problems can have; `benchmarks/interval_coverage.py` looks at many.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation._dirichlet import probability, quantile
from evaluation.statistics import mean_at_n

TAIL = 0.025
"""Of each side of an interval of 95 %."""


@dataclass(frozen=True)
class Score:
    """A mean over problems with its error.

    Attributes:
        mean: Between 0 and 1.
        standard_error: Clustered by problem; NaN for a single one.
        low: Of the 95 % interval, between 0 and the mean.
        high: Of the 95 % interval, between the mean and 1.
    """

    mean: float
    standard_error: float
    low: float
    high: float

    def entries(self, name: str) -> dict[str, float]:
        """For a record: `name`, and its error and the ends of its interval beside it."""
        return {name: self.mean, f"{name}_se": self.standard_error, f"{name}_low": self.low, f"{name}_high": self.high}


def score_of(correct: Sequence[Sequence[float]]) -> Score:
    """Mean over problems of the mean over their samples (avg@n), with its 95 % interval.

    Args:
        correct: (problems, n), numbers between 0 and 1; n may differ from problem to problem.

    Raises:
        ValueError: There is no problem, or a number lies outside.

    >>> found = score_of([[0.0]] * 29 + [[1.0]])
    >>> round(100 * found.mean, 1), round(100 * found.low, 1), round(100 * found.high, 1)
    (3.3, 0.1, 17.2)
    """
    mean, error = mean_at_n(correct)
    means = _means(correct)
    if not (means.min() >= 0.0 and means.max() <= 1.0):
        raise ValueError(f"a score is of numbers between 0 and 1; found means {means.min():g} to {means.max():g}")
    return Score(mean, error, *_limits(means, 0.0, 1.0))


def recorded_limits(mean: float, error: float | None, problems: int, samples: int = 1) -> tuple[float, float]:
    """The 95 % interval of a score of which only mean and error are on record.

    Clopper and Pearson's for as many independent samples as would have that error (Korn and Graubard, Survey
    Methodology 24, 1998, without their factor for the degrees of freedom); of one 0/1 sample per problem that is the
    interval of `score_of` itself.

    Args:
        mean: Between 0 and 1.
        error: The standard error, clustered by problem; None or NaN where it is not known.
        problems: How many.
        samples: Of each.

    >>> [round(limit, 4) for limit in recorded_limits(0.0, 0.0, 30)]
    [0.0, 0.1157]
    """
    size = float(problems)
    if error and error > 0.0 and problems > 1:
        size = mean * (1 - mean) / error**2 * problems / (problems - 1)
    elif error == 0.0 and 0.0 < mean < 1.0:
        size = float(problems * samples)
    size = min(max(size, float(problems)), float(problems * samples))
    right = mean * size
    return (
        quantile(TAIL, [0.0, 1.0], [size - right + 1, right]),
        quantile(1 - TAIL, [0.0, 1.0], [size - right, right + 1]),
    )


@dataclass(frozen=True)
class Change:
    """The mean change of a score on the same problems.

    Attributes:
        mean: After minus before, between -1 and 1.
        standard_error: Clustered by problem; NaN for a single one.
        low: Of the 95 % interval.
        high: Of the 95 % interval, which leaves out 0 where p < 0.05 and there only.
        p: Two-sided, of no change.
        better: Problems whose mean rose.
        worse: Problems whose mean fell.
    """

    mean: float
    standard_error: float
    low: float
    high: float
    p: float
    better: int
    worse: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0.0 or self.high < 0.0


def score_change(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> Change:
    """Mean change from `before` to `after` on the same problems, with a 95 % interval and a test that agree.

    The limits are those of `score_of`, of the differences d of the problems: the problem added has d = -m for the
    lower one and d = m for the upper one, and p is twice the weight beyond 0. With one 0/1 sample per problem m = 1,
    and p is that of the exact sign test of the problems that changed (McNemar's): four of them, all up, are p = 0.125
    among any number of problems. With more samples whole changes are rare, and m = 1 would hide a rise that all of 30
    problems share. So m is the size of the changes seen, weighted by size, as if a whole one had been among them:
    m = (1 + Σ d²) / (1 + Σ |d|). The limits stay within those of `score_of`: a score whose interval ends at 70 % does
    not fall by more than 70 points.

    Args:
        before: (problems, n), numbers between 0 and 1.
        after: (problems, m), the same problems in the same order.

    Raises:
        ValueError: The two do not have the same number of problems, there is none, or a number lies outside.

    >>> found = score_change([[0.0]] * 500, [[1.0]] * 4 + [[0.0]] * 496)
    >>> round(found.p, 9), found.better, found.worse, found.is_clear
    (0.125, 4, 0, False)
    """
    if len(before) != len(after):
        raise ValueError(f"Paired samples need the same problems; found {len(before)} before and {len(after)} after.")
    change = _means(after) - _means(before)
    mean, error = mean_at_n(change[:, None].tolist())
    if np.abs(change).max() > 1.0:
        raise ValueError(f"a score is of numbers between 0 and 1; found changes up to {np.abs(change).max():g}")
    size = usual_size(change)
    low, high = _limits(change, -size, size)
    # In which direction the weight beyond 0 is the smaller one.
    beyond = min(_below_zero(np.append(change, -size)), _below_zero(-np.append(change, size)))
    return Change(mean, error, low, high, min(1.0, 2 * beyond), int((change > 0).sum()), int((change < 0).sum()))


def usual_size(change: NDArray[np.float64]) -> float:
    """The m of `score_change`: between 0 and 1, and 1 where every change is a whole one, or there is none.

    Args:
        change: (problems,), the differences d.

    >>> usual_size(np.array([1.0, -1.0, 0.0])), usual_size(np.array([0.5, -0.5, 0.0, 0.0]))
    (1.0, 0.75)
    """
    return float((1 + change @ change) / (1 + np.abs(change).sum()))


def _means(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Of each problem; equal fractions are equal numbers."""
    return np.array([round(float(np.mean(row)), 12) for row in rows])


def _limits(values: NDArray[np.float64], below: float, above: float) -> tuple[float, float]:
    """Of the mean of values with one more, below or above them."""
    value, count = np.unique(values, return_counts=True)
    return (
        quantile(TAIL, np.append(value, below), np.append(count, 1)),
        quantile(1 - TAIL, np.append(value, above), np.append(count, 1)),
    )


def _below_zero(values: NDArray[np.float64]) -> float:
    value, count = np.unique(values, return_counts=True)
    return probability(0.0, value, count.astype(float))


def in_per_cent(mean: float, low: float | None, high: float | None, unit: str = " %") -> str:
    """A score with its 95 % interval, as it is written everywhere; without limits that are not known.

    >>> in_per_cent(1 / 30, 0.0008, 0.1722), in_per_cent(0.5, None, None), in_per_cent(0.5, 0.1, 0.9, "")
    ('3.3 % [0.1, 17.2]', '50.0 %', '50.0 [10.0, 90.0]')
    """
    if low is None or high is None or math.isnan(low + high):
        return f"{100 * mean:.1f}{unit}"
    return f"{100 * mean:.1f}{unit} [{100 * low:.1f}, {100 * high:.1f}]"


def in_points(share: float) -> str:
    """A change of a score, in points; with as many digits as keep a small one from looking like none.

    >>> in_points(0.021), in_points(-0.0004), in_points(0.0)
    ('+2.1', '-0.04', '+0.0')
    """
    return f"{100 * share:+.1f}" if share == 0.0 or abs(share) >= 0.0005 else f"{100 * share:+.1g}"


def in_words(change: Change, problems: int) -> str:
    """Say whether a change of a score is more than noise.

    >>> told = in_words(Change(0.021, 0.013, -0.004, 0.046, 0.11, 23, 12), 500)
    >>> print(told)  # doctest: +NORMALIZE_WHITESPACE
    After is 2.1 points above before, 95 % interval [-0.4, +4.6] over 500 problems (23 better, 12 worse; p = 0.11): it
    could be noise.
    """
    verdict = "more than the choice of these problems explains" if change.is_clear else "it could be noise"
    points = in_points(abs(change.mean)).lstrip("+")
    where = f"{points} points {'above' if change.mean > 0 else 'below'}" if change.mean else "level with"
    interval = f"[{in_points(change.low)}, {in_points(change.high)}]"
    p = "p < 0.0001" if change.p < 1e-4 else f"p = {change.p:.3g}"
    return (
        f"After is {where} before, 95 % interval {interval} over {problems} problems ({change.better} better, "
        f"{change.worse} worse; {p}): {verdict}."
    )
