"""Means with errors. A problem is the unit that was drawn, so errors are clustered by problem."""

import math
from collections import Counter
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


def paired_bootstrap(
    before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], *, resamples: int = 10_000, seed: int = 0
) -> Difference:
    """Mean change from `before` to `after`, with a 95 % interval by drawing problems with replacement.

    The interval is that of the percentiles. It supposes no distribution, and like all of its kind it is a little short
    on few problems: by √((n−1)/n), 1.7 % for the 30 of a contest.

    Args:
        before: (problems, n).
        after: (problems, m), the same problems in the same order.
        resamples: Drawings.
        seed: Of the drawings; the same seed gives the same interval.

    Raises:
        ValueError: The two do not have the same number of problems, or there is none.
    """
    plain = paired_difference(before, after)
    if len(before) == 1:  # nothing to draw from
        return plain
    change = np.array([np.mean(a) - np.mean(b) for b, a in zip(before, after, strict=True)])
    rng = np.random.default_rng(seed)
    per_batch = max(1, 2_000_000 // len(change))  # some 16 MB of indices at once
    means = np.concatenate(
        [
            change[rng.integers(len(change), size=(min(per_batch, resamples - done), len(change)))].mean(1)
            for done in range(0, resamples, per_batch)
        ]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return Difference(plain.mean, float(means.std(ddof=1)), float(low), float(high))


def in_words(change: Difference, problems: int) -> str:
    """Say whether a change of an accuracy (between 0 and 1) is more than noise.

    >>> in_words(Difference(0.021, 0.013, -0.004, 0.046), 500)
    'After is 2.1 points above before, 95 % interval [-0.4, +4.6] over 500 problems: it could be noise.'
    """
    clear = change.low > 0.0 or change.high < 0.0  # both false for the NaN of a single problem
    verdict = "more than the choice of these problems explains" if clear else "it could be noise"
    points = abs(100 * change.mean)
    where = f"{points:.1f} points {'above' if change.mean > 0 else 'below'}" if round(points, 1) else "level with"
    interval = f"[{100 * change.low:+.1f}, {100 * change.high:+.1f}]"
    return f"After is {where} before, 95 % interval {interval} over {problems} problems: {verdict}."
