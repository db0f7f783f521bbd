"""Completions and their rewards as they are drawn, before TRL pads them. N rows are all processes', B this one's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from trainers.advantages import has_spread


class Row(NamedTuple):
    """One completion as TRL's `_generate` returned it, with the problem and what reward functions logged of it."""

    inputs: dict[str, Any]
    prompt_ids: list[int]
    completion_ids: list[int]
    tool_mask: list[int] | None
    completion: Any
    logprobs: list[float] | None
    extra: dict[str, Any]

    def with_extra(self, logged: Mapping[str, list[Any]], i: int) -> "Row":
        """The row with what reward functions logged of it, the i-th of its drawing."""
        return self._replace(extra={name: values[i] for name, values in logged.items()})


@dataclass(frozen=True)
class Drawn:
    """Completions that have been rewarded.

    Attributes:
        rows: This process's, B.
        rewards: (N, F), one column per reward function.
        lengths: (N,), generated tokens.
        truncated: (N,), whether without an end token.
        hints: (N,), how many hints the prompt has; None where problems have none.
    """

    rows: list[Row]
    rewards: Tensor
    lengths: Tensor
    truncated: Tensor
    hints: Tensor | None = None

    def sampled(self) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
        """Prompts, completions, and which of their tokens the model wrote itself."""
        masks = [row.tool_mask or [1] * len(row.completion_ids) for row in self.rows]
        return [row.prompt_ids for row in self.rows], [row.completion_ids for row in self.rows], masks

    def output(self) -> tuple[Any, ...]:
        """The rows as `_generate` returns them."""
        prompts, completions, masks = self.sampled()
        logprobs = None if self.rows[0].logprobs is None else [row.logprobs for row in self.rows]
        tool_masks = None if self.rows[0].tool_mask is None else masks
        return prompts, completions, tool_masks, [row.completion for row in self.rows], logprobs, {}, None, []

    def extra(self) -> dict[str, list[Any]]:
        """Columns that reward functions logged."""
        names = {name for row in self.rows for name in row.extra}
        return {name: [row.extra.get(name) for row in self.rows] for name in names}


def rows_of(inputs: Sequence[dict[str, Any]], output: Sequence[Any]) -> list[Row]:
    """Rows of what `_generate` returned, with the columns that a rollout function adds among their inputs."""
    prompt_ids, completion_ids, tool_masks, completions, logprobs, added = output[:6]
    return [
        Row(
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
    """Rewards by group; float64 is to be had on the CPU whatever the accelerator.

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


def rewards_of(drawn: Sequence[Drawn], weights: Tensor, group_size: int, names: Sequence[str] = ()) -> GroupRewards:
    """Put the rewards of drawings together.

    Args:
        drawn: Drawings of all processes.
        weights: (F,), of the reward functions.
        group_size: G.
        names: Of the reward functions whose columns are wanted.
    """
    rewards = torch.cat([part.rewards.cpu() for part in drawn])
    total = total_reward(rewards, weights.cpu()).view(-1, group_size)
    columns = {name: rewards[:, i].view(total.shape) for i, name in enumerate(names)}
    lengths = torch.cat([part.lengths.cpu() for part in drawn]).view(total.shape)
    hints = [part.hints.cpu() for part in drawn if part.hints is not None]
    hinted = torch.cat(hints).view(total.shape)[:, 0] > 0 if hints else None
    return GroupRewards(columns, total, lengths, hinted, has_spread(total))


def total_reward(rewards: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum (N,) of the reward functions (N, F), as TRL forms it; NaN where every function said None."""
    return (rewards * weights).nansum(1).masked_fill(rewards.isnan().all(1), torch.nan)
