"""Rewards in, advantages out: pure functions on float tensors of shape (groups, group_size).

A row is one prompt, a column one of its sampled completions. NaN marks an unscorable completion: it takes no part in
its group's statistics and gets advantage 0. Everything is computed and returned in float64: in float32, ten equal
rewards of 1.1 standardised with ε = 1e-8 come out at 0.9 instead of 0, because the rounding of their mean is divided
by a standard deviation that is rounding too.

Notation: G group size · r reward · L length in generated tokens · A advantage · z(x) = (x − μ) / (σ + ε).
"""

import torch
from torch import Tensor

NO_SPREAD = 1e-6
"""Differences below this share of the largest value that is compared (or of 1) are rounding: rewards are float32."""


def standardize(x: Tensor, *, ddof: int = 0, eps: float = 1e-8) -> Tensor:
    """Return the z-score of each row, `(x − μ) / (σ + ε)`.

    It is 0 at NaN, and where σ is mere rounding, below 1e-6 · max(1, max|x|).

    Args:
        x: (groups, group_size).
        ddof: 0 for the population σ (LPRO, eq. 8–9 of the paper), 1 for Bessel's correction (TRL's GRPO).
        eps: added to σ; 1e-8 in LPRO, 1e-4 in TRL.

    Returns:
        (groups, group_size) float64.
    """
    x = x.double()
    std = _std(x, ddof)
    z = (x - x.nanmean(1, keepdim=True)) / (std + eps)
    return z.where(std >= _rounding(x), 0.0).nan_to_num(nan=0.0)


def has_spread(rewards: Tensor) -> Tensor:
    """Return whether a group's rewards differ; equal rewards say nothing about what to do.

    Args:
        rewards: (groups, group_size).

    Returns:
        (groups,) bool; False too where fewer than two completions could be scored.
    """
    rewards = rewards.double()
    return (_std(rewards, ddof=0) >= _rounding(rewards)).squeeze(1)


def length_penalized_advantages(rewards: Tensor, lengths: Tensor, *, penalty: float = 0.1) -> Tensor:
    """Return LPRO's advantages, `A = z(r) − λ·z(L)`, population σ of the group (Nexus-1.5B card; paper eq. 8–9).

    For rewards of 0 and 1 no length can outvote correctness while λ < 1 / (G − 1); a small bonus on top, which has a
    spread of its own in groups that are all wrong or nearly so, lowers that bound. In a group whose rewards are all
    equal only the length term is left: short wrong answers are then rewarded for being short. `zero_variance="drop"`
    of the trainers is the remedy; this function is the bare equation.

    Args:
        rewards: (groups, group_size).
        lengths: (groups, group_size), generated tokens.
        penalty: λ ≥ 0.

    Returns:
        (groups, group_size) float64.
    """
    scored_lengths = lengths.double().where(~rewards.isnan(), torch.nan)
    return standardize(rewards) - penalty * standardize(scored_lengths)


def rank_advantages(rewards: Tensor) -> Tensor:
    """Return REPO's ranks in [−1, 1], `A_i = (1 / (G − 1)) Σ_{j≠i} sign(r_i − r_j)` (Qwen2.5-Math-1.5B-REPO card).

    The best of an untied group gets +1, the worst −1; ties share their mid-rank; an all-tied group gets exactly 0.
    With binary rewards this is RLOO's advantage, `r_i − mean_{j≠i} r_j`. Two rewards closer than
    1e-6 · max(1, |r_i|, |r_j|) are tied, so that the noise of a weighted sum makes no ranks; the tolerance is the
    pair's own, so that one outlier ties no others.

    Args:
        rewards: (groups, group_size); G counts a group's scorable completions.

    Returns:
        (groups, group_size) float64.
    """
    r = rewards.double()
    margins = r.unsqueeze(2) - r.unsqueeze(1)
    larger = torch.maximum(r.abs().unsqueeze(2), r.abs().unsqueeze(1)).clamp(min=1.0)
    wins = margins.sign().where(margins.abs() > NO_SPREAD * larger, 0.0).sum(2)
    others = (~r.isnan()).sum(1, keepdim=True) - 1
    return wins / others.clamp(min=1)


def group_token_scale(tokens: Tensor) -> Tensor:
    """Return factors that turn a mean over the batch's tokens into the mean over groups of each group's token mean.

    `c_g = T / (Q·T_g)`: with T tokens in the batch, T_g in group g and Q groups,
    `(1/T) Σ_g c_g Σ_{t∈g} ℓ_t = (1/Q) Σ_g (1/T_g) Σ_{t∈g} ℓ_t`, the `1/Σ|o_i|` of LPRO's and REPO's objectives.
    A positive factor on the advantage passes through min and clip, so it may be applied there.

    Args:
        tokens: (groups, group_size), tokens of each completion that count in the loss.

    Returns:
        (groups, 1) float64; 0 for a group without tokens, which Q does not count either.
    """
    per_group = tokens.double().sum(1, keepdim=True)
    groups = (per_group > 0).sum()
    return (per_group.sum() / (groups * per_group)).where(per_group > 0, 0.0)


def _rounding(x: Tensor) -> Tensor:
    """Return the size of differences that are rounding, per row, (groups, 1)."""
    return NO_SPREAD * x.nan_to_num(nan=0.0).abs().amax(1, keepdim=True).clamp(min=1.0)


def _std(x: Tensor, ddof: int) -> Tensor:
    """Return the NaN-aware standard deviation of each row, (groups, 1); 0 where `ddof` leaves nothing to divide by."""
    count = (~x.isnan()).sum(1, keepdim=True)
    squares = (x - x.nanmean(1, keepdim=True)).square().nansum(1, keepdim=True)
    return (squares / (count - ddof)).sqrt().where(count > ddof, 0.0)
