"""Held-out results as text, for whoever shows them; a number that is not known is a dash or left out."""

import math
from typing import Any, NamedTuple

# Name in `change`, title, key in `before` and `after`, scale, unit.
_MEASURES = (("accuracy", "accuracy", "accuracy", 100, " %"), ("length", "length in tokens", "mean_length", 1, ""))


class Row(NamedTuple):
    """One measure: its name, its title, before and after with one standard error, and change with its interval."""

    name: str
    title: str
    before: str
    after: str
    change: str


def measured_rows(record: dict[str, Any]) -> list[Row]:
    """Return accuracy and length out of `run.json`, of which any part may be missing."""
    before, after, change = (record.get(key) or {} for key in ("before", "after", "change"))
    rows = []
    for name, title, key, scale, unit in _MEASURES:
        was, now = (with_error(side.get(key), side.get(f"{key}_se"), scale, unit) for side in (before, after))
        rows.append(Row(name, title, was, now, _interval(change.get(name) or {}, scale)))
    return rows


def with_error(value: float | None, error: float | None, scale: float, unit: str) -> str:
    """`43.0 ± 2.5 %`, without an error that is not known.

    >>> with_error(0.43, 0.025, 100, " %"), with_error(31, None, 1, ""), with_error(None, None, 1, "")
    ('43.0 ± 2.5 %', '31.0', '–')
    """
    if value is None:
        return "–"
    known = f" ± {scale * error:.1f}" if error is not None and not math.isnan(error) else ""
    return f"{scale * value:.1f}{known}{unit}"


def _interval(change: dict[str, Any], scale: float) -> str:
    if change.get("mean") is None:
        return "–"
    low, high = (math.nan if (end := change.get(side)) is None else scale * end for side in ("low", "high"))
    known = "" if math.isnan(low + high) else f" [{low:+.1f}, {high:+.1f}]"
    return f"{scale * change['mean']:+.1f}{known}"
