"""Intuitor, self-certainty as the only reward: no gold answer is looked at.

Paper: Intuitor, arXiv 2505.19590. Eq. 4 and 6 of Learning to Reason without External Rewards; r_i is the weighted sum
of the other reward functions, which with the default w_r = 0 are only watched.

What goes wrong: a policy grows certain of repeating itself. Repetition is logged beside certainty and, where there are
golds, accuracy and its correlation with certainty. Certainty judged by the frozen reference (`--certainty_scorer
reference`), the paper's ablation, was gamed after about a hundred steps.

Keeps no state between steps.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from torch import Tensor
from trl.trainer.utils import use_adapter
from typing_extensions import override

from trainers.certainty import PolicyTokens
from trainers.self_reward import ConfidenceConfig, SelfRewardTrainer, log_repetition

Temperature = Literal["sampling", "raw"]
Alignment = Literal["predictive", "shifted"]
Scorer = Literal["policy", "reference"]


@dataclass
class IntuitorConfig(ConfidenceConfig):
    """GRPOConfig with the paper's values for 1.5B and 3B."""

    certainty_temperature: Temperature = field(
        default="sampling",
        metadata={"help": "Logits divided by --temperature, which is free, or 'raw', which costs a pass of the head."},
    )
    certainty_alignment: Alignment = field(
        default="predictive",
        metadata={"help": "Distributions that tokens were drawn from, or 'shifted' one token late as on open-r1."},
    )
    certainty_scorer: Scorer = field(
        default="policy", metadata={"help": "The policy that sampled, or the frozen 'reference', which gets gamed."}
    )

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in (("temperature", Temperature), ("alignment", Alignment), ("scorer", Scorer)):
            value = getattr(self, f"certainty_{name}")
            if value not in get_args(kind):
                raise ValueError(f"--certainty_{name} is one of {', '.join(get_args(kind))}; found {value!r}.")
        if self.certainty_scorer == "reference":
            if self.beta == 0:
                raise ValueError("--certainty_scorer reference needs a reference model, so --beta above 0; found 0.")
            warnings.warn("certainty judged by a frozen model is gamed after some hundred steps.", stacklevel=3)


class IntuitorTrainer(SelfRewardTrainer):
    """GRPO on self-certainty."""

    args: IntuitorConfig
    title = "Intuitor, self-certainty as the only reward: no gold answer is looked at"
    source = "Intuitor, arXiv 2505.19590"
    equation = r"""
    A_i = z(u_i), u_i = 1/|o_i| Σ_t KL(U ‖ p_t)     U uniform over the vocabulary, p_t the policy's distribution
    with other rewards: w_u · z(u_i) + w_r · z(r_i)     z with Bessel's σ + 1e-4, over the G completions of a prompt
    """
    difference = """
        Differs from GRPO in: the reward, read off the forward pass that TRL makes anyway where it needs old
        log-probabilities (more than one optimizer step per generation, or vLLM), else off one more; temperature 0.9; β
        = 0.005 with the plain k3 estimator. Certainty is that of the policy which sampled, at the sampling
        temperature, as in the authors' verl code, because that costs nothing. Their code on open-r1 takes raw logits
        and reads every distribution one token late: `--certainty_temperature raw --certainty_alignment shifted`. For
        1.5B and 3B the paper's table has β = 0.0005, its text and its code 0.005.
    """
    _paper = {
        "title": "Learning to Reason without External Rewards",
        "id": "2505.19590",
        "citation": """\
@article{zhao2025learning,
  title   = {Learning to Reason without External Rewards},
  author  = {Xuandong Zhao and Zhewei Kang and Aosong Feng and Sergey Levine and Dawn Song},
  journal = {arXiv preprint arXiv:2505.19590},
  year    = {2025}
}""",
    }
    own_reward = "self_certainty"
    _tag_names = ["trl", "intuitor"]

    def __init__(self, model, reward_funcs=None, args=None, **kwargs):
        super().__init__(model, reward_funcs, args, **kwargs)
        self.reads_policy = True if self.args.certainty_scorer == "policy" else "late"

    @override
    def certainty_options(self) -> dict[str, Any]:
        options = super().certainty_options() | {"after": self.args.certainty_alignment == "shifted"}
        return options | {"temperature": 1.0} if self.args.certainty_temperature == "raw" else options

    @override
    @contextmanager
    def scorer(self) -> Iterator[Any]:
        if self.args.certainty_scorer == "policy":
            yield self.model
        elif self.ref_model is not None:
            yield self.ref_model
        else:  # an adapter is trained: the reference is the model without it, or with it as it was when it went on
            model: Any = self.accelerator.unwrap_model(self.model)
            with use_adapter(model, "ref" if "ref" in model.peft_config else None):
                yield self.model

    def self_certainty(self, completion_ids, log_metric, **_: Any) -> list[float]:
        """Return the reward, in nats: the mean of KL(U ‖ p) over a completion's own tokens, truncated or not."""
        log_repetition(completion_ids, log_metric)
        tokens = self.policy_tokens()
        return mean_certainty(tokens, shifted=self.args.certainty_alignment == "shifted").tolist()


def mean_certainty(tokens: PolicyTokens, *, shifted: bool = False) -> Tensor:
    """Return the mean certainty (B,) over the model's own tokens.

    Args:
        tokens: What the scorer says of them.
        shifted: Leave out the distribution of the first token, and take the one after the last.
    """
    lengths = tokens.mask.sum(1).clamp(min=1)
    total = tokens.certainty.sum(1)
    if shifted:
        assert tokens.after is not None, "the reader was not asked for it"
        first = tokens.mask.int().argmax(1, keepdim=True)
        total = total - tokens.certainty.gather(1, first).squeeze(1) + tokens.after
    return total / lengths
