"""The fork server: imports once, then makes a child per snippet, waits for its end and buries it.

It never runs or even reads a snippet, and is told nothing that a snippet may not know: the source, and the pipes for
what it prints, pass through as descriptors. So a child, which is a copy of it, holds no answer and no earlier snippet.

On the control socket the evaluator sends `ORDER` structs: "r" (run; seconds, bytes of memory; with three descriptors:
source, stdout, errors) and "k" (kill the one that runs). One `REPLY` answers a run, when nothing of it is left.
"""

import contextlib
import ctypes
import errno
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable

from evaluation._sandbox import child, landlock, libc
from evaluation._sandbox.walls import LANDLOCK, Walls, library_folders

ORDER = struct.Struct("!cdQ")
REPLY = struct.Struct("!iQ")
"""The status as waitpid gives it, or -errno where no process could be made, and the largest resident set in bytes."""
LENGTH = struct.Struct("!I")

BACKSTOP = 2.0
"""Seconds after its limit at which a snippet is killed even if the evaluator does not order it."""

PRELOADED = (
    *("cmath", "collections", "copy", "ctypes", "datetime", "decimal", "fractions", "functools", "heapq", "itertools"),
    *("json", "math", "operator", "random", "re", "statistics", "string", "time", "typing"),
    *("mpmath", "numpy", "numpy.fft", "numpy.linalg", "numpy.polynomial", "numpy.random", "sympy"),
)
NEED_THE_SYSTEM = ("bz2", "hashlib", "lzma", "pyexpat", "sqlite3", "ssl", "uuid", "zlib")
"""Modules of the standard library that load libraries of the system, which no snippet can open later."""
OF_THE_C_LIBRARY = ("libdl.so.2", "libpthread.so.0", "libresolv.so.2", "librt.so.1", "libutil.so.1")
"""What packages from PyPI may load on any Linux, beside what is loaded by now."""
WARM_UP = (
    "import sympy\nx = sympy.symbols('x')\nsympy.solve(x**3 - x - 1, x)\nsympy.solve([x**2 - 2], [x])\n"
    "sympy.simplify(sympy.integrate(sympy.sin(x)**2, x))\nsympy.Matrix([[1, 2], [3, 4]]).eigenvals()\n"
    "str(sympy.sympify('1/2 + x').evalf()), sympy.latex(x)\n"
)
_IN_BURSTS = 0.005  # seconds between looks at a child where the kernel has no descriptor for processes


def load(library: str) -> None:
    """Import what snippets use, and load all shared libraries that they may need.

    Args:
        library: One more to load, for the self-test; "" for none.
    """
    sys.path.pop(0)  # the project's own folder
    for module in PRELOADED:
        importlib.import_module(module)
    for module in NEED_THE_SYSTEM:
        with contextlib.suppress(ImportError):  # not every build of Python has them all
            importlib.import_module(module)
    for name in (*OF_THE_C_LIBRARY, *([library] if library else [])):
        with contextlib.suppress(OSError):  # another C library, or a folder from which nothing may be executed
            ctypes.CDLL(name)
    sys.path[:] = library_folders() + [path for path in sys.path if path.endswith("lib-dynload")]


def main(descriptor: int, layers: list[str], library: str) -> None:
    """Serve until the evaluator is gone.

    Args:
        descriptor: The control socket.
        layers: Names of the walls around each snippet, see `walls`.
        library: See `load`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    load(library)
    exec(WARM_UP, {})
    walls = Walls(frozenset(layers))
    if sys.platform == "linux":
        libc.prctl(libc.PR_SET_DUMPABLE, 0)  # nobody with the same user id may look into it
        libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        libc.gather_pages()
    about = json.dumps({"landlock": landlock.version() if LANDLOCK in walls.layers else 0}).encode()
    control.sendall(LENGTH.pack(len(about)) + about)
    _serve(control, walls)


def _serve(control: socket.socket, walls: Walls) -> None:
    while True:
        order, descriptors, *_ = socket.recv_fds(control, ORDER.size, 3)
        if len(order) < ORDER.size:
            return
        letter, timeout, memory = ORDER.unpack(order)
        if letter == b"r":
            try:
                pid = _fork(walls, descriptors, timeout, memory)
            except OSError as error:
                control.sendall(REPLY.pack(-(error.errno or errno.EAGAIN), 0))
                continue
            finally:
                for fd in descriptors:
                    os.close(fd)
            ended = _attend(control, pid, time.monotonic() + timeout + BACKSTOP)
            _, status, usage = os.wait4(pid, 0)
            _bury_the_rest(pid)
            if not ended:
                return
            control.sendall(REPLY.pack(status, usage.ru_maxrss * 1024))


def _fork(walls: Walls, descriptors: Iterable[int], timeout: float, memory: int) -> int:
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            child.die_with(server)
            _reseed()
            source, stdout, errors = descriptors
            child.run(walls, source, stdout, errors, timeout=timeout, memory=memory)
        finally:
            os._exit(child.NO_WALLS)
    return pid


def _reseed() -> None:
    """Without this every snippet would draw the same numbers; Python's own `random` sees to itself."""
    import numpy

    numpy.random.seed()


def _attend(control: socket.socket, pid: int, deadline: float) -> bool:
    """Wait until a child has ended, by itself or killed; False when the evaluator is gone."""
    watched = select.poll()
    watched.register(control, select.POLLIN)
    end = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    if end >= 0:
        watched.register(end, select.POLLIN)
    try:
        while True:
            left = max(0.0, deadline - time.monotonic())
            ready = {fd for fd, _ in watched.poll(1000 * (left if end >= 0 else _IN_BURSTS))}
            if control.fileno() in ready:
                order = control.recv(ORDER.size)
                _kill(pid)
                return bool(order)
            if end in ready or (end < 0 and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
                return True
            if not left:
                _kill(pid)
                return True
    finally:
        if end >= 0:
            os.close(end)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _bury_the_rest(pid: int) -> None:
    """Kill whatever a child has left behind; behind the walls it cannot have made a process."""
    first_in_its_namespace = os.getpid() == 1  # so that "all processes" are those of this sandbox
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    while True:
        if first_in_its_namespace:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        else:
            for orphan in _children():
                _kill(orphan)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []
