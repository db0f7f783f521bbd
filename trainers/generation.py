"""What one generation holds: its state while TRL scores it, its rewards by group, and the record for callbacks.

B rows are this process's completions, N those of all processes in their order. Completions of one prompt are
neighbours; G is their number. TRL shuffles rows only after everything here has been used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import torch
from accelerate.utils import gather_object
from torch import Tensor
from transformers import TrainerCallback

from trainers.advantages import has_spread
from trainers.certainty import PolicyTokens


class NextPass(Enum):
    """What the next forward pass over the completions of a generation is for."""

    ORDINARY = "TRL's own use alone"
    READ = "certainty and entropy are read off it"
    SKIP = "nothing: the first training pass returns the same log-probabilities"


@dataclass
class GenerationState:
    """What the trainer knows of the newest generation between the calls that TRL makes.

    `RolloutTrainer._generate_and_score_completions` creates it empty, and drops it by creating the next one; TRL's
    calls in between fill it. Nothing in it is needed by training steps or kept in checkpoints.

    Attributes:
        prompt_ids: Tokens of this process's B prompts.
        completion_ids: Tokens of this process's B completions.
        own: 1 for each token of a completion that the model wrote, 0 for a tool's or an environment's.
        lengths: (N,), generated tokens, the end token once, tokens of tools and environments not.
        truncated: (N,), whether a completion has no end token.
        rewards: (N, F), one column per reward function.
        rollout: Completions that dynamic sampling has rewarded; TRL gets them in place of sampling and rewarding.
        next_pass: What the next forward pass over the completions is for.
        policy_tokens: What a forward pass said of the tokens, once one was read.
    """

    prompt_ids: list[list[int]] = field(default_factory=list)
    completion_ids: list[list[int]] = field(default_factory=list)
    own: list[list[int]] = field(default_factory=list)
    lengths: Tensor | None = None
    truncated: Tensor | None = None
    rewards: Tensor | None = None
    rollout: "Rollout | None" = None
    next_pass: NextPass = NextPass.ORDINARY
    policy_tokens: PolicyTokens | None = None


class RolloutRow(NamedTuple):
    """One completion as TRL's `_generate` returned it, with its problem and what reward functions logged of it."""

    inputs: dict[str, Any]
    prompt_ids: list[int]
    completion_ids: list[int]
    tool_mask: list[int] | None
    completion: Any
    logprobs: list[float] | None
    extra: dict[str, Any]


@dataclass(frozen=True)
class Rollout:
    """Completions that were sampled and rewarded, before TRL pads them.

    Attributes:
        rows: This process's B completions.
        rewards: (N, F), one column per reward function.
        lengths: (N,), generated tokens.
        truncated: (N,), whether a completion has no end token.
        hints: (N,), how many hints the prompt has; None where problems have none.
    """

    rows: list[RolloutRow]
    rewards: Tensor
    lengths: Tensor
    truncated: Tensor
    hints: Tensor | None = None

    def own(self) -> list[list[int]]:
        """Return which tokens of each completion the model wrote itself."""
        return [row.tool_mask or [1] * len(row.completion_ids) for row in self.rows]

    def output(self) -> tuple[Any, ...]:
        """Return the rows as TRL's `_generate` returns them."""
        _, prompts, completions, tool_masks, texts, logprobs, _ = map(list, zip(*self.rows, strict=True))
        own, sampled = None if tool_masks[0] is None else self.own(), None if logprobs[0] is None else logprobs
        return prompts, completions, own, texts, sampled, {}, None, []

    def extra(self) -> dict[str, list[Any]]:
        """Return the columns that reward functions logged."""
        names = {name for row in self.rows for name in row.extra}
        return {name: [row.extra.get(name) for row in self.rows] for name in names}


def rollout_rows(inputs: Sequence[dict[str, Any]], output: Sequence[Any]) -> list[RolloutRow]:
    """Return the rows of what TRL's `_generate` returned; columns that a rollout function adds go to the inputs."""
    prompt_ids, completion_ids, tool_masks, completions, logprobs, added = output[:6]
    return [
        RolloutRow(
            {**row, **{name: part[i] if isinstance(part, list) else part for name, part in added.items()}},
            prompt_ids[i],
            completion_ids[i],
            tool_masks[i] if tool_masks is not None else None,
            completions[i],
            logprobs[i] if logprobs is not None else None,
            {},
        )
        for i, row in enumerate(inputs)
    ]


@dataclass(frozen=True)
class GroupRewards:
    """Rewards by group, on the CPU, because not every accelerator has float64.

    Attributes:
        columns: Of each reward function, (groups, group_size); NaN where it did not apply.
        total: Their weighted sum, (groups, group_size).
        lengths: (groups, group_size), generated tokens.
        hinted: (groups,), whether the prompt has hints; None where problems have none.
        signal: (groups,), whether rewards differ.
    """

    columns: dict[str, Tensor]
    total: Tensor
    lengths: Tensor
    hinted: Tensor | None
    signal: Tensor


def group_rewards(
    rollouts: Sequence[Rollout], weights: Tensor, group_size: int, names: Sequence[str] = ()
) -> GroupRewards:
    """Return the rewards of all rollouts by group, weighted by `weights` (F,), with the columns that `names` names."""
    rewards = torch.cat([rollout.rewards.cpu() for rollout in rollouts])
    total = total_reward(rewards, weights.cpu()).view(-1, group_size)
    columns = {name: rewards[:, i].view(total.shape) for i, name in enumerate(names)}
    lengths = torch.cat([rollout.lengths.cpu() for rollout in rollouts]).view(total.shape)
    hints = [rollout.hints.cpu() for rollout in rollouts if rollout.hints is not None]
    hinted = torch.cat(hints).view(total.shape)[:, 0] > 0 if hints else None
    return GroupRewards(columns, total, lengths, hinted, has_spread(total))


def total_reward(rewards: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum (N,) of rewards (N, F), as TRL forms it; NaN where every function returned None."""
    return (rewards * weights).nansum(1).masked_fill(rewards.isnan().all(1), torch.nan)


@dataclass(frozen=True)
class Generation:
    """The record of one generation over all processes, N rows in group order.

    Attributes:
        step: The first optimizer step that trains on it, from 1.
        group_size: Completions of each prompt, which are neighbours.
        prompts: Texts or chat messages.
        completions: Texts or chat messages.
        golds: The column `answer`; None without one.
        rewards: Of each reward function; NaN where it did not apply.
        reward: Their weighted sum; NaN where none applied.
        advantages: As logged, before any weighting of groups.
        lengths: Generated tokens, the end token once.
        truncated: Whether it was truncated at the limit.
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


class RolloutCallback(TrainerCallback):
    """A callback that is also shown every generation of training, on every process."""

    def on_rollout(self) -> None:
        """Called with `--zero_variance resample` after each part of a generation that was sampled and rewarded."""

    def on_generation(self, args: Any, state: Any, generation: Generation) -> None:
        """Called after rewards and advantages are known, before the first step trains on them."""


def rollout_callbacks(trainer: Any) -> list[RolloutCallback]:
    """Return the trainer's callbacks that look at completions."""
    return [c for c in trainer.callback_handler.callbacks if isinstance(c, RolloutCallback)]


def show_generation(trainer: Any, logs: dict[str, Any], inputs: Any, group: GroupRewards, truncated: Tensor) -> None:
    """Hand the record of a generation to the callbacks that look at completions; it is the same on every process."""
    callbacks = rollout_callbacks(trainer)
    if not callbacks:
        return
    generation = Generation(
        step=trainer.state.global_step + 1,
        group_size=group.total.size(1),
        prompts=list(logs["prompt"]),
        completions=list(logs["completion"]),
        golds=gather_object([row.get("answer") for row in inputs]),
        rewards={name: column.flatten().tolist() for name, column in group.columns.items()},
        reward=group.total.flatten().tolist(),
        advantages=list(logs["advantages"]),
        lengths=group.lengths.flatten().tolist(),
        truncated=truncated.tolist(),
    )
    for callback in callbacks:
        callback.on_generation(trainer.args, trainer.state, generation)
