"""Dynamic sampling (DAPO, arXiv 2503.14476): groups without reward spread give way to groups of other problems.

Completions are sampled and rewarded before TRL pads them or takes log-probabilities, so what is thrown away has cost
its sampling only. New groups are divided among the processes in equal parts, however many each of them lacks: all of
them generate, gather and stop together. N rows are those of all processes in order, B this process's.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from trainers.generation import GroupRewards, Rollout, group_rewards


def other_problems(dataset: Any, used: Sequence[Any], seed: str) -> Iterator[dict[str, Any]]:
    """Yield problems in an order that the seed decides: those with other prompts first, then all, over and over."""
    generator = torch.Generator().manual_seed(Random(seed).getrandbits(63))
    taken = list(used)
    while True:
        for place in torch.randperm(len(dataset), generator=generator).tolist():
            row = dataset[place]
            if row["prompt"] not in taken:
                yield row
        taken = []


def require_resamplable(trainer: Any) -> None:
    """Refuse a trainer whose problems cannot be sampled again: streams, environments, pictures.

    Raises:
        ValueError: The trainer has such problems.
    """
    dataset = trainer.train_dataset
    reason = None
    if not hasattr(dataset, "__len__"):
        reason = "problems that can be drawn by number, not a stream"
    elif trainer.tools or trainer.environments or trainer.environment_factories:
        reason = "completions that depend on their prompt alone, without environments or TRL's tools"
    elif {"image", "images"} & set(dataset.column_names):
        reason = "problems without pictures"
    if reason is not None:
        raise ValueError(f"--zero_variance resample needs {reason}. Use --zero_variance drop.")


class Resampler:
    """Fills the places of groups without signal.

    Args:
        accelerator: The trainer's accelerator.
        sample: From rows of this process to their rewarded completions; every process calls it equally often.
        weights: Weights of the reward functions (F,).
        group_size: G.
        max_batches: Batches sampled at most for one that is trained on, the first included.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        sample: Callable[[list[dict[str, Any]]], Rollout],
        weights: Tensor,
        group_size: int,
        max_batches: int,
    ):
        self._accelerator, self._sample, self._weights = accelerator, sample, weights
        self._size, self._max_batches = group_size, max_batches

    def fill(self, first: list[dict[str, Any]], spare: Iterator[dict[str, Any]]) -> tuple[Rollout, list[Rollout]]:
        """Sample a batch and replace its groups without signal, as far as `max_batches` goes.

        Args:
            first: This process's rows of the batch.
            spare: Further problems, the same on every process.

        Returns:
            The batch, and all rollouts that were sampled for it.
        """
        kept = self._sample(first)
        tried, signal = [kept], self._signal(kept)
        groups, good_groups, left = len(signal), int(signal.sum()), len(signal) * (self._max_batches - 1)
        empty = (~signal).nonzero().flatten().tolist()
        while empty:
            tried_groups = sum(len(rollout.lengths) // self._size for rollout in tried)
            wanted = self._wanted(len(empty), good_groups / tried_groups, groups, left)
            if not wanted:
                break
            rollout = self._sample(self._share([next(spare) for _ in range(wanted)]))
            good = self._signal(rollout).nonzero().flatten().tolist()
            kept = self._placed(kept, dict(zip(good, empty, strict=False)), rollout)
            tried = [*tried, rollout]
            good_groups, left, empty = good_groups + len(good), left - wanted, empty[len(good) :]
        return kept, tried

    def _signal(self, rollout: Rollout) -> Tensor:
        return group_rewards([rollout], self._weights, self._size).signal

    def _wanted(self, empty: int, rate: float, groups: int, left: int) -> int:
        """Return how many groups to sample for so many empty places: as it takes at this rate, at most a batch.

        Only numbers of groups that all processes can share equally.
        """
        processes = self._accelerator.num_processes
        unit = processes // math.gcd(processes, self._size)
        return min(math.ceil(min(groups, empty / max(rate, 1 / groups)) / unit), left // unit) * unit

    def _share(self, problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return this process's rows of groups of these problems."""
        rows = [dict(problem) for problem in problems for _ in range(self._size)]
        share = len(rows) // self._accelerator.num_processes
        return rows[self._accelerator.process_index * share :][:share]

    def _placed(self, kept: Rollout, places: dict[int, int], rollout: Rollout) -> Rollout:
        """Put groups of one rollout (keys) into places of the batch (values), on whichever process those lie."""
        if not places:
            return kept
        size, begin = self._size, self._accelerator.process_index * len(rollout.rows)
        ours = [(begin + i, row) for i, row in enumerate(rollout.rows) if (begin + i) // size in places]
        moved = dict(gather_object(ours))
        source = torch.tensor([g * size + i for g in places for i in range(size)], device=kept.lengths.device)
        target = torch.tensor([g * size + i for g in places.values() for i in range(size)], device=source.device)
        rows, begin = list(kept.rows), self._accelerator.process_index * len(kept.rows)
        for there, here in zip(source.tolist(), target.tolist(), strict=True):
            if begin <= here < begin + len(rows):
                rows[here - begin] = moved[there]
        names = ["rewards", "lengths", "truncated", *(["hints"] if kept.hints is not None else [])]
        columns = {name: getattr(kept, name).index_copy(0, target, getattr(rollout, name)[source]) for name in names}
        return replace(kept, rows=rows, **columns)


def log_resampling(metrics: Any, trained_on: GroupRewards, tried: GroupRewards, rollouts: Sequence[Rollout]) -> None:
    """Log how much was sampled, and replace TRL's means, which are of the groups kept, by means over all of it."""
    _log_lengths(metrics, rollouts)
    metrics["resample/batches"].append(len(tried.signal) / len(trained_on.signal))
    metrics["resample/unfilled"].append((~trained_on.signal).double().mean().item())
    for name, column in tried.columns.items():
        metrics[f"rewards/{name}/mean"][-1] = column.double().nanmean().item()
        metrics[f"rewards/{name}/std"][-1] = _std(column)
    metrics["reward"][-1], metrics["reward_std"][-1] = tried.total.double().nanmean().item(), _std(tried.total)
    metrics["frac_reward_zero_std"][-1] = (~tried.signal).double().mean().item()
    if not trained_on.signal.all():
        _warn_of_empty(trained_on.signal, tried)


def _log_lengths(metrics: Any, rollouts: Sequence[Rollout]) -> None:
    """Replace TRL's lengths, one value for each rollout, by one value over all of them."""
    lengths = torch.cat([rollout.lengths for rollout in rollouts]).double()
    truncated = torch.cat([rollout.truncated for rollout in rollouts])
    ended = lengths[~truncated] if not truncated.all() else lengths.new_zeros(1)  # TRL's 0 where none ended
    values = {"clipped_ratio": truncated.double().mean()}
    for kind, rows in (("length", lengths), ("terminated_length", ended)):
        values |= {f"mean_{kind}": rows.mean(), f"min_{kind}": rows.min(), f"max_{kind}": rows.max()}
    for name, value in values.items():
        column = metrics[f"completions/{name}"]
        del column[-len(rollouts) :]
        column.append(value.item())


def _std(rewards: Tensor) -> float:
    known = rewards[~rewards.isnan()].double()
    return known.std().item() if len(known) > 1 else 0.0


def _warn_of_empty(signal: Tensor, tried: GroupRewards) -> None:
    """Warn that places stayed empty, and say what can be done."""
    alike, mean = tried.total[~tried.signal].nanmean(1), tried.total.nanmean()
    end = (
        "the others are left out of this step."
        if signal.any()
        else "nothing is left to learn from, so training ends here and the model is saved as it is."
    )
    warnings.warn(
        f"--zero_variance resample found {int(signal.sum())} of {len(signal)} groups whose rewards differ, out of "
        f"{len(tried.signal)} tried ({int((alike <= mean).sum())} all low, {int((alike > mean).sum())} all high); "
        f"{end} Raise --max_generation_batches, filter the problems (cli.py filter-data), or give hints.",
        stacklevel=2,
    )
