"""The evaluator's side of one fork server: send a snippet, read what it prints, have it killed."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evaluation._sandbox.reader import Reader, as_file
from evaluation._sandbox.server import LENGTH, ORDER, REPLY
from shortage import LACKING

START_SECONDS = 120
"""For importing sympy and numpy: half a second here, much more on the network disk of a busy cluster."""
LAST_SECONDS = 10
"""For the end of a killed snippet. A server that takes longer is killed itself."""
ERROR_BYTES = 1 << 14

ROOT = Path(__file__).resolve().parents[2]
BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "import importlib; importlib.import_module('evaluation._sandbox.' + sys.argv.pop(1)).main(sys.argv[1:])"
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


class Ending(NamedTuple):
    """How a snippet ended.

    Attributes:
        stdout: What it printed, at most the bytes allowed.
        errors: The end of its traceback.
        status: As waitpid gives it.
        reason: "timeout" or "output" where it was killed for that, "" otherwise.
        seconds: Wall-clock time.
    """

    stdout: bytes
    errors: bytes
    status: int
    reason: str
    seconds: float


class Server:
    """A fork server and the launcher before it. One snippet at a time; not for several threads at once.

    Args:
        layers: Names of the walls around each snippet.
        jail: The program that makes a jail for the server, "" for none.
        library: A shared library for the server to load, for the self-test.

    Raises:
        ServerError: It did not start; the message ends with what it said.
        OSError: The machine has no process or memory for it.
    """

    def __init__(self, layers: Sequence[str], jail: str = "", library: str = ""):
        self.control, theirs = socket.socketpair()
        fd = theirs.fileno()
        python = [sys.executable, "-s", "-P", "-c", BOOT, str(ROOT)]
        names = json.dumps(sorted(layers))
        jailed = [jail, *python, "server_main", str(fd), names, library] if jail else None
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
        self.about = self._hello()

    def _hello(self) -> dict[str, int]:
        try:
            self.control.settimeout(START_SECONDS)
            (size,) = LENGTH.unpack(self._exactly(LENGTH.size))
            return json.loads(self._exactly(min(size, ERROR_BYTES)))
        except (OSError, ServerError):
            self._end()
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip()
            self._log.close()
            for number in LACKING:
                if os.strerror(number) in said:
                    raise OSError(number, os.strerror(number)) from None
            raise ServerError(said.rpartition("\n")[2] or "it ended without a word") from None

    def _exactly(self, size: int) -> bytes:
        data = self.control.recv(size, socket.MSG_WAITALL)
        if len(data) < size:
            raise ServerError("the fork server has ended")
        return data

    def run(self, code: bytes, *, timeout: float, memory: int, max_output: int) -> Ending:
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
            with as_file(code) as file:
                order = ORDER.pack(b"r", timeout, memory)
                socket.send_fds(self.control, [order], [file.fileno(), *theirs])
            for fd in theirs:
                os.close(fd)
            theirs = ()
            return self._attend(Reader(*mine, limits=(max_output, ERROR_BYTES)), start, timeout)
        except OSError as error:
            if error.errno in LACKING:
                raise
            raise ServerError(str(error)) from None
        finally:
            for fd in (*mine, *theirs):
                os.close(fd)

    def _attend(self, run: Reader, start: float, timeout: float) -> Ending:
        """Read until the server says that all is over, and order it killed when a limit is met."""
        reason, deadline = "", start + timeout
        poll = select.poll()
        for fd in (self.control.fileno(), *run.read):
            poll.register(fd, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll(1000 * max(0.0, deadline - time.monotonic()))}
            if self.control.fileno() in ready:
                status, _ = REPLY.unpack(self._exactly(REPLY.size))
                if status < 0:
                    raise OSError(-status, os.strerror(-status))
                run.drain()
                if not reason and run.full():  # it ended before its output was read
                    reason = "output"
                stdout, errors = run.texts()
                return Ending(stdout, errors, status, reason, time.monotonic() - start)
            for fd in ready:
                if not run.receive(fd):
                    poll.unregister(fd)
            if not reason and (not ready or run.full()):
                reason = "output" if run.full() else "timeout"
                deadline = time.monotonic() + LAST_SECONDS
                self.control.sendall(ORDER.pack(b"k", 0.0, 0))
            elif reason and time.monotonic() > deadline:
                raise ServerError("it did not end a snippet that it was told to kill")

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
