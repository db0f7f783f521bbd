"""The script of the processes behind `rewards.worker_pool`: a fork server, started once, and the workers it forks.

The fork server imports the function, tries it on examples and then only waits for orders, in one thread and without an
accelerator, so that it can fork: a worker is ready in milliseconds instead of the seconds that sympy takes. This file
imports nothing of the project itself, and the parent's `__main__` is never run again.

Orders on the control socket are `ORDER` structs (a letter and a pid): "f" forks a worker, which talks through the
descriptor sent along, and is answered by its pid, or by "e" and an errno where no process is to be had; "k" kills
one; "n" lets one yield to its siblings. The end of the control socket, however the parent died, kills all workers.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

ORDER = struct.Struct("!cQ")
LENGTH = struct.Struct("!I")
READY = b"ready\n"


def main(descriptor: int, target: str, memory: int, examples: list[list[Any]]) -> None:
    """Import `module:function`, apply it to the examples, report that, and serve until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's to handle
    control = socket.socket(fileno=descriptor)
    try:
        module, name = target.split(":")
        function = getattr(importlib.import_module(module), name)
        for example in examples:
            function(*example)
    except BaseException:
        control.sendall(traceback.format_exc().encode())
        raise
    gc.collect()
    gc.freeze()  # what is imported stays shared with the workers
    control.sendall(READY)
    children: set[int] = set()
    try:
        _serve(control, children, lambda sock: _work(sock, function, memory))
    finally:
        for pid in children:
            _kill(pid)


def _serve(control: socket.socket, children: set[int], work: Callable[[socket.socket], None]) -> None:
    while True:
        order, descriptors, *_ = socket.recv_fds(control, ORDER.size, 1)
        if len(order) < ORDER.size:
            return
        letter, pid = ORDER.unpack(order)
        if letter == b"f":
            try:
                pid = _fork(control, socket.socket(fileno=descriptors[0]), work)
            except OSError as error:  # the workers that there are go on
                control.sendall(ORDER.pack(b"e", error.errno))
                continue
            children.add(pid)
            control.sendall(ORDER.pack(b"f", pid))
        elif pid in children and letter == b"n":
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, pid, 10)
        elif pid in children:
            children.discard(pid)
            _kill(pid)


def _kill(pid: int) -> None:
    """Kill and bury a child. Until it is buried its pid belongs to nobody else."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _fork(control: socket.socket, sock: socket.socket, work: Callable[[socket.socket], None]) -> int:
    fork_server = os.getpid()
    pid = os.fork()
    if pid:
        sock.close()
        return pid
    try:
        control.close()
        _die_with(fork_server)
        work(sock)
    finally:
        os._exit(0)


def _die_with(fork_server: int) -> None:
    """Ask Linux for a SIGKILL when the fork server dies, which elsewhere only a waiting worker notices."""
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != fork_server:
        os._exit(0)


def _work(sock: socket.socket, function: Callable[..., Any], memory: int) -> None:
    """Answer chunks of items, item by item, until the socket ends or the memory is spent."""
    _limit_memory(memory)
    stream = sock.makefile("rb")
    while header := stream.read(LENGTH.size):
        for item in json.loads(stream.read(LENGTH.unpack(header)[0])):
            start = time.perf_counter()
            status, value = _apply(function, item)
            spent = _peak() > memory
            if status == "ok" and not value and spent:
                status = "memory"  # the function took refused memory for an ordinary failure
            leaves = spent or status == "memory"  # a peak stays: it would be held against the next item
            sock.sendall(_line(status, value, time.perf_counter() - start, leaves))
            if leaves:
                return


def _apply(function: Callable[..., Any], item: list[Any]) -> tuple[str, Any]:
    try:
        return "ok", function(*item)
    except (MemoryError, RecursionError):
        return "memory", None
    except BaseException:
        return "error", traceback.format_exc()


def _line(status: str, value: Any, seconds: float, leaves: bool) -> bytes:
    try:
        return json.dumps([status, value, seconds, leaves]).encode() + b"\n"
    except (TypeError, ValueError) as error:
        return json.dumps(["error", f"the result cannot be sent: {error}", seconds, leaves]).encode() + b"\n"


def _limit_memory(memory: int) -> None:
    """Refuse more than twice `memory` bytes of addresses beyond those in use; what is resident is checked above."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[0])
        limit = pages * resource.getpagesize() + 2 * memory
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            limit = min(limit, most)  # a limit that others have set can only be lowered
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _peak() -> int:
    """Return the most bytes that were resident so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
