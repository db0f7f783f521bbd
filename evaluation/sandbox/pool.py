"""The sandbox as the evaluator sees it: some fork servers that run snippets."""

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

from evaluation.sandbox.client import Result, Server, ServerError
from evaluation.sandbox.isolation import IsolationLevel, choose_level
from shortage import patiently

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
        self.isolation: IsolationLevel | None = None
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
            if self.isolation is None:
                self.isolation, server = patiently(lambda: choose_level(unsafe=self.allow_unsafe_code))
                self._servers.add(server)
                self._places.get()
                self._places.put(server)
                level = logging.WARNING if self.isolation.unsafe else logging.INFO
                _log.log(level, "%s", self.isolation.describe())
        return self

    def describe(self) -> str:
        """Say in one line what protection is active."""
        self.start()
        assert self.isolation is not None
        return self.isolation.describe()

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
            result = patiently(run)
            kept = server
        except ServerError as error:
            return Result("", f"the sandbox broke: {error}")
        finally:  # after a Ctrl-C, too, a server in the middle of a snippet is of no use to the next one
            if kept is None and server is not None:
                self._discard(server)
            places.put(kept)
        return result

    def _another(self, dead: Server | None) -> Server:
        if dead is not None:
            self._discard(dead)
        assert self.isolation is not None
        server = patiently(self.isolation.start)
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
        self.isolation = None
        self._reset()

    def forget(self) -> None:
        """Forget the servers in a forked child: they are the parent's, and a lock may be held by a missing thread."""
        for server in self._servers:
            server.forget()
        self.isolation = None
        self._reset()

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_sandboxes: "weakref.WeakSet[Sandbox]" = weakref.WeakSet()


def _close_all() -> None:
    for sandbox in list(_sandboxes):
        sandbox.close()


def _forget_all() -> None:
    for sandbox in list(_sandboxes):
        sandbox.forget()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
