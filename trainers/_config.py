"""TRL's GRPOConfig plus what the methods here share."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from transformers.hf_argparser import HfArg
from trl import GRPOConfig
from typing_extensions import override

# Losses that are linear in the advantage and divided by the batch's token count: what both choices below act on.
TOKEN_NORMALISED = ("dapo", "cispo")

ZeroVariance = Literal["keep", "drop"]
TokenNorm = Literal["batch", "group"]


def zero_variance(default: ZeroVariance) -> Any:
    """The config field, with a method's own default."""
    return HfArg(
        default=default,
        help="Groups whose rewards are all equal: 'keep' trains on them as the equation says; 'drop' takes them out "
        "of the loss, its KL term and its normaliser.",
    )


def token_norm(default: TokenNorm) -> Any:
    """The config field, with a method's own default."""
    return HfArg(
        default=default,
        help="'batch': mean over all tokens of the batch (DAPO). 'group': mean over groups of each group's token mean "
        "(LPRO, REPO), for the policy term; exact for one optimizer step per generation.",
    )


@dataclass
class RolloutConfig(GRPOConfig):
    """TRL's GRPOConfig plus the choices that the methods here share."""

    zero_variance: ZeroVariance = zero_variance("keep")
    token_norm: TokenNorm = token_norm("batch")
    lean: bool = field(
        default=True,
        metadata={
            "help": "Spare passes over padding, over completions that cannot move the weights, and for what is known "
            "already: the same gradient but for rounding, in less time. 'false': TRL's passes, bit for bit."
        },
    )

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in (("zero_variance", ZeroVariance), ("token_norm", TokenNorm)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"--{name} is one of {', '.join(get_args(kind))}; found {getattr(self, name)!r}.")
        for name, neutral in (("zero_variance", "keep"), ("token_norm", "batch")):
            if getattr(self, name) != neutral and self.loss_type not in TOKEN_NORMALISED:
                raise ValueError(
                    f"--{name} {getattr(self, name)} needs --loss_type {' or '.join(TOKEN_NORMALISED)}, which divide "
                    f"by the tokens of the batch; found --loss_type {self.loss_type}. "
                    f"Leave --loss_type out, or set --{name} {neutral}."
                )

    def refuse(self, reason: str, **allowed: Any) -> None:
        """Raise for every option that differs from the one value this method leaves it."""
        for name, value in allowed.items():
            if getattr(self, name) != value:
                raise ValueError(
                    f"--{name} {getattr(self, name)} would have no effect: {reason}. Leave it out, or use --method "
                    "grpo."
                )

    @property
    def needs_answers(self) -> bool:
        """Whether the problems' gold answers are trained on."""
        return True
