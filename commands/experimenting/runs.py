"""The runs of an experiment: several at once, each a process of its own, those that are there already left alone."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from commands.arguments.recipe import ROOT
from commands.experimenting.specification import Arm
from commands.story.asked import last_step
from errors import UserError
from runs.files import read_jsonl
from runs.folder import RunFolder

QUIET = ["--disable_tqdm", "true", "--sample_steps", "0"]


@dataclass(frozen=True)
class Cell:
    """One run: an arm with a seed."""

    arm: Arm
    seed: int
    runs: Path

    @property
    def folder(self) -> RunFolder:
        """Where it is kept, for all experiments that have it."""
        return RunFolder(self.runs / f"{self.arm.mark}-seed{self.seed}")

    @property
    def is_done(self) -> bool:
        """Whether it has finished and was measured."""
        record = self.folder.read()
        return record.get("status") == "finished" and bool(record.get("after"))

    @property
    def share(self) -> float:
        """How much of its training is done."""
        if self.is_done:
            return 1.0
        steps = self.folder.read().get("steps") or 0
        return min(0.99, last_step(read_jsonl(self.folder.metrics)) / steps) if steps else 0.0

    @property
    def data(self) -> Path:
        """What the commands before training make."""
        return self.runs / f"{self.folder.path.name}-data"

    @property
    def log(self) -> Path:
        """What its commands say."""
        return self.runs / f"{self.folder.path.name}.log"

    def commands(self) -> list[list[str]]:
        """What is run for it, one after the other."""
        train, first = self.arm.filled(self.data, self.seed)
        out = ["--seed", str(self.seed), "--output_dir", str(self.folder.path)]
        return [*first, ["cli.py", "train", *train, *out, *QUIET]]


def slots() -> int:
    """How many runs fit beside each other: one on each GPU, or on each core."""
    return torch.cuda.device_count() or len(os.sched_getaffinity(0))


def make(cells: Sequence[Cell], jobs: int, show: Callable[[float], None], told: Callable[[Cell], None]) -> None:
    """Run what is missing.

    Args:
        cells: All of them; equal ones are run once.
        jobs: At once.
        show: Called again and again with the number of finished runs, parts of them included.
        told: Called with each run that has finished.

    Raises:
        UserError: A run failed; those beside it were finished first.
        KeyboardInterrupt: Stopped; the runs have saved where they were.
    """
    waiting = [cell for cell in cells if not cell.is_done]
    running: dict[int, _Work] = {}
    failed: list[Cell] = []
    ready = len(cells) - len(waiting)
    with _stopped_together(running):
        while running or (waiting and not failed):
            while waiting and len(running) < jobs and not failed:
                slot = min(set(range(jobs)) - set(running))
                running[slot] = _Work(waiting.pop(0), slot)
            for slot, work in list(running.items()):
                if work.is_over():
                    del running[slot]
                    (told if work.cell.is_done else failed.append)(work.cell)
                    ready += 1
            show(ready + sum(work.cell.share for work in running.values()))
            time.sleep(0.5)
    if failed:
        raise UserError(f"{_why(failed[0])} What the other runs have done is kept; the same command goes on.")


class _Work:
    """The commands of a cell, each a process; what they say goes into a file beside its folder.

    Args:
        cell: Of which run.
        slot: Which of the machine's places it has.
    """

    def __init__(self, cell: Cell, slot: int):
        self.cell = cell
        self._left = cell.commands()
        self._environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONUNBUFFERED": "1"}
        if torch.cuda.device_count():
            self._environment["CUDA_VISIBLE_DEVICES"] = str(slot % torch.cuda.device_count())
        cell.runs.mkdir(parents=True, exist_ok=True)
        cell.log.unlink(missing_ok=True)
        self.process = self._next()

    def is_over(self) -> bool:
        """Whether nothing is running any more; starts the next command where one has succeeded."""
        if self.process.poll() == 0 and self._left:
            self.process = self._next()
        return self.process.poll() is not None

    def _next(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, *self._left.pop(0)]
        with self.cell.log.open("ab") as file:  # a session of its own: Ctrl-C reaches it through this process alone
            return subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=file, stderr=file, start_new_session=True
            )


def _why(cell: Cell) -> str:
    said = cell.log.read_text(errors="replace").split("error: ")
    told = " ".join(said[-1].split())[-600:] if len(said) > 1 else f"see {cell.log}."
    return f"the run {cell.arm.name!r} with seed {cell.seed} failed: {told}"


@contextlib.contextmanager
def _stopped_together(running: dict[int, _Work]) -> Iterator[None]:
    """Let the runs save themselves before this process ends by Ctrl-C or SIGTERM; a second time ends them at once."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        for work in running.values():
            work.process.terminate()
        try:
            for work in running.values():
                work.process.wait()
        except KeyboardInterrupt:
            for work in running.values():
                work.process.kill()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
