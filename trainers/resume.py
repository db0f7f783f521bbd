"""The seam's part about restarts: a run that was stopped at any step goes on as if it had not been.

TRL 1.16 does not save where a run is within a generation, nor the rollouts it is still to train on, and after a
restart in a later epoch its sampler goes through epoch 0 again. With what is kept here a resumed run equals one that
was not stopped, bit for bit on the CPU. A checkpoint is written beside its place and moved there when it is whole.
"""

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from torch.utils.data import Sampler
from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import TrainOutput, get_last_checkpoint
from trl import GRPOTrainer
from typing_extensions import override

from runs.checkpoints import MARK, damage, newest_whole, read_mark, remove_oldest, write_mark
from trainers.config import RolloutConfig, strategy_of


class ResumableTrainer(GRPOTrainer):
    """TRL's GRPOTrainer, which goes on from its checkpoints as if it had not been stopped."""

    args: RolloutConfig
    _partial_folder: Path | None = None  # where a checkpoint is while it is being saved
    _nothing_left = False  # whether training ends before its last step because no group has signal
    _buffered_tokens: list[int] | None = None  # of the padding-free layer, for the buffered micro-batches

    @override
    def train(self, resume_from_checkpoint=None, *args, **kwargs):
        """Train, or go on; a checkpoint of other processes, or of another strategy, raises ValueError."""
        if resume_from_checkpoint is True:
            folder = str(self.args.output_dir)
            resume_from_checkpoint = newest_whole(Path(folder))[0] or get_last_checkpoint(folder)
        if resume_from_checkpoint:
            resume_from_checkpoint = str(resume_from_checkpoint)
            rollouts = load_rollouts(resume_from_checkpoint, self.accelerator, strategy_of(self.args))
            state = TrainerState.load_from_json(str(Path(resume_from_checkpoint) / TRAINER_STATE_NAME))
            if rollouts.get("ended") or state.global_step >= self._planned_steps(state):
                self._load_from_checkpoint(resume_from_checkpoint)  # TRL would train one step more
                self.state = state
                return TrainOutput(state.global_step, 0.0, {})
            self._step = rollouts.get("step", 0)
            self._buffered_inputs, self._buffered_tokens = rollouts.get("buffered"), rollouts.get("tokens")
            for name, values in rollouts.get("metrics", {}).items():
                self._metrics["train"][name] = list(values)
        return super().train(resume_from_checkpoint, *args, **kwargs)

    def _planned_steps(self, state: TrainerState) -> float:
        """Return how many steps a run has in all; infinity where a checkpoint's state does not tell."""
        if self.args.max_steps > 0:
            return self.args.max_steps
        return state.max_steps if state.num_train_epochs >= self.args.num_train_epochs else math.inf

    @override
    def _get_train_sampler(self, dataset=None):
        return EpochSampler(super()._get_train_sampler(dataset), lambda: int((self.state.epoch or 0.0) + 1e-9))

    @override
    def _get_output_dir(self, trial):
        return str(self._partial_folder) if self._partial_folder is not None else super()._get_output_dir(trial)

    @override
    def _save_checkpoint(self, model, trial):
        folder, name = Path(super()._get_output_dir(trial)), f"checkpoint-{self.state.global_step}"
        place, partial_folder = folder / name, folder / ".partial"
        unfinished, main = partial_folder / name, self.accelerator.is_main_process
        if main:
            shutil.rmtree(partial_folder, ignore_errors=True)  # of a run that was killed while it saved
            unfinished.mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        self._partial_folder = partial_folder
        try:
            super()._save_checkpoint(model, trial)
            torch.save(self._rollouts(), _rollouts_file(unfinished, self.accelerator.process_index))
            self.accelerator.wait_for_everyone()
            if self.state.best_model_checkpoint == str(unfinished):
                self.state.best_model_checkpoint = str(place)
            if main:
                self.state.save_to_json(str(unfinished / TRAINER_STATE_NAME))
                mark = {"processes": self.accelerator.num_processes, "strategy": strategy_of(self.args)}
                write_mark(unfinished, folder, step=self.state.global_step, **mark)
                if place.exists():  # of the same step, before a run that went back further
                    place.rename(partial_folder / "older")
                unfinished.rename(place)
                shutil.rmtree(partial_folder)
                remove_oldest(folder, self.args.save_total_limit, self.state.best_model_checkpoint)
            self.accelerator.wait_for_everyone()
        except BaseException:
            if main:  # a disk that is full has room again, for the record of the run
                shutil.rmtree(unfinished, ignore_errors=True)
            raise
        finally:
            self._partial_folder = None

    def _rollouts(self) -> dict[str, Any]:
        """Return where the run is within a generation, what is still to be trained on, what is still to be logged."""
        cycle = (self.args.steps_per_generation or 1) * self.num_iterations
        return {
            "step": self._step,
            "buffered": self._buffered_inputs if self._step % cycle else None,
            "tokens": self._buffered_tokens,
            "metrics": {name: list(values) for name, values in self._metrics["train"].items()},
            "ended": self._nothing_left,
        }


class EpochSampler(Sampler[int]):
    """TRL's sampler, which begins each epoch with the order that it has in a run without a restart.

    Args:
        sampler: TRL's sampler; its generator draws one order after another.
        epoch: Returns the epoch that begins or goes on, from 0.
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


def load_rollouts(checkpoint: str | Path, accelerator: Accelerator, strategy: str) -> dict[str, Any]:
    """Return this process's rollouts in a checkpoint; {} where it has none, as TRL's own.

    Raises:
        ValueError: The checkpoint is damaged, was made by another number of processes, which have other rollouts, or
            by another strategy.
    """
    if not (Path(checkpoint) / MARK).exists():
        return {}
    wrong = damage(Path(checkpoint))
    if wrong:
        raise ValueError(f"the checkpoint {checkpoint} is damaged: {wrong}. Go on from an earlier one.")
    mismatch = topology_mismatch(read_mark(Path(checkpoint)), accelerator.num_processes, strategy)
    if mismatch:
        raise ValueError(
            f"a run goes on with the processes it began with: {checkpoint} is of {mismatch}. Start it in the same "
            f"way, or begin a new run from its weights with --model_name_or_path {checkpoint}."
        )
    file = _rollouts_file(Path(checkpoint), accelerator.process_index)
    return send_to_device(torch.load(file, weights_only=True, map_location="cpu"), accelerator.device)


def topology_mismatch(mark: dict[str, Any], processes: int, strategy: str) -> str | None:
    """Return how a checkpoint's processes differ from those that would go on, `2; found 1`; None where they do not."""
    processes_before, strategy_before = mark.get("processes", processes), mark.get("strategy", strategy)
    if processes_before != processes:
        return f"{processes_before}; found {processes}"
    return f"strategy {strategy_before}; found {strategy}" if strategy_before != strategy else None


def _rollouts_file(checkpoint: Path, process: int) -> Path:
    return checkpoint / f"rollouts_{process}.pt"
