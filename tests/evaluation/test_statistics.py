"""Errors and intervals against closed forms and simulated data."""

import math

import numpy as np
import pytest

from evaluation.statistics import mean_at_n, paired_difference


def test_one_sample_per_problem_gives_the_binomial_error():
    """Bessel's correction: √(p(1−p)/(n−1))."""
    correct = [[1.0]] * 30 + [[0.0]] * 70
    mean, error = mean_at_n(correct)
    assert mean == pytest.approx(0.3)
    assert error == pytest.approx(math.sqrt(0.3 * 0.7 / 99))


def test_repeating_samples_does_not_shrink_the_error():
    """Eight identical samples of a problem are one observation."""
    once = [[1.0], [0.0], [1.0], [1.0]]
    assert mean_at_n([row * 8 for row in once]) == mean_at_n(once)


def test_problems_weigh_the_same_whatever_their_number_of_samples():
    assert mean_at_n([[1.0, 1.0, 1.0, 1.0], [0.0]])[0] == 0.5


def test_no_problems_is_an_error():
    with pytest.raises(ValueError, match="at least one problem"):
        mean_at_n([])


def test_pairing_takes_the_difficulty_out_of_the_error():
    """Every problem improves by exactly 0.1: no uncertainty, however different the problems are."""
    before = [[d / 10] for d in range(9)]
    after = [[d / 10 + 0.1] for d in range(9)]
    change = paired_difference(before, after)
    assert change.mean == pytest.approx(0.1)
    assert change.high - change.low == pytest.approx(0.0, abs=1e-12)


def test_the_order_is_after_minus_before():
    assert paired_difference([[0.0], [0.0]], [[1.0], [0.0]]).mean == 0.5


def test_different_problem_counts_are_refused():
    with pytest.raises(ValueError, match="found 1 before and 2 after"):
        paired_difference([[1.0]], [[1.0], [0.0]])


def test_the_interval_covers_at_the_stated_rate():
    """2,000 simulated comparisons of 200 problems with a true change of 0.1: 95 % ± 4 standard errors of the rate."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        difficulty = rng.uniform(0.1, 0.8, 200)
        before = rng.random(200) < difficulty
        after = rng.random(200) < difficulty + 0.1
        change = paired_difference(before[:, None].astype(float), after[:, None].astype(float))
        covered += change.low <= 0.1 <= change.high
    assert abs(covered / 2000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)
