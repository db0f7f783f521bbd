"""Functions for workers to run: each kind of item does one harm, or none."""

import contextlib
import ctypes
import errno
import importlib
import itertools
import os
import signal
import sys
import time
from pathlib import Path


def act(kind, value=None):
    return globals()[f"_{kind}"](value)


def judge(gold, text, extraction):
    """A judge that is slow or greedy where the text says so, and unable to read a gold with a '?'."""
    if "slow" in text + gold:
        time.sleep(60)
    if "greedy" in text:
        raise MemoryError
    if "broken" in text:
        raise KeyError(text)
    return None if "?" in gold else float(f"{{{gold}}}" in text)


def starve(good, bad):
    """As an example it makes the fork server fork `good` times, fail `bad` times, and fork again."""
    fork, calls = os.fork, itertools.count()

    def refused():
        if good <= next(calls) < good + bad:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    os.fork = refused


def _starve(value):
    starve(*value)


def _give(value):
    return value


def _pid(_):
    return os.getpid()


def _length(value):
    return len(value)


def _sleep(value):
    time.sleep(value)
    return value


def _meet(value):
    """Wait until so many are here at the same time; alone it is endless."""
    folder, others = value
    Path(folder, str(os.getpid())).touch()
    while len(os.listdir(folder)) < others:
        time.sleep(0.01)


def _spin(_):
    while True:
        pass


def _spin_in_c(_):
    return 9 ** (9**9)


def _ignore_signals_and_sleep(_):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(60)


def _stop(_):
    os.kill(os.getpid(), signal.SIGSTOP)


def _allocate(value):
    return len(bytearray(value))


def _allocate_and_swallow(value):
    kept = []
    with contextlib.suppress(MemoryError):
        for _ in range(value >> 20):
            kept.append(bytearray(1 << 20))
    return 0.0


def _die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def _die_once(path):
    if not Path(path).exists():
        Path(path).touch()
        _die(None)
    return "alive"


def _crash(_):
    ctypes.string_at(0)


def _recurse(value):
    return _recurse(value)


def _fail(value):
    raise KeyError(value)


def _return_an_object(_):
    return object()


def _environment(_):
    return dict(os.environ)


def _loaded_with(module):
    importlib.import_module(module)
    return sorted(set(sys.modules) & {"torch", "trl", "transformers", "datasets", "numpy"})
