"""LPRO, Length-Penalised Reward Optimisation (Nexus-1.5B).

Source: the Nexus-1.5B model card and its technical report (2026), Algorithm 1; L_i counts generated tokens with EOS.

The authors' published code does not implement the equations below: its ratio is taken against the frozen base model
instead of the sampling policy (`--published_code true` does that, for comparison), it makes one pass instead of four,
and in its first version L_i is the padded width of the batch, the same for all completions, so that the penalty is
exactly 0. This module implements the card.

Assumes that being right outweighs being short. For rewards of 0 and 1 that holds while λ < 1/(G − 1), and the config
warns otherwise. The format bonus lowers the bound in groups where few are right and few have a box: at G = 4, with
rewards 1.1, 0.1, 0, 0, to 0.25. Keeps no state between steps.
"""

import math
import warnings
from dataclasses import dataclass, field

from torch import Tensor
from typing_extensions import override

from trainers.advantages import length_penalized_advantages
from trainers.config import RolloutConfig, TokenNorm, ZeroVariance, token_norm, zero_variance
from trainers.seam import RolloutTrainer


@dataclass
class LPROConfig(RolloutConfig):
    """GRPOConfig with the defaults of the Nexus-1.5B card, which are for 1.5B parameters."""

    length_penalty: float = field(
        default=0.1, metadata={"help": "λ, weight of the length term; 0 = none.", "aliases": ["--lambda"]}
    )
    num_generations: int = field(default=4, metadata={"help": "G, completions per prompt."})
    num_iterations: int = field(default=4, metadata={"help": "Passes over each generation (PPO epochs)."})
    learning_rate: float = field(default=1e-6, metadata={"help": "Peak learning rate of AdamW."})
    epsilon: float = field(default=0.2, metadata={"help": "ε_low: the ratio is clipped below 1 − ε_low."})
    epsilon_high: float | None = field(default=0.28, metadata={"help": "ε_high: clipped above 1 + ε_high."})
    zero_variance: ZeroVariance = zero_variance("drop")
    token_norm: TokenNorm = token_norm("group")
    published_code: bool = field(
        default=False,
        metadata={"help": "Take the ratio against the frozen base as the authors' code does; to compare."},
    )

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse(
            "LPRO standardises the weighted sum of the rewards itself",
            scale_rewards="group",
            multi_objective_aggregation="sum_then_normalize",
        )
        if not (math.isfinite(self.length_penalty) and self.length_penalty >= 0):
            raise ValueError(f"--length_penalty must be a number ≥ 0; found {self.length_penalty}.")
        if self.loss_type == "cispo" and (self.epsilon_high or 0) <= 1:
            raise ValueError(
                "--loss_type cispo takes --epsilon_high as the largest ratio, so it must be above 1 (5.0 is usual); "
                f"found {self.epsilon_high}."
            )
        if self.published_code:
            self.beta = self.beta or 1e-12  # so that TRL keeps the base model; the KL term itself is nothing
        limit = 1 / (self.num_generations - 1)
        if self.length_penalty >= limit:
            warnings.warn(
                f"λ = {self.length_penalty:g} is not below 1/(G−1) = {limit:.3g}: length can outvote correctness even "
                "with rewards of 0 and 1, so "
                "a long right answer may be pushed down and a short wrong one up. Lower --length_penalty or "
                "--num_generations.",
                stacklevel=3,
            )


class LPROTrainer(RolloutTrainer):
    """GRPO with length-penalised advantages."""

    args: LPROConfig
    title = "LPRO, Length-Penalised Reward Optimisation (Nexus-1.5B)"
    source = "Nexus-1.5B model card"
    equation = r"""
    A_i = (r_i − μ_r) / (σ_r + ε) − λ·(L_i − μ_L) / (σ_L + ε)                        population σ, ε = 1e-8
    J   = E[ 1/Σ|o_i| Σ_i Σ_t min(ρ_it A_i, clip(ρ_it, 1 − 0.20, 1 + 0.28) A_i) ]    per group of G completions
    """
    difference = """
        Differs from GRPO in: the length term, population σ, asymmetric clipping, token means per group, four passes
        over each generation, and groups without reward spread are dropped. The report draws until every group has
        spread; here such groups leave the loss. Kept (`--zero_variance keep`), an all-wrong group has only its length
        term: shorter wrong answers are rewarded, and a small model trained that way collapsed to an empty box.
    """
    _paper = {
        "title": "Nexus-1.5B: Length-Penalized Reward Optimization for Robust Mathematical Reasoning",
        "citation": """\
@techreport{neuriton2026nexus,
  title       = {Nexus-1.5B: Length-Penalized Reward Optimization for Robust Mathematical Reasoning},
  author      = {{Neuriton Team}},
  institution = {Neuriton},
  year        = {2026}
}""",
    }
    _tag_names = ["trl", "lpro"]

    @override
    def group_advantages(self, rewards: Tensor, lengths: Tensor) -> Tensor:
        return length_penalized_advantages(rewards, lengths, penalty=self.args.length_penalty)

    @override
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if self.args.published_code:
            inputs = {**inputs, "old_per_token_logps": inputs["ref_per_token_logps"]}
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
