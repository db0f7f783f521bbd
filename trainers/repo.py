"""REPO, Rank-Enhanced Preference Optimisation (Qwen2.5-Math-1.5B-REPO).

Source: the Qwen2.5-Math-1.5B-REPO model card (2026). Ranks of tied rewards, which the card leaves open, are mid-ranks.

The authors' published code does not implement the equations below. It ranks the best completion −1 and minimises
min(ρA, clip(ρ)A): to first order the two flips cancel, but what is left is −max(ρA, clip(ρ)A), a trust region turned
inside out (`--published_code true` does that, for comparison). Log-probabilities are read one position too late; the
old ones are taken after temperature and top-p, the new ones before; and tied rewards get different ranks, so a group
of equals is trained on noise. This module implements the card.

Keeps no state between steps.
"""

from dataclasses import dataclass, field

from torch import Tensor
from typing_extensions import override

from trainers.advantages import rank_advantages
from trainers.config import RolloutConfig, TokenNorm, token_norm
from trainers.seam import RolloutTrainer


@dataclass
class REPOConfig(RolloutConfig):
    """GRPOConfig with the defaults of the Qwen2.5-Math-1.5B-REPO card, which are for 1.5B parameters."""

    num_generations: int = field(default=4, metadata={"help": "G, completions per prompt."})
    num_iterations: int = field(default=4, metadata={"help": "Passes over each generation (PPO epochs)."})
    learning_rate: float = field(default=1e-6, metadata={"help": "Peak learning rate of AdamW."})
    epsilon: float = field(default=0.2, metadata={"help": "ε: the ratio is clipped to 1 ± ε."})
    token_norm: TokenNorm = token_norm("group")
    published_code: bool = field(
        default=False, metadata={"help": "Turn the trust region inside out as the authors' code does; to compare."}
    )

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse(
            "REPO ranks the weighted sum of the rewards, and ranks have no scale",
            scale_rewards="group",
            multi_objective_aggregation="sum_then_normalize",
        )


class REPOTrainer(RolloutTrainer):
    """GRPO with rank advantages."""

    args: REPOConfig
    title = "REPO, Rank-Enhanced Preference Optimisation (Qwen2.5-Math-1.5B-REPO)"
    source = "Qwen2.5-Math-1.5B-REPO model card"
    equation = r"""
    A_i = (1 / (G − 1)) Σ_{j≠i} sign(r_i − r_j)        in [−1, 1]: best +1, worst −1, ties share, all tied 0
    J   = E[ 1/Σ|o_i| Σ_i Σ_t min(ρ_it A_i, clip(ρ_it, 1 − 0.2, 1 + 0.2) A_i) ]      per group of G completions
    """
    difference = """
        Differs from GRPO in: ranks instead of z-scores, token means per group, four passes over each generation. With
        binary rewards the ranks are RLOO's advantage, r_i − mean_{j≠i} r_j; the method differs from that only where
        rewards take more than two values, and is then deaf to their scale.
    """
    _paper = {
        "title": "Qwen2.5-Math-1.5B-REPO: Rank-Enhanced Preference Optimization",
        "citation": """\
@misc{repo2026,
  title        = {Qwen2.5-Math-1.5B-REPO: Rank-Enhanced Preference Optimization},
  year         = {2026},
  howpublished = {Model card}
}""",
    }
    _tag_names = ["trl", "repo"]

    @override
    def group_advantages(self, rewards: Tensor, lengths: Tensor) -> Tensor:
        ranks = rank_advantages(rewards)
        return -ranks if self.args.published_code else ranks

    @override
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        return -loss if self.args.published_code else loss
