"""What a training run has logged: metrics by step, and sampled completions of every generation."""

import json
import math
from pathlib import Path
from typing import Any

from runs.files import read_jsonl, write_whole
from runs.folder import RunFolder

STEPS_PER_FILE = 1000
"""Of `completions/`: few enough lines to read at once, few enough files for a shared file system."""


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
