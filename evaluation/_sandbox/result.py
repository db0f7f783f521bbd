"""How the end of a snippet is told."""

import os
import signal
from dataclasses import dataclass

from evaluation._sandbox.client import Ending


@dataclass(frozen=True)
class Result:
    """What came of a snippet.

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


def result_of(ending: Ending, *, timeout: float, max_output: int) -> Result:
    """Put an ending into words. All but `reason` and `status` is the snippet's own and may be a lie."""
    stdout = ending.stdout.decode("utf-8", "replace")
    said = ending.errors.decode("utf-8", "replace") or None
    if ending.reason:
        why = {
            "timeout": f"TimeoutError: the code ran longer than {timeout:g} s",
            "output": f"OutputError: the code printed more than {max_output} bytes",
        }[ending.reason]
        return Result(stdout, why, ending.reason == "timeout", ending.reason == "output", ending.seconds)
    code = os.waitstatus_to_exitcode(ending.status)
    error = None
    if code < 0:
        error = f"the process was ended by {_name(-code)}"
    elif code > 0:
        error = said or f"the process left with code {code}"
    return Result(stdout, error, seconds=ending.seconds)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
