"""How accurate a student is with each subset of a problem's knowledge points, measured once for all rules."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

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
            n_points: K, at least 0.

        Raises:
            ValueError: K is negative.
        """
        if n_points < 0:
            raise ValueError(f"a problem has 0 knowledge points or more, met {n_points}; pass their number")
        self._measure = measure
        self.n_points = n_points
        self._measured: dict[Subset, tuple[float, ...]] = {}

    def __call__(self, subset: Iterable[int]) -> float:
        """Return the accuracy with these points, the mean over runs."""
        return round(fmean(self.runs(subset)), _DIGITS)

    def runs(self, subset: Iterable[int]) -> tuple[float, ...]:
        """Return the accuracy of each run with these points (R,).

        Raises:
            ValueError: A place is outside 0 … K-1, or what was measured is no accuracy or of another number of runs.
        """
        key = frozenset(subset)
        if not key <= self.everything:
            raise ValueError(f"a subset holds places from 0 to {self.n_points - 1}, met {sorted(key)}; correct them")
        if key not in self._measured:
            found = self._measure(key)
            values = tuple(found) if isinstance(found, Sequence) else (found,)
            self._check(key, values)
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

    def _check(self, key: Subset, values: tuple[float, ...]) -> None:
        if not values or any(math.isnan(value) or not 0 <= value <= 1 for value in values):
            raise ValueError(
                f"an accuracy is a number from 0 to 1, one for each run, but for the points {sorted(key)} `measure` "
                f"returned {values}. Return shares, not percentages, and at least one."
            )
        runs = {len(known) for known in self._measured.values()} | {len(values)}
        if len(runs) > 1:
            raise ValueError(
                f"every subset has equally many runs, but `measure` returned {len(values)} for the points "
                f"{sorted(key)}, and {min(runs - {len(values)})} before. Measure all of them alike."
            )


def base_sweep(oracle: AccuracyOracle) -> list[Subset]:
    """Return no points, all points, and all but each one: distinct, in this order."""
    everything = oracle.everything
    return list(dict.fromkeys([frozenset(), everything, *(oracle.without(place) for place in sorted(everything))]))


def best_of(oracle: AccuracyOracle, candidates: Iterable[Subset], prefer: str = "fewer") -> Subset:
    """Return the most accurate candidate; among equals the one of fewer points, then the first by its places.

    Args:
        oracle: The accuracies.
        candidates: At least one subset.
        prefer: "fewer", or "more" to let ties go to more points.

    Raises:
        ValueError: There is no such preference.
    """
    if prefer not in ("fewer", "more"):
        raise ValueError(f"ties go to fewer or to more points, met prefer={prefer!r}; say one of the two")
    sign = 1 if prefer == "fewer" else -1
    return min(candidates, key=lambda subset: (-oracle(subset), sign * len(subset), sorted(subset)))


def lowered(accuracy: float, tolerance: float) -> float:
    """Return an accuracy less a tolerance, rounded as accuracies are."""
    return round(accuracy - tolerance, _DIGITS)
