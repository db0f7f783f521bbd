"""Where the time of an optimizer step goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

PHASES = ("generate", "reward", "logprobs")
"""Of a generation; what is left of a step is `train`: forward and backward passes over its completions."""


class PhaseClock:
    """Seconds of each phase within the optimizer step in progress."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(PHASES, 0.0)

    @contextmanager
    def phase(self, name: str, counted: bool = True) -> Iterator[None]:
        """Count what passes in here under a phase, but for phases within; measuring is no part of a step."""
        others, started = sum(self._seconds.values()), time.perf_counter()
        yield
        if counted:
            within = sum(self._seconds.values()) - others
            self._seconds[name] += time.perf_counter() - started - within

    def take(self, step_seconds: float) -> dict[str, float]:
        """Return `time/<phase>` of a finished step of so many seconds, `time/train` with them, and start anew."""
        taken = {f"time/{phase}": seconds for phase, seconds in self._seconds.items()}
        taken["time/train"] = step_seconds - sum(self._seconds.values())
        self._seconds = dict.fromkeys(PHASES, 0.0)
        return taken
