"""What a person must hear of while a run goes on: it learns nothing, or its answers do not fit."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WINDOW = 5  # logging steps
NO_SIGNAL = 0.9
CUT = 0.5
REPEATED = 0.3
WORTH_FALLING = 0.1  # below it, half of the accuracy is noise


class Alarms:
    """Warnings, each said once when its cause has lasted; again only after the cause was gone for five rows.

    Entropy that falls is not among them, nor is a reward that everybody earns: a model that grows sure of itself and a
    format learned to perfection look the same as a fault.

    Args:
        rewards: Names of the rewards that count.
    """

    def __init__(self, rewards: Sequence[str] = ()):
        self._rewards = [name for name in rewards if name != "accuracy"]  # which has a warning of its own
        self._groups: deque[Mapping[str, Any]] = deque(maxlen=WINDOW)
        self._recent = {
            name: deque([False] * WINDOW, maxlen=WINDOW)
            for name in ("signal", "right", "cut", "repeated", "fallen", *self._rewards)
        }
        self._usual: float | None = None  # repetition in the first row
        self._began: float | None = None  # accuracy in the first row
        self._told: set[str] = set()

    def check(self, logs: Mapping[str, Any]) -> list[str]:
        """Return the warnings that are due with this logging step.

        Steps that re-use a generation log no groups and count neither way.

        Args:
            logs: Means over the logging window, as TRL names them.
        """
        warnings = []
        effective = logs.get("groups/effective")
        if effective is not None:
            self._groups.append(logs)
            if self._lasts("signal", 1 - effective > NO_SIGNAL):
                warnings.append(self._no_signal())
            nothing_right = logs.get("rewards/accuracy/mean") == 0 and 1 - effective <= NO_SIGNAL
            if self._lasts("right", nothing_right):
                warnings.append(
                    f"no answer was right in the last {WINDOW} rows, so only other rewards are learned. Train on "
                    "easier problems, and read what is marked wrong: cli.py show RUN --wrong."
                )
        warnings += self._never_earned(logs)
        if self._falls(logs.get("rewards/accuracy/mean")):
            warnings.append(
                f"accuracy has fallen from {self._began:.0%} to {logs['rewards/accuracy/mean']:.0%}: what is learned "
                "is not to be right. Read samples (cli.py show RUN --wrong), and lower --learning_rate or change the "
                "rewards."
            )
        cut = logs.get("completions/clipped_ratio")
        if cut is not None and self._lasts("cut", cut > CUT, after=2):
            warnings.append(
                f"{cut:.0%} of the completions are cut at the length limit. Raise --max_completion_length."
            )
        if self._collapses(logs.get("completions/repetition")):
            warnings.append(
                f"{logs['completions/repetition']:.0%} of what is written repeats itself: the model collapses into "
                "what it is sure of. Begin again with a larger --beta or a smaller --learning_rate, or mix in "
                "accuracy with --external_weight."
            )
        return [f"warning: {text}" for text in warnings]

    def _never_earned(self, logs: Mapping[str, Any]) -> Iterator[str]:
        """Rewards that have been the same for all completions, and not above 0, for five rows."""
        for name in self._rewards:
            mean, spread = logs.get(f"rewards/{name}/mean"), logs.get(f"rewards/{name}/std")
            if mean is not None and self._lasts(name, spread == 0 and mean <= 0):
                yield (
                    f"the reward {name} was {mean:g} for every completion of the last {WINDOW} rows, so it teaches "
                    "nothing. See whether the prompt asks for what it looks at, or the chat template writes that "
                    "itself (cli.py show RUN), or leave it out of --reward_funcs."
                )

    def _falls(self, accuracy: float | None) -> bool:
        """Whether accuracy has been below half of what it began with for three rows."""
        if accuracy is None:
            return False
        self._began = accuracy if self._began is None else self._began
        return self._lasts("fallen", accuracy < self._began / 2 and self._began >= WORTH_FALLING, after=3)

    def _collapses(self, repeated: float | None) -> bool:
        """Whether repetition is high, and three times what the model began with, for two rows."""
        if repeated is None:
            return False
        self._usual = repeated if self._usual is None else self._usual
        return self._lasts("repeated", repeated > max(REPEATED, 3 * self._usual), after=2)

    def _lasts(self, name: str, now: bool, *, after: int = WINDOW) -> bool:
        """Whether a cause has just lasted for `after` rows."""
        recent = self._recent[name]
        recent.append(now)
        if not any(recent):
            self._told.discard(name)
        if name in self._told or not all(list(recent)[-after:]):
            return False
        self._told.add(name)
        return True

    def _no_signal(self) -> str:
        """What kind of groups those without signal are, and what helps."""
        said = f"over {NO_SIGNAL:.0%} of the groups had equal rewards in the last {WINDOW} rows"
        if self._mean("groups/all_correct") > NO_SIGNAL / 2:
            return f"{said}; mostly all answers were right. Train on harder problems."
        if self._mean("groups/all_wrong") > NO_SIGNAL / 2:
            return (
                f"{said}; mostly all answers were wrong. Train on easier problems, give hints, or filter out what the "
                "model never solves."
            )
        return f"{said}. Raise --temperature or --group_size, or add a reward that tells answers apart."

    def _mean(self, name: str) -> float:
        return sum(logs.get(name) or 0 for logs in self._groups) / len(self._groups)
