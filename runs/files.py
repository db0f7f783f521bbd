"""Files on the disk: that what was written is there, and whether it still is what was written."""

import os
import zlib
from pathlib import Path

_WHOLE = 64 << 20  # bytes: all of a larger file would cost seconds at each save
_PIECES, _PIECE = 64, 1 << 20


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
