"""One snippet in a process of its own, which ends with it. What it prints, and why it failed, leave through pipes."""

import builtins
import fcntl
import io
import math
import os
import signal
import sys
import traceback

from evaluation._sandbox import libc
from evaluation._sandbox.landlock import OUT_OF_THE_WAY
from evaluation._sandbox.walls import Walls

STDIN, STDOUT, STDERR, ERRORS = 0, 1, 2, 3
"""The only descriptors of a child: nothing to read, two pipes to the evaluator, and nowhere."""

LONGEST_ERROR = 4000
"""Characters of an error message; longer ones lose their middle."""

MOST_DESCRIPTORS = 1 << 16

FAILED, NO_WALLS = 1, 97
"""Exit codes: the snippet raised, or was not run because a wall could not be put up."""
WALLS_FAILED = "the walls of the sandbox could not be put up: "


def run(walls: Walls, code: int, stdout: int, errors: int, timeout: float, memory: int) -> None:
    """Become the snippet's process; never returns.

    Args:
        walls: What to put up first.
        code: Descriptor of the source, UTF-8.
        stdout: Descriptor for what it prints.
        errors: Descriptor for the end of its traceback.
        timeout: Seconds after which the evaluator will kill it.
        memory: Bytes that it may allocate.
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
        libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(NO_WALLS)
