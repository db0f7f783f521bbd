r"""Means, intervals and tests for scores and lengths; pass@k and majority votes.

The problem is the unit of sampling: errors are clustered by problem, whatever the number of samples.

**Scores** are means over problems of numbers between 0 and 1: verdicts, shares of right samples, votes. Their 95 %
intervals (`score_of`, `score_change`) hold where few problems are right, or few changed. They are Gaffke's
(Mathematical Methods of Statistics 14, 2005; Learned-Miller and Thomas, 1905.06208): the upper limit is the 97.5 %
quantile of Σ D_i x_i over the n problems and one more with x = 1, the weights D being Dirichlet(1, …, 1); for the
lower limit the added problem has x = 0. In words: the problems that were not sampled may be like those that were, but
for one of which the worst is assumed. With one 0/1 sample per problem these are Clopper and Pearson's limits exactly,
which never hold less than 95 %. With several samples the same is conjectured, not proved, of all difficulties that
problems can have; `benchmarks/interval_coverage.py` looks at many.

**Lengths** have t intervals (`paired_difference`), and so have differences over several seeds (`seeded_difference`).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TAIL = 0.025
"""Probability beyond each end of a 95 % interval."""


# Means of scores -----------------------------------------------------------------------------------------------------


def mean_at_n(correct: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the mean over problems of the mean over their samples (avg@n), and its standard error.

    Args:
        correct: (problems, n), one row per problem; any number per sample, such as 0/1 or a length.

    Returns:
        The mean and its standard error, which is NaN for a single problem.

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


@dataclass(frozen=True)
class Score:
    """A mean over problems with its error.

    Attributes:
        mean: Between 0 and 1.
        standard_error: Clustered by problem; NaN for a single one.
        low: Lower end of the 95 % interval, between 0 and the mean.
        high: Upper end, between the mean and 1.
    """

    mean: float
    standard_error: float
    low: float
    high: float

    def entries(self, name: str) -> dict[str, float]:
        """Return the entries of a record: the mean as `name`, its error and the ends of its interval beside it."""
        return {name: self.mean, f"{name}_se": self.standard_error, f"{name}_low": self.low, f"{name}_high": self.high}


def score_of(correct: Sequence[Sequence[float]]) -> Score:
    """Return the mean over problems of the mean over their samples (avg@n), with its 95 % interval.

    Args:
        correct: (problems, n), numbers between 0 and 1; n may differ from problem to problem.

    Raises:
        ValueError: There is no problem, or a number lies outside.

    >>> score = score_of([[0.0]] * 29 + [[1.0]])
    >>> round(100 * score.mean, 1), round(100 * score.low, 1), round(100 * score.high, 1)
    (3.3, 0.1, 17.2)
    """
    mean, error = mean_at_n(correct)
    means = _means(correct)
    if not (means.min() >= 0.0 and means.max() <= 1.0):
        raise ValueError(f"a score is of numbers between 0 and 1; found means {means.min():g} to {means.max():g}")
    return Score(mean, error, *_limits(means, 0.0, 1.0))


def recorded_limits(mean: float, error: float | None, problems: int, samples: int = 1) -> tuple[float, float]:
    """Return the 95 % interval of a score of which only mean and error are on record.

    Clopper and Pearson's for as many independent samples as would have that error (Korn and Graubard, Survey
    Methodology 24, 1998, without their factor for the degrees of freedom); of one 0/1 sample per problem that is the
    interval of `score_of` itself.

    Args:
        mean: Between 0 and 1.
        error: The standard error, clustered by problem; None or NaN where it is not known.
        problems: Number of problems.
        samples: Samples of each problem.

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


# Changes of scores ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """The mean change of a score on the same problems.

    Attributes:
        mean: After minus before, between -1 and 1.
        standard_error: Clustered by problem; NaN for a single one.
        low: Lower end of the 95 % interval.
        high: Upper end; the interval leaves out 0 where p < 0.05 and there only.
        p: Two-sided p value of no change.
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
    """Return the mean change from `before` to `after` on the same problems, with an interval and a test that agree.

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

    >>> change = score_change([[0.0]] * 500, [[1.0]] * 4 + [[0.0]] * 496)
    >>> round(change.p, 9), change.better, change.worse, change.is_clear
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
    # Of the two directions the one with less weight beyond 0 makes the test.
    beyond = min(_below_zero(np.append(change, -size)), _below_zero(-np.append(change, size)))
    return Change(mean, error, low, high, min(1.0, 2 * beyond), int((change > 0).sum()), int((change < 0).sum()))


def usual_size(change: Array) -> float:
    """Return the m of `score_change`: between 0 and 1, and 1 where every change is a whole one, or there is none.

    Args:
        change: (problems,), the differences d.

    >>> usual_size(np.array([1.0, -1.0, 0.0])), usual_size(np.array([0.5, -0.5, 0.0, 0.0]))
    (1.0, 0.75)
    """
    return float((1 + change @ change) / (1 + np.abs(change).sum()))


def _means(rows: Sequence[Sequence[float]]) -> Array:
    """Return the mean of each problem, rounded so that equal fractions are equal numbers."""
    return np.array([round(float(np.mean(row)), 12) for row in rows])


def _limits(values: Array, below: float, above: float) -> tuple[float, float]:
    """Return the limits of the mean of values with one more value, below or above them."""
    value, count = np.unique(values, return_counts=True)
    return (
        quantile(TAIL, np.append(value, below), np.append(count, 1)),
        quantile(1 - TAIL, np.append(value, above), np.append(count, 1)),
    )


def _below_zero(values: Array) -> float:
    value, count = np.unique(values, return_counts=True)
    return probability(0.0, value, count.astype(float))


# Wording -------------------------------------------------------------------------------------------------------------


def in_per_cent(mean: float, low: float | None, high: float | None, unit: str = " %") -> str:
    """Write a score with its 95 % interval, as everywhere; without limits that are not known.

    >>> in_per_cent(1 / 30, 0.0008, 0.1722), in_per_cent(0.5, None, None), in_per_cent(0.5, 0.1, 0.9, "")
    ('3.3 % [0.1, 17.2]', '50.0 %', '50.0 [10.0, 90.0]')
    """
    if low is None or high is None or math.isnan(low + high):
        return f"{100 * mean:.1f}{unit}"
    return f"{100 * mean:.1f}{unit} [{100 * low:.1f}, {100 * high:.1f}]"


def in_points(share: float) -> str:
    """Write a change of a score in points, with enough digits to keep a small change from looking like none.

    >>> in_points(0.021), in_points(-0.0004), in_points(0.0)
    ('+2.1', '-0.04', '+0.0')
    """
    return f"{100 * share:+.1f}" if share == 0.0 or abs(share) >= 0.0005 else f"{100 * share:+.1g}"


def in_words(change: Change, problems: int) -> str:
    """Say whether a change of a score is more than noise.

    >>> text = in_words(Change(0.021, 0.013, -0.004, 0.046, 0.11, 23, 12), 500)
    >>> print(text)  # doctest: +NORMALIZE_WHITESPACE
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


# Lengths, and several seeds ------------------------------------------------------------------------------------------


class Student:
    """Student's t with ν degrees of freedom, symmetric about 0.

    With t = √ν·tan θ its density is proportional to cos^(ν−1) θ, which is summed over θ.

    >>> [round(Student(df).quantile(0.95), 3) for df in (1, 2, 10, 1000)]  # as printed in tables
    [12.706, 4.303, 2.228, 1.962]
    >>> round(Student(2).within(4.303), 3)
    0.95
    """

    def __init__(self, freedom: float):
        self._root = freedom**0.5
        self._angle = np.linspace(0.0, np.pi / 2, 50_001)
        density = np.cos(self._angle) ** (freedom - 1)
        sums = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        self._inside = sums / sums[-1]

    def within(self, t: float) -> float:
        """Return the probability of [−t, t]."""
        return float(np.interp(np.arctan(t / self._root), self._angle, self._inside))

    def quantile(self, inside: float) -> float:
        """Return the t with this probability within [−t, t]."""
        return float(self._root * np.tan(np.interp(inside, self._inside, self._angle)))


@dataclass(frozen=True)
class Difference:
    """A paired difference with its standard error and 95 % interval."""

    mean: float
    standard_error: float
    low: float
    high: float


def paired_difference(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> Difference:
    """Return the mean change of any number, such as a length, on the same problems; scores have `score_change`.

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
    """Return half of the 95 % interval of a mean over problems, by Student's t; NaN for a single problem.

    Args:
        error: The standard error.
        problems: Number of problems.

    >>> round(half_width(1.0, 10), 3)  # t of 9 degrees of freedom, as printed in tables
    2.262
    """
    return error * Student(problems - 1).quantile(0.95) if problems > 1 else float("nan")


@dataclass(frozen=True)
class SeededDifference:
    """A paired difference whose error counts both the choice of problems and that of seeds.

    Attributes:
        mean: Over problems and seeds.
        standard_error: √(s²_problems / n + s²_seeds / S).
        low: Lower end of the 95 % interval.
        high: Upper end.
        p: Two-sided p value of no difference.
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
    """Return the mean of `after − before` with a t interval by Satterthwaite's degrees of freedom.

    Problems and seeds are crossed: every seed is measured on every problem, so the error of the mean is that of both
    margins (Owen, 2007, 0712.1111, whose simple bound it is: their interaction is counted twice, never left out).
    Three seeds that disagree leave a wide interval, as they should: with an equal spread of all, t is near 4.3.

    Args:
        before: (S, n), S ≥ 2 seeds by n problems; n = 1 for a number that describes a run as a whole.
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
    mean, error, t = _crossed_mean(d)
    half, by_seed = t.quantile(0.95) * error, tuple(map(float, d.mean(1)))
    p = 1 - t.within(abs(mean) / error) if error else float(mean == 0.0)
    low, high = mean - half, mean + half
    if bounds is not None:
        start, its_error, its_t = _crossed_mean(np.asarray(before, float))
        room = its_t.quantile(0.95) * its_error
        low = max(low, bounds[0] - min(bounds[1], start + room))
        high = min(high, bounds[1] - max(bounds[0], start - room))
    return SeededDifference(mean, error, low, high, p, by_seed)


def _crossed_mean(values: Array) -> tuple[float, float, Student]:
    """Return the mean of (S, n), its standard error, and Student's t with the degrees of freedom of that error."""
    margins = [margin for margin in (values.mean(1), values.mean(0)) if len(margin) > 1]
    parts = np.array([margin.var(ddof=1) / len(margin) for margin in margins])
    freedom = np.array([len(margin) - 1 for margin in margins])
    spread = (parts**2 / freedom).sum()
    t = Student(float(parts.sum() ** 2 / spread) if spread > 0.0 else float(freedom.sum()))
    return float(values.mean()), float(parts.sum() ** 0.5), t


# Pass@k and votes ----------------------------------------------------------------------------------------------------


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the probability that at least one of k samples, chosen from n without replacement, is right; unbiased.

    1 − C(n−c, k) / C(n, k), Chen et al., 2107.03374. Its expectation is 1 − (1−p)ᵏ whatever n ≥ k is; the share of
    problems with a right sample among the first k of n has that expectation only for n = k.

    Args:
        n: Samples of the problem.
        c: Right samples among them.
        k: Samples that may be looked at.

    Raises:
        ValueError: Not 0 ≤ c ≤ n or not 1 ≤ k ≤ n.

    >>> pass_at_k(4, 1, 1), pass_at_k(4, 1, 2), pass_at_k(4, 3, 2)  # 1/4, 1 − C(3,2)/C(4,2), 1
    (0.25, 0.5, 1.0)
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"pass@k needs 0 ≤ c ≤ n and 1 ≤ k ≤ n, found n = {n}, c = {c}, k = {k}; draw more samples")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


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

    A tie counts as the mean of its answers' verdicts, as if one of them were chosen at random; taking the first would
    favour whatever order the samples have. Equivalent answers vote together, and a sample without an answer does not
    vote.

    Args:
        groups: (problems, n), equal numbers for equivalent answers, as `scoring.answer_groups` gives them.
        correct: (problems, n), the verdicts on the samples. Within a group their mean counts.
        k: Number of votes, at most n.

    Raises:
        ValueError: There are no problems, fewer samples than k, or k is not positive.

    >>> maj_at_k([[0, 1, 1], [0, 1, None]], [[0, 1, 1], [1, 0, 0]], 3)
    Majority(mean=0.75, standard_error=0.25, ties=1, silent=0)
    """
    if k < 1 or any(len(row) < k for row in groups):
        raise ValueError(f"maj@k needs 1 ≤ k ≤ n, found k = {k}; draw more samples or vote with fewer")
    winners = [_winners(row[:k]) for row in groups]
    scores = []
    for best, row, verdicts in zip(winners, groups, correct, strict=True):
        each = [[v for g, v in zip(row[:k], verdicts[:k], strict=True) if g == group] for group in best]
        scores.append([float(np.mean([np.mean(votes) for votes in each])) if each else 0.0])
    mean, error = mean_at_n(scores)
    return Majority(mean, error, sum(len(best) > 1 for best in winners), sum(not best for best in winners))


def _winners(votes: Sequence[int | None]) -> list[int]:
    counts = Counter(vote for vote in votes if vote is not None)
    return [group for group, votes_for in counts.items() if votes_for == max(counts.values())]


# Weighted means ------------------------------------------------------------------------------------------------------


# With counts c_i, Σ D_i v_i ≤ t has the probability of Σ G_i (v_i − t) ≤ 0, where the G_i are independent Gamma(c_i);
# its characteristic function is Π (1 − i s (v_i − t))^(−c_i), which one integral turns into a probability (Gil-Pelaez,
# Biometrika 1951; Imhof, Biometrika 1961, for χ²). The weight of two values is a Beta variable, so binomial limits are
# a case of it.

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NATS = 25.0  # the integral ends where its integrand has fallen to e^-25, 1e-11
_RADIANS = 4.0  # of phase in a piece: sixteen nodes integrate that to the last digit
_BLOCK = 1 << 20  # numbers in memory at once


def probability(limit: float, values: Sequence[float] | Array, counts: Sequence[float] | Array) -> float:
    """Return the probability that a mean of values with Dirichlet weights is at most `limit`.

    Args:
        limit: In the unit of the values.
        values: (m,).
        counts: (m,), the parameters of the distribution, each 0 or more; they need not be whole numbers.

    Returns:
        0 below the least value of a positive count, 1 from the greatest one on; between them right to some 1e-12, and
        to some 1e-7 where a positive count is below 1, whose integral has a long tail.

    >>> round(probability(0.5, [0.0, 1.0], [2, 3]), 12)  # Beta(3, 2): 3 heads or more in 4 throws
    0.3125
    """
    distance, count = np.asarray(values, float) - limit, np.asarray(counts, float)
    distance, count = distance[count > 0.0], count[count > 0.0]
    if distance.max() <= 0.0:
        return 1.0
    if distance.min() >= 0.0:
        return 0.0
    distance, count = distance[distance != 0.0], count[distance != 0.0]
    edges = np.array(_pieces(np.abs(distance), count))
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    rows = max(1, _BLOCK // (len(distance) * len(_NODES)))  # pieces at once
    total = 0.0
    for start in range(0, len(half), rows):
        part = slice(start, start + rows)
        s = (middle[part, None] + half[part, None] * _NODES).ravel()
        turned = np.multiply.outer(s, distance)
        phase, nats = np.arctan(turned) @ count, np.log1p(turned**2) @ count / 2
        total += float(np.sin(phase) * np.exp(-nats) / s @ (half[part, None] * _WEIGHTS).ravel())
    return min(1.0, max(0.0, 0.5 - total / np.pi))


def _pieces(distance: Array, count: Array) -> list[float]:
    """Return the ends of the pieces of the integral: short where the phase turns, each at most twice the last."""
    end = float((np.sqrt(np.expm1(np.minimum(2 * _NATS / count, 300.0))) / distance).min())
    # The integrand has its poles at ±i / distance: the first piece, which they lie beside, is half as long.
    edges = [0.0, min(end, _RADIANS / float(count @ distance), 0.5 / float(distance.max()))]
    while edges[-1] < end:
        here = edges[-1]
        turning = float(count @ (distance / (1 + (here * distance) ** 2)))
        edges.append(min(end, here + min(here, _RADIANS / turning)))
    return edges


def quantile(level: float, values: Sequence[float] | Array, counts: Sequence[float] | Array) -> float:
    """Return the limit that a mean of values with Dirichlet weights is below with probability `level`.

    Args:
        level: Above 0 and below 1.
        values: (m,).
        counts: (m,), as in `probability`; at least one is positive.

    >>> round(quantile(0.975, [0.0, 1.0], [30, 1]), 4)  # 1 - 0.025^(1/30), none right of thirty
    0.1157
    """
    value, count = np.asarray(values, float), np.asarray(counts, float)
    value, count = value[count > 0.0], count[count > 0.0]
    if value.min() == value.max():
        return float(value[0])
    share = count / count.sum()
    mean = float(share @ value)
    deviation = float(share @ (value - mean) ** 2 / (count.sum() + 1)) ** 0.5
    odds = (level / (1 - level)) ** 0.5
    # Cantelli's inequality: no quantile lies farther from the mean.
    ends = [max(value.min(), mean - deviation / odds), min(value.max(), mean + deviation * odds)]
    gaps, last = [-level, 1.0 - level], -1  # of the right sign, which is what counts
    point = float(ends[0])
    for _ in range(100):
        point = float((ends[0] * gaps[1] - ends[1] * gaps[0]) / (gaps[1] - gaps[0]))
        gap = probability(point, value, count) - level
        if abs(gap) < 1e-13:
            break
        side = int(gap > 0.0)
        ends[side], gaps[side] = point, gap
        if side == last:  # the other end stays a second time: it counts half, or this one creeps (Illinois method)
            gaps[1 - side] /= 2
        last = side
    return point
