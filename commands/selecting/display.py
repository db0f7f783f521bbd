"""What a person sees of the selection: its price, a bar while it works, then the tables and the way on."""

import math
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from commands.filtering.display import train_options
from commands.prompts import say_block
from commands.terminal.console import say
from evaluation.engines import Engine
from evaluation.sampler import Sample
from evaluation.statistics import in_per_cent


def say_price(cost: dict[str, int], options: Namespace, problems: int, points: int, recorded: int) -> None:
    """What it will take, before anything is sampled."""
    lines = [
        f"{problems:,} problems with {points / problems:.1f} points each: none, all and all but each one, "
        f"{cost['base_subsets']:,} subsets × {options.samples} samples"
    ]
    if cost["more_subsets_at_most"]:
        lines.append(f"{' '.join(options.rule)}: at most {cost['more_subsets_at_most']:,} subsets more")
    if options.judge_samples:
        most = cost["judged_subsets_at_most"]
        lines.append(f"judging what was selected: at most {most:,} subsets × {options.judge_samples} fresh samples")
    else:
        lines.append("no fresh samples: accuracies of what was selected will be flattered by the selection")
    lines.append(f"in all {cost['samples_at_least']:,} to {cost['samples_at_most']:,} samples")
    if options.stop_when_solved:
        lines[-1] += ", fewer where problems are solved without points"
    if recorded:
        lines.append(f"{recorded:,} samples are on record")
    say_block("cost", lines)


class Bar:
    """Samples of this process's share, scaled to all processes; and how long it may take, told at the first batch.

    Args:
        cost: By the formulas.
        problems: In all.
        recorded: Samples on record.
        processes: That share the problems.
        shown: Whether this process shows it.
    """

    def __init__(self, cost: dict[str, int], problems: int, recorded: int, processes: int, shown: bool):
        self._cost, self._problems, self._recorded, self._processes = cost, problems, recorded, processes
        self._done = self._drawn = 0
        self._started: float | None = None
        self._told = False
        # None: a bar on a terminal only
        hidden = None if shown else True
        total = cost["samples_at_least"]
        self._bar = tqdm(total=total, unit="sample", dynamic_ncols=True, disable=hidden, smoothing=0.05)

    def timed(self, make: Callable[[], Engine]) -> Callable[[], Engine]:
        """Return the engine's maker; a batch begins when it returns."""

        def begin() -> Engine:
            engine = make()
            self._started = time.monotonic()
            return engine

        return begin

    def show(self, samples: Sequence[Sample], problems: int) -> None:
        """Move on by a batch of samples, or to the end of a block of so many problems."""
        if samples and self._started is not None and not self._told:
            self._tell_time(len(samples), time.monotonic() - self._started)
        self._drawn += len(samples) * self._processes
        self._done += problems * self._processes
        if problems:  # what finished problems took tells what the others will
            self._bar.total = max(self._drawn, round(self._drawn * max(1.0, self._problems / self._done)))
        self._bar.total = max(self._bar.total, self._drawn)
        self._bar.update(self._drawn - self._bar.n)

    def close(self) -> None:
        """Leave the last state standing."""
        self._bar.close()

    def _tell_time(self, samples: int, seconds: float) -> None:
        self._told = True
        ends = [
            max(0, self._cost[f"samples_{end}"] - self._recorded) * seconds / samples / self._processes
            for end in ("at_least", "at_most")
        ]
        least, most = map(_duration, ends)
        say(f"time      a batch of {samples} took {seconds:.1f} s: {least} to {most} for all")


def tell(summary: dict[str, Any], options: Namespace, path: Path) -> None:
    """Print the tables and the way on."""
    say()
    for table in tables(summary):
        for line in aligned(table):
            say(line)
        say()
    for note in notes(summary):
        say(note)
    say(f"result    {path}: knowledge.jsonl, knowledge/, accuracies.jsonl, report.md, report.json, accuracy.png")
    rule = best_rule(summary)
    way_on = f"{train_options(options, path / 'knowledge.jsonl')} --hints {rule}"
    way_on += "" if options.hint_style == "repo" else f" --hint_style {options.hint_style}"
    say(f"train     accelerate launch cli.py train --method knowrl \\\n              {way_on}")


def best_rule(summary: dict[str, Any]) -> str:
    """The rule asked for whose selection is the most accurate; the first of equals."""
    rows = [row for row in summary["rules"] if row["rule"] in summary["kept"]]
    return max(rows, key=lambda row: row["accuracy"])["rule"]


def tables(summary: dict[str, Any]) -> list[list[list[str]]]:
    """The tables of the report, each with its head: accuracies, sizes of the selections, interactions."""
    rules = [["points", "accuracy, 95 % interval", "number", "none correct"]]
    for row in summary["rules"]:
        accuracy = in_per_cent(row["accuracy"], row["low"], row["high"])
        rules.append([row["rule"], accuracy, f"{row['points']:.2f}", _percent(row["none_correct"])])
    kept = [["kept", "none", "all", "all but one", "fewer"]]
    kept += [[rule, *map(_percent, shares.values())] for rule, shares in summary["kept"].items()]
    joint = [["removed together", "problems", "worse than one by one", "by (mean)"]]
    joint += [
        [str(row["size"]), f"{row['problems']:,}", _percent(row["paradox"]), _percent(row["drop"])]
        for row in summary["interactions"]
    ]
    return [rules, kept, joint] if summary["interactions"] else [rules, kept]


def notes(summary: dict[str, Any]) -> list[str]:
    """What to know about the tables."""
    cost, judge = summary["cost"], summary["judge_samples"]
    lines = [
        f"judged    by {judge} fresh samples of each selection, which had no part in it"
        if judge
        else f"judged    by the {summary['samples']} samples that selected: flattered by selection"
    ]
    most = cost["base_subsets"] + cost["more_subsets_at_most"]
    drawn = f"drawn     {cost['samples']:,} samples: {cost['subsets']:,} subsets to choose from (formula: "
    drawn += f"{cost['base_subsets']:,} to {most:,})" + (f", {cost['judged_subsets']:,} to judge" if judge else "")
    lines.append(drawn)
    if "saved_samples" in cost:
        lines.append(f"          {cost['saved_samples']:,} samples saved by stopping where none are needed")
    return lines


def aligned(table: list[list[str]]) -> list[str]:
    """Columns of equal width, numbers to the right.

    >>> aligned([["kept", "all"], ["css", "4.0 %"]])
    ['kept    all', 'css   4.0 %']
    """
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in table
    ]


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.1%}".replace("%", " %")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
