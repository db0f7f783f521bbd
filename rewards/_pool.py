"""A function run on many items, any of which may hang, eat all memory or kill its process, without harm to the others.

Workers are processes forked by a clean one (`rewards._worker`), so that neither an accelerator, nor threads, nor the
caller's `__main__` is in them, and a new one is there in milliseconds. A limit is enforced by SIGKILL: no signal
handler and no thread takes part, so a call works from any thread and from a running event loop (which it blocks).

Why not Pebble 5.2: it runs 14,000 calls a second, but eight endless items on two workers take four times their limit,
its workers run the caller's `__main__` again (a script without a main guard ends as a broken pool), and after a
kill -9 of the parent a busy worker lives on.
"""

import atexit
import os
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from errors import UserError
from rewards._batch import Batch, Outcome
from rewards._nursery import Nursery, Worker
from shortage import patiently

RECYCLED_AFTER = 20_000
"""Items after which a worker is replaced, because caches of a library may grow without end."""


class Pool:
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
        self._made_by = (target, memory, examples)
        self.workers = workers or default_workers()
        self.idle: list[Worker] = []
        self.nursery: Nursery | None = None
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
            self._keep_the_best()
            return outcomes

    def fork(self) -> Worker:
        """Return a fresh worker, from a new nursery if the old one was killed."""
        for _ in range(2):
            try:
                return patiently(lambda: self._started().fork())
            except OSError:
                self._end()
        raise UserError(
            "Processes that check answers are killed as soon as they start; look for an out-of-memory killer and give "
            "the machine, or the container, more memory."
        )

    def _keep_the_best(self) -> None:
        """Keep as many workers as agreed, those that have learned most, and none that is too old."""
        self.idle.sort(key=lambda worker: worker.judged)
        for worker in [worker for worker in self.idle if worker.judged >= RECYCLED_AFTER]:
            self.idle.remove(worker)
            worker.kill()
        while len(self.idle) > self.workers:
            self.idle.pop(0).kill()

    def _started(self) -> Nursery:
        if _exiting:
            raise RuntimeError("the interpreter is ending; no new process can be started")
        if self.nursery is None:
            self.nursery = Nursery(*self._made_by)
        return self.nursery

    def close(self) -> None:
        """End all processes. The next `run` starts new ones."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        for worker in self.idle:
            worker.sock.close()
        self.idle = []
        nursery, self.nursery = self.nursery, None
        if nursery is not None:
            nursery.close()

    def forget(self) -> None:
        """In a forked child: the processes are the parent's, and a lock may be held by a thread that is not here."""
        self._lock = threading.Lock()
        for worker in self.idle:
            worker.sock.close()
        self.idle = []
        if self.nursery is not None:
            self.nursery.forget()
        self.nursery = None


def default_workers() -> int:
    """Return the cores this process may use, at most 8, shared by the training processes of the machine; at least 1.

    The environment variable `VERIFY_WORKERS` overrules it.

    Raises:
        ValueError: `VERIFY_WORKERS` is no positive number.
    """
    asked = os.environ.get("VERIFY_WORKERS")
    if asked is not None:
        if not asked.isdecimal() or int(asked) < 1:
            raise ValueError(f"VERIFY_WORKERS must be a whole number from 1, met {asked!r}; unset it for the default")
        return int(asked)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(cores, 8) // processes)


_pools: "weakref.WeakSet[Pool]" = weakref.WeakSet()


_exiting = False


def _close_all() -> None:
    global _exiting
    _exiting = True  # or a thread in the middle of a batch would start a new nursery for the one that ends here
    for pool in list(_pools):
        pool._end()  # without the lock: at exit nobody may wait for a thread that was cut off


def _forget_all() -> None:
    for pool in list(_pools):
        pool.forget()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
