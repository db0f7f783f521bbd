"""Held-out results as text, for whoever shows them; a number that is not known is a dash or left out.

An accuracy stands with its 95 % interval in brackets, a length with half of its own behind ±, and a change with its
interval, too.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from evaluation.statistics import half_width, in_per_cent, in_points, recorded_limits

LEGEND = "brackets and ± are 95 % intervals"
"""What a table of `measured_rows` must say of its numbers."""


class Row(NamedTuple):
    """One measure: its name, its title, before and after with their intervals, and change with its own."""

    name: str
    title: str
    before: str
    after: str
    change: str


def measured_rows(record: Mapping[str, Any]) -> list[Row]:
    """Return accuracy and length out of `run.json`, of which any part may be missing."""
    before, after, change = (record.get(key) or {} for key in ("before", "after", "change"))
    accuracy, length = (change.get(name) or {} for name in ("accuracy", "length"))
    return [
        Row("accuracy", "accuracy", accuracy_of(before), accuracy_of(after), _change(accuracy, in_points)),
        Row("length", "length in tokens", _length(before), _length(after), _change(length, "{:+.1f}".format)),
    ]


def accuracy_of(side: Mapping[str, Any]) -> str:
    """`43.0 % [38.1, 48.0]`; a dash without one.

    >>> accuracy_of({"accuracy": 0.0, "accuracy_se": 0.0, "problems": 30}), accuracy_of({"accuracy": 0.43})
    ('0.0 % [0.0, 11.6]', '43.0 %')
    """
    return "–" if side.get("accuracy") is None else in_per_cent(side["accuracy"], *accuracy_limits(side))


def accuracy_limits(side: Mapping[str, Any]) -> tuple[float, float] | tuple[None, None]:
    """The ends of an accuracy's 95 % interval; of a run of an older version, what follows from its error."""
    if side.get("accuracy_low") is not None and side.get("accuracy_high") is not None:
        return side["accuracy_low"], side["accuracy_high"]
    if side.get("accuracy") is None or not side.get("problems"):
        return None, None
    return recorded_limits(side["accuracy"], side.get("accuracy_se"), side["problems"])


def share(value: float | None) -> str:
    """A share that is shown without an interval."""
    return "–" if value is None else in_per_cent(value, None, None)


def turned(change: Mapping[str, Any]) -> str:
    """`12 better, 3 worse`, "" in a record that does not say."""
    if change.get("better") is None or change.get("worse") is None:
        return ""
    return f"{change['better']:,} better, {change['worse']:,} worse"


def _length(side: Mapping[str, Any]) -> str:
    if side.get("mean_length") is None:
        return "–"
    error = side.get("mean_length_se")
    half = math.nan if error is None or not side.get("problems") else half_width(error, side["problems"])
    return f"{side['mean_length']:.1f}" + ("" if math.isnan(half) else f" ± {half:.1f}")


def _change(change: Mapping[str, Any], told: Any) -> str:
    if change.get("mean") is None:
        return "–"
    low, high = (math.nan if (end := change.get(side)) is None else end for side in ("low", "high"))
    known = "" if math.isnan(low + high) else f" [{told(low)}, {told(high)}]"
    return f"{told(change['mean'])}{known}"
