"""Means with errors, pass@k and majority votes. A problem is the unit that was drawn: errors are clustered by problem.

Intervals of scores, which lie between 0 and 1, are those of `evaluation.intervals`; the ones here are for lengths.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation._student import Student


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
    """Mean change of any number, such as a length, on the same problems; of a score `intervals.score_change` tells.

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
    half = half_width(error, len(change))
    return Difference(mean, error, mean - half, mean + half)


def half_width(error: float, problems: int) -> float:
    """Half of the 95 % interval of a mean over problems, by Student's t.

    Args:
        error: The standard error.
        problems: How many; NaN is returned for a single one.

    >>> round(half_width(1.0, 10), 3)  # t of 9 degrees of freedom, as printed in tables
    2.262
    """
    return error * Student(problems - 1).quantile(0.95) if problems > 1 else float("nan")


def pass_at_k(n: int, c: int, k: int) -> float:
    """Probability that at least one of k samples, drawn from n without putting back, is right; unbiased.

    1 − C(n−c, k) / C(n, k), Chen et al., 2107.03374. Its mean over all drawings of n is 1 − (1−p)ᵏ whatever n ≥ k is,
    which the share of problems with a right one among the first k of n is only for n = k.

    Args:
        n: Samples of the problem.
        c: Right ones among them.
        k: Samples that may be looked at.

    Raises:
        ValueError: Not 0 ≤ c ≤ n or not 1 ≤ k ≤ n.

    >>> pass_at_k(4, 1, 1), pass_at_k(4, 1, 2), pass_at_k(4, 3, 2)  # 1/4, 1 − C(3,2)/C(4,2), 1
    (0.25, 0.5, 1.0)
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"pass@k needs 0 ≤ c ≤ n and 1 ≤ k ≤ n, met n = {n}, c = {c}, k = {k}; draw more samples")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def mean_pass_at_k(correct: Sequence[Sequence[float]], k: int) -> tuple[float, float]:
    """Mean over problems of `pass_at_k`, and its standard error.

    Args:
        correct: (problems, n), 0 or 1.
        k: At most the smallest n.

    Raises:
        ValueError: There is no problem, or one with fewer samples than k.
    """
    return mean_at_n([[pass_at_k(len(row), round(sum(row)), k)] for row in correct])


@dataclass(frozen=True)
class Majority:
    """The score of majority votes, maj@k, with its standard error.

    Attributes:
        mean: Share of problems whose most frequent answer is right; a tie counts as its share of right answers.
        standard_error: Clustered by problem.
        ties: Problems with two or more answers of most votes.
        silent: Problems where no sample has an answer; they count 0.
    """

    mean: float
    standard_error: float
    ties: int
    silent: int


def maj_at_k(groups: Sequence[Sequence[int | None]], correct: Sequence[Sequence[float]], k: int) -> Majority:
    """Score the answer that most of the first k samples give.

    A tie is the mean of its answers' verdicts, as if one were drawn; taking the first would favour whatever order the
    samples have. Equivalent answers vote together, and a sample without an answer does not vote.

    Args:
        groups: (problems, n), equal numbers for equivalent answers, as `evaluation.votes` gives them.
        correct: (problems, n), the verdicts on the samples. Within a group the mean counts.
        k: Votes, at most n.

    Raises:
        ValueError: There are no problems, fewer samples than k, or k is not positive.

    >>> maj_at_k([[0, 1, 1], [0, 1, None]], [[0, 1, 1], [1, 0, 0]], 3)
    Majority(mean=0.75, standard_error=0.25, ties=1, silent=0)
    """
    if k < 1 or any(len(row) < k for row in groups):
        raise ValueError(f"maj@k needs 1 ≤ k ≤ n, met k = {k}; draw more samples or vote with fewer")
    winners = [_winners(row[:k]) for row in groups]
    scores = []
    for best, row, verdicts in zip(winners, groups, correct, strict=True):
        each = [[v for g, v in zip(row[:k], verdicts[:k], strict=True) if g == group] for group in best]
        scores.append([float(np.mean([np.mean(one) for one in each])) if each else 0.0])
    mean, error = mean_at_n(scores)
    return Majority(mean, error, sum(len(best) > 1 for best in winners), sum(not best for best in winners))


def _winners(votes: Sequence[int | None]) -> list[int]:
    counts = Counter(vote for vote in votes if vote is not None)
    return [group for group, votes_for in counts.items() if votes_for == max(counts.values())]
