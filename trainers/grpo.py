"""GRPO, the baseline: TRL's own GRPOTrainer, with the metrics and checks that all share.

    A_i = (r_i − μ_r) / (σ_r + 1e-4)         σ with Bessel's correction, over the G completions of a prompt

Paper: DeepSeekMath, arXiv 2402.03300. TRL 1.16's defaults are those of DAPO (arXiv 2503.14476) without dynamic
sampling: token-mean loss, no KL. The paper's form is `--loss_type grpo --beta 0.04 --use_bias_correction_kl false`.
With the defaults below a run equals stock `trl.GRPOTrainer` bit for bit.
"""

from dataclasses import dataclass

from trainers._config import RolloutConfig
from trainers._rollout import RolloutTrainer


@dataclass
class BaselineConfig(RolloutConfig):
    """TRL's GRPOConfig with TRL's defaults."""


class BaselineTrainer(RolloutTrainer):
    """GRPO as TRL implements it."""

    _tag_names = ["trl", "grpo"]
