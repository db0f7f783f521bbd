"""A machine that has no process, or no memory for one, to give: waited for, and told where it lasts."""

import errno
import os
import resource
import time
from collections.abc import Callable
from typing import TypeVar

from errors import UserError

PAUSES = (0.1, 0.4, 1.5, 3.0, 5.0)
"""Seconds between tries: others end meanwhile, or they do not."""

LACKING = (errno.EAGAIN, errno.ENOMEM)

Made = TypeVar("Made")


def patiently(make: Callable[[], Made]) -> Made:
    """Return what `make` makes; where it fails for want of processes or memory, try again after a pause.

    Raises:
        UserError: The want has lasted.
        OSError: Anything else, at once.
    """
    for pause in (*PAUSES, None):
        try:
            return make()
        except OSError as error:
            if error.errno not in LACKING:
                raise
            if pause is None:
                raise UserError(_told(error.errno)) from None
            time.sleep(pause)
    raise AssertionError("the last pause is None")


def _told(number: int) -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    most = "as many as they like" if limit == resource.RLIM_INFINITY else f"{limit}"
    return (
        "Answers are checked, and model-written Python is run, in processes of their own, and the machine has given "
        f"none for {sum(PAUSES):.0f} seconds ({os.strerror(number)}); no answer is counted wrong for that. The "
        f"processes and threads of this user may be {most} (ulimit -u), and a container may allow fewer, or too "
        "little memory: raise that limit, or end other processes."
    )
