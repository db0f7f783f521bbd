"""The fork server behind a sandbox, and the child in which a snippet runs.

The server imports once, then forks a child per snippet, waits for its end and kills what is left of it. It never runs
or even reads a snippet, and knows nothing that a snippet may not know: the source, and the pipes for what it prints,
pass through as descriptors. So a child, which is a copy of it, holds no answer and no earlier snippet.

The child puts up the walls around itself, runs the snippet and ends with it.

On the control socket the server says `READY`; then the evaluator sends `ORDER` structs: "r" (run; seconds, bytes of
memory; with three descriptors: source, stdout, errors) and "k" (kill the one that runs). One `REPLY` answers a run,
when nothing of it is left.
"""

import builtins
import contextlib
import ctypes
import errno
import fcntl
import gc
import importlib
import io
import json
import math
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Iterable

from evaluation.sandbox.walls import (
    OUT_OF_THE_WAY,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_PDEATHSIG,
    Walls,
    gather_pages,
    library_folders,
    prctl,
)

ORDER = struct.Struct("!cdQ")
REPLY = struct.Struct("!i")
"""The status as waitpid gives it, or -errno where no process could be made."""
READY = b"!"

# The server ----------------------------------------------------------------------------------------------------------

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
"""Libraries that packages from PyPI may load on any Linux, beside those that are loaded by now."""
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


def main(arguments: list[str]) -> None:
    """Serve in a jail: the control socket's descriptor, names of the walls as JSON, and a library to load."""
    serve(int(arguments[0]), json.loads(arguments[1]), arguments[2])


def serve(descriptor: int, layers: list[str], library: str) -> None:
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
        prctl(PR_SET_DUMPABLE, 0)  # nobody with the same user id may look into it
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        gather_pages()
    control.sendall(READY)
    while True:
        order, descriptors, *_ = socket.recv_fds(control, ORDER.size, 3)
        if len(order) < ORDER.size:
            return
        letter, timeout, memory = ORDER.unpack(order)
        if letter == b"r":
            try:
                pid = _fork(walls, descriptors, timeout, memory)
            except OSError as error:
                control.sendall(REPLY.pack(-(error.errno or errno.EAGAIN)))
                continue
            finally:
                for fd in descriptors:
                    os.close(fd)
            ended = _attend(control, pid, time.monotonic() + timeout + BACKSTOP)
            _, status = os.waitpid(pid, 0)
            _kill_the_rest(pid)
            if not ended:
                return
            control.sendall(REPLY.pack(status))


def _fork(walls: Walls, descriptors: Iterable[int], timeout: float, memory: int) -> int:
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            die_with(server)
            _reseed()
            source, stdout, errors = descriptors
            run_snippet(walls, source, stdout, errors, timeout=timeout, memory=memory)
        finally:
            os._exit(NO_WALLS)
    return pid


def _reseed() -> None:
    """Seed numpy anew, or every snippet would draw the same numbers; Python's own `random` does so by itself."""
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


def _kill_the_rest(pid: int) -> None:
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


# One snippet ---------------------------------------------------------------------------------------------------------

STDIN, STDOUT, STDERR, ERRORS = 0, 1, 2, 3
"""The only descriptors of a child: nothing to read, two pipes to the evaluator, and nowhere."""

LONGEST_ERROR = 4000
"""Characters of an error message; longer ones lose their middle."""

MOST_DESCRIPTORS = 1 << 16

FAILED, NO_WALLS = 1, 97
"""Exit codes: the snippet raised, or was not run because a wall could not be put up."""
WALLS_FAILED = "the walls of the sandbox could not be put up: "


def run_snippet(walls: Walls, code: int, stdout: int, errors: int, timeout: float, memory: int) -> None:
    """Become the snippet's process; never returns.

    Args:
        walls: The walls to put up first.
        code: Descriptor of the source, UTF-8.
        stdout: Descriptor for what the snippet prints.
        errors: Descriptor for the end of the traceback.
        timeout: Seconds after which the evaluator will kill it.
        memory: Bytes that the snippet may allocate.
    """
    leave = os._exit  # a snippet may replace any name of any module, ours included, but not this one
    status = NO_WALLS
    try:
        source = _only_pipes(code, stdout, errors, walls.descriptors)
        walls.put_up(seconds=math.ceil(timeout) + 2, memory=memory)
        status = FAILED
        _execute(source)
        status = 0
    except SystemExit as end:
        status = 0 if end.code in (None, 0) else FAILED
        _report(end, status)
    except BaseException as error:
        _report(error, status)
    finally:
        try:
            sys.stdout.flush()
        finally:
            leave(status)


def _only_pipes(code: int, stdout: int, errors: int, kept: set[int]) -> str:
    """Read the source and leave no descriptor open but the four and those that the walls need (and close)."""
    os.setsid()
    with os.fdopen(code, "rb") as file:
        file.seek(0)
        source = file.read().decode()
    nothing = os.open(os.devnull, os.O_RDWR)
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) for fd in (nothing, stdout, nothing, errors)]
    for place, copy in enumerate(copies):
        os.dup2(copy, place)
    start = ERRORS + 1
    for fd in sorted(kept):
        os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, MOST_DESCRIPTORS)
    return source


def _execute(source: str) -> None:
    sys.stdin = io.StringIO()
    sys.stdout = io.TextIOWrapper(
        io.FileIO(STDOUT, "w", closefd=False), "utf-8", errors="replace", line_buffering=True
    )  # an escape has more bytes than what it stands for, and the limit is on what was printed
    sys.argv = ["snippet"]
    exec(compile(source, "<snippet>", "exec"), {"__name__": "__main__", "__builtins__": builtins})


def _report(error: BaseException, status: int) -> None:
    """Write the last lines of the traceback, those that name the error."""
    signal.signal(signal.SIGALRM, signal.SIG_IGN)  # or the snippet's timer would strike here
    if status == 0:
        return
    where = "" if status == FAILED else WALLS_FAILED
    error.__traceback__ = None  # its frames hold what the snippet has allocated
    try:
        text = where + "".join(traceback.format_exception_only(error)).strip()
    except BaseException:  # the exception is the snippet's, and so is its __str__
        text = type(error).__name__
    if len(text) > LONGEST_ERROR:
        text = text[: LONGEST_ERROR // 2] + " ... " + text[-LONGEST_ERROR // 2 :]
    os.write(ERRORS, text.encode("utf-8", "replace"))


def die_with(parent: int) -> None:
    """Ask Linux for a SIGKILL when the parent dies (0: the parent is outside of this process's view)."""
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(NO_WALLS)
