"""The learnable zone against every possible sequence of eight answers, and pass rates against other formulas."""

from itertools import product
from math import comb, lgamma

import numpy as np
import pytest

from data import PassRates, Zone, certain_draws, expected_draws

ZONES = [Zone(8, 2, 5), Zone(8, 1, 7), Zone(8, 0, 3), Zone(8, 4, 8), Zone(5, 2, 2), Zone(1, 1, 1)]
SEQUENCES = {zone: list(product([0, 1], repeat=zone.samples)) for zone in ZONES}


def classify(n_correct, zone):
    """The definition, of a count of right answers among all samples."""
    return "too_hard" if n_correct < zone.low else "too_easy" if n_correct > zone.high else "learnable"


@pytest.mark.parametrize("zone", ZONES)
def test_a_verdict_is_given_exactly_when_every_continuation_agrees(zone):
    for sequence in SEQUENCES[zone]:
        for drawn in range(zone.samples + 1):
            right = sum(sequence[:drawn])
            ends = {classify(right + more, zone) for more in range(zone.samples - drawn + 1)}
            assert zone.verdict(right, drawn) == (ends.pop() if len(ends) == 1 else None)


@pytest.mark.parametrize("zone", ZONES)
def test_drawing_in_rounds_takes_no_sample_more_than_drawing_one_at_a_time(zone):
    for sequence in SEQUENCES[zone]:
        one_at_a_time = next(n for n in range(zone.samples + 1) if not zone.open(sum(sequence[:n]), n))
        drawn = 0
        while more := certain_draws(sum(sequence[:drawn]), drawn, zone.samples, zone.open):
            drawn += more
        assert drawn == one_at_a_time
        assert zone.verdict(sum(sequence[:drawn]), drawn) == classify(sum(sequence), zone)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 1.0])
def test_expected_draws_are_the_mean_over_all_sequences(zone, rate):
    mean = 0.0
    for sequence in SEQUENCES[zone]:
        right = sum(sequence)
        drawn = next(n for n in range(zone.samples + 1) if not zone.open(sum(sequence[:n]), n))
        mean += drawn * rate**right * (1 - rate) ** (zone.samples - right)
    assert expected_draws(rate, zone) == pytest.approx(mean, abs=1e-12)


def test_the_exact_rule_saves_a_quarter_of_what_is_always_and_an_eighth_of_what_is_never_solved():
    zone = Zone()
    saved = [1 - expected_draws(rate, zone) / 8 for rate in (1.0, 0.0)]
    assert saved == [0.25, 0.125]


@pytest.mark.parametrize("zone", [(8, 5, 2), (4, 2, 5), (8, -1, 5)])
def test_a_zone_that_cannot_be_is_refused(zone):
    with pytest.raises(ValueError, match="0 ≤ low ≤ high ≤ samples; found"):
        Zone(*zone)


@pytest.mark.parametrize("counts", [(3, 2), (-1, 2), (2, 9)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match=f"found {counts[0]}, {counts[1]}, 8"):
        Zone().verdict(*counts)


def beta_binomial(k, n, a, b):
    """By the gamma function, which the package does not use."""

    def log_beta(x, y):
        return lgamma(x) + lgamma(y) - lgamma(x + y)

    return comb(n, k) * np.exp(log_beta(a + k, b + n - k) - log_beta(a, b))


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.4), (2.0, 5.0), (0.05, 3.0)])
def test_the_chance_is_that_of_the_beta_binomial_posterior(alpha, beta):
    rates = PassRates(alpha, beta)
    for drawn in range(9):
        for right in range(drawn + 1):
            more = 8 - drawn
            expected = sum(
                beta_binomial(k, more, alpha + right, beta + drawn - right)
                for k in range(more + 1)
                if 2 <= right + k <= 5
            )
            assert rates.chance(right, drawn, Zone()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.5), (2.0, 4.0), (0.2, 2.0)])
@pytest.mark.parametrize("stopped", [False, True])
def test_the_spread_of_a_pool_is_recovered_also_from_problems_that_were_stopped_early(alpha, beta, stopped):
    """Error of a mean of 4,000 pass rates: at most 0.5/√4000 = 0.008; of the logarithm of α + β about 0.06 (seen)."""
    random = np.random.default_rng(0)
    zone, counts = Zone(), []
    for rate in random.beta(alpha, beta, 4000):
        answers = random.random(8) < rate
        drawn = next(n for n in range(9) if not zone.open(answers[:n].sum(), n)) if stopped else 8
        counts.append((int(answers[:drawn].sum()), drawn))
    found = PassRates.fit(counts, 8)
    assert found.alpha / (found.alpha + found.beta) == pytest.approx(alpha / (alpha + beta), abs=0.025)
    assert np.log(found.alpha + found.beta) == pytest.approx(np.log(alpha + beta), abs=0.25)


def test_a_pool_without_a_right_answer_leaves_a_chance():
    rates = PassRates.fit([(0, 7)] * 1000, 8)
    assert 0 < rates.chance(0, 3, Zone()) < 0.01
