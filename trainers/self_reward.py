"""The base of methods that reward a model by its own outputs; other reward functions are watched, or mixed in."""

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from typing_extensions import override

from trainers.advantages import standardize
from trainers.config import RolloutConfig
from trainers.generation import total_reward
from trainers.seam import RolloutTrainer

Combine = Literal["z_each", "sum"]
NGRAM = 4
"""Tokens in a run that counts as repeated when the same completion has it already."""


@dataclass
class SelfRewardConfig(RolloutConfig):
    """RolloutConfig with a weight for the method's own reward and one for all others together."""

    self_weight: float = field(default=1.0, metadata={"help": "Weight of the method's own reward."})
    external_weight: float = field(
        default=0.0, metadata={"help": "Weight of all --reward_funcs together; 0 only watches them."}
    )
    combine: Combine = field(
        default="z_each",
        metadata={"help": "'z_each': weigh z-scores of both. 'sum': z-score of the weighted sum."},
    )

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.combine not in get_args(Combine):
            raise ValueError(f"--combine is one of {', '.join(get_args(Combine))}; found {self.combine!r}.")
        self.refuse(
            "this method standardises its rewards itself",
            scale_rewards="group",
            multi_objective_aggregation="sum_then_normalize",
        )

    @property
    @override
    def needs_answers(self) -> bool:
        """Whether the problems' gold answers are trained on."""
        return self.external_weight != 0


@dataclass
class ConfidenceConfig(SelfRewardConfig):
    """Settings of the methods that reward confidence: the values of the Intuitor paper for 1.5B and 3B."""

    learning_rate: float = field(default=3e-6, metadata={"help": "Peak learning rate of AdamW."})
    beta: float = field(default=0.005, metadata={"help": "Weight of the KL term; keeps the model from collapse."})
    use_bias_correction_kl: bool = field(default=False, metadata={"help": "TRL's factor on the KL term."})
    temperature: float = field(default=0.9, metadata={"help": "Of sampling."})
    lr_scheduler_type: str = field(default="cosine", metadata={"help": "Of the learning rate."})
    warmup_steps: float = field(default=0.1, metadata={"help": "Steps, or below 1 a share of them."})


class SelfRewardTrainer(RolloutTrainer):
    """A trainer whose first reward function is its own method named `own_reward`; given ones come after it."""

    args: SelfRewardConfig
    own_reward: str

    def __init__(self, model, reward_funcs=None, args=None, **kwargs):
        given = reward_funcs if isinstance(reward_funcs, list) else [reward_funcs] if reward_funcs else []
        if isinstance(args, SelfRewardConfig):
            self._weights = args.reward_weights or [1.0] * len(given)
            args = copy.copy(args)
            args.reward_weights = [args.self_weight, *(args.external_weight * weight for weight in self._weights)]
        super().__init__(model, [getattr(self, self.own_reward), *given], args, **kwargs)

    @override
    def group_advantages(self, rewards: Tensor, lengths: Tensor) -> Tensor:
        if self.args.combine == "sum":
            return standardize(rewards, ddof=1, eps=1e-4)
        assert self.generation.rewards is not None
        columns = self.generation.rewards.cpu()
        others = total_reward(columns[:, 1:], torch.tensor(self._weights))
        return self.args.self_weight * standardize(
            columns[:, 0].view(rewards.shape), ddof=1, eps=1e-4
        ) + self.args.external_weight * standardize(others.view(rewards.shape), ddof=1, eps=1e-4)

    @override
    def group_metrics(self, columns: dict[str, Tensor], lengths: Tensor, signal: Tensor) -> dict[str, float]:
        metrics = super().group_metrics(columns, lengths, signal)
        if "accuracy" in columns:
            metrics[f"{self.own_reward}/correlation_with_accuracy"] = correlation(
                columns[self.own_reward], columns["accuracy"]
            )
        return metrics


def repetition(ids: Sequence[int]) -> float:
    """Return the share of a completion's runs of four tokens that it had before; 0 for fewer than five tokens.

    >>> repetition([1, 2, 3, 4, 5, 6, 7]), repetition([1, 1, 1, 1, 1, 1, 1])
    (0.0, 0.75)
    """
    runs = Counter(tuple(ids[i : i + NGRAM]) for i in range(len(ids) - NGRAM + 1))
    return 1 - len(runs) / total if (total := sum(runs.values())) else 0.0


def correlation(x: Tensor, y: Tensor) -> float:
    """Return Pearson's r over all completions where both are known; NaN where one of them never differs."""
    known = ~(x.isnan() | y.isnan())
    a, b = x[known].double(), y[known].double()
    a, b = a - a.mean(), b - b.mean()
    return ((a * b).sum() / (a.norm() * b.norm())).item()


def log_repetition(completion_ids: Sequence[Sequence[int]], log_metric: Any) -> None:
    """Log the mean share of repeated runs, which rises when a model grows certain of repeating itself."""
    log_metric("completions/repetition", sum(map(repetition, completion_ids)) / max(1, len(completion_ids)))
