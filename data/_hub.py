"""Data sets from the Hugging Face Hub, with errors that say what to do."""

import datasets
from huggingface_hub.errors import HTTPError  # the base of whichever client it was built on

from errors import DataError


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
    try:
        return datasets.load_dataset(repo, config, split=split, revision=revision)
    # The first is also how a data set without access, and one that is not in the cache offline, are reported.
    except (FileNotFoundError, ConnectionError, TimeoutError, HTTPError) as error:
        raise DataError(
            f"{_what(repo, config, split)} cannot be had from the Hub: {_first_line(error)} Check the name, the "
            "network, HF_HUB_OFFLINE (set, only the local cache is searched) and, for a gated data set, "
            "`hf auth login`; or pass a local .jsonl, .json, .csv or .parquet file instead."
        ) from error
    except ValueError as error:  # an unknown configuration or split; the library lists the known ones
        raise DataError(
            f"{_what(repo, config, split)} does not exist as named: {_first_line(error)} Choose with "
            "--dataset_config and --dataset_split."
        ) from error


def _what(repo: str, config: str | None, split: str) -> str:
    return f"data set {repo!r} (config {config or 'default'}, split {split})"


def _first_line(error: Exception) -> str:
    """Return what went wrong as a sentence, without the advice the libraries add in further lines."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".") + "."
