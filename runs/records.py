"""Records as lines of JSON: appended while a run goes on, readable wherever it was killed."""

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runs.folder import RunFolder, finite, write_whole

STEPS_PER_FILE = 1000
"""Of `completions/`: few enough lines to read at once, few enough files for a shared file system."""


def append_jsonl(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Add records to a file in one write. A NaN or an infinity, which JSON has not, is written as null."""
    lines = "".join(json.dumps(finite(record), ensure_ascii=False, allow_nan=False) + "\n" for record in records)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # torn when the run was killed: it must not take the next record with it
                lines = "\n" + lines
        file.write(lines.encode(errors="backslashreplace"))  # \udXXX alone is no UTF-8, but is JSON


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Return every whole record of a file, none where there is no file; a torn line is skipped."""
    records = []
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    for line in text.split("\n"):  # not splitlines(), which also splits at characters that texts may hold
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def completions_file(run: RunFolder, step: int) -> Path:
    """The file that holds a step's completions."""
    first = step // STEPS_PER_FILE * STEPS_PER_FILE
    return run.completions / f"{first:06d}-{first + STEPS_PER_FILE - 1:06d}.jsonl"


def read_completions(run: RunFolder, step: int) -> list[dict[str, Any]]:
    """Return the completions that a step trained on: those of the newest generation at or before it."""
    files = sorted(
        path for path in run.completions.glob("[0-9]*-[0-9]*.jsonl") if int(path.stem.split("-")[0]) <= step
    )
    for path in reversed(files):
        records = [record for record in read_jsonl(path) if record.get("step", math.inf) <= step]
        if records:
            newest = max(record["step"] for record in records)
            return [record for record in records if record["step"] == newest]
    return []


def seconds_at(run: RunFolder, step: int) -> float:
    """How long a run had trained at a step, as far as it has recorded."""
    return max(
        (r.get("seconds", 0.0) for r in read_jsonl(run.metrics) if r.get("step", math.inf) <= step), default=0.0
    )


def forget_after(run: RunFolder, step: int) -> None:
    """Drop what a run wrote after this step: it goes on from there, and will write those steps again."""
    for path in (run.metrics, *run.completions.glob("*.jsonl")):
        records = read_jsonl(path)
        kept = [record for record in records if record.get("step", math.inf) <= step]
        if len(kept) < len(records):
            write_whole(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept))
