r"""Means of given values whose weights are drawn from a Dirichlet distribution: probabilities and quantiles.

With counts \(c_i\), \(\sum_i D_i v_i \le t\) has the probability of \(\sum_i G_i (v_i - t) \le 0\), where the \(G_i\)
are independent Gamma(\(c_i\)); its characteristic function is \(\prod_i (1 - i s (v_i - t))^{-c_i}\), which one
integral turns into a probability (Gil-Pelaez, Biometrika 1951; Imhof, Biometrika 1961, for \(\chi^2\)). The weight of
two values is a Beta variable, so binomial limits are a case of it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NATS = 25.0  # the integral ends where its integrand has fallen to e^-25, 1e-11
_RADIANS = 4.0  # of phase in a piece: sixteen nodes integrate that to the last digit
_BLOCK = 1 << 20  # numbers in memory at once


def probability(limit: float, values: Sequence[float] | Array, counts: Sequence[float] | Array) -> float:
    """Probability that the weighted mean is at most `limit`.

    Args:
        limit: As the values.
        values: (m,).
        counts: (m,), the parameters of the distribution, 0 or more each; they need not be whole numbers.

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
    """Ends of the pieces that are integrated one by one: short where the phase turns, at most doubled."""
    end = float((np.sqrt(np.expm1(np.minimum(2 * _NATS / count, 300.0))) / distance).min())
    # The integrand has its poles at ±i / distance: the first piece, which they lie beside, is half as long.
    edges = [0.0, min(end, _RADIANS / float(count @ distance), 0.5 / float(distance.max()))]
    while edges[-1] < end:
        here = edges[-1]
        turning = float(count @ (distance / (1 + (here * distance) ** 2)))
        edges.append(min(end, here + min(here, _RADIANS / turning)))
    return edges


def quantile(level: float, values: Sequence[float] | Array, counts: Sequence[float] | Array) -> float:
    """The limit that the weighted mean is below with probability `level`.

    Args:
        level: Above 0 and below 1.
        values: (m,).
        counts: (m,), as of `probability`; at least one is positive.

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
