"""The evaluator's side of one fork server: send a snippet, read what it prints, order it killed."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from evaluation.sandbox.server import ORDER, READY, REPLY
from shortage import LACKING

START_SECONDS = 120
"""For importing sympy and numpy: half a second here, much more on the network disk of a busy cluster."""
LAST_SECONDS = 10
"""For the end of a killed snippet. A server that takes longer is killed itself."""
ERROR_BYTES = 1 << 14

ROOT = Path(__file__).resolve().parents[2]
BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "import importlib; importlib.import_module('evaluation.sandbox.' + sys.argv.pop(1)).main(sys.argv[1:])"
)
ENVIRONMENT = {
    **{name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ},
    **{f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")},
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the order of a set is the same in every run
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""All that a snippet can see of the environment."""


class ServerError(Exception):
    """A fork server could not be started or has died."""


@dataclass(frozen=True)
class Result:
    """How a snippet ended. `stdout` and a traceback in `error` are the snippet's own words and may be lies.

    Attributes:
        stdout: What it printed, up to the limit.
        error: The end of its traceback, or why it was ended; None when it ran to its end.
        timed_out: Whether it was killed at its time limit.
        truncated: Whether it was killed for printing more than is read.
        seconds: Wall-clock time.
    """

    stdout: str
    error: str | None
    timed_out: bool = False
    truncated: bool = False
    seconds: float = 0.0


class Reader:
    """Collects what arrives through the two pipes of a snippet; none of it is trusted to be more than bytes.

    Args:
        stdout: Descriptor of what the snippet prints.
        errors: Descriptor of the end of its traceback.
        max_output: Bytes that are kept of what it prints.
    """

    def __init__(self, stdout: int, errors: int, max_output: int):
        self.read = {stdout: bytearray(), errors: bytearray()}
        self.max_output = max_output
        self._limits = {stdout: max_output, errors: ERROR_BYTES}

    def receive(self, fd: int) -> bool:
        """Take what has arrived, never more than a little beyond the limit; False at the end of a pipe."""
        data = os.read(fd, 1 << 16)
        if len(self.read[fd]) <= self._limits[fd]:
            self.read[fd] += data
        return bool(data)

    def full(self) -> bool:
        """Whether more has arrived than is kept."""
        return any(len(data) > self._limits[fd] for fd, data in self.read.items())

    def drain(self) -> None:
        """Take the rest, when no process is left that writes."""
        for fd in self.read:
            os.set_blocking(fd, False)
            with contextlib.suppress(BlockingIOError):
                while self.receive(fd):
                    pass

    def texts(self) -> list[bytes]:
        """Return what has arrived, up to the limits."""
        return [bytes(data[: self._limits[fd]]) for fd, data in self.read.items()]


class Server:
    """A fork server and the launcher before it. One snippet at a time; not for several threads at once.

    Args:
        layers: Names of the walls around each snippet.
        jail: The program that makes a jail for the server, "" for none.
        library: A shared library for the server to load, for the self-test.

    Raises:
        ServerError: It did not start; the message ends with the last line of its log.
        OSError: The machine has no process or memory for it.
    """

    def __init__(self, layers: Sequence[str], jail: str = "", library: str = ""):
        self.control, theirs = socket.socketpair()
        fd = theirs.fileno()
        python = [sys.executable, "-s", "-P", "-c", BOOT, str(ROOT)]
        names = json.dumps(sorted(layers))
        jailed = [jail, *python, "server", str(fd), names, library] if jail else None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as this)
        try:
            self.process = subprocess.Popen(
                [*python, "launcher", str(fd), str(os.getpid()), names, library, json.dumps(jailed)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                pass_fds=[fd],
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            if error.errno in LACKING:
                raise
            raise ServerError(f"{sys.executable} cannot be started: {error}") from None
        finally:
            theirs.close()
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        try:
            self.control.settimeout(START_SECONDS)
            self._exactly(len(READY))
        except (OSError, ServerError):
            self._end()
            self._log.seek(0)
            log = self._log.read().decode(errors="replace").strip()
            self._log.close()
            for number in LACKING:
                if os.strerror(number) in log:
                    raise OSError(number, os.strerror(number)) from None
            raise ServerError(log.rpartition("\n")[2] or "it ended without a word") from None

    def _exactly(self, size: int) -> bytes:
        data = self.control.recv(size, socket.MSG_WAITALL)
        if len(data) < size:
            raise ServerError("the fork server has ended")
        return data

    def run(self, code: bytes, *, timeout: float, memory: int, max_output: int) -> Result:
        """Run a snippet to its end.

        Args:
            code: Python source, UTF-8.
            timeout: Seconds, wall clock, after which it is killed.
            memory: Bytes that it may allocate.
            max_output: Bytes of output at which it is killed.

        Raises:
            ServerError: The server has died; start another.
            OSError: The machine has no process or memory for it; the server lives.
        """
        start = time.monotonic()
        pipes = [os.pipe(), os.pipe()]
        mine, theirs = zip(*pipes, strict=True)
        try:
            with _as_file(code) as file:
                order = ORDER.pack(b"r", timeout, memory)
                socket.send_fds(self.control, [order], [file.fileno(), *theirs])
            for fd in theirs:
                os.close(fd)
            theirs = ()
            return self._attend(Reader(mine[0], mine[1], max_output), start, timeout)
        except OSError as error:
            if error.errno in LACKING:
                raise
            raise ServerError(str(error)) from None
        finally:
            for fd in (*mine, *theirs):
                os.close(fd)

    def _attend(self, run: Reader, start: float, timeout: float) -> Result:
        """Read until the server says that the snippet is over, and order it killed when it reaches a limit."""
        reason, deadline = "", start + timeout
        poll = select.poll()
        for fd in (self.control.fileno(), *run.read):
            poll.register(fd, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll(1000 * max(0.0, deadline - time.monotonic()))}
            if self.control.fileno() in ready:
                (status,) = REPLY.unpack(self._exactly(REPLY.size))
                if status < 0:
                    raise OSError(-status, os.strerror(-status))
                run.drain()
                if not reason and run.full():  # it ended before its output was read
                    reason = "output"
                return _result(run, status, reason, timeout, time.monotonic() - start)
            for fd in ready:
                if not run.receive(fd):
                    poll.unregister(fd)
            if not reason and (not ready or run.full()):
                reason = "output" if run.full() else "timeout"
                deadline = time.monotonic() + LAST_SECONDS
                self.control.sendall(ORDER.pack(b"k", 0.0, 0))
            elif reason and time.monotonic() > deadline:
                raise ServerError("it did not end a snippet that it was ordered to kill")

    def ended(self) -> bool:
        """Whether the launcher has ended, and with it all the rest."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """End the server and all that it has started, at once."""
        self._end()
        self._log.close()

    def _end(self) -> None:
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

    def forget(self) -> None:
        """In a forked child: let go of what belongs to the parent."""
        self.control.close()
        self.process.returncode = 0  # it is no child of ours to wait for


def _as_file(code: bytes) -> BinaryIO:
    """Put a snippet into a file without a name, whose descriptor can be sent."""
    if hasattr(os, "memfd_create"):
        file = cast(BinaryIO, os.fdopen(os.memfd_create("snippet"), "w+b"))
    else:
        file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 (closed by the caller)
    file.write(code)
    file.flush()
    return file


def _result(run: Reader, status: int, reason: str, timeout: float, seconds: float) -> Result:
    """Put the end of a snippet into words.

    Args:
        run: Its output.
        status: As waitpid gives it.
        reason: "timeout" or "output" where it was killed for that, "" otherwise.
        timeout: Its time limit in seconds.
        seconds: Its wall-clock time.
    """
    printed, errors = (data.decode("utf-8", "replace") for data in run.texts())
    if reason == "timeout":
        error = f"TimeoutError: the code ran longer than {timeout:g} s"
        return Result(printed, error, timed_out=True, seconds=seconds)
    if reason == "output":
        error = f"OutputError: the code printed more than {run.max_output} bytes"
        return Result(printed, error, truncated=True, seconds=seconds)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return Result(printed, f"the process was ended by {_signal_name(-code)}", seconds=seconds)
    return Result(printed, (errors or f"the process left with code {code}") if code else None, seconds=seconds)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
