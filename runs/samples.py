"""Graded samples as lines of JSON, one file per process: written as they come, read after any end."""

from pathlib import Path
from typing import Any

from runs.folder import Folder
from runs.records import append_jsonl, read_jsonl


class SampleFolder(Folder):
    """The folder of a command that samples: its record, and the samples of all processes.

    Args:
        path: The folder; it need not exist yet.
        record: Name of the record.
    """

    def __init__(self, path: str | Path, record: str):
        super().__init__(path, record)
        self.samples = self.path / "samples"

    def of(self, process: int) -> Path:
        """The file that a process writes."""
        return self.samples / f"process-{process:05d}.jsonl"

    def mend(self, process: int) -> None:
        """Cut off the torn line of a process that was killed, so that its file goes on as if it had not been."""
        path = self.of(process)
        if not path.exists():
            return
        with path.open("r+b") as file:
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)

    def mark(self, process: int, block: int, **facts: int) -> None:
        """Say that a block of problems is finished, and what was found in it."""
        append_jsonl(self.samples / f"done-{process:05d}.jsonl", [{"block": block, **facts}])

    def done(self) -> dict[int, dict[str, Any]]:
        """The marks of all finished blocks."""
        files = sorted(self.samples.glob("done-*.jsonl"))
        return {mark["block"]: mark for path in files for mark in read_jsonl(path)}

    def ready(self, process: int) -> None:
        """Prepare what a process writes here; the first one forgets the marks of all."""
        if process == 0:
            self.begin_marks()
        self.mend(process)

    def begin_marks(self) -> None:
        """Forget which blocks are finished: they are done again, from the samples on record."""
        self.samples.mkdir(parents=True, exist_ok=True)
        for path in self.samples.glob("done-*.jsonl"):
            path.unlink()

    def read_samples(self) -> list[dict[str, Any]]:
        """Every whole sample of every process."""
        return [sample for path in sorted(self.samples.glob("process-*.jsonl")) for sample in read_jsonl(path)]

    def append(self, process: int, samples: list[dict[str, Any]]) -> None:
        """Add samples in one write."""
        append_jsonl(self.of(process), samples)
