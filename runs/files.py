"""Files that a reader meets whole: written in one go, JSON by lines, on the disk, and known again by a digest."""

import contextlib
import json
import math
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_WHOLE = 64 << 20  # bytes: all of a larger file would cost seconds at each save
_PIECES, _PIECE = 64, 1 << 20


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


def finite(value: Any) -> Any:
    """The same record with None for a NaN or an infinity, which JSON has not."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def sync(path: Path) -> None:
    """Have a file, or a folder with all that is in it, on the disk when this returns."""
    for part in [*path.rglob("*"), path] if path.is_dir() else [path]:
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def digest(path: Path) -> dict[str, int]:
    """Size of a file in bytes, and a CRC32 of it: of all of it, or of 64 MiB in pieces from its beginning to its end.

    Other weights differ in every piece; a single changed byte of a larger file is not seen.
    """
    size, crc = path.stat().st_size, 0
    with path.open("rb") as file:
        if size <= _WHOLE:
            crc = zlib.crc32(file.read())
        else:
            for piece in range(_PIECES):
                file.seek((size - _PIECE) * piece // (_PIECES - 1))
                crc = zlib.crc32(file.read(_PIECE), crc)
    return {"bytes": size, "crc32": crc}
