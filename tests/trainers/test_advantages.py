"""The mathematics against independent formulas: loops, closed forms and lemmas, never the code itself."""

import itertools
import math
import statistics

import pytest
import torch

from trainers.advantages import (
    group_token_scale,
    has_spread,
    length_penalized_advantages,
    rank_advantages,
    standardize,
)

NAN = float("nan")


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def random_groups(seed, groups=50, size=6):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(groups, size, generator=generator), torch.randint(1, 300, (groups, size), generator=generator))


# --- standardize ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ddof", "spread"), [(0, statistics.pstdev), (1, statistics.stdev)])
def test_standardize_is_the_z_score_of_the_statistics_module(ddof, spread):
    row = [0.0, 1.0, 1.0, 0.25, 3.5]
    expected = [(x - statistics.mean(row)) / (spread(row) + 1e-4) for x in row]
    assert standardize(tensor(row), ddof=ddof, eps=1e-4)[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_ten_equal_rewards_in_float32_give_exactly_zero():
    """1.1 = correct + format bonus; its float32 mean is off by rounding, which ε = 1e-8 would blow up to 0.92."""
    group = torch.full((1, 10), 1.1, dtype=torch.float32)
    naive = (group - group.mean(1, keepdim=True)) / (group.std(1, correction=0, keepdim=True) + 1e-8)
    assert naive.abs().max() > 0.5
    assert standardize(group).tolist() == [[0.0] * 10]
    assert length_penalized_advantages(group, torch.full((1, 10), 7)).tolist() == [[0.0] * 10]
    assert rank_advantages(group).tolist() == [[0.0] * 10]


@pytest.mark.parametrize("eps", [0.0, 1e-8])
def test_a_spread_that_is_rounding_is_none(eps):
    """0.1 + 0.2 and 0.3 differ by 5.6e-17; without the floor under σ and with ε = 0 they would be ±1."""
    assert standardize(tensor([0.1 + 0.2, 0.3]), eps=eps).tolist() == [[0.0, 0.0]]
    assert standardize(tensor([0.3 + 3e-6, 0.3]), eps=eps)[0].tolist() == pytest.approx([1.0, -1.0], abs=0.01)


def test_standardize_leaves_out_nan_and_gives_it_zero():
    assert standardize(tensor([1.0, NAN, 3.0])).tolist() == [[pytest.approx(-1.0), 0.0, pytest.approx(1.0)]]


@pytest.mark.parametrize("row", [[5.0], [NAN, 5.0], [NAN, NAN]])
@pytest.mark.parametrize("ddof", [0, 1])
def test_a_group_with_fewer_than_two_scored_completions_gets_zero(row, ddof):
    zeros = [[0.0] * len(row)]
    assert standardize(tensor(row), ddof=ddof).tolist() == zeros
    assert rank_advantages(tensor(row)).tolist() == zeros
    assert length_penalized_advantages(tensor(row), torch.ones(1, len(row)), penalty=0.3).tolist() == zeros
    assert has_spread(tensor(row)).tolist() == [False]


@pytest.mark.parametrize("binary", [True, False])
def test_with_trls_settings_standardize_is_trls_advantage(binary):
    """Oracle 5, λ = 0, ddof = 1, ε = 1e-4: the float32 expression of TRL up to a handful of its own roundings."""
    from trl.trainer.utils import nanstd

    rewards, _ = random_groups(0)
    rewards = (rewards > 0.5).float() if binary else rewards
    theirs = (rewards - rewards.nanmean(1, keepdim=True)) / (nanstd(rewards, dim=1, keepdim=True) + 1e-4)
    roundings = 8 * torch.finfo(torch.float32).eps
    torch.testing.assert_close(standardize(rewards, ddof=1, eps=1e-4).float(), theirs, atol=roundings, rtol=roundings)


# --- LPRO ----------------------------------------------------------------------------------------------------------


def test_lpro_is_the_cards_formula():
    rewards, lengths = [1.1, 0.1, 1.1, 0.0], [30, 10, 50, 20]
    mu_r, sd_r = statistics.mean(rewards), statistics.pstdev(rewards)
    mu_l, sd_l = statistics.mean(lengths), statistics.pstdev(lengths)
    expected = [
        (r - mu_r) / (sd_r + 1e-8) - 0.1 * (length - mu_l) / (sd_l + 1e-8)
        for r, length in zip(rewards, lengths, strict=True)
    ]
    result = length_penalized_advantages(tensor(rewards), torch.tensor([lengths]), penalty=0.1)
    assert result[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_lpro_sums_to_zero_and_ignores_scale_and_shift():
    rewards, lengths = random_groups(1)
    base = length_penalized_advantages(rewards, lengths, penalty=0.1)
    assert base.sum(1).abs().max() < 1e-9
    # The shift by one is what counting EOS or not comes down to.
    moved = length_penalized_advantages(10 * rewards.double() - 3, 7 * lengths + 1, penalty=0.1)
    assert moved == pytest.approx(base.numpy(), abs=1e-5)


def test_lpro_separates_equal_rewards_by_length_alone():
    """Lemma 3.1: r_i = r_j gives A_i − A_j = λ (L_j − L_i) / (σ_L + ε)."""
    lengths = [30.0, 10.0, 50.0, 20.0]
    advantages = length_penalized_advantages(tensor([1.0, 0.0, 1.0, 0.0]), tensor(lengths), penalty=0.1)[0]
    assert (advantages[0] - advantages[2]).item() == pytest.approx(0.1 * (50 - 30) / statistics.pstdev(lengths))


def test_lpro_variance_follows_the_correlation_of_reward_and_length():
    """Lemma 3.2: Var(A) = 1 + λ² − 2 λ ρ, population moments."""
    rewards, lengths = random_groups(2)
    advantages = length_penalized_advantages(rewards, lengths, penalty=0.3)
    for a, r, length in zip(advantages.tolist(), rewards.tolist(), lengths.tolist(), strict=True):
        rho = statistics.correlation(r, [float(x) for x in length])
        assert statistics.pvariance(a) == pytest.approx(1 + 0.09 - 0.6 * rho, abs=1e-5)


@pytest.mark.parametrize("size", [2, 4, 8])
@pytest.mark.parametrize(("factor", "safe"), [(0.99, True), (1.01, False)])
def test_length_outvotes_correctness_only_from_one_over_g_minus_one_on(size, factor, safe):
    """Binary rewards: the smallest |z(r)| is 1/√(G−1), the largest |z(L)| is √(G−1); so λ = 1/(G−1) is the edge."""
    penalty = factor / (size - 1)
    agreements = []
    for right in range(1, size):
        rewards = [1.0] * right + [0.0] * (size - right)
        for lengths in itertools.product([1.0, 1000.0], repeat=size):
            advantages = length_penalized_advantages(tensor(rewards), tensor(lengths), penalty=penalty)[0].tolist()
            agreements += [(a > 0) == (r > 0) for a, r in zip(advantages, rewards, strict=True)]
    assert all(agreements) is safe


def test_equal_lengths_reduce_lpro_to_the_z_score():
    rewards, _ = random_groups(3)
    equal = torch.full(rewards.shape, 42)
    assert torch.equal(length_penalized_advantages(rewards, equal, penalty=0.3), standardize(rewards))


def test_an_unscorable_completion_takes_no_part_in_either_statistic():
    whole = length_penalized_advantages(tensor([1.0, 0.0, 0.0]), tensor([5.0, 9.0, 2.0]), penalty=0.2)[0].tolist()
    with_nan = length_penalized_advantages(tensor([1.0, NAN, 0.0, 0.0]), tensor([5.0, 999.0, 9.0, 2.0]), penalty=0.2)
    assert with_nan[0].tolist() == [whole[0], 0.0, whole[1], whole[2]]


def test_equal_rewards_leave_only_the_length_term():
    """The bare equation on an all-wrong group: a pure race to be short, which `zero_variance="drop"` prevents."""
    a = length_penalized_advantages(tensor([0.0, 0.0]), tensor([10.0, 20.0]), penalty=0.1)
    assert a[0].tolist() == pytest.approx([0.1, -0.1], abs=1e-8)


# --- REPO ----------------------------------------------------------------------------------------------------------


def test_the_worked_example_of_the_ranks():
    assert rank_advantages(tensor([-1.0, -0.5, 1.0, 1.0]))[0].tolist() == pytest.approx([-1, -1 / 3, 2 / 3, 2 / 3])


def mid_ranks(row):
    """2(R − 1)/(G − 1) − 1 with R the average position of equal values in the ascending order."""
    ordered, size = sorted(row), len(row)
    positions = {v: statistics.mean(i + 1 for i, w in enumerate(ordered) if w == v) for v in row}
    return [2 * (positions[v] - 1) / (size - 1) - 1 for v in row]


@pytest.mark.parametrize("size", [2, 3, 4, 8])
def test_binary_ranks_are_mid_ranks_and_rloo(size):
    """RLOO: r_i − mean of the others' rewards."""
    for row in itertools.product([0.0, 1.0], repeat=size):
        ours = rank_advantages(tensor(row))[0].tolist()
        rloo = [r - (sum(row) - r) / (size - 1) for r in row]
        assert ours == pytest.approx(mid_ranks(row), abs=1e-12)
        assert ours == pytest.approx(rloo, abs=1e-12)


def test_ranks_of_many_values_are_mid_ranks_within_minus_one_and_one():
    generator = torch.Generator().manual_seed(4)
    rewards = torch.randint(0, 5, (200, 6), generator=generator) / 4
    ours = rank_advantages(rewards)
    assert ours.tolist() == [pytest.approx(mid_ranks(row), abs=1e-12) for row in rewards.tolist()]
    assert ours.abs().max() <= 1


def test_ranks_see_order_only():
    rewards, _ = random_groups(5)
    rewards = (100 * rewards).round()
    assert torch.equal(rank_advantages(rewards), rank_advantages(rewards.double() ** 3 + 7))


def test_untied_ranks_end_at_plus_and_minus_one_and_ties_share():
    assert rank_advantages(tensor([0.3, 0.1, 0.2]))[0].tolist() == [1.0, -1.0, 0.0]
    assert rank_advantages(tensor([2.0, 2.0, 2.0, 2.0]))[0].tolist() == [0.0] * 4


def test_an_outlier_ties_no_others():
    """A tolerance of 1e-6 of the group's largest reward would be 10 here, and tie 0, 1 and 2."""
    assert rank_advantages(tensor([1e7, 0.0, 1.0, 2.0]))[0].tolist() == pytest.approx([1, -1, -1 / 3, 1 / 3])
    assert rank_advantages(tensor([1e7, 1e7 + 5, 0.0, -1e7]))[0].tolist() == pytest.approx([2 / 3, 2 / 3, -1 / 3, -1])


def test_float_noise_makes_no_ranks():
    assert rank_advantages(tensor([0.1 + 0.2, 0.3, 1.0]))[0].tolist() == pytest.approx([-0.5, -0.5, 1.0])


def test_the_float32_steps_of_large_rewards_make_no_ranks():
    """REPO's rules give up to 10.5 points, where neighbouring float32 numbers are 1e-6 apart."""
    sums = torch.tensor([[8.1 + 0.3, 8.4, 8.1, 9.0]], dtype=torch.float32)
    sums[0, 0] = torch.tensor(8.1) + torch.tensor(0.3)
    assert sums[0, 0] != sums[0, 1]
    assert rank_advantages(sums)[0].tolist() == pytest.approx([0.0, 0.0, -1.0, 1.0])
    assert has_spread(sums[:, :2]).tolist() == [False]
    assert standardize(sums[:, :2]).tolist() == [[0.0, 0.0]]


def test_unscorable_completions_are_not_ranked():
    assert rank_advantages(tensor([3.0, NAN, 1.0, 2.0]))[0].tolist() == [1.0, 0.0, -1.0, 0.0]


# --- groups --------------------------------------------------------------------------------------------------------


def test_spread_is_seen_per_group():
    groups = tensor([1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [NAN, 1.0, 1.0], [NAN, 0.0, 1.0])
    assert has_spread(groups).tolist() == [False, True, False, True]


def test_group_scale_turns_the_token_mean_into_the_mean_of_group_means():
    """Random ragged masks, explicit loops; one group has no token in the loss."""
    generator = torch.Generator().manual_seed(6)
    tokens = torch.randint(1, 40, (7, 4), generator=generator)
    tokens[3] = 0
    losses = [[torch.rand(n, generator=generator).tolist() for n in row] for row in tokens.tolist()]
    scale = group_token_scale(tokens)
    assert scale.shape == (7, 1)
    assert scale[3].item() == 0
    total = tokens.sum().item()
    weighted = sum(
        scale[g].item() * value for g, row in enumerate(losses) for completion in row for value in completion
    )
    means = [statistics.mean(v for completion in row for v in completion) for row in losses if any(row)]
    assert weighted / total == pytest.approx(statistics.mean(means), abs=1e-12)


def test_group_scale_is_one_when_groups_have_equal_tokens():
    assert group_token_scale(torch.full((3, 4), 5)).tolist() == [[1.0]] * 3
    assert math.isfinite(group_token_scale(torch.zeros(3, 4)).sum())
