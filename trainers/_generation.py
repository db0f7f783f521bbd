"""What a generation produced, for metrics and for callbacks that look at completions."""

from dataclasses import dataclass
from typing import Any, Self

from accelerate.utils import gather_object
from torch import Tensor
from transformers import TrainerCallback

from trainers._drawn import GroupRewards


@dataclass(frozen=True)
class Generation:
    """Completions of one generation over all processes, N rows in group order.

    Attributes:
        step: The first optimizer step that trains on it, from 1.
        group_size: Completions of each prompt, which are neighbours.
        prompts: Texts or chat messages.
        completions: Likewise.
        golds: The column `answer`, None without one.
        rewards: Of each reward function; NaN where it did not apply.
        reward: Their weighted sum; NaN where none applied.
        advantages: As logged, before any weighting of groups.
        lengths: Generated tokens, the end token once.
        truncated: Whether it was cut at the limit.
    """

    step: int
    group_size: int
    prompts: list[Any]
    completions: list[Any]
    golds: list[str | None]
    rewards: dict[str, list[float]]
    reward: list[float]
    advantages: list[float]
    lengths: list[int]
    truncated: list[bool]

    @classmethod
    def of(
        cls,
        state: Any,
        logs: dict[str, Any],
        golds: list[str | None],
        group: GroupRewards,
        truncated: Tensor,
    ) -> Self:
        """Out of the trainer's state, what TRL has logged of the generation, and its rewards by group."""
        return cls(
            step=state.global_step + 1,
            group_size=group.total.size(1),
            prompts=list(logs["prompt"]),
            completions=list(logs["completion"]),
            golds=golds,
            rewards={name: column.flatten().tolist() for name, column in group.columns.items()},
            reward=group.total.flatten().tolist(),
            advantages=list(logs["advantages"]),
            lengths=group.lengths.flatten().tolist(),
            truncated=truncated.tolist(),
        )


class RolloutCallback(TrainerCallback):
    """A callback that is also shown every generation of training, on every process."""

    def on_drawing(self) -> None:
        """Called with `--zero_variance resample` after each part of a generation that was drawn and rewarded."""

    def on_generation(self, args: Any, state: Any, generation: Generation) -> None:
        """Called after rewards and advantages are known, before the first step trains on them."""


def watching(trainer: Any) -> list[RolloutCallback]:
    """The trainer's callbacks that look at completions."""
    return [c for c in trainer.callback_handler.callbacks if isinstance(c, RolloutCallback)]


def show_generation(trainer: Any, logs: dict[str, Any], inputs: Any, group: GroupRewards, truncated: Tensor) -> None:
    """Hand a generation to the callbacks that look at completions; every process has the same one.

    Args:
        trainer: Whose callbacks are shown it.
        logs: What TRL has logged of it.
        inputs: Rows of the problems on this process.
        group: Its rewards.
        truncated: (N,).
    """
    if not watching(trainer):
        return
    golds = gather_object([row.get("answer") for row in inputs])
    generation = Generation.of(trainer.state, logs, golds, group, truncated)
    for callback in watching(trainer):
        callback.on_generation(trainer.args, trainer.state, generation)


def group_metrics(accuracy: Tensor | None, lengths: Tensor, signal: Tensor) -> dict[str, float]:
    """What users ask of a run: which groups can teach, and how long right and wrong answers are.

    Args:
        accuracy: (groups, group_size), 1 right, 0 wrong, NaN could not be graded, which is neither; None without it.
        lengths: (groups, group_size), generated tokens.
        signal: (groups,), whether rewards differ.

    Returns:
        Means over groups, or over completions for lengths; NaN where there is none.
    """
    metrics = {"groups/effective": signal.double().mean().item()}
    if accuracy is None:
        return metrics
    correct, wrong = accuracy > 0.5, accuracy <= 0.5
    for name, kind, rows in (("all_correct", "correct", correct), ("all_wrong", "incorrect", wrong)):
        metrics[f"groups/{name}"] = rows.all(1).double().mean().item()
        metrics[f"completions/mean_length_{kind}"] = lengths[rows].double().mean().item()
    return metrics


def hint_metrics(accuracy: Tensor, hinted: Tensor) -> dict[str, float]:
    """How right answers are with and without hints in the prompt, and in how many groups none is.

    Args:
        accuracy: (groups, group_size).
        hinted: (groups,), whether the prompt has hints.

    Returns:
        NaN where there is no such group.
    """
    metrics = {}
    for name, rows in (("with", accuracy[hinted]), ("without", accuracy[~hinted])):
        metrics[f"hints/accuracy_{name}"] = rows.double().nanmean().item()
        metrics[f"hints/all_wrong_{name}"] = (rows <= 0.5).all(1).double().mean().item()
    return metrics
