"""What a check says."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        state: A note is worth knowing; a problem must be mended.
        found: What was found.
        remedy: What helps; "" where nothing needs to.
    """

    state: Literal["ok", "note", "problem"]
    found: str
    remedy: str = ""
