"""The checkpoints of a run: their order, and whether one is there in whole.

A checkpoint's order is a number that grows with each one that is saved, never a time of the file system: clocks go
back, and a copy of a folder may lose its times. A run that went back to an earlier step saves 9 after 100, so the step
alone does not tell the order either.
"""

import json
from pathlib import Path
from shutil import rmtree
from typing import Any

from runs.files import digest, sync

MARK = "complete.json"
"""Written last into a checkpoint: its order, its files, and what the trainer says of it; one without it is damaged."""


def write_mark(checkpoint: Path, folder: Path, **about: Any) -> None:
    """Say that a checkpoint is complete: all of it is on the disk when this returns.

    Args:
        checkpoint: With all of its files, anywhere.
        folder: Of the checkpoints that were saved before.
        about: What else the mark says.
    """
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    listed = {path.relative_to(checkpoint).as_posix(): digest(path) for path in files}
    saved = 1 + max((_order(other)[0] for other in _all(folder)), default=0)
    (checkpoint / MARK).write_text(json.dumps({**about, "saved": saved, "files": listed}), encoding="utf-8")
    sync(checkpoint)


def read_mark(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint's mark says, {} where it cannot be read."""
    try:
        mark = json.loads((checkpoint / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return mark if isinstance(mark, dict) else {}


def damage(checkpoint: Path) -> str | None:
    """What is wrong with the files of a checkpoint; None where all are there as they were written.

    Those of a version that listed no files are taken as they are.
    """
    if not (checkpoint / MARK).is_file():
        return f"it has no {MARK}, which is written last"
    mark = read_mark(checkpoint)
    if not mark:
        return f"{MARK} cannot be read"
    for name, was in (mark.get("files") or {}).items():
        try:
            now = digest(checkpoint / name)
        except OSError:
            return f"{name} is missing"
        if now["bytes"] != was["bytes"]:
            return f"{name} has {now['bytes']:,} bytes in place of {was['bytes']:,}"
        if now != was:
            return f"{name} is not what was written"
    return None


def saved_checkpoints(folder: Path) -> list[Path]:
    """All of them, damaged or not, the one saved last at the end; behind it those without a mark that can be read."""
    return sorted(_all(folder), key=lambda path: (not read_mark(path), _order(path)))


def newest_whole(folder: Path) -> tuple[Path | None, dict[Path, str]]:
    """The checkpoint saved last of those that are whole, if any, and what is wrong with those saved after it."""
    damaged: dict[Path, str] = {}
    for path in reversed(saved_checkpoints(folder)):
        wrong = damage(path)
        if wrong is None:
            return path, damaged
        damaged[path] = wrong
    return None, damaged


def remove_oldest(folder: Path, limit: int | None, best: str | None) -> None:
    """Leave so many checkpoints, among them the one saved last and the best one.

    Args:
        folder: Of the checkpoints.
        limit: None or 0 for all.
        best: Path of the one that stays because of what was measured.
    """
    found = sorted(_all(folder), key=_order)
    if not limit or not found:
        return
    kept = {found[-1]} | ({Path(best)} & set(found) if best else set())
    others = [path for path in found if path not in kept]
    for path in others[: max(0, len(found) - max(limit, len(kept)))]:
        rmtree(path, ignore_errors=True)


def _all(folder: Path) -> list[Path]:
    return [path for path in folder.glob("checkpoint-*[0-9]") if path.is_dir()]


def _order(checkpoint: Path) -> tuple[int, int]:
    """By the number of the save, 0 in a mark of a version that gave none; then by the step."""
    saved, step = read_mark(checkpoint).get("saved"), checkpoint.name.rpartition("-")[2]
    return (saved if isinstance(saved, int) else 0, int(step) if step.isdecimal() else 0)
