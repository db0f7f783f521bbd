"""Which knowledge points of a problem to keep: rules over an accuracy oracle A(S).

Of KnowRL (arXiv 2604.12627) are public: the names of the rules, the average accuracy and number of points of each, the
selections for eight benchmarks, and in notes about the paper parts of the definitions. What follows agrees with those
and fills the gaps with choices of its own (reference accuracies, ties, tolerances); it is not known to be what the
authors ran. Their CBRS selections are all of the form ∅, K or K∖{k}, which settles that it selects among these.

Notation: K all points, A_K = A(K), A_0 = A(∅), A_-i = A(K∖{i}). Ties go to fewer points, then to the first by places.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from random import Random
from statistics import fmean
from typing import Any

Subset = frozenset[int]

_DIGITS = 9  # means and differences of accuracies are rounded: 0.3 and 0.4 - 0.1 are a tie, whatever their last bit


class AccuracyOracle:
    """A(S): the accuracy with the points S in the prompt, each subset measured once and then remembered.

    Share one oracle between rules, and they share what was measured. Nothing here is random; what `measure` draws is
    its own affair.

    Attributes:
        n_points: K, the number of points; subsets hold places from 0 to K-1.
        measured: For every subset measured so far, the accuracy of each run.
    """

    def __init__(self, measure: Callable[[Subset], float | Sequence[float]], n_points: int) -> None:
        """Take the function that measures.

        Args:
            measure: From a subset to its accuracy in [0, 1], or to those of R independent runs, always as many. A run
                is some samples of the student; how many is up to the caller.
            n_points: K.
        """
        self._measure = measure
        self.n_points = n_points
        self._measured: dict[Subset, tuple[float, ...]] = {}

    def __call__(self, subset: Iterable[int]) -> float:
        """Return the accuracy with these points, the mean over runs."""
        return round(fmean(self.runs(subset)), _DIGITS)

    def runs(self, subset: Iterable[int]) -> tuple[float, ...]:
        """Return the accuracy of each run with these points (R,).

        Raises:
            ValueError: A place is outside 0 … K-1, or what was measured is no accuracy.
        """
        key = frozenset(subset)
        if not key <= self.everything:
            raise ValueError(f"a subset holds places from 0 to {self.n_points - 1}, met {sorted(key)}; correct them")
        if key not in self._measured:
            measured = self._measure(key)
            values = tuple(measured) if isinstance(measured, Sequence) else (measured,)
            if not values or any(math.isnan(value) or not 0 <= value <= 1 for value in values):
                raise ValueError(
                    f"an accuracy is a number from 0 to 1, one for each run, but for the points {sorted(key)} "
                    f"`measure` returned {values}. Return shares, not percentages, and at least one."
                )
            self._measured[key] = tuple(round(float(value), _DIGITS) for value in values)
        return self._measured[key]

    @property
    def measured(self) -> Mapping[Subset, tuple[float, ...]]:
        """What has been measured so far."""
        return dict(self._measured)

    @property
    def everything(self) -> Subset:
        """All points."""
        return frozenset(range(self.n_points))

    def without(self, *places: int) -> Subset:
        """All points but these."""
        return self.everything - set(places)


def base_sweep(oracle: AccuracyOracle) -> list[Subset]:
    """Return no points, all points, and all but each one: distinct, in this order."""
    everything = oracle.everything
    return list(dict.fromkeys([frozenset(), everything, *(oracle.without(place) for place in sorted(everything))]))


def _best_of(oracle: AccuracyOracle, candidates: Iterable[Subset], prefer: str = "fewer") -> Subset:
    """Return the most accurate candidate; among equals the one of fewer points, then the first by its places.

    Args:
        oracle: The accuracies.
        candidates: At least one subset.
        prefer: "fewer", or "more" to let ties go to more points.
    """
    sign = 1 if prefer == "fewer" else -1
    return min(candidates, key=lambda subset: (-oracle(subset), sign * len(subset), sorted(subset)))


def _lowered(accuracy: float, tolerance: float) -> float:
    """Return an accuracy less a tolerance, rounded as accuracies are."""
    return round(accuracy - tolerance, _DIGITS)


# --- the rules

ONE_SAMPLE = 1 / 32  # the published tolerance of T-LOO: one of 32 samples
MOST_OPTIONAL = 6  # CSS enumerates 2 to this power at most; ours, the published cap is not known


def max_score(oracle: AccuracyOracle, *, prefer: str = "fewer") -> Subset:
    """Return the best of ∅, K and K∖{i}."""
    return _best_of(oracle, base_sweep(oracle), prefer)


def leave_one_out(oracle: AccuracyOracle, *, tolerance: float = 0.0) -> Subset:
    """Return the points whose removal costs more than the tolerance: {i : A_-i < max(A_K, A_0) - tolerance}.

    None are kept where no hint helps: A_0 >= max(A_K, max_i A_-i). Some such rule is needed to explain how about half
    of the published selections are empty.

    Args:
        oracle: The accuracies.
        tolerance: In accuracy; 0 is S-LOO, one sample (1/32) is T-LOO.
    """
    scores = {subset: oracle(subset) for subset in base_sweep(oracle)}
    alone = scores[frozenset()]
    if alone >= max(scores.values()):
        return frozenset()
    limit = _lowered(max(scores[oracle.everything], alone), tolerance)
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
        limit = _lowered(max(accuracies), tolerance)
        times_near.update(c for c, accuracy in zip(configurations, accuracies, strict=True) if accuracy >= limit)
    most = max(times_near.values())  # the number of runs, where some configuration is near in all of them
    return _best_of(oracle, [c for c in configurations if times_near[c] == most], prefer)


def css(oracle: AccuracyOracle, *, near: float = 0.0, prefer: str = "fewer") -> Subset:
    """Return the best of ∅, K and what is left when the most harmful points go and any of the other harmless ones.

    H = {i : A_-i >= max(A_K, A_0)} are harmless to remove, N = {i in H : A_-i >= max over H - near} are removed
    outright, and every subset of C = H∖N is tried in addition: argmax of A over {∅, K} ∪ {K∖(N∪c) : c ⊆ C}. Of C only
    the `MOST_OPTIONAL` points whose removal scores highest are tried. Where several points tie
    for N, no single one of them is tried alone: `max_score` can then be better.

    Args:
        oracle: The accuracies.
        near: How near the best removal others must be to belong to N, in accuracy.
        prefer: Where ties go, "fewer" or "more".
    """
    return _best_of(oracle, css_candidates(oracle, near=near), prefer)


def css_candidates(oracle: AccuracyOracle, *, near: float = 0.0) -> list[Subset]:
    """Return what CSS chooses from, distinct; only the base sweep is measured for it."""
    removed, optional = css_plan(oracle, near=near)
    candidates = [frozenset[int](), oracle.everything]
    if removed:
        chosen = (places for size in range(len(optional) + 1) for places in combinations(optional, size))
        candidates += [oracle.everything - removed - set(places) for places in chosen]
    return list(dict.fromkeys(candidates))


def css_plan(oracle: AccuracyOracle, *, near: float = 0.0) -> tuple[Subset, tuple[int, ...]]:
    """Return CSS's N and C: the points removed outright, and those whose removal is optional, best removal first."""
    scores = {place: oracle(oracle.without(place)) for place in sorted(oracle.everything)}
    harmless = harmless_points(oracle)
    if not harmless:
        return frozenset(), ()
    limit = _lowered(max(scores[place] for place in harmless), near)
    removed = frozenset(place for place in harmless if scores[place] >= limit)
    optional = sorted(harmless - removed, key=lambda place: (-scores[place], place))
    return removed, tuple(optional[:MOST_OPTIONAL])


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


# --- what the rules did to a set of problems


@dataclass(frozen=True)
class JointRemoval:
    """Several points, each harmless to remove alone, removed together.

    Attributes:
        size: How many points were removed, m.
        joint: Accuracy without all of them, A(K∖S).
        single: Mean accuracy without each one of them, the mean of A_-i over S.
    """

    size: int
    joint: float
    single: float

    @property
    def paradox(self) -> bool:
        """Whether removing them together is worse than removing one: they stand in for each other."""
        return self.joint < self.single


def joint_removal(oracle: AccuracyOracle) -> JointRemoval | None:
    """Compare removing all harmless points together with removing each alone.

    Args:
        oracle: The accuracies; K + 3 subsets at most are measured.

    Returns:
        The comparison, None for fewer than two points, which cannot interact.
    """
    gone = harmless_points(oracle)
    if len(gone) < 2:
        return None
    single = fmean(oracle(oracle.without(place)) for place in gone)
    return JointRemoval(len(gone), oracle(oracle.without(*gone)), round(single, 9))


def interactions(removals: Iterable[JointRemoval | None]) -> list[dict[str, Any]]:
    """Return the pruning interaction paradox by the number m of points removed together.

    Returns:
        Rows with `size` m, `problems`, `paradox` (the share of them where joint < single; published: 0.36 to 0.59)
        and `drop`, the mean of single - joint where it is positive (0.0 where it never is). What the published mean
        drop averages over is not known.
    """
    known = [removal for removal in removals if removal is not None]
    rows = []
    for size in sorted({removal.size for removal in known}):
        same = [removal for removal in known if removal.size == size]
        worse = [removal.single - removal.joint for removal in same if removal.paradox]
        rows.append(
            {
                "size": size,
                "problems": len(same),
                "paradox": len(worse) / len(same),
                "drop": fmean(worse) if worse else 0.0,
            }
        )
    return rows


def selection_table(
    kept: Mapping[str, Sequence[Iterable[int]]], judges: Sequence[AccuracyOracle]
) -> list[dict[str, Any]]:
    """Return accuracy and number of points of each rule, the columns of the published table.

    Args:
        kept: For each rule what it keeps of each problem.
        judges: One oracle for each problem, which accuracy is read from. The oracles that the rules chose by flatter
            them: the best of several noisy means is partly the luckiest. Fresh samples do not.

    Returns:
        Rows with `rule`, `accuracy` (mean over problems), `points` (mean number kept) and `none_correct` (share of
        problems that no sample of the judge solves).
    """
    rows = []
    for rule, subsets in kept.items():
        chosen = [frozenset(subset) for subset in subsets]
        accuracies = [judge(subset) for judge, subset in zip(judges, chosen, strict=True)]
        row = {"rule": rule, "accuracy": fmean(accuracies), "points": fmean(map(len, chosen))}
        rows.append({**row, "none_correct": fmean(accuracy == 0 for accuracy in accuracies)})
    return rows
