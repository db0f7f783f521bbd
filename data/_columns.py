"""Which columns hold the problem and the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import datasets

from data._answers import cell_text, is_worked
from errors import DataError, did_you_mean, nearest, some_of

PROBLEM_COLUMNS = ("problem", "question", "prompt", "query", "instruction")
ANSWER_COLUMNS = (
    "answer",
    "final_answer",
    "ground_truth",
    "gold",
    "target",
    "expected_answer",
    "reward_model.ground_truth",
    "solution",
)

# TRL calls a reward with these keywords of its own; a column of the same name would replace one without a word.
RESERVED_COLUMNS = (
    "prompts",
    "prompt",
    "completions",
    "completion",
    "completion_ids",
    "trainer_state",
    "log_extra",
    "log_metric",
    "environments",
    "image",  # these two make TRL look for pictures
    "images",
)

_LOOKED_AT = 1000  # rows that decide what kind of text a gold column holds
_SHORT_CHARS = 100  # a `solution` without a mark is an answer up to this median length, and mere text beyond


@dataclass(frozen=True)
class Columns:
    """Where to find things: paths of columns (a dot reaches into a nested one), and whether golds are worked out."""

    problem: str
    answer: str | None
    worked: bool


def find_columns(
    dataset: datasets.Dataset,
    source: str,
    *,
    problem_column: str | None = None,
    answer_column: str | None = None,
    answers_needed: bool = True,
) -> Columns:
    """Find the columns by name and, for the answer, by what they hold.

    A short answer wins over a worked solution, and among equals the order of `ANSWER_COLUMNS` decides.

    Args:
        dataset: Any layout, at least one row.
        source: Its name, for messages.
        problem_column: Takes the place of the search.
        answer_column: Likewise.
        answers_needed: Whether there must be answers.

    Raises:
        DataError: A named column is not there, or none of the known ones is.
    """
    problem = _named(dataset, problem_column, "problem", source) or _find_problem(dataset, source)
    answer = _named(dataset, answer_column, "answer", source)
    if answer is not None:
        return Columns(problem, answer, worked=_kind(dataset, answer) == "worked")
    kinds = {path: _kind(dataset, path) for path in ANSWER_COLUMNS if has_column(dataset, path) and path != problem}
    for kind in ("short", "worked"):
        for path in kinds:
            if kinds[path] == kind:
                return Columns(problem, path, worked=kind == "worked")
    if not answers_needed:
        return Columns(problem, None, worked=False)
    raise _missing(dataset, "answer", ANSWER_COLUMNS, source, seen=kinds)


def has_column(dataset: datasets.Dataset, path: str) -> bool:
    """Tell whether the path leads somewhere: a column's name, or names joined by dots."""
    if path in dataset.column_names:
        return True
    inside: Any = dataset.features
    for name in path.split("."):
        if not isinstance(inside, Mapping) or name not in inside:
            return False
        inside = inside[name]
    return True


def cells(dataset: datasets.Dataset, path: str) -> list[Any]:
    """Return what the column holds, row by row; None where a nested one is missing."""
    if path in dataset.column_names:
        return list(dataset[path])
    column, *names = path.split(".")
    values = list(dataset[column])
    for name in names:
        values = [None if value is None else value.get(name) for value in values]
    return values


def problem_text(cell: Any) -> str:
    """Return the problem in a cell: a text, or chat messages, of which the user's last one is it.

    >>> problem_text([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2+2?"}])
    'What is 2+2?'
    """
    if not is_chat(cell):
        return cell_text(cell).strip()
    turns = [message.get("content") for message in cell if message.get("role") == "user"]
    return cell_text(turns[-1]).strip() if turns else ""


def is_chat(cell: Any) -> bool:
    """Tell chat messages from text."""
    return isinstance(cell, Sequence) and bool(cell) and all(isinstance(message, Mapping) for message in cell)


def _named(dataset: datasets.Dataset, path: str | None, role: str, source: str) -> str | None:
    if path is None or has_column(dataset, path):
        return path
    raise DataError(
        f"--{role}_column names a column of {source}, but there is no {path!r}; its columns are "
        f"{some_of(dataset.column_names)}.{did_you_mean(path, dataset.column_names)}"
    )


def _find_problem(dataset: datasets.Dataset, source: str) -> str:
    for path in PROBLEM_COLUMNS:
        if has_column(dataset, path):
            return path
    raise _missing(dataset, "problem", PROBLEM_COLUMNS, source)


def _missing(
    dataset: datasets.Dataset, role: str, known: Sequence[str], source: str, seen: Mapping[str, str] | None = None
) -> DataError:
    near = [name for name in dataset.column_names if any(one in name.lower() for one in known) or nearest(name, known)]
    verdicts = "".join(f" {path!r} is no use: {kind}." for path, kind in (seen or {}).items())
    guess = f" Is it {near[0]!r}?" if near and not verdicts else ""
    return DataError(
        f"{source} needs a column with the {role} of each row, under one of the names {', '.join(known)}; its columns "
        f"are {some_of(dataset.column_names)}.{verdicts}{guess} Name yours with --{role}_column."
    )


def _kind(dataset: datasets.Dataset, path: str) -> str:
    """Return "short", "worked" (marked solutions), or in words why the column is neither."""
    head = dataset.select(range(min(_LOOKED_AT, len(dataset))))
    golds = [gold for cell in cells(head, path) if (gold := cell_text(cell).strip())]
    if not golds:
        return "it is empty"
    if 2 * sum(map(is_worked, golds)) > len(golds):
        return "worked"
    if path == "solution" and median(map(len, golds)) > _SHORT_CHARS:
        return "it holds long texts without \\boxed{} or ####"
    return "short"
