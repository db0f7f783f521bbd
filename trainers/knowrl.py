"""KnowRL: DAPO on problems with knowledge points as hints (KnowRL-Nemotron-1.5B).

ε_high is 0.28, and 0.26 after 2,590 of 2,960 steps. The mean is over all tokens of the step, and groups without reward
spread are drawn anew (DAPO).

Source: the KnowRL-Nemotron-1.5B model card and arXiv 2604.12627; DAPO is arXiv 2503.14476.

Hints are columns of the data (`--hints css`), made by `cli.py knowledge`; they stand in training prompts alone, and
the model is measured without. `--delta 3` is the dual clip of verl. Where verl adds 1e-6 to σ, TRL adds 1e-4: at
rewards of 0 and 1 and G = 8 advantages differ by less than 0.03 %. verl's own token mean is per micro-batch, weighted
by sequences. The card's reward is 0 without `</think>`: `--reward_funcs accuracy_after_thought`.
"""

from dataclasses import dataclass, field

from typing_extensions import override

from trainers.config import RolloutConfig, ZeroVariance, option, zero_variance
from trainers.seam import RolloutTrainer


@dataclass
class KnowRLConfig(RolloutConfig):
    """GRPOConfig with the values of the card, which are for 1.5B parameters."""

    num_generations: int = field(default=8, metadata={"help": "G, completions per prompt."})
    learning_rate: float = field(default=1e-6, metadata={"help": "Peak learning rate of AdamW."})
    lr_scheduler_type: str = field(default="constant", metadata={"help": "Of the learning rate."})
    weight_decay: float = field(default=0.01, metadata={"help": "Of AdamW."})
    epsilon: float = field(default=0.2, metadata={"help": "ε_low: the ratio is clipped below 1 − ε_low."})
    epsilon_high: float | None = field(default=0.28, metadata={"help": "ε_high: clipped above 1 + ε_high."})
    epsilon_high_schedule: str | None = option("0.875:0.26", help="Later ε_high, as share of training:value.")
    delta: float | None = field(default=3.0, metadata={"help": "Dual clip: ratios above it count as it."})
    zero_variance: ZeroVariance = zero_variance("resample")

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.multi_objective_aggregation != "sum_then_normalize":
            raise ValueError(
                "KnowRL looks at the weighted sum of the rewards; leave --multi_objective_aggregation out, or use "
                "--method grpo."
            )


class KnowRLTrainer(RolloutTrainer):
    """DAPO with TRL's advantages; hints and the data make the rest."""

    title = "KnowRL: DAPO on problems with knowledge points as hints (KnowRL-Nemotron-1.5B)"
    source = "KnowRL-Nemotron-1.5B model card"
    equation = r"""
    A_i = (r_i − μ_r) / (σ_r + 1e-4) on hinted prompts         σ with Bessel's correction, as in TRL
    J   = E[ 1/Σ|o| Σ_i Σ_t max(m_it, 3 A_i if A_i < 0) ],  m = min(ρ A, clip(ρ, 1 − 0.2, 1 + ε_high) A)
    """
    difference = """
        Differs from the published run in what is not public: how points were selected (`data/knowledge/selection.py`).
    """
    _paper = {
        "title": "KnowRL: Boosting LLM Reasoning via Reinforcement Learning with Minimal-Sufficient Knowledge "
        "Guidance",
        "id": "2604.12627",
        "citation": """\
@misc{yu2026knowrl,
  title         = {KnowRL: Boosting LLM Reasoning via Reinforcement Learning with Minimal-Sufficient Knowledge
                   Guidance},
  author        = {Linhao Yu and Tianmeng Yang and Siyu Ding and Renren Jin and Naibin Gu and Xiangzhao Hao and
                   Shuaiyi Nie and Deyi Xiong and Weichong Yin and Yu Sun and Hua Wu},
  year          = {2026},
  eprint        = {2604.12627},
  archivePrefix = {arXiv}
}""",
    }
    _tag_names = ["trl", "knowrl"]
