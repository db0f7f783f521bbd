"""The parent's side of `rewards._worker`: start the nursery, ask it for workers, have them killed."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rewards._worker import LENGTH, ORDER, READY

START_SECONDS = 120
"""For importing the function's module: seconds here, many more on the network disk of a busy cluster."""

SCRIPT = Path(__file__).resolve().with_name("_worker.py")

KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONHASHSEED")
"""All that a worker sees of the environment: no token, no key."""


class Worker:
    """One forked process: items go in by chunks, results come out one by one.

    Attributes:
        pid: The process.
        pending: The items that it was given and has not answered, in order; it is busy with the first.
        since: When it began with that one (`time.monotonic`).
        judged: How many it has answered.
        yields: Whether it runs at low priority, for good.
    """

    def __init__(self, pid: int, sock: socket.socket, nursery: "Nursery"):
        self.pid, self.sock, self.nursery = pid, sock, nursery
        self.pending: deque[int] = deque()
        self.since = 0.0
        self.judged = 0
        self.yields = False
        self._read = b""

    def send(self, chunk: dict[int, Any]) -> None:
        """Give an idle worker its next items, by their numbers."""
        message = json.dumps(list(chunk.values())).encode()
        self.pending.extend(chunk)
        self.since = time.monotonic()
        with contextlib.suppress(OSError):  # a dead worker is noticed by the end of its answers
            self.sock.sendall(LENGTH.pack(len(message)) + message)

    def receive(self) -> list[tuple[str, Any, float, bool]] | None:
        """Return the (status, value, seconds, leaves) that have arrived, or None at the end of a worker."""
        try:
            data = self.sock.recv(1 << 16)
        except OSError:
            return None
        if not data:
            return None
        *lines, self._read = (self._read + data).split(b"\n")
        return [tuple(json.loads(line)) for line in lines]

    def yield_to_others(self) -> None:
        """Run from now on where no other process needs the core."""
        self.yields = True
        self.nursery.order(b"n", self.pid)

    def kill(self) -> None:
        """End at once, in the middle of an item or not."""
        self.sock.close()
        self.nursery.order(b"k", self.pid)


class Nursery:
    """A process that has imported `module:function` and forks workers which run it.

    Args:
        target: `module:function`, importable with the caller's `sys.path`.
        memory: Bytes that an item may make resident.
        examples: Harmless items that the function is applied to first, for what they leave in its caches.
    """

    def __init__(self, target: str, memory: int, examples: Sequence[Sequence[Any]] = ()):
        arguments = [target, str(memory), json.dumps(examples)]
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", str(SCRIPT), str(theirs.fileno()), *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # so that a Ctrl-C does not reach it
            )
        self.pid = self._process.pid
        self._control.settimeout(START_SECONDS)
        self._await_ready(target)

    def _await_ready(self, target: str) -> None:
        told = b""
        with contextlib.suppress(TimeoutError):
            while not told.endswith(READY) and (data := self._control.recv(1 << 16)):
                told += data
        if not told.endswith(READY):
            self.close()
            raise RuntimeError(
                f"the process that checks answers could not load {target} within {START_SECONDS} s: "
                f"{told.decode(errors='replace').strip() or 'it ended without a word'}"
            )

    def fork(self) -> Worker:
        """Return a fresh worker.

        Raises:
            OSError: The nursery is gone, or the machine has no process or memory to give.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [ORDER.pack(b"f", 0)], [theirs.fileno()])
        answer = self._control.recv(ORDER.size)
        if len(answer) < ORDER.size:
            ours.close()
            raise ConnectionResetError("the nursery has ended")
        letter, number = ORDER.unpack(answer)
        if letter == b"e":
            ours.close()
            raise OSError(number, os.strerror(number))
        ours.settimeout(START_SECONDS)
        return Worker(number, ours, self)

    def order(self, letter: bytes, pid: int) -> None:
        """Have something done to a worker."""
        with contextlib.suppress(OSError):  # without a nursery there is no worker either
            self._control.sendall(ORDER.pack(letter, pid))

    def close(self) -> None:
        """End the nursery and with it all workers."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """In a forked child: let go of what belongs to the parent."""
        self._control.close()
        self._process.returncode = 0  # it is no child of ours to wait for


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    path = [str(SCRIPT.parent.parent), *sys.path]  # this package first, wherever the caller has gone since it began
    return {**kept, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, path)), "OMP_NUM_THREADS": "1"}
