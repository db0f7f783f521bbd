"""The curves of a run in lines of text, and where its time went."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from commands.terminal.output import QUIET
from commands.terminal.table import duration
from runs.curves import CURVES, points

BARS = "▁▂▃▄▅▆▇█"
OF = {"clipping": "", "zero_variance": "groups, "}  # before the names of a curve's series, if not the curve's own
NUMBERS = 36  # columns of the four numbers behind a sparkline, with the blanks between them
PHASES = ("generate", "reward", "logprobs", "train")


def curves(metrics: list[dict[str, Any]], width: int) -> RenderableType | None:
    """A sparkline of each curve with its first, last, lowest and highest value; None without any.

    Args:
        metrics: Of `metrics.jsonl`.
        width: Columns of the terminal.
    """
    drawn = []
    for curve in CURVES:
        of = OF.get(curve.name, f"{curve.name}, ")
        for metric, label in curve.series:
            line = dict(points(metrics, metric))
            if line:
                drawn.append((f"{of}{label}" if len(curve.series) > 1 else curve.name, line, curve))
    if not drawn:
        return None
    steps = sorted({step for _, line, _ in drawn for step in line})
    room = max(1, min(60, width - max(len(name) for name, _, _ in drawn) - NUMBERS))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=QUIET)
    for title in ("", "", "first", "last", "lowest", "highest"):
        table.add_column(title, justify="right" if title else "left", no_wrap=True)
    for name, line, curve in drawn:
        values = list(line.values())
        ends = (values[0], values[-1], min(values), max(values))
        cells = [_number(value, share=curve.share) for value in ends]
        table.add_row(name, sparkline([line.get(step) for step in steps], room), *cells)
    return table


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Values as bars from the lowest to the highest of them; many are averaged into `width` bars.

    What is missing between two values looks like the one before it, and what is missing at either end is blank.

    >>> sparkline([0, 1, 2, 3], 4), sparkline([0, 0, 7, 7], 2), sparkline([5, None, 5, None], 9)
    ('▁▃▆█', '▁█', '▄▄▄ ')
    """
    bins = min(width, len(values))
    edges = [round(i * len(values) / bins) for i in range(bins + 1)]
    found = [[value for value in values[a:b] if value is not None] for a, b in pairwise(edges)]
    means = [sum(some) / len(some) if some else None for some in found]
    known = [i for i, mean in enumerate(means) if mean is not None]
    for i in range(known[0], known[-1]):
        means[i + 1] = means[i] if means[i + 1] is None else means[i + 1]
    low, high = (limit(mean for mean in means if mean is not None) for limit in (min, max))
    if low == high:
        return "".join(" " if mean is None else BARS[3] for mean in means)
    scale = (len(BARS) - 1) / (high - low)
    return "".join(" " if mean is None else BARS[round((mean - low) * scale)] for mean in means)


def times(metrics: list[dict[str, Any]], record: dict[str, Any]) -> RenderableType | None:
    """Seconds of an optimizer step and what they were spent on, mean over the run; None where nothing was timed."""
    seconds = [value for _, value in points(metrics, "step_time")]
    if not seconds:
        return None
    step = sum(seconds) / len(seconds)
    parts = []
    for phase in PHASES:
        spent = [value for _, value in points(metrics, f"time/{phase}")]
        if spent and step > 0:
            parts.append(f"{phase} {sum(spent) / len(seconds) / step:.0%}")
    whole = record.get("training_seconds")
    total = f"\ntraining took {duration(whole)}" if whole else ""
    return Text(f"{step:.3g} s a step{': ' if parts else ''}{', '.join(parts)}{total}")


def _number(value: float, *, share: bool) -> str:
    if share:
        return f"{value:.1%}" if 0 < value < 0.0995 else f"{value:.0%}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
