"""A name, whatever it names, to problems."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import datasets

from data._files import READERS, load_file, load_folder
from data._hub import load_from_hub
from data._problems import Problems, map_columns
from errors import DataError, did_you_mean

Registry = Mapping[str, Callable[..., datasets.Dataset]]


def load(
    name: str,
    registry: Registry,
    *,
    split: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    problem_column: str | None = None,
    answer_column: str | None = None,
    answers_needed: bool = True,
) -> Problems:
    """Do what `data.load_problems` says, with this registry."""
    dataset = _open(name, registry, split, config, revision)
    return map_columns(
        dataset,
        name,
        problem_column=problem_column,
        answer_column=answer_column,
        answers_needed=answers_needed,
    )


def _open(
    name: str, registry: Registry, split: str | None, config: str | None, revision: str | None
) -> datasets.Dataset:
    path = Path(name).expanduser()
    if name in registry:
        return _registered(name, registry, split, config)
    if path.is_dir():
        _refuse(config, "config", name, "a local folder has none")
        return load_folder(path, split)
    if path.is_file():
        _refuse(config, "config", name, "a local file has none")
        _refuse(split, "split", name, "a local file is one split; name the file that holds the rows you want")
        return load_file(path)
    if _looks_local(name):
        raise _not_found(name, path, registry)
    return load_from_hub(name, config=config, split=split or "train", revision=revision)


def _registered(name: str, registry: Registry, split: str | None, config: str | None) -> datasets.Dataset:
    load = registry[name]
    if "config" in inspect.signature(load).parameters:
        return load(split, config=config)
    _refuse(config, "config", name, "it has only one")
    return load(split)


def _refuse(value: str | None, option: str, name: str, reason: str) -> None:
    if value is not None:
        raise DataError(f"--dataset_{option} {value} does not apply to {name!r}: {reason}. Leave it out.")


def _looks_local(name: str) -> bool:
    """Tell a path from a Hub id, which is `owner/name` without a data file's suffix."""
    return name.count("/") != 1 or name.startswith((".", "/", "~")) or Path(name).suffix.lower() in READERS


def _not_found(name: str, path: Path, registry: Registry) -> DataError:
    folder = path.parent
    there = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    missing_folder = "" if folder.is_dir() else f" (there is no folder {str(folder)!r})"
    hint = did_you_mean(path.name, [*registry, *(n for n in there if not n.startswith("."))])
    return DataError(
        f"--dataset_name must be one of {', '.join(registry)}, a file ({', '.join(READERS)}) or folder, or a Hub id "
        f"owner/name; {name!r} is none of these{missing_folder}.{hint}"
    )
