"""What a person sees while a run goes on: lines from the main process, a bar, a table of metrics, warnings."""

import os
import shutil
import stat
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from accelerate import PartialState
from tqdm import tqdm
from transformers import ProgressCallback, TrainerCallback
from typing_extensions import override

from commands.terminal.alarms import Alarms
from commands.terminal.table import COLUMNS, LEGEND, OWN_REWARD, WIDTH, Table
from outgoing import clean, put

METRICS = {column.name for column in COLUMNS}


@contextmanager
def unbroken() -> Iterator[None]:
    """Go on where whoever reads the output has gone (`| head`): a run is worth more than its last lines."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave_terminal() -> None:
    """Write nowhere from now on what went to a terminal: it was closed, and each write to it would fail."""
    for stream in (sys.stdout, sys.stderr):
        if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):  # isatty() is False by now
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str = "") -> None:
    """Print a line, once however many processes there are."""
    if PartialState().is_main_process:
        with unbroken():
            put(text + "\n")


def above_bar(*lines: str) -> None:
    """Print lines above a progress bar if there is one, at once even where standard output is a file."""
    with unbroken():
        tqdm.write(clean("\n".join(lines)))
        sys.stdout.flush()


class Bar(ProgressCallback):
    """The progress bar of transformers on a terminal, without the forty metrics it prints at each logging step."""

    @override
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            # None: not where standard error is a file, which a bar would fill
            self.training_bar = tqdm(total=state.max_steps, dynamic_ncols=True, disable=None)
        self.current_step = 0

    @override
    def on_prediction_step(self, args: Any, state: Any, control: Any, eval_dataloader=None, **kwargs: Any) -> None:
        if sys.stderr.isatty():
            super().on_prediction_step(args, state, control, eval_dataloader, **kwargs)

    @override
    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        pass


class MetricsTable(TrainerCallback):
    """A row of metrics per logging step, above the bar if there is one, and warnings when they are due.

    Args:
        own_reward: Whether the model is rewarded by what it says itself.
        rewards: Names of the rewards that count.
    """

    def __init__(self, own_reward: bool = False, rewards: Sequence[str] = ()):
        self._rewards = rewards
        self._legend = (OWN_REWARD, LEGEND[1]) if own_reward else LEGEND

    @override
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)
        self._table, self._alarms = Table(state.max_steps, self._width), Alarms(self._rewards)
        self._begin = (state.global_step, time.perf_counter())
        if state.is_world_process_zero:
            above_bar(*(textwrap.fill(line, self._width) for line in self._legend))

    @override
    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not state.is_world_process_zero or not logs or METRICS.isdisjoint(logs):
            return
        first, started = self._begin
        each = (time.perf_counter() - started) / max(1, state.global_step - first)
        rows = self._table.lines(state.global_step, logs, each * (state.max_steps - state.global_step))
        indent = " " * len("warning: ")
        warnings = (
            textwrap.fill(text, self._width, subsequent_indent=indent, break_on_hyphens=False)
            for text in self._alarms.check(logs)
        )
        above_bar(*rows, *warnings)

    def header_again(self) -> None:
        """Begin the next row with the header: something else was printed in between."""
        self._table.header_again()
