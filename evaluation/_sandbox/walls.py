"""The walls around one snippet, put up by its own process. If one cannot be, nothing runs."""

import ctypes
import importlib.util
import os
import platform
import resource
import site
import sys
import sysconfig

from evaluation._sandbox import landlock, libc, seccomp

LIMITS, NAMESPACES, CAPABILITIES, LANDLOCK, SECCOMP = "limits", "namespaces", "capabilities", "landlock", "seccomp"
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITIES_V3 = 0x20080522


class Walls:
    """What can be prepared once, in the server.

    Args:
        layers: Names of the walls to put up. `namespaces` are the launcher's work.
    """

    def __init__(self, layers: frozenset[str]):
        self.layers = layers
        self._rules = landlock.rules(readable()) if LANDLOCK in layers else -1
        self.descriptors = {self._rules} - {-1}
        self._filter = seccomp.program(platform.machine()) if SECCOMP in layers else b""
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
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
        if CAPABILITIES in self.layers:
            header, none = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0), (ctypes.c_uint32 * 6)()
            libc.syscall(_CAPSET[platform.machine()], header, none)
        if LANDLOCK in self.layers:
            landlock.restrict(self._rules)
            os.close(self._rules)
        if SECCOMP in self.layers:
            seccomp.apply(self._filter)


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


def library_folders() -> list[str]:
    """Return the folders of the standard library and of installed packages: all that a snippet can import from."""
    paths = sysconfig.get_paths()
    found = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return list(dict.fromkeys(path for path in [*found, *site.getsitepackages()] if os.path.isdir(path)))


def readable() -> list[str]:
    """Return what a snippet may read: packages, and the files of the libraries that this process has loaded.

    Never the folder of such a library or of a package: who builds one keeps his keys beside it.
    """
    packages = []
    for name in ("sympy", "numpy", "mpmath"):  # a checkout that is installed for development lies elsewhere
        spec = importlib.util.find_spec(name)
        packages += list(spec.submodule_search_locations or []) if spec else []
    return list(dict.fromkeys([*library_folders(), *packages, *libc.libraries(), "/etc/ld.so.cache"]))
