"""GRPO, the baseline: TRL's own GRPOTrainer, with the metrics and checks that all share.

Paper: DeepSeekMath, arXiv 2402.03300. TRL 1.16's defaults are those of DAPO (arXiv 2503.14476) without dynamic
sampling: token-mean loss, no KL. The paper's form is `--loss_type grpo --beta 0.04 --use_bias_correction_kl false`.
A run equals stock `trl.GRPOTrainer`: with `--lean false` bit for bit, else but for rounding.
"""

from dataclasses import dataclass

from typing_extensions import override

from trainers.config import RolloutConfig
from trainers.seam import RolloutTrainer


@dataclass
class GRPOMethodConfig(RolloutConfig):
    """TRL's GRPOConfig with TRL's defaults."""

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.zero_variance != "keep" and self.multi_objective_aggregation != "sum_then_normalize":
            raise ValueError(
                f"--zero_variance {self.zero_variance} looks at the weighted sum of the rewards, which "
                f"--multi_objective_aggregation {self.multi_objective_aggregation} does not train on. Leave one of "
                "the two out."
            )


class GRPOMethodTrainer(RolloutTrainer):
    """GRPO as TRL implements it."""

    title = "GRPO, the baseline: TRL's own GRPOTrainer, with the metrics and checks that all share"
    source = "DeepSeekMath, arXiv 2402.03300"
    equation = r"""
    A_i = (r_i − μ_r) / (σ_r + 1e-4)         σ with Bessel's correction, over the G completions of a prompt
    """
    _tag_names = ["trl", "grpo"]
