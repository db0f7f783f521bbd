"""Which knowledge points of a problem to keep: rules over an accuracy oracle A(S).

Of KnowRL (arXiv 2604.12627) are public: the names of the rules, the average accuracy and number of points of each, the
selections for eight benchmarks, and in notes about the paper parts of the definitions. What follows agrees with those
and fills the gaps with choices of its own (reference accuracies, ties, tolerances); it is not known to be what the
authors ran. Their CBRS selections are all of the form ∅, K or K∖{k}, which settles that it selects among these.

Notation: K all points, A_K = A(K), A_0 = A(∅), A_-i = A(K∖{i}). Ties go to fewer points, then to the first by places.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from random import Random

from data._oracle import AccuracyOracle, Subset, base_sweep, best_of, lowered

ONE_SAMPLE = 1 / 32  # the published tolerance of T-LOO: one of 32 samples
MOST_OPTIONAL = 6  # CSS enumerates 2 to this power at most; ours, the published cap is not known


def max_score(oracle: AccuracyOracle, *, prefer: str = "fewer") -> Subset:
    """Return the best of ∅, K and K∖{i}."""
    return best_of(oracle, base_sweep(oracle), prefer)


def leave_one_out(oracle: AccuracyOracle, *, tolerance: float = 0.0, easy_empty: bool = True) -> Subset:
    """Return the points whose removal costs more than the tolerance: {i : A_-i < max(A_K, A_0) - tolerance}.

    Args:
        oracle: The accuracies.
        tolerance: In accuracy; 0 is S-LOO, one sample (1/32) is T-LOO.
        easy_empty: Keep none where no hint helps: A_0 >= max(A_K, max_i A_-i). Some such rule is needed to explain how
            about half of the published selections are empty.
    """
    scores = {subset: oracle(subset) for subset in base_sweep(oracle)}
    alone = scores[frozenset()]
    if easy_empty and alone >= max(scores.values()):
        return frozenset()
    limit = lowered(max(scores[oracle.everything], alone), tolerance)
    return frozenset(place for place in oracle.everything if scores[oracle.without(place)] < limit)


def cbrs(oracle: AccuracyOracle, *, tolerance: float = ONE_SAMPLE, prefer: str = "fewer") -> Subset:
    """Return a configuration among ∅, K and K∖{i} that is near the best in every run.

    In run r, those within the tolerance of the best are near: A_r(c) >= max A_r - tolerance. Of the configurations
    near in all runs the best by mean accuracy is taken; if there are none, of those near in most runs.

    Args:
        oracle: The accuracies, with several runs; with one the rule is `max_score`.
        tolerance: In accuracy. One sample is our reading of a published figure; the value is not stated.
        prefer: Where ties go, "fewer" or "more".
    """
    configurations = base_sweep(oracle)
    runs = list(zip(*(oracle.runs(configuration) for configuration in configurations), strict=True))
    times_near = Counter[Subset]()
    for accuracies in runs:
        limit = lowered(max(accuracies), tolerance)
        times_near.update(c for c, accuracy in zip(configurations, accuracies, strict=True) if accuracy >= limit)
    most = max(times_near.values())  # the number of runs, where some configuration is near in all of them
    return best_of(oracle, [c for c in configurations if times_near[c] == most], prefer)


def css(
    oracle: AccuracyOracle, *, near: float = 0.0, most_optional: int = MOST_OPTIONAL, prefer: str = "fewer"
) -> Subset:
    """Return the best of ∅, K and what is left when the most harmful points go and any of the other harmless ones.

    H = {i : A_-i >= max(A_K, A_0)} are harmless to remove, N = {i in H : A_-i >= max over H - near} are removed
    outright, and every subset of C = H∖N is tried in addition: argmax of A over {∅, K} ∪ {K∖(N∪c) : c ⊆ C}.
    Where several points tie for N, no single one of them is tried alone: `max_score` can then be better.

    Args:
        oracle: The accuracies.
        near: How near the best removal others must be to belong to N, in accuracy.
        most_optional: Of C only so many are tried, those whose removal scores highest.
        prefer: Where ties go, "fewer" or "more".
    """
    return best_of(oracle, css_candidates(oracle, near=near, most_optional=most_optional), prefer)


def css_candidates(oracle: AccuracyOracle, *, near: float = 0.0, most_optional: int = MOST_OPTIONAL) -> list[Subset]:
    """Return what CSS chooses from, distinct; only the base sweep is measured for it."""
    removed, optional = css_plan(oracle, near=near, most_optional=most_optional)
    candidates = [frozenset[int](), oracle.everything]
    if removed:
        candidates += [oracle.everything - removed - chosen for chosen in _subsets(optional)]
    return list(dict.fromkeys(candidates))


def css_plan(
    oracle: AccuracyOracle, *, near: float = 0.0, most_optional: int = MOST_OPTIONAL
) -> tuple[Subset, tuple[int, ...]]:
    """Return CSS's N and C: the points removed outright, and those whose removal is optional, best removal first."""
    scores = {place: oracle(oracle.without(place)) for place in sorted(oracle.everything)}
    harmless = harmless_points(oracle)
    if not harmless:
        return frozenset(), ()
    limit = lowered(max(scores[place] for place in harmless), near)
    removed = frozenset(place for place in harmless if scores[place] >= limit)
    optional = sorted(harmless - removed, key=lambda place: (-scores[place], place))
    return removed, tuple(optional[:most_optional])


def harmless_points(oracle: AccuracyOracle) -> Subset:
    """Return the points that can each be removed alone without a loss: {i : A_-i >= max(A_K, A_0)}."""
    limit = max(oracle(oracle.everything), oracle(frozenset()))
    return frozenset(place for place in oracle.everything if oracle(oracle.without(place)) >= limit)


def random_subset(oracle: AccuracyOracle, *, size: int | None = None, seed: int | str = 0) -> Subset:
    """Return so many points by lot, as a control: what a rule's number of points does without its choice of them.

    Args:
        oracle: The accuracies; none is measured if the size is given.
        size: Number of points; None takes as many as CSS keeps.
        seed: Give each problem another, such as f"{seed} {row}".

    Raises:
        ValueError: There are fewer points than that.
    """
    size = len(css(oracle)) if size is None else size
    if not 0 <= size <= oracle.n_points:
        raise ValueError(f"size must be from 0 to {oracle.n_points}, the number of points, met {size}; lower it")
    return frozenset(Random(seed).sample(range(oracle.n_points), size))


def base_subsets(n_points: int) -> int:
    """Return the number of distinct subsets among ∅, K and K∖{i}: K + 2, but 2 for one point and 1 for none."""
    return n_points + 2 if n_points > 1 else n_points + 1


def css_subsets(n_points: int, removed: int, optional: int) -> int:
    """Return how many distinct subsets CSS measures, given the sizes of its N and C.

    The base sweep, and 2^|C| combinations less those already in it: K∖N where N is one point, and K∖(N∪C) = ∅ where
    they are all points.
    """
    if removed == 0 or n_points < 2:
        return base_subsets(n_points)
    return base_subsets(n_points) + 2**optional - (removed == 1) - (removed + optional == n_points)


def most_css_subsets(n_points: int) -> int:
    """Return the most distinct subsets that CSS measures on K points, over all sizes of N and C."""
    sizes = [(n, c) for n in range(n_points + 1) for c in range(min(MOST_OPTIONAL, n_points - n) + 1)]
    return max(css_subsets(n_points, removed, optional) for removed, optional in sizes)


@dataclass(frozen=True)
class Rule:
    """A selection rule and its price.

    Attributes:
        pick: From an oracle (and options of its own) to the places that are kept.
        subsets: From K to the number of distinct subsets measured; for `css` and `random`, which measures what CSS
            does, the most there can be (`css_subsets` is exact).
    """

    pick: Callable[..., Subset]
    subsets: Callable[[int], int]


RULES: dict[str, Rule] = {
    "max-score": Rule(max_score, base_subsets),
    "s-loo": Rule(leave_one_out, base_subsets),
    "t-loo": Rule(partial(leave_one_out, tolerance=ONE_SAMPLE), base_subsets),
    "cbrs": Rule(cbrs, base_subsets),
    "css": Rule(css, most_css_subsets),
    "random": Rule(random_subset, most_css_subsets),
}


def _subsets(places: Iterable[int]) -> list[Subset]:
    places = tuple(places)
    return [frozenset(chosen) for size in range(len(places) + 1) for chosen in combinations(places, size)]
