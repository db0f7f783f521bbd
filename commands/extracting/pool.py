"""Which problems points are extracted for, and which of their solutions are right."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from boxed import last_boxed
from commands.filtering.pool import load, say_set_aside, unusable
from commands.terminal.console import say
from data import Problems
from errors import UserError, did_you_mean, some_of
from evaluation.sampler import problem_id
from rewards import verify


@dataclass(frozen=True)
class Task:
    """A problem.

    Attributes:
        id: As `problem_id` names it.
        row: Of the data set, without points that it had before.
        given: Its worked solution, "" where there is none.
        solution: The same if its answer is right, else None.
    """

    id: str
    row: dict[str, Any]
    given: str
    solution: str | None

    @property
    def problem(self) -> str:
        """The problem's text."""
        return self.row["problem"]

    @property
    def answer(self) -> str:
        """Its gold answer."""
        return self.row["answer"]


@dataclass(frozen=True)
class Pool:
    """The problems of a data set.

    Attributes:
        tasks: Those that points are extracted for.
        set_aside: The others, as lines of the review.
        source: What was loaded.
    """

    tasks: list[Task]
    set_aside: list[dict[str, Any]]
    source: Problems


def prepare(options: Namespace) -> Pool:
    """Load the problems and verify their solutions; says what was found.

    Raises:
        UserError, DataError: The data cannot work, or no problem is left.
    """
    source, dataset = load(options)
    column = _solution_column(options, dataset.column_names)
    old = [name for name in dataset.column_names if name.startswith("kp_") or name.endswith(("_kp_index", "_kps"))]
    if old:
        say(f"          left out: what it has of other points, {some_of(old)}")
    reasons = unusable(dataset)
    say_set_aside(reasons, dataset)
    set_aside = [
        {"row": dataset[i]["row"], "problem": dataset[i]["problem"], "point": None, "reasons": [reason]}
        for i, reason in sorted(reasons.items())
    ]
    kept = dataset.remove_columns(old).select([i for i in range(len(dataset)) if i not in reasons])
    if not len(kept):
        raise UserError(f"no problem of {options.dataset} can be used: {next(iter(reasons.values()))}.")
    rows = kept.to_list()
    given = [str(row[column] or "") if column else "" for row in rows]
    right = _right([row["answer"] for row in rows], given)
    tasks = [
        Task(problem_id(row["problem"]), row, text, text if good else None)
        for row, text, good in zip(rows, given, right, strict=True)
    ]
    _say_solutions(tasks)
    return Pool(tasks, set_aside, source)


def _solution_column(options: Namespace, names: Sequence[str]) -> str | None:
    column = options.solution_column
    if column is None:
        return "solution" if "solution" in names else None
    if column in names:
        return column
    raise UserError(
        f"--solution-column names a column of {options.dataset}, but there is no {column!r}; there are "
        f"{some_of(names)}.{did_you_mean(column, names)}"
    )


def _right(golds: Sequence[str], solutions: Sequence[str]) -> list[bool]:
    """Whether each solution ends in its gold answer; the bare answer is no solution."""
    verdicts = verify(golds, solutions, extraction="lenient")
    bare = [text.strip() in (gold, last_boxed(text)) for gold, text in zip(golds, solutions, strict=True)]
    return [verdict == 1.0 and not alone for verdict, alone in zip(verdicts, bare, strict=True)]


def _say_solutions(tasks: Sequence[Task]) -> None:
    right = sum(task.solution is not None for task in tasks)
    wrong = sum(task.solution is None and bool(task.given.strip()) for task in tasks)
    say(
        f"solutions {right:,} with the right answer, {wrong:,} without, {len(tasks) - right - wrong:,} missing"
        + (": the teacher is asked for them" if right < len(tasks) else "")
    )
