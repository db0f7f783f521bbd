"""Differences over seeds, against arithmetic by hand and against simulation."""

import numpy as np
import pytest

from evaluation.over_seeds import seeded_difference


def test_by_hand():
    """Seeds' means 2 and 4, problems' means 2, 3 and 4; errors² are 2/2 and 1/3."""
    found = seeded_difference([[0, 0, 0], [0, 0, 0]], [[1, 2, 3], [3, 4, 5]])
    assert found.mean == pytest.approx(3.0)
    assert found.standard_error == pytest.approx((1 + 1 / 3) ** 0.5)
    assert found.by_seed == pytest.approx((2.0, 4.0))
    freedom = (1 + 1 / 3) ** 2 / (1 / 1 + (1 / 9) / 2)  # 1.684
    half = (found.high - found.low) / 2 / found.standard_error
    assert 4.303 < half < 12.706, f"Student's t at {freedom:.2f} lies between those of 1 and 2"
    assert not found.is_clear


def test_with_seeds_that_agree_it_is_the_paired_t_test():
    """scipy.stats.ttest_rel([1, 2, 4, 7], [0, 0, 0, 0]) over problems, but for the degrees of freedom: p = 0.0855."""
    found = seeded_difference(np.zeros((3, 4)), np.tile([1.0, 2.0, 4.0, 7.0], (3, 1)))
    assert found.mean == pytest.approx(3.5)
    assert found.standard_error == pytest.approx(1.32288, abs=1e-5)
    assert found.p == pytest.approx(0.07715, abs=2e-4)
    assert (found.low, found.high) == pytest.approx((3.5 - 3.18245 * 1.32288, 3.5 + 3.18245 * 1.32288), abs=1e-3)


def test_intervals_hold_what_they_promise():
    """Three seeds, forty problems, effects of both and their interaction: 95 % hold the truth, but for chance."""
    rng, held, clear = np.random.default_rng(0), 0, 0
    for _ in range(600):
        truth = 0.3
        d = truth + 0.2 * rng.normal(size=(3, 1)) + 0.5 * rng.normal(size=(1, 40)) + 0.7 * rng.normal(size=(3, 40))
        found = seeded_difference(np.zeros((3, 40)), d)
        held += found.low <= truth <= found.high
        clear += found.is_clear
    assert held > (0.95 - 3 * 0.009) * 600  # three standard errors of 600 trials
    assert clear < 0.6 * 600, "with seeds this far apart three are too few to be sure"


def test_an_accuracy_cannot_fall_by_more_than_there_was():
    """Two seeds of three collapse, from 63 %: the t interval alone reaches from -130 to +46 points."""
    before = np.zeros((3, 100))
    before[:, :63] = 1.0
    after = np.array([[0.0] * 100, [0.0] * 100, [1.0] * 63 + [0.0] * 37])
    free, bound = seeded_difference(before, after), seeded_difference(before, after, bounds=(0.0, 1.0))
    assert free.low == pytest.approx(-1.295, abs=1e-3)
    assert (bound.mean, bound.p, bound.by_seed) == (free.mean, free.p, free.by_seed)
    half = 1.98422 * (0.63 * 0.37 / 99) ** 0.5  # of 63 %, by Student's t with 99 degrees of freedom
    assert (bound.low, bound.high) == pytest.approx((-0.63 - half, free.high), abs=1e-5)


def test_bounds_cost_no_coverage():
    """Trainings that collapse nearly always: the truth is a fall by nearly all there was."""
    rng, held = np.random.default_rng(1), {None: 0, (0.0, 1.0): 0}
    for _ in range(150):
        rate = rng.beta(1.2, 0.8, 60)
        before = (rng.random((3, 60)) < rate).astype(float)
        after = (rng.random((3, 60)) < 0.02 * rate).astype(float)
        for bounds in held:
            found = seeded_difference(before, after, bounds=bounds)
            held[bounds] += found.low <= -0.98 * 0.6 <= found.high
    assert held[None] - 1 <= held[0.0, 1.0] >= 0.93 * 150


def test_nothing_differs():
    found = seeded_difference([[1, 0], [0, 1]], [[1, 0], [0, 1]])
    assert (found.mean, found.low, found.high, found.p, found.is_clear) == (0.0, 0.0, 0.0, 1.0, False)


def test_what_is_measured_of_a_run_as_a_whole_is_paired_by_seed():
    """Student's test of 1, 2 and 6: mean 3, error √(7/3), t of 2 degrees of freedom."""
    found = seeded_difference([[0.0]] * 3, [[1.0], [2.0], [6.0]])
    assert found.standard_error == pytest.approx((7 / 3) ** 0.5)
    assert found.high - found.mean == pytest.approx(4.30265 * (7 / 3) ** 0.5, rel=1e-4)


def test_one_seed_has_no_error():
    with pytest.raises(ValueError, match="two or more seeds"):
        seeded_difference(np.zeros((1, 5)), np.ones((1, 5)))
