"""The first texts whose checking met a limit, kept for whoever wants to see what the model wrote."""

import json
from contextlib import suppress
from pathlib import Path

from rewards._batch import Outcome

KEPT_CHARS = 20_000
"""Of a text, from its end, where the answer stands."""


class Offenders:
    """A file that takes at most so many lines from this process.

    Args:
        path: JSON lines, appended to; its folder is made. None keeps nothing.
        most: Lines.
    """

    def __init__(self, path: Path | None = None, most: int = 20):
        self.path, self.left = path, most

    def keep(self, gold: str, text: str, outcome: Outcome) -> None:
        """Append one offender, while there is room."""
        if self.path is None or self.left <= 0:
            return
        self.left -= 1
        line = {"gold": gold, "text": text[-KEPT_CHARS:], "reason": outcome.status, "seconds": outcome.seconds}
        with suppress(OSError):  # a full disk is no reason to end a run
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
