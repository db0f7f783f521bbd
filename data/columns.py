r"""From any layout of columns to `problem`, `answer` and `row`, with an account of which column became what.

Columns are found by name. A gold is a short answer, or a worked solution that marks its answer: after `####` as in
GSM8K, or in its last ``\boxed{}`` as in MATH.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import datasets

from boxed import last_boxed
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
class Problems:
    """Problems ready for training or evaluation, and how they came about.

    Attributes:
        dataset: Columns `problem`, `answer` (str), `row` (int, place in the source), and all columns of the source
            whose names these three and TRL's arguments of rewards leave free.
        mapping: Lines to print: which column became what by which rule, and what was left out.
        source: The name they were loaded by.
        fingerprint: Hash of all problems and answers in order, in hex; the same on every machine.
        dropped: Rows of the source without a problem or an answer.
    """

    dataset: datasets.Dataset
    mapping: tuple[str, ...]
    source: str
    fingerprint: str
    dropped: tuple[int, ...] = ()


def map_columns(
    dataset: datasets.Dataset,
    source: str,
    *,
    problem_column: str | None = None,
    answer_column: str | None = None,
    answers_needed: bool = True,
) -> Problems:
    """Bring a data set of any known layout into ours. Rows without a problem or an answer are left out and named.

    Args:
        dataset: The source.
        source: Its name.
        problem_column: Takes the place of the search for it; a dot reaches into a nested column.
        answer_column: Likewise.
        answers_needed: Whether rows without an answer are of no use; else theirs is "".

    Raises:
        DataError: There are no rows, a column is missing, or no row has both a problem and an answer.
    """
    if len(dataset) == 0:
        raise DataError(f"{source} has no rows, but at least one problem is needed. Is it the right file and split?")
    columns = _find_columns(dataset, source, problem_column, answer_column, answers_needed)
    new = _new_columns(dataset, columns)
    gone = _left_out(dataset.column_names, columns, new)
    lines = [*_origins(dataset, columns, new), *_empty("problem", new)]
    lines += _empty("answer", new) if answers_needed else []
    lines += [f"left out: column {name} ({reason})" for name, reason in gone.items() if reason]
    keep = [row for row in new["row"] if new["problem"][row] and (new["answer"][row] or not answers_needed)]
    if not keep:
        raise DataError(
            f"no row of {source} has both a problem and an answer ({'; '.join(lines)}). Name the right columns with "
            "--problem_column and --answer_column."
        )
    result = _assemble(dataset.remove_columns(list(gone)), new, keep)
    return Problems(result, tuple(lines), source, fingerprint(result), tuple(sorted(set(new["row"]) - set(keep))))


def fingerprint(dataset: datasets.Dataset) -> str:
    """Return the SHA-256, in hex, of the problems and answers in their order."""
    digest = hashlib.sha256()
    for pair in zip(dataset["problem"], dataset["answer"], strict=True):
        digest.update(json.dumps(pair).encode() + b"\n")
    return digest.hexdigest()


# --- which column holds what


@dataclass(frozen=True)
class Columns:
    """The paths of the columns (a dot reaches into a nested one), and whether the golds are worked solutions."""

    problem: str
    answer: str | None
    worked: bool


def _find_columns(
    dataset: datasets.Dataset, source: str, problem_column: str | None, answer_column: str | None, answers_needed: bool
) -> Columns:
    """Find the columns by name and, for the answer, by what they hold.

    A short answer wins over a worked solution, and among equals the order of `ANSWER_COLUMNS` decides.

    Raises:
        DataError: A named column is not there, or none of the known ones is.
    """
    problem = _named(dataset, problem_column, "problem", source)
    problem = problem or next((path for path in PROBLEM_COLUMNS if _has_column(dataset, path)), None)
    if problem is None:
        raise _missing(dataset, "problem", PROBLEM_COLUMNS, source)
    answer = _named(dataset, answer_column, "answer", source)
    if answer is not None:
        return Columns(problem, answer, worked=_kind(dataset, answer) == "worked")
    kinds = {path: _kind(dataset, path) for path in ANSWER_COLUMNS if _has_column(dataset, path) and path != problem}
    for kind in ("short", "worked"):
        for path in kinds:
            if kinds[path] == kind:
                return Columns(problem, path, worked=kind == "worked")
    if not answers_needed:
        return Columns(problem, None, worked=False)
    raise _missing(dataset, "answer", ANSWER_COLUMNS, source, seen=kinds)


def _has_column(dataset: datasets.Dataset, path: str) -> bool:
    """Tell whether the path leads somewhere: a column's name, or names joined by dots."""
    if path in dataset.column_names:
        return True
    inside: Any = dataset.features
    for name in path.split("."):
        if not isinstance(inside, Mapping) or name not in inside:
            return False
        inside = inside[name]
    return True


def _named(dataset: datasets.Dataset, path: str | None, role: str, source: str) -> str | None:
    if path is None or _has_column(dataset, path):
        return path
    raise DataError(
        f"--{role}_column names a column of {source}, but there is no {path!r}; its columns are "
        f"{some_of(dataset.column_names)}.{did_you_mean(path, dataset.column_names)}"
    )


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
    if 2 * sum(map(_is_worked, golds)) > len(golds):
        return "worked"
    if path == "solution" and median(map(len, golds)) > _SHORT_CHARS:
        return "it holds long texts without \\boxed{} or ####"
    return "short"


# --- what a cell holds


def cells(dataset: datasets.Dataset, path: str) -> list[Any]:
    """Return the cells of a column, row by row; None where a nested one is missing."""
    if path in dataset.column_names:
        return list(dataset[path])
    column, *names = path.split(".")
    values = list(dataset[column])
    for name in names:
        values = [None if value is None else value.get(name) for value in values]
    return values


def cell_text(value: Any) -> str:
    """Return a cell as text: None and NaN are "", 18.0 is "18", and the parts of a list are joined by commas.

    >>> cell_text(18.0), cell_text(["1", 2]), cell_text(None)
    ('18', '1, 2', '')
    """
    if value is None or value != value:  # only NaN, an empty cell of a table, differs from itself
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(cell_text(part) for part in value)
    return str(value)


def problem_text(cell: Any) -> str:
    """Return the problem in a cell: a text, or the last message of the user in a chat.

    >>> problem_text([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2+2?"}])
    'What is 2+2?'
    """
    if not _is_chat(cell):
        return cell_text(cell).strip()
    turns = [message.get("content") for message in cell if message.get("role") == "user"]
    return cell_text(turns[-1]).strip() if turns else ""


def _is_chat(cell: Any) -> bool:
    return isinstance(cell, Sequence) and bool(cell) and all(isinstance(message, Mapping) for message in cell)


def final_answer(text: str, *, worked: bool) -> str:
    r"""Return the short answer that a gold text states, "" where there is none.

    Args:
        text: A gold: `#### 1,234`, a solution with boxes, or a short answer.
        worked: The column holds worked solutions, so a text without a mark states no answer.

    >>> final_answer("She has 2 * 617 = 1234.\n#### 1,234", worked=True)
    '1234'
    >>> final_answer(r"Thus $x = \boxed{\frac{1}{2}}$.", worked=True), final_answer("1/2", worked=False)
    ('\\frac{1}{2}', '1/2')
    """
    if "####" in text:
        return text.rsplit("####", 1)[1].strip().replace(",", "")
    if _is_worked(text):
        return last_boxed(text) or ""
    return "" if worked else text.strip()


def _is_worked(text: str) -> bool:
    """Tell whether a gold is a whole solution that marks its answer, rather than the answer."""
    return "####" in text or "\\boxed" in text or "\\fbox" in text


# --- the new data set


def _new_columns(dataset: datasets.Dataset, columns: Columns) -> dict[str, list]:
    """Return the columns we make, each as long as the source; a whole solution is kept where there is no other."""
    golds = [cell_text(cell) for cell in cells(dataset, columns.answer)] if columns.answer else [""] * len(dataset)
    new: dict[str, list] = {
        "problem": [problem_text(cell) for cell in cells(dataset, columns.problem)],
        "answer": [final_answer(gold, worked=columns.worked) for gold in golds],
        "row": list(range(len(dataset))),
    }
    if columns.worked and "solution" not in dataset.column_names:
        new["solution"] = golds
    return new


def _left_out(names: Iterable[str], columns: Columns, new: dict[str, list]) -> dict[str, str]:
    """Return the columns that do not go along, with the reason, "" for those that went into ours."""
    gone = {}
    for name in names:
        if name not in new and name not in RESERVED_COLUMNS:
            continue  # also the column that the problem or answer came from: a reward may ask for it by its own name
        if name in (columns.problem, columns.answer):
            gone[name] = ""
        elif name in RESERVED_COLUMNS:
            gone[name] = "TRL passes an argument of this name to rewards"
        else:
            gone[name] = "row counts the rows of the source" if name == "row" else f"{name} is made of another column"
    return gone


def _origins(dataset: datasets.Dataset, columns: Columns, new: dict[str, list]) -> list[str]:
    """Say where each column comes from and by which rule."""
    chat = _is_chat(cells(dataset.select([0]), columns.problem)[0])
    rule = "as it stands"
    if columns.worked and columns.answer:
        golds = cells(dataset, columns.answer)
        hashes = 2 * sum("####" in cell_text(gold) for gold in golds) > len(golds)
        rule = "what follows its last ####, without commas" if hashes else "what its last \\boxed{} holds"
    lines = [
        f"problem <- {columns.problem} ({'the last message of the user' if chat else 'as it stands'})",
        f"answer <- {columns.answer} ({rule})" if columns.answer else "no answers",
    ]
    return lines + ([f"solution <- {columns.answer} (the whole text)"] if "solution" in new else [])


def _empty(column: str, new: dict[str, list]) -> list[str]:
    rows = [row for row, text in zip(new["row"], new[column], strict=True) if not text]
    return [f"left out: {len(rows)} rows without {column}, row {some_of(rows)}"] if rows else []


def _assemble(rest: datasets.Dataset, new: dict[str, list], keep: list[int]) -> datasets.Dataset:
    """Put the rows to keep of the new columns beside the remaining columns of the source."""
    result = datasets.Dataset.from_dict({name: [values[row] for row in keep] for name, values in new.items()})
    if not rest.column_names:
        return result
    if len(keep) < len(rest):
        rest = rest.select(keep).flatten_indices()
    return datasets.concatenate_datasets([result, rest], axis=1)
