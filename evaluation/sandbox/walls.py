"""The walls around one snippet, put up by its own process. If a wall cannot be put up, nothing runs.

System calls go through ctypes and not through the bindings on PyPI: `pyseccomp` 0.1.2 needs the system's libseccomp,
which pip does not bring; `landlock` 1.0.0.dev5 knows neither network nor signal rules; `py-landlock` 0.1.1 (alpha)
makes the rules anew in every child, where an inherited rule set costs one system call.
"""

import contextlib
import ctypes
import errno
import fcntl
import importlib.util
import os
import platform
import resource
import site
import struct
import sys
import sysconfig
from collections.abc import Iterable
from typing import Any

LIMITS, NAMESPACES, CAPABILITIES, LANDLOCK, SECCOMP = "limits", "namespaces", "capabilities", "landlock", "seccomp"
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITIES_V3 = 0x20080522


class Walls:
    """Prepares the walls once, in the server, and puts them up in each child.

    Args:
        layers: Names of the walls to put up. `namespaces` are the launcher's work.
    """

    def __init__(self, layers: frozenset[str]):
        self.layers = layers
        self._rules = landlock_rules(readable()) if LANDLOCK in layers else -1
        self.descriptors = {self._rules} - {-1}
        self._filter = seccomp_program(platform.machine()) if SECCOMP in layers else b""
        self._in_use = _address_space()

    def put_up(self, *, seconds: int, memory: int) -> None:
        """Wall this process in for good.

        Args:
            seconds: Processor time after which the kernel ends the process.
            memory: Bytes that it may allocate beyond what it has now.

        Raises:
            OSError: The kernel refused.
        """
        if LIMITS in self.layers:
            _limit(seconds, self._in_use + memory)
        if sys.platform != "linux":
            return
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        if CAPABILITIES in self.layers:
            header, none = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0), (ctypes.c_uint32 * 6)()
            syscall(_CAPSET[platform.machine()], header, none)
        if LANDLOCK in self.layers:
            landlock_restrict(self._rules)
            os.close(self._rules)
        if SECCOMP in self.layers:
            seccomp_apply(self._filter)


def _limit(seconds: int, address_space: int) -> None:
    limits = {
        "RLIMIT_CPU": seconds,
        "RLIMIT_AS": address_space,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_NPROC": 0,  # says nothing to root
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    for name, value in limits.items():
        if hasattr(resource, name):
            kind = getattr(resource, name)
            _, most = resource.getrlimit(kind)
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(kind, (value, value))


def _address_space() -> int:
    """Return the bytes of addresses in use, or enough for them where nothing tells (in a jail without /proc)."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return 1 << 29


# What a snippet may read ---------------------------------------------------------------------------------------------


def library_folders() -> list[str]:
    """Return the folders of the standard library and of installed packages: all that a snippet can import from."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return list(dict.fromkeys(path for path in [*folders, *site.getsitepackages()] if os.path.isdir(path)))


def readable() -> list[str]:
    """Return what a snippet may read: packages, and the files of the libraries that this process has loaded.

    Never the folder of such a library or of a package: who builds one keeps his keys beside it.
    """
    packages = []
    for name in ("sympy", "numpy", "mpmath"):  # a checkout that is installed for development lies elsewhere
        spec = importlib.util.find_spec(name)
        packages += list(spec.submodule_search_locations or []) if spec else []
    return list(dict.fromkeys([*library_folders(), *packages, *loaded_libraries(), "/etc/ld.so.cache"]))


class _Loaded(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]


def loaded_libraries() -> list[str]:
    """Return the shared libraries that this process has loaded, by the names under which they were opened."""
    names = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Loaded), ctypes.c_size_t, ctypes.c_void_p)
    def note(loaded: Any, size: int, data: None) -> int:
        names.append(os.fsdecode(loaded.contents.name or b""))
        return 0

    _library.dl_iterate_phdr(note, None)
    return [os.path.abspath(name) for name in names if "/" in name]  # the program and the kernel's own have no path


# Landlock ------------------------------------------------------------------------------------------------------------

# No file but the interpreter's own can be opened, none written, from the kernel's side (landlock(7)).
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every architecture
_QUERY_VERSION = 1
_BENEATH_PATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILES = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # by the version that brought them: rights to files,
_NETWORK = {4: 0b11}  # to bind and to connect TCP,
_OUTSIDE = {6: 0b11}  # and to reach abstract Unix sockets and signal processes outside

OUT_OF_THE_WAY = 100
"""The lowest descriptor of a rule set, above those that a child gives a new meaning."""


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def landlock_version() -> int:
    """Return the kernel's version of Landlock, 0 where there is none."""
    try:
        return syscall(_CREATE, None, 0, _QUERY_VERSION)
    except OSError:
        return 0


def landlock_rules(paths: Iterable[str]) -> int:
    """Make rules that allow reading these files and beneath these folders, and nothing else.

    Args:
        paths: Folders and files; missing ones are passed over.

    Returns:
        The descriptor of the rule set, to be inherited by children.

    Raises:
        OSError: The kernel has no Landlock.
    """
    known = landlock_version()
    words = [
        sum(rights for since, rights in table.items() if since <= known) for table in (_FILES, _NETWORK, _OUTSIDE)
    ]
    size = 8 if known < 4 else 16 if known < 6 else 24
    ruleset = syscall(_CREATE, (ctypes.c_uint64 * 3)(*words), size, 0)
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)
            syscall(_ADD, ruleset, _BENEATH_PATH, ctypes.byref(_Beneath(allowed, folder)), 0)
            os.close(folder)
    copy = fcntl.fcntl(ruleset, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    os.close(ruleset)
    return copy


def landlock_restrict(ruleset: int) -> None:
    """Hold this process to the rules for good; it must have given up new privileges before.

    Raises:
        OSError: The kernel refused.
    """
    syscall(_RESTRICT, ruleset, 0)


# seccomp -------------------------------------------------------------------------------------------------------------

# The system calls that computing needs, and no other (seccomp(2), classic BPF). The default answer is EPERM, which
# Python turns into a PermissionError that the model can read. No call that makes a process, a thread, a socket, a
# namespace or a signal to another process is in the list.

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


def seccomp_supported() -> bool:
    """Whether the numbers of this machine's system calls are known."""
    return platform.machine() in _MACHINES


def seccomp_program(machine: str) -> bytes:
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
    """Run instructions, which must end in a return, for one system call."""
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


def seccomp_apply(instructions: bytes) -> None:
    """Hold this process to a program for good; it must have given up new privileges before.

    Raises:
        OSError: The kernel refused.
    """
    filter_mode = 2
    prctl(PR_SET_SECCOMP, filter_mode, ctypes.byref(_Program(len(instructions) // 8, instructions)))


# System calls that Python 3.11 does not offer ------------------------------------------------------------------------

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
    """Put this process's memory into large pages, where the kernel can (Linux 6.1): a fork then costs half."""
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


def _word(argument: object) -> object:
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument


def _check(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
