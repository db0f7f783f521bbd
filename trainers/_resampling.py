"""Dynamic sampling (DAPO, arXiv 2503.14476): groups without reward spread give way to groups of other problems.

Completions are drawn and scored before TRL pads them or takes log-probabilities, so what is thrown away has cost its
sampling only. New groups are divided among the processes in equal parts, however many each of them lacks: all of them
generate, gather and stop together. N rows are those of all processes in order, B this process's.
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

from trainers._drawn import Drawn, GroupRewards, rewards_of


def other_problems(dataset: Any, used: Sequence[Any], seed: str) -> Iterator[dict[str, Any]]:
    """Problems in an order that depends on the seed alone: those with other prompts first, then all, over and over."""
    generator = torch.Generator().manual_seed(Random(seed).getrandbits(63))
    taken = list(used)
    while True:
        for place in torch.randperm(len(dataset), generator=generator).tolist():
            row = dataset[place]
            if row["prompt"] not in taken:
                yield row
        taken = []


def require_resamplable(trainer: Any) -> None:
    """Raise for what cannot be drawn again: problems without a number, environments, pictures.

    Raises:
        ValueError: The trainer has such.
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
        accelerator: Of the trainer.
        draw: From rows of this process to their rewarded completions; every process calls it equally often.
        weights: Of the reward functions (F,).
        group_size: G.
        max_batches: Batches generated at most for one that is trained on, the first included.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        draw: Callable[[list[dict[str, Any]]], Drawn],
        weights: Tensor,
        group_size: int,
        max_batches: int,
    ):
        self._accelerator, self._draw, self._weights = accelerator, draw, weights
        self._size, self._max_batches = group_size, max_batches

    def fill(self, first: list[dict[str, Any]], spare: Iterator[dict[str, Any]]) -> tuple[Drawn, list[Drawn]]:
        """Draw a batch and replace its groups without signal, as far as `max_batches` goes.

        Args:
            first: This process's rows of the batch.
            spare: Further problems, the same on every process.

        Returns:
            The batch, and everything that was drawn for it.
        """
        kept = self._draw(first)
        tried, signal = [kept], self._signal(kept)
        groups, found, left = len(signal), int(signal.sum()), len(signal) * (self._max_batches - 1)
        empty = (~signal).nonzero().flatten().tolist()
        while empty:
            drawn_groups = sum(len(drawn.lengths) // self._size for drawn in tried)
            wanted = self._wanted(len(empty), found / drawn_groups, groups, left)
            if not wanted:
                break
            drawn = self._draw(self._share([next(spare) for _ in range(wanted)]))
            signal = self._signal(drawn)
            good = signal.nonzero().flatten().tolist()
            kept = self._placed(kept, dict(zip(good, empty, strict=False)), drawn)
            tried, found, left, empty = [*tried, drawn], found + len(good), left - wanted, empty[len(good) :]
        return kept, tried

    def _signal(self, drawn: Drawn) -> Tensor:
        return rewards_of([drawn], self._weights, self._size).signal

    def _wanted(self, empty: int, rate: float, groups: int, left: int) -> int:
        """How many groups to draw for so many empty places: as many as it takes at this rate, at most a batch.

        Only numbers that all processes can share equally.
        """
        processes = self._accelerator.num_processes
        unit = processes // math.gcd(processes, self._size)
        return min(math.ceil(min(groups, empty / max(rate, 1 / groups)) / unit), left // unit) * unit

    def _share(self, problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """This process's rows of groups of these problems."""
        rows = [dict(problem) for problem in problems for _ in range(self._size)]
        share = len(rows) // self._accelerator.num_processes
        return rows[self._accelerator.process_index * share :][:share]

    def _placed(self, kept: Drawn, places: dict[int, int], drawn: Drawn) -> Drawn:
        """Put groups of one drawing (keys) into places of the batch (values), on whichever process those lie."""
        if not places:
            return kept
        size, begin = self._size, self._accelerator.process_index * len(drawn.rows)
        ours = [(begin + i, row) for i, row in enumerate(drawn.rows) if (begin + i) // size in places]
        moved = dict(gather_object(ours))
        source = torch.tensor([g * size + i for g in places for i in range(size)], device=kept.lengths.device)
        target = torch.tensor([g * size + i for g in places.values() for i in range(size)], device=source.device)
        rows, begin = list(kept.rows), self._accelerator.process_index * len(kept.rows)
        for there, here in zip(source.tolist(), target.tolist(), strict=True):
            if begin <= here < begin + len(rows):
                rows[here - begin] = moved[there]
        names = ["rewards", "lengths", "truncated", *(["hints"] if kept.hints is not None else [])]
        columns = {name: getattr(kept, name).index_copy(0, target, getattr(drawn, name)[source]) for name in names}
        return replace(kept, rows=rows, **columns)


def log_resampling(metrics: Any, trained_on: GroupRewards, tried: GroupRewards, drawn: Sequence[Drawn]) -> None:
    """Log how much was drawn, and put means over all of it in the place of TRL's, which are of the groups kept.

    Args:
        metrics: TRL's lists, of training.
        trained_on: The batch.
        tried: Everything that was drawn for it.
        drawn: The same, as it was drawn.
    """
    _log_lengths(metrics, drawn)
    metrics["resample/batches"].append(len(tried.signal) / len(trained_on.signal))
    metrics["resample/unfilled"].append((~trained_on.signal).double().mean().item())
    for name, column in tried.columns.items():
        metrics[f"rewards/{name}/mean"][-1] = column.double().nanmean().item()
        metrics[f"rewards/{name}/std"][-1] = _std(column)
    metrics["reward"][-1], metrics["reward_std"][-1] = tried.total.double().nanmean().item(), _std(tried.total)
    metrics["frac_reward_zero_std"][-1] = (~tried.signal).double().mean().item()
    if not trained_on.signal.all():
        _warn_of_empty(trained_on.signal, tried)


def _log_lengths(metrics: Any, drawn: Sequence[Drawn]) -> None:
    """One value of each of TRL's lengths, over all that was drawn, in place of one for each drawing."""
    lengths = torch.cat([part.lengths for part in drawn]).double()
    cut = torch.cat([part.truncated for part in drawn])
    ended = lengths[~cut] if not cut.all() else lengths.new_zeros(1)  # TRL's 0 where none ended
    values = {"clipped_ratio": cut.double().mean()}
    for kind, rows in (("length", lengths), ("terminated_length", ended)):
        values |= {f"mean_{kind}": rows.mean(), f"min_{kind}": rows.min(), f"max_{kind}": rows.max()}
    for name, value in values.items():
        column = metrics[f"completions/{name}"]
        del column[-len(drawn) :]
        column.append(value.item())


def _std(rewards: Tensor) -> float:
    known = rewards[~rewards.isnan()].double()
    return known.std().item() if len(known) > 1 else 0.0


def _warn_of_empty(signal: Tensor, tried: GroupRewards) -> None:
    """Say that places stayed empty, and what can be done."""
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
