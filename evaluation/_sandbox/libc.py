"""System calls that Python 3.11 does not offer, through the C library."""

import ctypes
import os
from typing import Any

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 24, 38, 22
PR_SET_CHILD_SUBREAPER = 36

_library = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: object) -> None:
    """Set an attribute of this process (man 2 prctl).

    Raises:
        OSError: The kernel refused.
    """
    _check(_library.prctl(option, *(_word(a) for a in (*arguments, 0, 0, 0, 0)[:4])), f"prctl {option}")


def syscall(number: int, *arguments: object) -> int:
    """Call a system call by its number and return what it returns.

    Raises:
        OSError: The kernel refused.
    """
    return _check(_library.syscall(ctypes.c_long(number), *map(_word, arguments)), f"system call {number}")


def unshare(flags: int) -> None:
    """Leave namespaces for new ones (man 2 unshare).

    Raises:
        OSError: The kernel refused.
    """
    _check(_library.unshare(flags), "unshare")


def gather_pages() -> None:
    """Have this process's memory put into large pages, where the kernel can (Linux 6.1): a fork then costs half."""
    large, collapse = 1 << 21, 25
    try:
        with open("/proc/self/maps") as maps:
            regions = [line.split()[:2] for line in maps if line.split()[4] == "0"]
    except OSError:
        return
    for span, rights in regions:
        start, end = (int(address, 16) for address in span.split("-"))
        for place in range(-(-start // large) * large, end - large + 1, large) if rights == "rw-p" else ():
            _library.madvise(ctypes.c_void_p(place), ctypes.c_size_t(large), collapse)


class _Loaded(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]


def libraries() -> list[str]:
    """Return the shared libraries that this process has loaded, by the names under which they were opened."""
    names = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Loaded), ctypes.c_size_t, ctypes.c_void_p)
    def note(loaded: Any, size: int, data: None) -> int:
        names.append(os.fsdecode(loaded.contents.name or b""))
        return 0

    _library.dl_iterate_phdr(note, None)
    return [os.path.abspath(name) for name in names if "/" in name]  # the program and the kernel's own have no path


def _word(argument: object) -> object:
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument


def _check(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
