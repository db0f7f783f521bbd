"""Checkpoints that are there in whole or not at all, and hold what TRL leaves out of a run's state.

TRL 1.16 does not save where a run is within a generation, nor the rollouts it is still to train on, and after a
restart in a later epoch its sampler goes through epoch 0 again. With what is kept here a run that was stopped at any
step goes on as if it had not been, bit for bit on the CPU.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from torch.utils.data import Sampler
from typing_extensions import override

from runs.checkpoints import MARK, damage, read_mark, remove_oldest, write_mark


class EpochSampler(Sampler[int]):
    """TRL's sampler, which begins each epoch with the order that it has in a run without a restart.

    Args:
        sampler: TRL's; its generator draws one order after another.
        epoch: The epoch that begins or goes on, from 0.
    """

    def __init__(self, sampler: Any, epoch: Callable[[], int]):
        self._sampler, self._epoch = sampler, epoch

    def __len__(self) -> int:
        return len(self._sampler)

    @override
    def __iter__(self) -> Iterator[int]:
        if self._sampler.shuffle:
            self._sampler.generator.manual_seed(self._sampler.seed)
            for _ in range(self._epoch()):
                torch.randperm(self._sampler.num_samples, generator=self._sampler.generator)
        return iter(self._sampler)


class Checkpoint:
    """A checkpoint in the making: beside its place until it is whole.

    Args:
        folder: Of the checkpoints.
        step: Optimizer steps done.
        accelerator: Of the trainer.
        strategy: What `strategy_of` says of the run.
    """

    def __init__(self, folder: str | Path, step: int, accelerator: Accelerator, strategy: str):
        self.partial = Path(folder) / ".partial"
        self.path, self._making = Path(folder) / f"checkpoint-{step}", self.partial / f"checkpoint-{step}"
        self._accelerator, self._step, self._strategy = accelerator, step, strategy
        if accelerator.is_main_process:
            shutil.rmtree(self.partial, ignore_errors=True)  # of a run that was killed while it saved
            self._making.mkdir(parents=True)
        accelerator.wait_for_everyone()

    def add(self, rollouts: dict[str, Any]) -> None:
        """Save this process's rollouts."""
        torch.save(rollouts, _rollouts(self._making, self._accelerator.process_index))

    def give_up(self) -> None:
        """Remove what was written of it: a disk that is full has room again, for the record of the run."""
        if self._accelerator.is_main_process:
            shutil.rmtree(self._making, ignore_errors=True)

    def finish(self, state: Any, limit: int | None) -> None:
        """Put it in its place, and remove the oldest beyond a limit.

        Args:
            state: The trainer's, which may name the best checkpoint.
            limit: Of checkpoints to keep; None for all.
        """
        self._accelerator.wait_for_everyone()
        if state.best_model_checkpoint == str(self._making):
            state.best_model_checkpoint = str(self.path)
        if self._accelerator.is_main_process:
            state.save_to_json(str(self._making / "trainer_state.json"))
            mark = {"processes": self._accelerator.num_processes, "strategy": self._strategy}
            write_mark(self._making, self.path.parent, step=self._step, **mark)
            if self.path.exists():  # of the same step, before a run that went back further
                self.path.rename(self.partial / "older")
            self._making.rename(self.path)
            shutil.rmtree(self.partial)
            remove_oldest(self.path.parent, limit, state.best_model_checkpoint)
        self._accelerator.wait_for_everyone()


def load_rollouts(checkpoint: str | Path, accelerator: Accelerator, strategy: str) -> dict[str, Any]:
    """Return what `Checkpoint.add` was given; {} where a checkpoint has none, as TRL's own.

    Raises:
        ValueError: It is damaged, was made by another number of processes, which have other rollouts, or divided
            otherwise.
    """
    if not (Path(checkpoint) / MARK).exists():
        return {}
    wrong = damage(Path(checkpoint))
    if wrong:
        raise ValueError(f"the checkpoint {checkpoint} is damaged: {wrong}. Go on from an earlier one.")
    differs = unlike(read_mark(Path(checkpoint)), accelerator.num_processes, strategy)
    if differs:
        raise ValueError(
            f"a run goes on with the processes it began with: {checkpoint} is of {differs}. Start it in the same way, "
            f"or begin a new run from its weights with --model_name_or_path {checkpoint}."
        )
    found = torch.load(_rollouts(Path(checkpoint), accelerator.process_index), weights_only=True, map_location="cpu")
    return send_to_device(found, accelerator.device)


def unlike(mark: dict[str, Any], processes: int, strategy: str) -> str | None:
    """How a checkpoint's processes differ from those that would go on, `2; found 1`; None where they do not."""
    before, divided = mark.get("processes", processes), mark.get("strategy", strategy)
    if before != processes:
        return f"{before}; found {processes}"
    return f"strategy {divided}; found {strategy}" if divided != strategy else None


def _rollouts(checkpoint: Path, process: int) -> Path:
    return checkpoint / f"rollouts_{process}.pt"
