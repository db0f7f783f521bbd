"""Where a run stands that no longer moves: the stacks of all threads, once for each stall."""

import faulthandler
import sys
import threading
import time
from pathlib import Path
from typing import Any

from typing_extensions import override

from outgoing import put
from trainers import Generation, RolloutCallback


class Watchdog(RolloutCallback):
    """A thread that writes all stacks to standard error and to a file when nothing was finished for too long.

    A stall is a time without a micro step, a generation or a step of evaluation. The run is left as it is: whoever
    reads the stacks decides.

    Args:
        minutes: Without anything finished.
        path: The file; each process of a run has its own.
        err: Where the stacks go besides, with a file descriptor.
    """

    def __init__(self, minutes: float, path: Path, err: Any = None):
        self.seconds, self.path, self.err = 60 * minutes, path, err or sys.stderr
        self._ended = threading.Event()
        self._beat, self._told = time.monotonic(), False

    @override
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._alive()
        self._ended.clear()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @override
    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._alive()

    @override
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._alive()

    @override
    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._alive()

    @override
    def on_rollout(self) -> None:
        self._alive()

    @override
    def on_generation(self, args: Any, state: Any, generation: Generation) -> None:
        self._alive()

    @override
    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.stop()

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()

    def _alive(self) -> None:
        self._beat, self._told = time.monotonic(), False

    def _watch(self) -> None:
        while not self._ended.wait(min(self.seconds / 4, 10.0)):
            if not self._told and time.monotonic() - self._beat > self.seconds:
                self._told = True
                self._dump()

    def _dump(self) -> None:
        title = f"\nwatchdog: nothing finished for {self.seconds / 60:g} minutes (--watchdog_minutes); all stacks:\n"
        with self.path.open("a", encoding="utf-8") as file:
            for to in (self.err, file):
                to.write(title)
                to.flush()
                faulthandler.dump_traceback(file=to, all_threads=True)
        put(f"watchdog: the run goes on waiting; the stacks are in {self.path} too\n", self.err)
