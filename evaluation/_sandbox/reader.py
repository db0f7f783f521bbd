"""A snippet's source on its way in, and its output on its way out."""

import contextlib
import os
import tempfile
from collections.abc import Sequence
from typing import BinaryIO, cast


class Reader:
    """What arrives through the two pipes of a snippet; none of it is trusted to be more than bytes."""

    def __init__(self, stdout: int, errors: int, *, limits: Sequence[int]):
        self.read = {stdout: bytearray(), errors: bytearray()}
        self._limits = dict(zip(self.read, limits, strict=True))

    def receive(self, fd: int) -> bool:
        """Take what is there, never more than a little beyond the limit; False at the end of a pipe."""
        data = os.read(fd, 1 << 16)
        if len(self.read[fd]) <= self._limits[fd]:
            self.read[fd] += data
        return bool(data)

    def full(self) -> bool:
        """Whether more has come than is read."""
        return any(len(data) > self._limits[fd] for fd, data in self.read.items())

    def drain(self) -> None:
        """Take the rest, when no process is left that writes."""
        for fd in self.read:
            os.set_blocking(fd, False)
            with contextlib.suppress(BlockingIOError):
                while self.receive(fd):
                    pass

    def texts(self) -> list[bytes]:
        """Return what has come, up to the limits."""
        return [bytes(data[: self._limits[fd]]) for fd, data in self.read.items()]


def as_file(code: bytes) -> BinaryIO:
    """Put a snippet under a descriptor."""
    if hasattr(os, "memfd_create"):
        file = cast(BinaryIO, os.fdopen(os.memfd_create("snippet"), "w+b"))
    else:
        file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 (closed by the caller)
    file.write(code)
    file.flush()
    return file
