"""One batch of a pool: who gets which items, who is too slow, and what becomes of the items of the dead."""

import selectors
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rewards._nursery import Worker

if TYPE_CHECKING:
    from rewards._pool import Pool

CHUNK = 8
"""Items sent to a worker at once. Only the one that it is busy with can be lost."""

GRACE_SECONDS = 0.15
"""After this an item is slow: it keeps its process, and another one takes over what was to come after it."""

PATIENCE_SECONDS = 1.0
"""After this a slow item must yield to others. Honest ones have ended, unless the machine is very busy."""

SLOW_LANES = 8
"""How many slow items may run beside the workers; memory for as many is at stake."""


class Outcome(NamedTuple):
    """What became of one item.

    Attributes:
        status: "ok"; "timeout" or "memory" (or depth of the stack) where a limit was met; "died" where the process was
            killed from outside or crashed, twice; "error" where the function raised.
        value: The function's result if "ok", its traceback if "error", otherwise None.
        seconds: How long it ran.
    """

    status: str
    value: Any
    seconds: float


class Batch:
    """The state of one `Pool.run`."""

    def __init__(self, pool: "Pool", items: Sequence[Sequence[Any]]):
        self.pool, self.items = pool, items
        self.outcomes: dict[int, Outcome] = {}
        self.queue = deque(range(len(items)))
        self.alone: deque[int] = deque()  # items to be run in a worker of their own, when all others are done
        self.lost: set[int] = set()  # items that have taken a worker with them once
        self.owners: dict[int, Worker] = {}  # who is to answer an item, the last one if several were asked
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
                for key, _ in self.selector.select(self._patience()):
                    self._collect(key.data)
                self._part_with_the_slow(time.monotonic())
            for worker in [*self.quick, *self.slow]:  # busy with what another one has answered
                self._dismiss(worker)
        return [self.outcomes[i] for i in range(len(self.items))]

    def _hand_out(self) -> None:
        while len(self.quick) < self.pool.workers and (numbers := self._next()):
            worker = self.pool.idle.pop() if self.pool.idle else self.pool.fork()
            self.quick.add(worker)
            self._send(worker, numbers)
        while self.alone and not self.queue and len(self.slow) < SLOW_LANES:
            worker = self.pool.fork()
            self.slow.add(worker)
            self._send(worker, [self.alone.popleft()])

    def _next(self) -> list[int]:
        """Return the next chunk, small ones near the end so that all workers end together."""
        size = min(CHUNK, max(1, len(self.queue) // (4 * self.pool.workers)))
        numbers: list[int] = []
        while self.queue and len(numbers) < size:
            number = self.queue.popleft()
            if number not in self.outcomes:  # a worker from whom it was taken may have been faster
                numbers.append(number)
        return numbers

    def _send(self, worker: Worker, numbers: list[int]) -> None:
        self.selector.register(worker.sock, selectors.EVENT_READ, worker)
        self.owners.update(dict.fromkeys(numbers, worker))
        worker.send({i: self.items[i] for i in numbers})

    def _patience(self) -> float:
        """Return the seconds until somebody becomes slow, or too slow."""
        times = [worker.since + GRACE_SECONDS for worker in self.quick]
        for worker in self.slow:
            times.append(worker.since + (self.pool.limit if worker.yields else min(PATIENCE_SECONDS, self.pool.limit)))
        return max(0.0, min([*times, self.deadline]) - time.monotonic())

    def _collect(self, worker: Worker) -> None:
        results = worker.receive()
        if results is None:
            self._lose(worker, Outcome("died", None, time.monotonic() - worker.since))
            return
        for status, value, seconds, leaves in results:
            worker.judged += 1
            worker.since = time.monotonic()
            if status == "memory":
                self._lose(worker, Outcome(status, value, seconds))
                return
            self._settle(worker, Outcome(status, value, seconds))
            if leaves or worker.yields:
                self._dismiss(worker)
                return
            if worker in self.slow:
                self.slow.remove(worker)
                self.quick.add(worker)
        if not worker.pending:
            self.selector.unregister(worker.sock)
            self.quick.remove(worker)
            self.pool.idle.append(worker)

    def _settle(self, worker: Worker, outcome: Outcome) -> None:
        """Take the worker's first item for done."""
        self.outcomes.setdefault(worker.pending.popleft(), outcome)

    def _lose(self, worker: Worker, outcome: Outcome) -> None:
        """Settle an item that has cost its worker, or try it once more where the items before it may be to blame."""
        number = worker.pending[0]
        if number in self.lost:
            self._settle(worker, outcome)
        else:
            self.lost.add(number)
            self._postpone(worker)
        self._dismiss(worker)

    def _postpone(self, worker: Worker) -> None:
        """Put the worker's first item behind all others, unless another worker has it, too."""
        number = worker.pending.popleft()
        if self.owners.get(number) is worker and number not in self.outcomes:
            self.alone.append(number)

    def _part_with_the_slow(self, now: float) -> None:
        for worker in list(self.slow):
            if now - worker.since >= self.pool.limit:
                self._settle(worker, Outcome("timeout", None, now - worker.since))
                self._dismiss(worker)
            elif now - worker.since >= PATIENCE_SECONDS and not worker.yields:
                worker.yield_to_others()
        for worker in [worker for worker in self.quick if now - worker.since >= GRACE_SECONDS]:
            if len(self.slow) < SLOW_LANES and self.owners.get(worker.pending[0]) is worker:
                self._take_back(worker, list(worker.pending)[1:])
                self.quick.remove(worker)
                self.slow.add(worker)
            else:
                self._postpone(worker)
                self._dismiss(worker)
        if now >= self.deadline:
            for number in set(range(len(self.items))) - self.outcomes.keys():
                self.outcomes[number] = Outcome("timeout", None, 0.0)

    def _take_back(self, worker: Worker, numbers: list[int]) -> None:
        """Let somebody else answer what nobody has answered. The worker may be faster all the same."""
        for number in reversed(numbers):
            if self.owners.get(number) is worker and number not in self.outcomes:
                del self.owners[number]
                self.queue.appendleft(number)

    def _dismiss(self, worker: Worker) -> None:
        """Kill a worker; others take over what it has not begun."""
        self._take_back(worker, list(worker.pending))
        self.selector.unregister(worker.sock)
        self.quick.discard(worker)
        self.slow.discard(worker)
        worker.kill()
