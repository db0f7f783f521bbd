"""A seccomp filter: the system calls that computing needs, and no other (seccomp(2), classic BPF).

The default answer is EPERM, which Python turns into a PermissionError that the model can read. No call that makes a
process, a thread, a socket, a namespace or a signal to another process is in the list.
"""

import ctypes
import errno
import platform
import struct

from evaluation._sandbox.libc import PR_SET_SECCOMP, prctl

# name: number on x86_64, on aarch64 (None: not there)
ALLOWED: dict[str, tuple[int, int | None]] = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67), "lseek": (8, 62),
    "close": (3, 57), "stat": (4, None), "fstat": (5, 80), "lstat": (6, None), "newfstatat": (262, 79),
    "statx": (332, 291), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "getdents64": (217, 61), "getcwd": (79, 17), "dup": (32, 23),
    "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216), "mprotect": (10, 226), "madvise": (28, 233),
    "brk": (12, 214), "futex": (202, 98), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "getcpu": (309, 168), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getrandom": (318, 278),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153), "getrusage": (98, 165), "sysinfo": (99, 179),
    "uname": (63, 160), "getrlimit": (97, 163), "exit": (60, 93), "exit_group": (231, 94),
    "restart_syscall": (219, 128), "poll": (7, None), "ppoll": (271, 73), "select": (23, None),
    "pselect6": (270, 72), "alarm": (37, None), "setitimer": (38, 103), "getitimer": (36, 102), "pause": (34, None),
}  # fmt: skip
_OPEN, _OPENAT, _FCNTL, _IOCTL, _PRLIMIT = (2, None), (257, 56), (72, 25), (16, 29), (302, 261)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH
_X32 = 0x40000000  # the same calls under other numbers

_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in seccomp_data; an argument has 8 bytes, the low half first
_TO_WRITE = 0o1103  # O_ACCMODE, O_CREAT, O_TRUNC
_HARMLESS_FCNTL = (0, 1, 2, 3, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC
_Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def supported() -> bool:
    """Whether the numbers of this machine's system calls are known."""
    return platform.machine() in _MACHINES


def program(machine: str) -> bytes:
    """Assemble the filter for a machine ("x86_64" or "aarch64")."""
    column, architecture = _MACHINES[machine]
    code: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for numbers in ALLOWED.values():
        code += _on(numbers[column], [(_RETURN, 0, 0, _ALLOW)])
    code += _on(_OPEN[column], _reading(1)) + _on(_OPENAT[column], _reading(2))
    code += _on(_FCNTL[column], [_argument(1), *_if_one_of(_HARMLESS_FCNTL)])
    # Python reads ENOTTY as "no terminal"; with EPERM it could not open a file at all.
    code += _on(_IOCTL[column], [_error(errno.ENOTTY)])
    # Asking for a limit is fine, a new one (third argument, both halves) is not.
    asks = [_argument(2), (_EQUAL, 1, 0, 0), _error(errno.EPERM), _argument(2, 4), *_if_one_of((0,))]
    code += _on(_PRLIMIT[column], asks)
    code.append(_error(errno.EPERM))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _on(number: int | None, then: list[_Instruction]) -> list[_Instruction]:
    """For one system call do this, which must end in a return."""
    return [] if number is None else [(_EQUAL, 0, len(then), number), *then]


def _argument(index: int, offset: int = 0) -> _Instruction:
    return _LOAD, 0, 0, _ARGUMENTS + 8 * index + offset


def _error(number: int) -> _Instruction:
    return _RETURN, 0, 0, _ERROR | number


def _reading(index: int) -> list[_Instruction]:
    return [_argument(index), (_ANY_BIT, 0, 1, _TO_WRITE), _error(errno.EACCES), (_RETURN, 0, 0, _ALLOW)]


def _if_one_of(values: tuple[int, ...]) -> list[_Instruction]:
    pairs = [part for value in values for part in ((_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW))]
    return [*pairs, _error(errno.EPERM)]


def apply(instructions: bytes) -> None:
    """Hold this process to a program for good; it must have given up new privileges before.

    Raises:
        OSError: The kernel refused.
    """
    filter_mode = 2
    prctl(PR_SET_SECCOMP, filter_mode, ctypes.byref(_Program(len(instructions) // 8, instructions)))
