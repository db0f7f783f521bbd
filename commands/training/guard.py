"""While a run goes on: that its gradient is finite and its weights move, and at its end that it has trained."""

import math
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import TrainerCallback
from typing_extensions import override

from commands.arguments.settings import Settings
from commands.terminal.console import say
from commands.training.watchdog import Watchdog
from errors import UserError
from runs.folder import RunFolder
from trainers import RolloutTrainer

SKIPPED = 20
"""Steps in a row that float16's gradient scaler may skip while it looks for its scale."""


@contextmanager
def guarded(settings: Settings, trainer: RolloutTrainer, run: RunFolder) -> Iterator["Guard"]:
    """Watch over a run, and say at its end whether it has trained anything.

    Raises:
        UserError: The run cannot go on.
    """
    guard, minutes = Guard(run), settings.arguments.watchdog_minutes
    rank = trainer.accelerator.process_index
    watchdog = Watchdog(minutes, run.path / (f"stacks-{rank}.txt" if rank else "stacks.txt"))
    trainer.add_callback(guard)
    if minutes:
        trainer.add_callback(watchdog)
    try:
        yield guard
    finally:
        watchdog.stop()
    guard.conclude()


class Guard(TrainerCallback):
    """Stops a run before a gradient that is not finite spoils its weights, or if its first real step changes none.

    Args:
        run: Whose checkpoints are named in a message.

    Attributes:
        trained: After training: whether the weights differ from those at its start; None where no step was made.
    """

    def __init__(self, run: RunFolder):
        self.run = run
        self.trained: bool | None = None
        self._start: list[int] = []
        self._first = 0
        self._moved = False
        self._before: list[int] | None = None
        self._norm = 0.0
        self._not_finite = 0

    @override
    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        self._start, self._first = fingerprint(model), state.global_step

    @override
    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **kwargs: Any
    ) -> None:
        self._norm = gradient_norm(model)
        self._not_finite = 0 if math.isfinite(self._norm) else self._not_finite + 1
        if self._not_finite > (SKIPPED if args.fp16 else 0):
            self._stop(state.global_step + 1, self._norm)
        if not self._moved and 0 < self._norm < math.inf and optimizer.param_groups[0]["lr"] > 0:
            self._before = fingerprint(model)

    @override
    def on_step_end(
        self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **kwargs: Any
    ) -> None:
        if self._before is None or getattr(optimizer, "step_was_skipped", False):
            return
        self._moved, before, self._before = True, self._before, None
        if not _differ(before, fingerprint(model)):
            raise UserError(
                f"step {state.global_step} changed none of the trained weights, though its gradient (norm "
                f"{self._norm:.3g}) and its learning rate ({args.learning_rate:g} at most) are not zero: the "
                "optimizer does not hold the weights that the gradient is of, or the change is below their precision. "
                "Use --dtype float32, raise --learning_rate, or leave out what replaces the model's layers."
            )

    @override
    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        norm = (logs or {}).get("grad_norm")  # where the gradients are DeepSpeed's, none was seen before the step
        if isinstance(norm, float) and not math.isfinite(norm) and not args.fp16:
            self._stop(state.global_step, norm)

    @override
    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if self._start and state.global_step > self._first:
            self.trained = _differ(self._start, fingerprint(model))

    def conclude(self) -> None:
        """Say at the end of a run that it has trained nothing.

        It is no error: a gradient without effect was one in its first step, so there was none, and a run of a few
        steps may meet no group that teaches.
        """
        if self.trained is not False:
            return
        text = (
            f"warning: this run has trained nothing. Its weights are, bit for bit, those it began with (trained: "
            f"false in {self.run.run}): with a learning rate above 0, that is so where no group had rewards "
            "that differ. Look at the column `same`, and train on problems that are sometimes solved (cli.py "
            "filter-data), with a higher --temperature or a larger --group_size."
        )
        say(textwrap.fill(text, 100, subsequent_indent=" " * len("warning: "), break_on_hyphens=False))

    def _stop(self, step: int, norm: float) -> None:
        saved = self.run.last_checkpoint()
        kept = f"The checkpoint before it is kept: {saved}." if saved else "No checkpoint was due yet (--save_steps)."
        raise UserError(
            f"the gradient of step {step} is not finite (its norm is {norm}), so the run stops before it spoils the "
            f"weights. {kept} Lower --learning_rate or --max_grad_norm, or compute in a wider type (--bf16 in place "
            "of --fp16, --dtype float32)."
        )


def fingerprint(model: Any) -> list[int]:
    """A number for each trained tensor, the sum of its bits: what changes a weight changes it."""
    parts = [getattr(p, "ds_tensor", p).detach() for p in model.parameters() if p.requires_grad]  # a shard of ZeRO-3
    parts = [p.to_local() if hasattr(p, "to_local") else p for p in parts]  # a shard of FSDP
    widths = {2: torch.int16, 4: torch.int32, 8: torch.int64}
    sums = [p.contiguous().view(widths.get(p.element_size(), torch.int8)).sum(dtype=torch.int64) for p in parts]
    return torch.stack([s.cpu() for s in sums]).tolist() if any(p.numel() for p in parts) else []


def gradient_norm(model: Any) -> float:
    """Of all gradients that this process holds; 0 without any."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if not gradients:
        return 0.0
    norm = torch.nn.utils.get_total_norm(gradients)
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)


def _differ(one: list[int], other: list[int]) -> bool:
    """Whether the weights of any process do."""
    return any(gather_object([one != other]))
