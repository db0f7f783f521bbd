"""The seam's part about restarts: what TRL's trainer forgets of its state goes into its checkpoints and comes back."""

import math
from pathlib import Path
from typing import Any

from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import TrainOutput, get_last_checkpoint
from trl import GRPOTrainer
from typing_extensions import override

from runs.checkpoints import newest_whole
from trainers._checkpoint import Checkpoint, EpochSampler, load_rollouts
from trainers._config import RolloutConfig
from trainers._strategy import strategy_of


class ResumableTrainer(GRPOTrainer):
    """TRL's GRPOTrainer, which goes on from its checkpoints as if it had not been stopped."""

    args: RolloutConfig
    _making: Checkpoint | None = None
    _nothing_left = False  # to learn from, so that training ends before its last step
    _tokens: list[int] | None = None  # of the layer that arranges what is buffered

    @override
    def train(self, resume_from_checkpoint=None, *args, **kwargs):
        """Train, or go on; one of other processes, or divided otherwise, raises ValueError."""
        if resume_from_checkpoint is True:
            folder = str(self.args.output_dir)
            resume_from_checkpoint = newest_whole(Path(folder))[0] or get_last_checkpoint(folder)
        if resume_from_checkpoint:
            resume_from_checkpoint = str(resume_from_checkpoint)
            rollouts = load_rollouts(resume_from_checkpoint, self.accelerator, strategy_of(self.args))
            state = TrainerState.load_from_json(str(Path(resume_from_checkpoint) / TRAINER_STATE_NAME))
            if rollouts.get("ended") or state.global_step >= self._planned(state):
                self._load_from_checkpoint(resume_from_checkpoint)  # TRL would train one step more
                self.state = state
                return TrainOutput(state.global_step, 0.0, {})
            self._step = rollouts.get("step", 0)
            self._buffered_inputs, self._tokens = rollouts.get("buffered"), rollouts.get("tokens")
            for name, values in rollouts.get("metrics", {}).items():
                self._metrics["train"][name] = list(values)
        return super().train(resume_from_checkpoint, *args, **kwargs)

    def _planned(self, state: TrainerState) -> float:
        """How many steps a run has in all, of which a checkpoint's state tells where the run is as it was."""
        if self.args.max_steps > 0:
            return self.args.max_steps
        return state.max_steps if state.num_train_epochs >= self.args.num_train_epochs else math.inf

    @override
    def _get_train_sampler(self, dataset=None):
        return EpochSampler(super()._get_train_sampler(dataset), lambda: int((self.state.epoch or 0.0) + 1e-9))

    @override
    def _get_output_dir(self, trial):
        return str(self._making.partial) if self._making is not None else super()._get_output_dir(trial)

    @override
    def _save_checkpoint(self, model, trial):
        folder, step = super()._get_output_dir(trial), self.state.global_step
        self._making = Checkpoint(folder, step, self.accelerator, strategy_of(self.args))
        try:
            super()._save_checkpoint(model, trial)
            self._making.add(self._rollout_state())
            self._making.finish(self.state, self.args.save_total_limit)
        except BaseException:
            self._making.give_up()
            raise
        finally:
            self._making = None

    def _rollout_state(self) -> dict[str, Any]:
        """Where the run is within a generation, what is still to be trained on, and what is still to be logged."""
        cycle = (self.args.steps_per_generation or 1) * self.num_iterations
        buffered = self._buffered_inputs if self._step % cycle else None
        metrics = {name: list(values) for name, values in self._metrics["train"].items()}
        state = {"step": self._step, "buffered": buffered, "tokens": self._tokens, "metrics": metrics}
        return {**state, "ended": self._nothing_left}
