"""Apply a function to many items, any of which may hang, eat all memory or kill its process, without harm to others.

Workers are processes forked by a clean one (`rewards.worker`), so that neither an accelerator, nor threads, nor the
caller's `__main__` is in them, and a new one is there in milliseconds. A limit is enforced by SIGKILL: no signal
handler and no thread takes part, so a call works from any thread and from a running event loop (which it blocks).

Why not Pebble 5.2: it runs 14,000 calls a second, but eight endless items on two workers take four times their limit,
its workers run the caller's `__main__` again (a script without a main guard ends as a broken pool), and after a
kill -9 of the parent a busy worker lives on.
"""

import atexit
import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from errors import UserError
from rewards.worker import LENGTH, ORDER, READY
from shortage import patiently

CHUNK = 8
"""Items sent to a worker at once. Only the item that it is busy with can be lost."""

GRACE_SECONDS = 0.15
"""After this an item is slow: it keeps its process, and another one takes over the items behind it."""

PATIENCE_SECONDS = 1.0
"""After this a slow item must yield to others. Honest ones have ended, unless the machine is very busy."""

SLOW_LANES = 8
"""How many slow items may run beside the workers; memory for as many is at stake."""

RECYCLED_AFTER = 20_000
"""Items after which a worker is replaced, because caches of a library may grow without end."""

START_SECONDS = 120
"""For importing the function's module: seconds here, many more on the network disk of a busy cluster."""

SCRIPT = Path(__file__).resolve().with_name("worker.py")

KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONHASHSEED")
"""All that a worker sees of the environment: no token, no key."""


class Outcome(NamedTuple):
    """The outcome of one item.

    Attributes:
        status: "ok"; "timeout" or "memory" (or depth of the stack) at a limit; "died" where the process was
            killed from outside or crashed, twice; "error" where the function raised.
        value: The function's result if "ok", its traceback if "error", otherwise None.
        seconds: How long it ran.
    """

    status: str
    value: Any
    seconds: float


class WorkerPool:
    """A persistent pool of worker processes; nothing is started before the first `run`.

    Args:
        target: `module:function`. The function takes an item's parts, which must be JSON, and returns JSON.
        workers: Items that run at once, apart from slow ones. Default: see `default_workers`.
        limit: Seconds (wall clock) after which an item is given up and its worker killed.
        memory: Bytes that an item may make resident. Beyond it the item is given up when it ends; an allocation beyond
            twice as much is refused (on Linux).
        examples: Harmless items that are run once before workers are made, so that none begins cold.
    """

    def __init__(
        self,
        target: str,
        *,
        workers: int | None = None,
        limit: float = 5.0,
        memory: int = 1 << 30,
        examples: Sequence[Sequence[Any]] = (),
    ):
        self.limit = limit
        self.workers = workers or default_workers()
        self.idle: list[Worker] = []
        self.fork_server: ForkServer | None = None
        self._server_arguments = (target, memory, examples)
        self._lock = threading.Lock()
        _pools.add(self)

    def run(self, items: Sequence[Sequence[Any]]) -> list[Outcome]:
        """Apply the function to each item, in no particular order.

        With fewer endless items than `SLOW_LANES` this takes as long as one of them may, plus the time of the others.

        Raises:
            RuntimeError: The function's module cannot be imported.
            UserError: The machine gives no processes, or ends them at once.
        """
        if not items:
            return []
        with self._lock:
            try:
                patiently(self._started)
                outcomes = Batch(self, items).run()
            except BaseException:  # a Ctrl-C, too: workers in the middle of a batch are of no use to the next one
                self._end()
                raise
            self.idle.sort(key=lambda worker: worker.judged)
            while len(self.idle) > self.workers:  # those stay that have learned most
                self.idle.pop(0).kill()
            return outcomes

    def fork(self) -> "Worker":
        """Return a fresh worker, from a new fork server if the old one was killed."""
        for _ in range(2):
            try:
                return patiently(lambda: self._started().fork())
            except OSError:
                self._end()
        raise UserError(
            "Processes that check answers are killed as soon as they start; look for an out-of-memory killer and give "
            "the machine, or the container, more memory."
        )

    def _started(self) -> "ForkServer":
        if _exiting:
            raise RuntimeError("the interpreter is ending; no new process can be started")
        if self.fork_server is None:
            self.fork_server = ForkServer(*self._server_arguments)
        return self.fork_server

    def close(self) -> None:
        """End all processes. The next `run` starts new ones."""
        with self._lock:
            self._end()

    def _end(self, *, of_parent: bool = False) -> None:
        """End all processes; in a forked child let go of them, for they are the parent's."""
        for worker in self.idle:
            worker.sock.close()
        self.idle = []
        server, self.fork_server = self.fork_server, None
        if server is not None:
            server.close(of_parent=of_parent)


def default_workers() -> int:
    """Return the cores this process may use, at most 8, shared by the training processes of the machine; at least 1.

    The environment variable `VERIFY_WORKERS` overrules it.

    Raises:
        ValueError: `VERIFY_WORKERS` is no positive number.
    """
    number = os.environ.get("VERIFY_WORKERS")
    if number is not None:
        if not number.isdecimal() or int(number) < 1:
            raise ValueError(f"VERIFY_WORKERS must be a whole number from 1, got {number!r}; unset it for the default")
        return int(number)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(cores, 8) // processes)


class Batch:
    """The state of one `WorkerPool.run`: the queue of items, the busy workers, and the outcomes so far.

    A worker gets a chunk of the queue. An item that runs for longer than `GRACE_SECONDS` moves with its worker to a
    slow lane, and the items behind it return to the queue; the first to answer them counts. An item that cost its
    worker, or that became slow while all lanes were taken, is postponed once: it goes to the end of the queue and then
    runs alone, in a fresh worker in a slow lane.
    """

    def __init__(self, pool: WorkerPool, items: Sequence[Sequence[Any]]):
        self.pool, self.items = pool, items
        self.outcomes: dict[int, Outcome] = {}
        self.queue = deque(range(len(items)))
        self.postponed: set[int] = set()
        self.quick: set[Worker] = set()
        self.slow: set[Worker] = set()
        # Were every item slow, the queue would take the first term; twelve limits more decide 96 endless ones. TRL's
        # processes wait 1800 s for each other: 12,000 items on two workers may be as bad as they like.
        self.deadline = time.monotonic() + len(items) * GRACE_SECONDS / pool.workers + 12 * pool.limit

    def run(self) -> list[Outcome]:
        """Return the outcomes in the order of the items."""
        with selectors.DefaultSelector() as self.selector:
            while len(self.outcomes) < len(self.items):
                self._hand_out()
                for key, _ in self.selector.select(self._seconds_to_next_limit()):
                    self._collect(key.data)
                self._enforce_limits(time.monotonic())
            for worker in [*self.quick, *self.slow]:  # busy with what another one has answered
                self._dismiss(worker)
        return [self.outcomes[i] for i in range(len(self.items))]

    def _hand_out(self) -> None:
        """Give the queue's items to workers, as far as there is room."""
        while self.queue:
            if self.queue[0] in self.outcomes:  # the worker that it was taken from was faster
                self.queue.popleft()
                continue
            if self.queue[0] in self.postponed:
                if len(self.slow) >= SLOW_LANES:
                    return
                lane, worker, chunk = self.slow, self.pool.fork(), [self.queue.popleft()]
            else:
                if len(self.quick) >= self.pool.workers:
                    return
                lane, worker = self.quick, self.pool.idle.pop() if self.pool.idle else self.pool.fork()
                chunk = self._next_chunk()
            lane.add(worker)
            self.selector.register(worker.sock, selectors.EVENT_READ, worker)
            worker.send({i: self.items[i] for i in chunk})

    def _next_chunk(self) -> list[int]:
        """Take the next items off the queue, few of them near its end so that all workers end together."""
        size = min(CHUNK, max(1, len(self.queue) // (4 * self.pool.workers)))
        chunk: list[int] = []
        while self.queue and len(chunk) < size and self.queue[0] not in self.postponed:
            item = self.queue.popleft()
            if item not in self.outcomes:
                chunk.append(item)
        return chunk

    def _seconds_to_next_limit(self) -> float:
        times = [worker.since + GRACE_SECONDS for worker in self.quick]
        for worker in self.slow:
            times.append(worker.since + (self.pool.limit if worker.yields else min(PATIENCE_SECONDS, self.pool.limit)))
        return max(0.0, min([*times, self.deadline]) - time.monotonic())

    def _collect(self, worker: "Worker") -> None:
        """Take what a worker has answered."""
        for status, value, seconds, leaves in worker.receive():
            item = worker.pending.popleft()
            worker.judged += 1
            worker.since = time.monotonic()
            if status not in ("memory", "died") or item in self.postponed:
                self.outcomes.setdefault(item, Outcome(status, value, seconds))
            elif item not in worker.taken_back:  # once more: the items before it may be to blame
                self._postpone(item)
            if leaves or worker.yields or worker.judged >= RECYCLED_AFTER:
                self._dismiss(worker)
                return
            if worker in self.slow:
                self.slow.remove(worker)
                self.quick.add(worker)
        if not worker.pending:
            self.selector.unregister(worker.sock)
            self.quick.remove(worker)
            self.pool.idle.append(worker)

    def _enforce_limits(self, now: float) -> None:
        for worker in list(self.slow):
            seconds = now - worker.since
            if seconds >= self.pool.limit:
                self.outcomes.setdefault(worker.pending.popleft(), Outcome("timeout", None, seconds))
                self._dismiss(worker)
            elif seconds >= PATIENCE_SECONDS and not worker.yields:
                worker.yield_to_others()
        for worker in [worker for worker in self.quick if now - worker.since >= GRACE_SECONDS]:
            item = worker.pending[0]
            if item not in worker.taken_back and len(self.slow) < SLOW_LANES:
                self._take_back(worker, list(worker.pending)[1:])
                self.quick.remove(worker)
                self.slow.add(worker)
                continue
            worker.pending.popleft()
            if item not in worker.taken_back:
                self._postpone(item)
            self._dismiss(worker)
        if now >= self.deadline:
            for item in set(range(len(self.items))) - self.outcomes.keys():
                self.outcomes[item] = Outcome("timeout", None, 0.0)

    def _postpone(self, item: int) -> None:
        self.postponed.add(item)
        self.queue.append(item)

    def _take_back(self, worker: "Worker", items: Sequence[int]) -> None:
        """Put items of a worker to the front of the queue. The worker may answer them all the same."""
        self.queue.extendleft(item for item in reversed(items) if item not in worker.taken_back)
        worker.taken_back.update(items)

    def _dismiss(self, worker: "Worker") -> None:
        """Kill a worker; others take over what it has not begun."""
        self._take_back(worker, list(worker.pending))
        self.selector.unregister(worker.sock)
        self.quick.discard(worker)
        self.slow.discard(worker)
        worker.kill()


class Worker:
    """One forked process, seen from the parent: items go in by chunks, results come out one by one.

    Attributes:
        pid: The process.
        pending: The items that it was given and has not answered, in order; it is busy with the first.
        taken_back: Those of them that returned to the queue.
        since: When it began with that one (`time.monotonic`).
        judged: How many it has answered.
        yields: Whether it runs at low priority, for good.
    """

    def __init__(self, pid: int, sock: socket.socket, server: "ForkServer"):
        self.pid, self.sock, self.server = pid, sock, server
        self.pending: deque[int] = deque()
        self.taken_back: set[int] = set()
        self.since = 0.0
        self.judged = 0
        self.yields = False
        self._read = b""

    def send(self, chunk: dict[int, Any]) -> None:
        """Give an idle worker its next items, by their numbers."""
        message = json.dumps(list(chunk.values())).encode()
        self.pending.extend(chunk)
        self.taken_back.clear()
        self.since = time.monotonic()
        with contextlib.suppress(OSError):  # a dead worker is noticed by the end of its answers
            self.sock.sendall(LENGTH.pack(len(message)) + message)

    def receive(self) -> list[tuple[str, Any, float, bool]]:
        """Return the (status, value, seconds, leaves) that have arrived; "died" where the worker has ended."""
        data = b""
        with contextlib.suppress(OSError):
            data = self.sock.recv(1 << 16)
        if not data:
            return [("died", None, time.monotonic() - self.since, True)]
        *lines, self._read = (self._read + data).split(b"\n")
        return [tuple(json.loads(line)) for line in lines]

    def yield_to_others(self) -> None:
        """Run from now on where no other process needs the core."""
        self.yields = True
        self.server.order(b"n", self.pid)

    def kill(self) -> None:
        """End at once, in the middle of an item or not."""
        self.sock.close()
        self.server.order(b"k", self.pid)


class ForkServer:
    """A process that has imported `module:function` and forks workers which run it.

    Args:
        target: `module:function`, importable with the caller's `sys.path`.
        memory: Bytes that an item may make resident.
        examples: Harmless items that the function is applied to first, for what they leave in its caches.

    Raises:
        RuntimeError: The function cannot be imported, or fails on an example.
    """

    def __init__(self, target: str, memory: int, examples: Sequence[Sequence[Any]] = ()):
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        # This package first, wherever the caller has gone since it began.
        path = [str(SCRIPT.parent.parent), *sys.path]
        self._control, theirs = socket.socketpair()
        arguments = [str(theirs.fileno()), target, str(memory), json.dumps(examples)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", str(SCRIPT), *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**kept, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, path)), "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # so that a Ctrl-C does not reach it
            )
        self.pid = self._process.pid
        self._control.settimeout(START_SECONDS)
        answer = b""
        with contextlib.suppress(TimeoutError):
            while not answer.endswith(READY) and (data := self._control.recv(1 << 16)):
                answer += data
        if not answer.endswith(READY):
            self.close()
            raise RuntimeError(
                f"the process that checks answers could not load {target} within {START_SECONDS} s: "
                f"{answer.decode(errors='replace').strip() or 'it ended without a word'}"
            )

    def fork(self) -> Worker:
        """Return a fresh worker.

        Raises:
            OSError: The fork server is gone, or the machine has no process or memory to give.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [ORDER.pack(b"f", 0)], [theirs.fileno()])
        answer = self._control.recv(ORDER.size)
        if len(answer) < ORDER.size:
            ours.close()
            raise ConnectionResetError("the fork server has ended")
        letter, number = ORDER.unpack(answer)
        if letter == b"e":
            ours.close()
            raise OSError(number, os.strerror(number))
        ours.settimeout(START_SECONDS)
        return Worker(number, ours, self)

    def order(self, letter: bytes, pid: int) -> None:
        """Have something done to a worker."""
        with contextlib.suppress(OSError):  # without a fork server there is no worker either
            self._control.sendall(ORDER.pack(letter, pid))

    def close(self, *, of_parent: bool = False) -> None:
        """End the fork server and with it all workers; in a forked child only let go of what belongs to the parent."""
        self._control.close()
        if of_parent:
            self._process.returncode = 0  # it is no child of ours to wait for
            return
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_pools: "weakref.WeakSet[WorkerPool]" = weakref.WeakSet()
_exiting = False


def _close_all() -> None:
    global _exiting
    _exiting = True  # or a thread in the middle of a batch would start a new fork server for the one that ends here
    for pool in list(_pools):
        pool._end()  # without the lock: at exit nobody may wait for a thread that was cut off


def _forget_all() -> None:
    """In a forked child: leave the processes to the parent, and the lock to a thread that is not here."""
    for pool in list(_pools):
        pool._lock = threading.Lock()
        pool._end(of_parent=True)


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
