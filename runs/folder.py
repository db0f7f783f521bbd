"""Where things lie in a run's folder, who writes into it, and `run.json`."""

import contextlib
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from runs.checkpoints import newest_whole
from runs.files import sync

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


def finite(value: Any) -> Any:
    """The same record with None for a NaN or an infinity, which JSON has not."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there in whole or not at all, also after a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        sync(part)
        part.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write records as lines of JSON, the file whole or not at all."""
    write_whole(path, "".join(json.dumps(finite(record), ensure_ascii=False) + "\n" for record in records))


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
