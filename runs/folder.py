"""The folder of a command: who writes into it, its record, where its files lie, and how the command ended."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from runs.checkpoints import newest_whole
from runs.files import append_jsonl, finite, read_jsonl, write_whole

try:
    import fcntl
except ImportError:  # Windows: no lock, so only a finished or started run is told from a free folder
    fcntl = None  # type: ignore[assignment]


class FolderTakenError(Exception):
    """Another process writes into this folder."""


class Folder:
    """A folder that one command at a time writes into, and its record.

    Args:
        path: The folder; it need not exist yet.
        record: Name of the file that says what was asked and found.
    """

    def __init__(self, path: str | Path, record: str):
        self.path = Path(path)
        self.run = self.path / record
        self._lock = self.path / ".lock"
        self._held: IO[str] | None = None

    def claim(self) -> None:
        """Make the folder this process's own until it ends, however it ends.

        Raises:
            FolderTakenError: Another process has it; of two that start at once, one gets it.
            OSError: It cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        file = self._lock.open("a")
        if not _locked(file):
            file.close()
            raise FolderTakenError(str(self.path))
        self._held = file

    def release(self) -> None:
        """Give the folder back, if this process has it."""
        if self._held is not None:
            self._lock.unlink(missing_ok=True)
            self._held.close()
            self._held = None

    def is_written(self) -> bool:
        """Whether a process that has claimed this folder is alive, as far as this machine can tell."""
        try:
            with self._lock.open() as file:
                return not _locked(file)
        except OSError:
            return False

    def read(self) -> dict[str, Any]:
        """Return the record, `{}` where there is none or it cannot be read."""
        try:
            run = json.loads(self.run.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return run if isinstance(run, dict) else {}

    def update(self, **entries: Any) -> dict[str, Any]:
        """Add entries to the record; a reader finds the old file or the new one, never half of one."""
        return self.replace(**{**self.read(), **entries})

    def replace(self, **run: Any) -> dict[str, Any]:
        """Write a new record in the place of the old one, in one go."""
        write_whole(self.run, json.dumps(finite(run), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return run


class RunFolder(Folder):
    """Paths of a training run.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: str | Path):
        super().__init__(path, "run.json")
        self.config = self.path / "config.yaml"
        self.metrics = self.path / "metrics.jsonl"
        self.completions = self.path / "completions"
        self.plots = self.path / "plots"
        self.checkpoints = self.path / "checkpoints"
        self.final = self.path / "final"
        self.held_out = self.path / "held_out.jsonl"
        self.offenders = self.path / "verify_offenders.jsonl"
        self.readme = self.path / "README.md"

    def last_checkpoint(self) -> Path | None:
        """The checkpoint saved last of those that are whole, None where none is."""
        return newest_whole(self.checkpoints)[0]

    def damaged_checkpoints(self) -> dict[Path, str]:
        """Those saved after the last whole one that are not whole any more, the newest first, with what is wrong."""
        return newest_whole(self.checkpoints)[1]

    def torn_checkpoints(self) -> list[Path]:
        """Those that were being saved when the run was killed."""
        return sorted(self.checkpoints.glob(".partial/checkpoint-*"))


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


@contextmanager
def status_kept(folder: Folder, at_end: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Record whether what follows finished, was interrupted or failed, then give the folder back.

    Args:
        folder: Claimed by this process.
        at_end: Called once the status is written, before the folder is given back.
    """
    status = "failed"
    try:
        yield
        status = "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        try:
            folder.update(status=status, ended=now())
            at_end()
        except OSError:  # a full disk, most likely: what ended the command is told, not this
            if status == "finished":
                raise
        finally:
            folder.release()


def now() -> str:
    """The time for a record, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _locked(file: IO[str]) -> bool:
    """Lock a file for as long as it is open; False where another process has done so."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
