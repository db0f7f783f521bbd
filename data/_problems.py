"""From any data set to one with `problem`, `answer` and `row`, and an account of how."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import datasets

from data._answers import cell_text, final_answer
from data._columns import RESERVED_COLUMNS, Columns, cells, find_columns, is_chat, problem_text
from errors import DataError, some_of


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
    columns = find_columns(
        dataset,
        source,
        problem_column=problem_column,
        answer_column=answer_column,
        answers_needed=answers_needed,
    )
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
    chat = is_chat(cells(dataset.select([0]), columns.problem)[0])
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
    result = datasets.Dataset.from_dict({name: [values[row] for row in keep] for name, values in new.items()})
    if not rest.column_names:
        return result
    if len(keep) < len(rest):
        rest = rest.select(keep).flatten_indices()
    return datasets.concatenate_datasets([result, rest], axis=1)
