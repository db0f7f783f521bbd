"""Landlock: no file but the interpreter's own can be opened, none written, from the kernel's side (landlock(7))."""

import contextlib
import ctypes
import fcntl
import os
from collections.abc import Iterable

from evaluation._sandbox.libc import syscall

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every architecture
_QUERY_VERSION = 1
_BENEATH_PATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILES = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # by the version that brought them: rights to files,
_NETWORK = {4: 0b11}  # to bind and to connect TCP,
_OUTSIDE = {6: 0b11}  # and to reach abstract Unix sockets and signal processes outside

OUT_OF_THE_WAY = 100
"""The descriptor of a rule set is at least this, above those that a child gives a new meaning."""


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def version() -> int:
    """Return the kernel's version of Landlock, 0 where there is none."""
    try:
        return syscall(_CREATE, None, 0, _QUERY_VERSION)
    except OSError:
        return 0


def rules(readable: Iterable[str]) -> int:
    """Make rules that allow reading beneath these folders (and these files), and nothing else.

    Args:
        readable: Paths; what does not exist is passed over.

    Returns:
        The descriptor of the rule set, to be inherited by children.

    Raises:
        OSError: The kernel has no Landlock.
    """
    known = version()
    words = [
        sum(rights for since, rights in table.items() if since <= known) for table in (_FILES, _NETWORK, _OUTSIDE)
    ]
    size = 8 if known < 4 else 16 if known < 6 else 24
    ruleset = syscall(_CREATE, (ctypes.c_uint64 * 3)(*words), size, 0)
    for path in readable:
        with contextlib.suppress(FileNotFoundError):
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)
            syscall(_ADD, ruleset, _BENEATH_PATH, ctypes.byref(_Beneath(allowed, folder)), 0)
            os.close(folder)
    copy = fcntl.fcntl(ruleset, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    os.close(ruleset)
    return copy


def restrict(ruleset: int) -> None:
    """Hold this process to the rules for good; it must have given up new privileges before.

    Raises:
        OSError: The kernel refused.
    """
    syscall(_RESTRICT, ruleset, 0)
