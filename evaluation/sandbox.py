r"""Model-written Python, run where it can read no secret, change nothing, reach nobody and outlive nothing.

    from evaluation.sandbox import run_python
    run_python("print(1 + 1)").stdout        # '2\n'

A fork server (`evaluation._sandbox`) has numpy, sympy and mpmath ready; every snippet gets a fresh copy of it, behind
Landlock, a seccomp allow-list, namespaces where the system allows them, and limits. What is active is found by a
self-test when the first snippet is run, and `Sandbox.describe` says it. Nothing runs unprotected unless asked for.

A snippet can still see whether a path exists and how large a file is (Landlock does not hide that), read installed
packages, and measure time; against a hole in the kernel there is only what namespaces and the short list of allowed
system calls leave out.
"""

import atexit
import logging
import os
import queue
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType

from evaluation._sandbox.client import Server, ServerError
from evaluation._sandbox.ladder import Rung, choose
from evaluation._sandbox.result import Result, result_of
from shortage import patiently

__all__ = ["Result", "Sandbox", "run_python"]

LONGEST_CODE = 1 << 20

_log = logging.getLogger(__name__)


class Sandbox:
    """Fork servers that run snippets; nothing is started before the first one, or `start`.

    Calls from several threads run at once, up to `workers`; the others wait. Use it as a context manager, or leave its
    end to the end of the interpreter.

    Args:
        workers: Snippets at once. Default: the cores this process may use, at most 4.
        memory: Bytes that a snippet may allocate.
        max_output: Bytes of output beyond which a snippet is killed.
        allow_unsafe_code: Run snippets even where they cannot be walled in.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        memory: int = 1 << 30,
        max_output: int = 1 << 20,
        allow_unsafe_code: bool = False,
    ):
        self.workers = workers or min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        self.memory, self.max_output, self.allow_unsafe_code = memory, max_output, allow_unsafe_code
        self.rung: Rung | None = None
        self._reset()
        _sandboxes.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._servers: set[Server] = set()
        self._places: queue.LifoQueue[Server | None] = queue.LifoQueue()
        for _ in range(self.workers):
            self._places.put(None)

    def start(self) -> "Sandbox":
        """Find out what protection works here and start the first server.

        Raises:
            UserError: None works, and `allow_unsafe_code` is not set; or the machine gives no processes.
        """
        with self._lock:
            if self.rung is None:
                self.rung, server = patiently(lambda: choose(unsafe=self.allow_unsafe_code))
                self._servers.add(server)
                self._places.get()
                self._places.put(server)
                _log.log(logging.WARNING if self.rung.unsafe else logging.INFO, "%s", self.rung.describe())
        return self

    def describe(self) -> str:
        """Say in one line what protection is active."""
        self.start()
        assert self.rung is not None
        return self.rung.describe()

    def run(self, code: str, *, timeout: float = 10.0) -> Result:
        """Run a snippet in a fresh process.

        Args:
            code: Python source. Its last expression is not printed; only what it prints is seen.
            timeout: Seconds, wall clock.

        Raises:
            UserError: No protection works here, and `allow_unsafe_code` is not set; or the machine gives no processes.
        """
        try:
            source = code.encode()
        except UnicodeEncodeError as error:  # half a character, which Python would not compile either
            return Result("", f"{type(error).__name__}: {error}")
        if len(source) > LONGEST_CODE:
            return Result("", f"the code is longer than {LONGEST_CODE} bytes")
        self.start()
        places = self._places
        server, kept = places.get(), None
        try:
            if server is None or server.ended():
                server = self._another(server)
            run = partial(server.run, source, timeout=timeout, memory=self.memory, max_output=self.max_output)
            ending = patiently(run)
            kept = server
        except ServerError as error:
            return Result("", f"the sandbox broke: {error}")
        finally:  # after a Ctrl-C, too, a server in the middle of a snippet is of no use to the next one
            if kept is None and server is not None:
                self._discard(server)
            places.put(kept)
        return result_of(ending, timeout=timeout, max_output=self.max_output)

    def _another(self, dead: Server | None) -> Server:
        if dead is not None:
            self._discard(dead)
        assert self.rung is not None
        server = patiently(self.rung.start)
        self._servers.add(server)
        return server

    def _discard(self, server: Server) -> None:
        self._servers.discard(server)
        server.kill()

    def map(self, codes: Sequence[str], *, timeout: float = 10.0) -> list[Result]:
        """Run snippets, up to `workers` at once; results are in the order of the snippets."""
        self.start()
        with ThreadPoolExecutor(self.workers) as threads:
            return list(threads.map(lambda code: self.run(code, timeout=timeout), codes))

    def close(self) -> None:
        """End all processes. The next call starts new ones."""
        for server in list(self._servers):
            self._discard(server)
        self.rung = None
        self._reset()

    def forget(self) -> None:
        """In a forked child: the servers are the parent's, and a lock may be held by a thread that is not here."""
        for server in self._servers:
            server.forget()
        self.rung = None
        self._reset()

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_default: Sandbox | None = None
_sandboxes: "weakref.WeakSet[Sandbox]" = weakref.WeakSet()
_making = threading.Lock()


def run_python(code: str, *, timeout: float = 10.0) -> Result:
    """Run a snippet in a sandbox that lives as long as the interpreter.

    Args:
        code: Python source; only what it prints is seen.
        timeout: Seconds, wall clock.

    Raises:
        UserError: Code cannot be walled in here; a `Sandbox` can be told to run it all the same.
    """
    global _default
    with _making:
        _default = _default or Sandbox()
    return _default.run(code, timeout=timeout)


def _close_all() -> None:
    for sandbox in list(_sandboxes):
        sandbox.close()


def _forget_all() -> None:
    global _making
    _making = threading.Lock()
    for sandbox in list(_sandboxes):
        sandbox.forget()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
