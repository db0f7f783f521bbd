"""Means, errors, pass@k and votes against closed forms and simulated data."""

import itertools
import math

import numpy as np
import pytest

from evaluation.statistics import (
    maj_at_k,
    mean_at_n,
    mean_pass_at_k,
    paired_difference,
    pass_at_k,
)
from evaluation.votes import answer_groups


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


@pytest.mark.parametrize("problems", [5, 200])
def test_the_interval_covers_at_the_stated_rate(problems):
    """2,000 simulated comparisons of lengths, normal, with a true change of -12: 95 % ± 4 standard errors of the rate.

    Of five problems the normal quantile in place of Student's would hold 88 %.
    """
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        before = rng.normal(80, 30, problems)
        after = before - 12 + rng.normal(0, 20, problems)
        change = paired_difference(before[:, None].tolist(), after[:, None].tolist())
        covered += change.low <= -12 <= change.high
    assert abs(covered / 2000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


def test_the_change_of_one_problem_has_no_interval():
    change = paired_difference([[5.0]], [[7.0]])
    assert change.mean == 2.0
    assert all(math.isnan(number) for number in (change.standard_error, change.low, change.high))


def test_k_equal_samples_score_alike_for_every_k():
    correct = [[1.0] * 8, [0.0] * 8, [1.0] * 8]
    for k in (1, 2, 4, 8):
        assert mean_pass_at_k(correct, k)[0] == mean_at_n(correct)[0] == 2 / 3
        assert maj_at_k([[0] * 8] * 3, correct, k).mean == pytest.approx(2 / 3)


def test_pass_at_1_is_the_mean():
    for c in range(6):
        assert pass_at_k(5, c, 1) == pytest.approx(c / 5)


@pytest.mark.parametrize(("n", "k"), [(4, 1), (6, 2), (6, 6), (9, 4)])
def test_pass_at_k_is_the_share_of_drawings_with_a_right_one(n, k):
    """Counted over all C(n, k) drawings."""
    for c in range(n + 1):
        drawings = list(itertools.combinations([1] * c + [0] * (n - c), k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, drawings)) / len(drawings))


@pytest.mark.parametrize(("n", "k"), [(4, 2), (8, 2), (8, 8), (32, 4)])
def test_pass_at_k_is_unbiased(n, k):
    """Its mean under Binomial(n, p), summed exactly, is 1 − (1−p)ᵏ whatever n is."""
    for p in (0.05, 0.3, 0.9):
        mean = sum(math.comb(n, c) * p**c * (1 - p) ** (n - c) * pass_at_k(n, c, k) for c in range(n + 1))
        assert mean == pytest.approx(1 - (1 - p) ** k)


@pytest.mark.parametrize(("n", "c", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5)])
def test_pass_at_k_refuses_what_cannot_be(n, c, k):
    with pytest.raises(ValueError, match=f"met n = {n}, c = {c}, k = {k}"):
        pass_at_k(n, c, k)


def test_the_majority_may_be_right_or_wrong():
    groups, correct = [[0, 1, 1, 2], [0, 0, 1, 1]], [[1, 0, 0, 0], [1, 1, 0, 0]]
    assert maj_at_k(groups[:1] * 2, correct[:1] * 2, 4).mean == 0.0
    assert maj_at_k(groups[:1] * 2, correct[:1] * 2, 1).mean == 1.0  # the first vote alone


def test_a_tie_is_the_mean_of_its_answers_and_is_told():
    groups = [[0, 0, 1, 1, 2], [0, 1, 2, 3, 4]]
    vote = maj_at_k(groups, [[1, 1, 0, 0, 0], [0, 0, 1, 0, 0]], 5)
    assert vote.mean == pytest.approx((1 / 2 + 1 / 5) / 2)
    assert (vote.ties, vote.silent) == (2, 0)


def test_who_has_no_answer_does_not_vote():
    vote = maj_at_k([[None, None, 0], [None, None, None]], [[0, 0, 1], [0, 0, 0]], 3)
    assert (vote.mean, vote.ties, vote.silent) == (0.5, 0, 1)
    with pytest.raises(ValueError, match="met k = 4"):
        maj_at_k([[0, 0, 0]], [[1, 1, 1]], 4)


def test_equivalent_answers_vote_together():
    texts = [[r"\boxed{0.5}", r"\boxed{2}", r"\boxed{\frac12}", "no box", r"\boxed{2.0}", r"\boxed{???}"], ["", ""]]
    assert answer_groups(texts) == [[0, 1, 0, None, 1, 2], [None, None]]


def test_the_error_of_avg_at_n_is_the_spread_over_repeated_evaluations():
    """Bernoulli samples of new problems each time: the mean of error² is the variance of the mean, within 5 %.

    A variance from 4,000 repetitions has a relative error of √(2/4000) = 2.2 %; the tolerance is 2.3 of them.
    """
    rng = np.random.default_rng(1)
    results = []
    for _ in range(4000):
        difficulty = rng.beta(1, 2, (40, 1))
        results.append(mean_at_n((rng.random((40, 8)) < difficulty).astype(float).tolist()))
    means, errors = np.array(results).T
    # In closed form Var = (Var(p) + E[p(1−p)]/n) / problems; Beta(1,2): Var(p) = 1/18, E[p(1−p)] = 1/6.
    truth = (1 / 18 + 1 / 6 / 8) / 40
    assert np.mean(errors**2) == pytest.approx(truth, rel=0.05)
    assert means.var(ddof=1) == pytest.approx(truth, rel=4 * math.sqrt(2 / 4000))
