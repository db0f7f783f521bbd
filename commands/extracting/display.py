"""What a person sees of the extraction: the cost, a bar while it works, the account, and the way on."""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from commands.extracting.outcome import Outcome
from commands.extracting.pool import Pool
from commands.extracting.result import FATES
from commands.extracting.work import expected_calls
from commands.filtering.display import WIDTH
from commands.prompts import say_block
from commands.terminal.console import say
from commands.terminal.output import brief


class Bar:
    """Replies, and about how many are to come; on a terminal only.

    Args:
        problems: In all.
        expected: Replies that are usually needed.
    """

    def __init__(self, problems: int, expected: int):
        self._problems = problems
        self._bar = tqdm(total=expected, unit="reply", dynamic_ncols=True, disable=None, smoothing=0.05)

    def show(self, replies: int, wanted: int, done: int) -> None:
        """Move on to what was answered."""
        self._bar.total = max(self._bar.total or 0, replies + wanted)
        self._bar.set_postfix_str(f"{done:,} of {self._problems:,} problems done", refresh=False)
        self._bar.update(replies - self._bar.n)

    def close(self) -> None:
        """Leave the last state standing."""
        self._bar.close()


def tell_cost(pool: Pool, options: Namespace, on_record: int) -> int:
    """Say what is to be asked before anything is, and return how many replies are usually needed."""
    usual, most = expected_calls(pool.tasks, options)
    tokens = f"of at most {options.max_tokens:,} tokens each"
    say(f"cost      {len(pool.tasks):,} problems: about {usual:,} calls, {most:,} at most, {tokens}")
    if on_record:
        say(f"          {on_record:,} replies are on record and are not asked for again")
    return usual


def tell(account: dict[str, Any], outcomes: Sequence[Outcome], options: Namespace, path: Path) -> None:
    """Print the account."""
    points, solutions, n = account["points"], account["solutions"], account["problems"]
    for line in ["", *histogram_lines(account["points_per_problem"]), ""]:
        say(line)
    say_block("example", _example(outcomes))
    say(f"problems  {n:,}: {n - account['without_points']:,} with points, {account['without_points']:,} without")
    if solutions["teacher"] or solutions["none"]:
        told = f"{solutions['teacher']:,} of the teacher are right, {solutions['none']:,} problems have none"
        say(f"solutions {solutions['source']:,} of the source, {told}")
    if account["unreadable"]:
        say(f"          {account['unreadable']:,} problems whose replies could not be read, or were refused")
    say(f"points    {points['extracted']:,}: {', '.join(f'{points[fate]:,} {FATES[fate]}' for fate in FATES)}")
    if account["dropped_by"]:
        say(f"          dropped by {', '.join(f'{kind} ({n:,})' for kind, n in account['dropped_by'].items())}")
    told = ", ".join(f"{count:,} to {stage}" for stage, count in account["calls"].items())
    say(f"calls     {sum(account['calls'].values()):,}: {told}")
    counts = [f"{count:,} of {side}s" for side, count in account["tokens"].items() if count is not None]
    if counts:
        say(f"tokens    {', '.join(counts)}")
    say(f"result    {path}: knowledge.jsonl, review.jsonl, report.md, report.json")
    if points["extracted"] > points["dropped"]:
        model = "" if options.embedded else " --model MODEL"
        file = shlex.quote(str(path / "knowledge.jsonl"))
        say(f"select    python cli.py knowledge select --dataset {file}{model}")


def histogram_lines(bars: dict[str, int]) -> list[str]:
    """The numbers of points as text.

    >>> histogram_lines({"0": 0, "1": 4})
    [' points  problems', '   0         0', '   1         4 ██████████████████████████████████████████████']
    """
    most = max(1, *bars.values())
    return [
        " points  problems",
        *(f"   {n:<3} {bar:>7,} {'█' * max(round(WIDTH * bar / most), bar > 0)}".rstrip() for n, bar in bars.items()),
    ]


def _example(outcomes: Sequence[Outcome]) -> list[str]:
    """A problem and its points."""
    outcome = next((one for one in outcomes if one.kept), None)
    if outcome is None:
        return []
    return [brief(outcome.task.problem, 88), *(f"{i}. {brief(point, 85)}" for i, point in enumerate(outcome.kept, 1))]
