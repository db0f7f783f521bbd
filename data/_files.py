"""Data sets from local files and folders, in memory."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from errors import DataError, some_of

Row = Mapping[str, Any]


def load_file(path: Path) -> datasets.Dataset:
    """Read a file by its suffix, one of `READERS`.

    Raises:
        DataError: The suffix is unknown or the content is not what it says.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"a data file ends in one of {', '.join(READERS)}, met {str(path)!r}; convert or rename it")
    try:
        return reader(path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} must be UTF-8 text, but its byte {error.start} is not; save it as UTF-8") from error
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as {path.suffix}: {str(error).splitlines()[0]}") from error


def load_folder(folder: Path, split: str | None) -> datasets.Dataset:
    """Read a folder that `save_to_disk` wrote, or one of parquet files.

    Args:
        folder: Where it is.
        split: One of several saved splits, or what the names of parquet files (or of their folders) begin with. None
            is `train` if there is one, else the first saved split or all files.

    Raises:
        DataError: It is neither kind of folder, or has no such split.
    """
    if (folder / "dataset_dict.json").exists():
        return _one_split(datasets.load_from_disk(str(folder)), folder, split)
    if (folder / "state.json").exists():
        if split:
            raise DataError(f"{folder} holds one split, so --dataset_split {split} does not apply to it; leave it out")
        return datasets.load_from_disk(str(folder))
    parts = sorted(folder.rglob("*.parquet"))
    if not parts:
        raise DataError(
            f"a folder with a data set holds what `save_to_disk` writes, or .parquet files; {folder} holds "
            f"{some_of(sorted(p.name for p in folder.iterdir())) or 'nothing'}. Name one file of it instead."
        )
    names = {part: part.relative_to(folder).as_posix() for part in parts}
    chosen = [part for part in parts if any(name.startswith(split or "train") for name in names[part].split("/"))]
    if split and not chosen:
        raise DataError(f"no parquet file in {folder} begins with {split!r}; there are {some_of(names.values())}")
    return datasets.concatenate_datasets([load_file(part) for part in chosen or parts])


def _one_split(saved: Any, folder: Path, split: str | None) -> datasets.Dataset:
    wanted = split or ("train" if "train" in saved else next(iter(saved)))
    if wanted not in saved:
        raise DataError(f"{folder} has no split {wanted!r}; choose one of {', '.join(saved)} with --dataset_split")
    return saved[wanted]


def _read_jsonl(path: Path) -> datasets.Dataset:
    """Read one JSON object per line. Lines end in a newline only: U+2028 is text."""
    rows = []
    with path.open(encoding="utf-8-sig", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                rows.append(_object(line, f"{path}, line {number}"))
    return _from_rows(rows)


def _object(line: str, place: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{place}, column {error.colno}: not valid JSON ({error.msg}). A .jsonl file holds one object per line; "
            "mend or delete this line."
        ) from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: a row must be a JSON object {{...}}, met {type(row).__name__} {line.strip():.60}")
    return row


def _read_json(path: Path) -> datasets.Dataset:
    """Read a list of objects, or an object with one such list in it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # several documents: lines under the wrong name
            return _read_jsonl(path)
        raise DataError(
            f"{path}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}); mend the file"
        ) from error
    lists = [v for v in content.values() if isinstance(v, list)] if isinstance(content, dict) else [content]
    if len(lists) != 1 or not isinstance(lists[0], list) or not all(isinstance(row, dict) for row in lists[0]):
        raise DataError(
            f"{path} must hold a list of objects [{{...}}, ...], or an object with exactly one such list, met "
            f"{type(content).__name__}; write one object per line into a .jsonl file"
        )
    return _from_rows(lists[0])


def _read_csv(path: Path) -> datasets.Dataset:
    """Read a table with a head line. Every cell stays text: an answer 0.50 is not 0.5, nor 007 a 7."""
    csv.field_size_limit(2**30)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [_full_row(row, f"{path}, line {reader.line_num}") for row in reader]
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: not valid CSV ({error}); mend this line") from error
    return _from_rows(rows)


def _full_row(row: dict[Any, Any], place: str) -> Row:
    """Refuse a row with a comma too many, which would cut a problem in two."""
    if None in row or None in row.values():
        raise DataError(f"{place}: more or fewer cells than the head line has; put texts with commas in double quotes")
    return row


def _read_parquet(path: Path) -> datasets.Dataset:
    return datasets.Dataset.from_dict(pq.read_table(path).to_pydict())


def _from_rows(rows: Iterable[Row]) -> datasets.Dataset:
    """Make a data set of rows that may differ in their keys; a column of numbers and texts becomes one of texts.

    So does one with an integer that a table has no room for: an answer may well be 2^100.
    """
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return datasets.Dataset.from_dict({name: _one_type([row.get(name) for row in rows]) for name in names})


def _one_type(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    huge = any(isinstance(value, int) and abs(value) >= 2**63 for value in values)
    if huge or (str in kinds and len(kinds) > 1):
        return [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return values


READERS: dict[str, Callable[[Path], datasets.Dataset]] = {
    ".jsonl": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
