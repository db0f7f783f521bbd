"""What a run writes while it goes on: metrics, sampled completions, plots."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typing_extensions import override

from boxed import last_boxed
from commands.terminal.console import say
from outgoing import tellable
from runs.files import append_jsonl, read_jsonl
from runs.folder import RunFolder
from runs.records import completions_file, forget_after
from trainers import Generation, RolloutCallback

PLOT_SHARE = 0.01
"""Of the time that plots may take; they are drawn anew as often as that allows."""
FIRST_PLOT = 20.0
"""Seconds after which they are first drawn."""


class Recorder(RolloutCallback):
    """Keeps the files of a run's folder up to date, on the main process.

    A record that cannot be written is told once and never ends the run.

    Args:
        run: The folder.
        prompts: How many prompts of each generation are kept with their completions; -1 for all.
    """

    def __init__(self, run: RunFolder, prompts: int):
        self.run, self.prompts = run, prompts
        self._started = time.perf_counter()
        self._next_plot = FIRST_PLOT
        self._failed = False

    @override
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            with self._harmless():
                forget_after(self.run, state.global_step)
                written = [record.get("seconds", 0.0) for record in read_jsonl(self.run.metrics)]
                self._started = time.perf_counter() - max(written, default=0.0)
                self._next_plot = self._seconds() + FIRST_PLOT

    @override
    def on_generation(self, args: Any, state: Any, generation: Generation) -> None:
        if state.is_world_process_zero and self.prompts:
            with self._harmless():
                append_jsonl(completions_file(self.run, generation.step), records_of(generation, self.prompts))

    @override
    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        with self._harmless():
            record = {"step": state.global_step, "seconds": round(self._seconds(), 2), **logs}
            append_jsonl(self.run.metrics, [record])
            if self._seconds() >= self._next_plot:
                self._draw()

    @override
    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # Evaluation after the last step would leave the model in its mode, and TRL would not log the last window.
        kwargs["model"].train()

    @override
    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:  # TRL's card of a run in progress, beside the checkpoints
            (self.run.checkpoints / "README.md").unlink(missing_ok=True)

    @override
    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            with self._harmless():
                self._draw()
                from runs.plots import draw_samples

                draw_samples(self.run)

    def _draw(self) -> None:
        before = self._seconds()
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
        from runs.plots import draw  # half a second that only runs should pay

        draw(self.run)
        self._next_plot = self._seconds() + (self._seconds() - before) / PLOT_SHARE

    def _seconds(self) -> float:
        """Since training began, whatever a resumed run did before included."""
        return time.perf_counter() - self._started

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """Days of training are not worth a line in a log: tell of the first failure, and go on."""
        try:
            yield
        except Exception as error:
            if not self._failed:
                what = f"{type(error).__name__}: {tellable(str(error))}"
                say(f"warning: {self.run.path} is not complete, the run goes on: {what}")
            self._failed = True


def records_of(generation: Generation, prompts: int) -> list[dict[str, Any]]:
    """Return the completions of the first prompts of a generation as records; see `runs`. A negative number: all."""
    rows = len(generation.completions)
    if prompts >= 0:
        rows = min(rows, prompts * generation.group_size)
    return [
        {
            "step": generation.step,
            "group": i // generation.group_size,
            "prompt": generation.prompts[i],
            "completion": _text(generation.completions[i]),
            "gold": generation.golds[i],
            "answer": last_boxed(str(_text(generation.completions[i]))),
            "rewards": {name: _known(column[i]) for name, column in generation.rewards.items()},
            "reward": _known(generation.reward[i]),
            "advantage": generation.advantages[i],
            "length": generation.lengths[i],
            "truncated": generation.truncated[i],
        }
        for i in range(rows)
    ]


def _known(reward: float) -> float | None:
    return reward if math.isfinite(reward) else None


def _text(completion: Any) -> Any:
    """The text of a single message; several, where a model calls tools, stay as they are."""
    single = isinstance(completion, list) and len(completion) == 1
    return completion[0].get("content") or "" if single else completion
