"""Where a data set is looked up and loaded: a registered name, a local file or folder, or the Hugging Face Hub."""

import csv
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub.errors import HTTPError  # the base of whichever client it was built on

from errors import DataError, did_you_mean, some_of

Row = Mapping[str, Any]

GSM8K = "openai/gsm8k"
MATH = "DigitalLearningGmbH/MATH-lighteval"
MATH500 = "HuggingFaceH4/MATH-500"


def load_gsm8k(split: str | None = None, *, config: str | None = None) -> datasets.Dataset:
    """Load GSM8K, 7,473 training or 1,319 test problems (Cobbe et al., 2110.14168).

    Columns: question, answer; the gold follows ####.
    """
    return load_from_hub(GSM8K, config=config or "main", split=split or "train")


def load_math(split: str | None = None) -> datasets.Dataset:
    """Load the 7,500 training problems of MATH (Hendrycks et al., 2103.03874).

    Columns: problem, solution, level, type. None of the problems is in MATH-500, which is drawn from the test split,
    so they may be trained on.
    """
    return load_from_hub(MATH, split=split or "train")


def load_math500(split: str | None = None) -> datasets.Dataset:
    """Load MATH-500, 500 problems of MATH's test split.

    Columns: problem, solution, answer, subject, level, unique_id. MATH-500 is a benchmark. The published LPRO and REPO
    models were trained on 100 of its problems, which makes their MATH-500 scores no measure of them. It is registered
    for repeating those runs; to train, take `math`.
    """
    return load_from_hub(MATH500, split=split or "test")


def open_source(
    name: str,
    registry: Mapping[str, Callable[..., datasets.Dataset]],
    *,
    split: str | None = None,
    config: str | None = None,
    revision: str | None = None,
) -> datasets.Dataset:
    """Load the data set that a name stands for, in whatever layout it has.

    Args:
        name: A key of the registry, a file, a folder, or a Hub id `owner/name`; the first that fits, in this order.
        registry: Loaders by name, such as `data.DATASETS`.
        split: Part of the source.
        config: Configuration, for sources that have several.
        revision: Branch, tag or commit of a data set on the Hub.

    Raises:
        DataError: The name stands for nothing, an option does not apply to it, or it cannot be read.
    """
    path = Path(name).expanduser()
    if name in registry:
        if "config" in inspect.signature(registry[name]).parameters:
            return registry[name](split, config=config)
        _refuse(config, "config", name, "it has only one")
        return registry[name](split)
    if path.is_dir():
        _refuse(config, "config", name, "a local folder has none")
        return load_folder(path, split)
    if path.is_file():
        _refuse(config, "config", name, "a local file has none")
        _refuse(split, "split", name, "a local file is one split; name the file that holds the rows you want")
        return load_file(path)
    # A Hub id is `owner/name` without a data file's suffix.
    if name.count("/") != 1 or name.startswith((".", "/", "~")) or path.suffix.lower() in READERS:
        raise _not_found(name, path, registry)
    return load_from_hub(name, config=config, split=split or "train", revision=revision)


def _refuse(value: str | None, option: str, name: str, reason: str) -> None:
    if value is not None:
        raise DataError(f"--dataset_{option} {value} does not apply to {name!r}: {reason}. Leave it out.")


def _not_found(name: str, path: Path, registry: Iterable[str]) -> DataError:
    folder = path.parent
    there = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    missing_folder = "" if folder.is_dir() else f" (there is no folder {str(folder)!r})"
    hint = did_you_mean(path.name, [*registry, *(n for n in there if not n.startswith("."))])
    return DataError(
        f"--dataset_name must be one of {', '.join(registry)}, a file ({', '.join(READERS)}) or folder, or a Hub id "
        f"owner/name; {name!r} is none of these{missing_folder}.{hint}"
    )


def load_from_hub(
    repo: str, *, config: str | None = None, split: str = "train", revision: str | None = None
) -> datasets.Dataset:
    """Download one split of a data set, or take it from the local cache.

    Args:
        repo: `owner/name`.
        config: The configuration, for data sets that have several.
        split: A split, or part of one (`train[:100]`).
        revision: A branch, tag or commit; None is what the Hub takes by default.

    Raises:
        DataError: The Hub cannot be reached, or has no such data set, configuration or split.
    """
    what = f"data set {repo!r} (config {config or 'default'}, split {split})"
    try:
        return datasets.load_dataset(repo, config, split=split, revision=revision)
    # FileNotFoundError is also how a data set without access, and one that is not in the cache offline, are reported.
    except (FileNotFoundError, ConnectionError, TimeoutError, HTTPError) as error:
        raise DataError(
            f"{what} cannot be had from the Hub: {_first_line(error)} Check the name, the "
            "network, HF_HUB_OFFLINE (set, only the local cache is searched) and, for a gated data set, "
            "`hf auth login`; or pass a local .jsonl, .json, .csv or .parquet file instead."
        ) from error
    except ValueError as error:  # an unknown configuration or split; the library lists the known ones
        raise DataError(
            f"{what} does not exist as named: {_first_line(error)} Choose with --dataset_config and --dataset_split."
        ) from error


def _first_line(error: Exception) -> str:
    """Return the error's message as a sentence, without the advice that the libraries add in further lines."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".") + "."


def load_folder(folder: Path, split: str | None) -> datasets.Dataset:
    """Read a folder that `save_to_disk` wrote, or a folder of parquet files.

    Args:
        folder: Its path.
        split: One of several saved splits, or what the names of parquet files (or of their folders) begin with. None
            is `train` if there is one, else the first saved split or all files.

    Raises:
        DataError: It is neither kind of folder, or has no such split.
    """
    if (folder / "dataset_dict.json").exists():
        saved: Any = datasets.load_from_disk(str(folder))
        wanted = split or ("train" if "train" in saved else next(iter(saved)))
        if wanted not in saved:
            raise DataError(f"{folder} has no split {wanted!r}; choose one of {', '.join(saved)} with --dataset_split")
        return saved[wanted]
    if (folder / "state.json").exists():
        if split:
            raise DataError(f"{folder} holds one split, so --dataset_split {split} does not apply to it; leave it out")
        return datasets.load_from_disk(str(folder))
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise DataError(
            f"a folder with a data set holds what `save_to_disk` writes, or .parquet files; {folder} holds "
            f"{some_of(sorted(p.name for p in folder.iterdir())) or 'nothing'}. Name one file of it instead."
        )
    names = {file: file.relative_to(folder).as_posix() for file in files}
    chosen = [file for file in files if any(name.startswith(split or "train") for name in names[file].split("/"))]
    if split and not chosen:
        raise DataError(f"no parquet file in {folder} begins with {split!r}; there are {some_of(names.values())}")
    return datasets.concatenate_datasets([load_file(file) for file in chosen or files])


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
    """Make a data set of rows that may differ in their keys."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return datasets.Dataset.from_dict({name: _one_type([row.get(name) for row in rows]) for name in names})


def _one_type(values: list[Any]) -> list[Any]:
    """Make texts of a column of numbers and texts, and of one with an integer that a table has no room for.

    An answer may well be 2^100.
    """
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
