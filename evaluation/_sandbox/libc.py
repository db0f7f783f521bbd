"""System calls that Python 3.11 does not offer, through the C library."""

import ctypes
import os

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


def _word(argument: object) -> object:
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument


def _check(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
