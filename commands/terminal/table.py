"""The metrics of a run as rows of a table: what tells whether it learns, in at most 100 columns."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

ROWS_PER_HEADER = 20
WIDTH = 100
MISSING = "–"


def _fixed(value: float) -> str:
    """Four characters: 0.83, 12.3, 123."""
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _is_number(value: Any) -> bool:
    """TRL logs None for what has no value, others NaN."""
    return isinstance(value, int | float) and not math.isnan(value)


def _share(value: float) -> str:
    return f"{value:.0%}"


def _small_share(value: float) -> str:
    return f"{value:.1%}" if value < 0.0995 else f"{value:.0%}"


def _entropy(value: float) -> str:
    """Four characters: .066, 0.83, 12.3."""
    return f"{value:.3f}"[1:] if 0 <= value < 0.0995 else _fixed(value)


def _divergence(value: float) -> str:
    return f"{value:.3f}" if value < 9.9995 else _fixed(value)


def duration(seconds: float) -> str:
    """At most four characters: 45s, 12m, 3.4h, 2.1d.

    >>> [duration(s) for s in (45, 720, 12240, 43200, 181440)]
    ['45s', '12m', '3.4h', '12h', '2.1d']
    """
    for unit, size, most in (("s", 1, 100), ("m", 60, 100), ("h", 3600, 48)):
        if seconds / size < most:
            digits = 1 if unit == "h" and seconds / size < 9.95 else 0
            return f"{seconds / size:.{digits}f}{unit}"
    return f"{seconds / 86400:.1f}d" if seconds < 99.5 * 86400 else f"{seconds / 86400:.0f}d"


@dataclass(frozen=True)
class Column:
    """One number of a row.

    Attributes:
        name: Where it is found among the logs.
        title: Its header, not wider than `width`.
        width: In characters.
        form: From the number to text.
        block: Columns of one block stand together, under this header.
        always: Shown in every run; else from the first row that has it.
    """

    name: str
    title: str
    width: int
    form: Callable[[Any], str]
    block: str = ""
    always: bool = False


COLUMNS = (
    Column("step", "step", 11, str, always=True),
    Column("reward", "reward", 6, "{:.2f}".format, always=True),
    Column("rewards/accuracy/mean", "acc.", 4, _share),
    Column("completions/mean_length", "all", 5, "{:.0f}".format, "length", always=True),
    Column("completions/mean_length_correct", "right", 5, "{:.0f}".format, "length"),
    Column("completions/mean_length_incorrect", "wrong", 5, "{:.0f}".format, "length"),
    Column("completions/clipped_ratio", "cut", 4, _share, always=True),
    Column("groups/same", "same", 4, _share, "groups", always=True),
    Column("groups/all_correct", "right", 5, _share, "groups"),
    Column("groups/all_wrong", "wrong", 5, _share, "groups"),
    Column("entropy", "entr", 4, _entropy, always=True),
    Column("clip_ratio/region_mean", "clip", 4, _small_share, always=True),
    Column("kl", "KL", 5, _divergence),
    Column("sampling/importance_sampling_ratio/mean", "IS", 4, _fixed),
    Column("time/generate", "gen", 4, _fixed, "seconds/step"),
    Column("time/reward", "rew", 4, _fixed, "seconds/step"),
    Column("time/train", "train", 5, _fixed, "seconds/step"),
    Column("left", "left", 4, duration, always=True),
)

OWN_REWARD = (
    "The reward is what the model says of itself, and rises when it collapses too: watch accuracy, where there are "
    "golds, and the samples."
)
LEGEND = (
    "Reward is the curve to watch. With one optimizer step per generation, a loss near 0 and no clipping are "
    "expected.",
    "length: in tokens, of all answers, right ones, wrong ones. cut: stopped at the length limit. groups: same = a "
    "prompt's rewards all equal, no signal; right, wrong = its answers all right, all wrong.",
)

# What a terminal narrower than the table does without, first to last.
DISPENSABLE = ("time/reward", "clip_ratio/region_mean", "time/generate", "time/train", "entropy", "left")


class Table:
    """Rows under a header that comes again every 20 rows.

    Args:
        steps: Optimizer steps in all.
        width: Columns of the terminal; what does not fit into fewer is left out by `DISPENSABLE`.
    """

    def __init__(self, steps: int, width: int = WIDTH):
        self._steps = steps
        self._width = width
        self._step_width = max(5, 2 * len(str(steps)) + 1)
        self._seen = {column.name for column in COLUMNS if column.always}
        self._rows = 0

    def header_again(self) -> None:
        """Begin the next row with the header: something else was printed in between."""
        self._rows = 0

    def lines(self, step: int, logs: Mapping[str, Any], left: float) -> list[str]:
        """Return the row of a logging step, below a header where one is due.

        A column that this run has not shown before comes with a new header. What has no value in this window is a
        dash: rewards in a step that re-uses a generation, the length of wrong answers where none was wrong.

        Args:
            step: Optimizer steps done.
            logs: Means over the logging window, as TRL names them.
            left: Seconds to the end of training.
        """
        values: dict[str, Any] = {name: value for name, value in logs.items() if _is_number(value)}
        values |= {"step": f"{step}/{self._steps}", "left": left}
        if "groups/effective" in values:
            values["groups/same"] = 1 - values["groups/effective"]
        if "time/train" in values:  # what is neither sampling nor scoring, so that the three add up to a step
            values["time/train"] += values.get("time/logprobs", 0.0)
        new = values.keys() & {column.name for column in COLUMNS} - self._seen
        self._seen |= new
        blocks = self._blocks()
        header = [self._titles(blocks), self._join(blocks, lambda c: c.title)] if new or not self._rows else []
        self._rows = (1 if header else self._rows + 1) % ROWS_PER_HEADER
        row = self._join(blocks, lambda c: c.form(values[c.name]) if c.name in values else MISSING)
        return [*header, row]

    def _blocks(self) -> list[list[Column]]:
        """The columns that the run has and the terminal has room for."""
        columns = [column for column in COLUMNS if column.name in self._seen]
        for name in DISPENSABLE:
            if self._total(columns) > self._width:
                columns = [column for column in columns if column.name != name]
        return [list(members) for _, members in groupby(columns, key=lambda column: column.block or column.name)]

    def _width_of(self, column: Column) -> int:
        return self._step_width if column.name == "step" else column.width

    def _total(self, columns: list[Column]) -> int:
        return sum(map(self._width_of, columns)) + len(columns) - 1

    def _gap(self, blocks: list[list[Column]]) -> str:
        """Between blocks: two blanks where the width allows."""
        roomy = self._total([column for block in blocks for column in block]) + len(blocks) - 1
        return "  " if roomy <= self._width else " "

    def _join(self, blocks: list[list[Column]], cell: Callable[[Column], str]) -> str:
        """One line of the table."""
        return self._gap(blocks).join(" ".join(cell(c).rjust(self._width_of(c)) for c in block) for block in blocks)

    def _titles(self, blocks: list[list[Column]]) -> str:
        """The line above the header, with the names of the blocks; a long one reaches over blanks to its left."""
        line, end = "", -len(self._gap(blocks))
        for block in blocks:
            width = self._total(block)
            end += len(self._gap(blocks)) + width
            name = block[0].block
            title = f" {name} ".center(width, "─") if len(name) + 4 <= width else name
            line = line.ljust(end - len(title)) + title if name else line
        return line
