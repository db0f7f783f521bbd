"""TRL's GRPOConfig plus what the methods here share, and the release of TRL that all is written against."""

import os
import warnings
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal, get_args

import trl
from packaging.version import Version
from transformers.hf_argparser import HfArg
from trl import GRPOConfig
from typing_extensions import override

if not Version("1.16") <= Version(trl.__version__) < Version("1.17"):
    raise ImportError(
        f"This project overrides private methods of trl and was tested with trl>=1.16,<1.17; found {trl.__version__}. "
        "Install the tested versions with `pip install -c constraints.txt -e .`."
    )

TOKEN_NORMALISED = ("dapo", "cispo")
"""Losses that are linear in the advantage and divided by the batch's token count: what both choices below act on."""
UNCLIPPED = ("sapo", "vespo")
"""Losses without an upper clip range."""

ZeroVariance = Literal["keep", "drop", "resample"]
TokenNorm = Literal["batch", "group"]


def option(default: Any, *, help: str) -> Any:
    """Return a config field with a default and the help that the command line prints."""
    return HfArg(default=default, help=help)


def zero_variance(default: ZeroVariance) -> Any:
    """Return the field `zero_variance` with a method's own default."""
    return HfArg(
        default=default,
        help="Groups whose rewards are all equal: 'keep' trains on them as the equation says; 'drop' takes them out "
        "of the loss, its KL term and its normaliser; 'resample' draws other problems in their place (DAPO).",
    )


def token_norm(default: TokenNorm) -> Any:
    """Return the field `token_norm` with a method's own default."""
    return HfArg(
        default=default,
        help="'batch': mean over all tokens of the batch (DAPO). 'group': mean over groups of each group's token mean "
        "(LPRO, REPO), for the policy term; exact for one optimizer step per generation.",
    )


def epsilon_steps(schedule: str | None) -> list[tuple[float, float]]:
    """Return the steps of ε_high: pairs of the share of training after which a value holds, and the value.

    Raises:
        ValueError: The schedule cannot be read, or its shares do not rise.

    >>> epsilon_steps("0.5:0.27, 0.875:0.26"), epsilon_steps(None)
    ([(0.5, 0.27), (0.875, 0.26)], [])
    """
    if schedule is None:
        return []
    try:
        steps = [(float(share), float(value)) for share, value in (part.split(":") for part in schedule.split(","))]
    except ValueError:
        steps = []
    shares = [share for share, _ in steps]
    good = shares == sorted(set(shares)) and all(0 < share < 1 and 0 < value < inf for share, value in steps)
    if not steps or not good:
        raise ValueError(
            "--epsilon_high_schedule takes share:value, or several with commas, with shares of training that rise "
            f"between 0 and 1 and values above 0, such as 0.875:0.26; found {schedule!r}."
        )
    return steps


@dataclass
class RolloutConfig(GRPOConfig):
    """TRL's GRPOConfig plus the choices that the methods here share."""

    zero_variance: ZeroVariance = zero_variance("keep")
    token_norm: TokenNorm = token_norm("batch")
    max_generation_batches: int = option(
        10, help="With --zero_variance resample: batches sampled at most for one that is trained on."
    )
    epsilon_high_schedule: str | None = option(
        None,
        help="Steps of --epsilon_high over training, as share:value; 0.875:0.26 sets 0.26 after 87.5 % of the steps.",
    )
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
        if self.max_generation_batches < 1:
            raise ValueError(
                f"--max_generation_batches counts batches, at least 1; found {self.max_generation_batches}."
            )
        steps = epsilon_steps(self.epsilon_high_schedule)
        if steps and self.loss_type in UNCLIPPED:
            raise ValueError(
                f"--epsilon_high_schedule would have no effect: --loss_type {self.loss_type} does not clip above. "
                "Leave it out."
            )
        self._warn_of_passes_in_one_step()

    def _warn_of_passes_in_one_step(self) -> None:
        """Warn where one optimizer step takes all passes over a generation, as TRL's sampler then orders batches."""
        generation = self.steps_per_generation or self.gradient_accumulation_steps
        passes, taken = self.num_iterations, self.gradient_accumulation_steps
        if passes > 1 and taken % (passes * generation) == 0:
            warnings.warn(
                f"--num_iterations {passes} has no effect here: an optimizer step takes {taken} batches "
                f"(--gradient_accumulation_steps), which hold all {passes} passes over a generation of {generation} "
                "(--steps_per_generation). All passes see the same weights, so every ratio is 1, nothing is clipped, "
                f"and the gradient is that of one pass. Set --gradient_accumulation_steps {generation}, or "
                "--num_iterations 1.",
                stacklevel=4,
            )

    def epsilon_high_at(self, step: int, max_steps: int) -> float:
        """Return ε_high after `step` of `max_steps` steps; it depends on these alone, so resuming is exact."""
        value = self.epsilon if self.epsilon_high is None else self.epsilon_high
        for share, later in epsilon_steps(self.epsilon_high_schedule):
            if step >= share * max_steps - 1e-6:
                value = later
        return value

    def refuse(self, reason: str, **allowed: Any) -> None:
        """Refuse every option that differs from the one value that has an effect with this method."""
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


def strategy_of(args: Any) -> str:
    """Return how a run divides weights, gradients and optimizer states among its processes.

    Args:
        args: The trainer's finished config.

    Returns:
        `whole`, where every process has all of it; else `zero1`, `zero2`, `zero3`, `fsdp1` or `fsdp2`.
    """
    if args.deepspeed_plugin is not None:
        return f"zero{args.deepspeed_plugin.zero_stage}"
    if args.fsdp:
        return f"fsdp{(args.fsdp_config or {}).get('version', 2)}"
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("1", "true"):
        return f"fsdp{os.environ.get('FSDP_VERSION', '1')}"
    return "whole"
