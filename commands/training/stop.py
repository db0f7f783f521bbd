"""Ctrl-C, SIGTERM and a closed terminal: the step is finished and saved, and the same command goes on from it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from transformers import TrainerCallback
from typing_extensions import override

from commands.terminal.console import leave_terminal, say

HANG_UP = getattr(signal, "SIGHUP", None)  # not on Windows
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([HANG_UP] if HANG_UP else []))


class Stop(TrainerCallback):
    """Ends training after the step in which it was asked to; on all processes after the same one.

    Args:
        accelerator: Of the trainer.

    Attributes:
        asked: Whether training ended because of it.
    """

    def __init__(self, accelerator: Accelerator):
        self._accelerator = accelerator
        self._met = self.asked = False

    @override
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        met = torch.tensor([self._met], device=self._accelerator.device)
        if self._accelerator.num_processes > 1:  # a signal reaches the processes in different steps
            met = self._accelerator.gather(met.int())
        if met.any() and state.global_step < state.max_steps:
            self.asked = control.should_save = control.should_training_stop = True

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals; a second Ctrl-C is KeyboardInterrupt, as without."""
        ignored = {HANG_UP} if HANG_UP and signal.getsignal(HANG_UP) == signal.SIG_IGN else set()  # by nohup
        before = {number: signal.signal(number, self._take) for number in SIGNALS if number not in ignored}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, frame: Any) -> None:
        if self._met and number == signal.SIGINT:
            raise KeyboardInterrupt
        if number == HANG_UP:
            leave_terminal()
        if not self._met and self._accelerator.is_main_process:
            say("\nstopping: this step is finished and a checkpoint saved. Ctrl-C once more leaves at once")
        self._met = True
