"""Problems and prompts. Nothing here knows of rewards, trainers or torch.

To add a data set: a function in `data/sources.py`, or in a file of its own, and a line in `DATASETS`. It may return
any layout that `load_problems` can map; the columns it should end in are `problem` and `answer`, and what else the
source has. To add a prompt style: an entry in `PROMPTS`, in `data/prompts.py`.
"""

from collections.abc import Callable

import datasets

from data.arithmetic import load_arithmetic
from data.columns import Problems, fingerprint, map_columns
from data.difficulty import PassRates, Zone, certain_draws, expected_draws
from data.knowledge import KnowledgeRecord
from data.prompts import (
    PRESETS,
    PROMPTS,
    STOP_STRINGS,
    Prompt,
    as_text,
    build_preset,
    build_prompts,
    drop_long,
    prompt_length,
    render_prompt,
)
from data.shots import SHOTS, Shot
from data.sources import GSM8K, MATH, MATH500, load_gsm8k, load_math, load_math500, open_source
from errors import DataError

DATASETS: dict[str, Callable[..., datasets.Dataset]] = {
    "arithmetic": load_arithmetic,
    "math": load_math,
    "math500": load_math500,
    "gsm8k": load_gsm8k,
}
HUB_IDS = {"math": MATH, "math500": MATH500, "gsm8k": GSM8K}
"""The Hub ids of those of them that come from the Hub."""


def load_problems(
    name: str,
    *,
    split: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    problem_column: str | None = None,
    answer_column: str | None = None,
    answers_needed: bool = True,
) -> Problems:
    """Load problems by name and bring them into the columns `problem`, `answer` and `row`.

    Args:
        name: A key of `DATASETS`; a file (.jsonl, .json, .csv, .parquet); a folder that `save_to_disk` wrote or with
            parquet files; or a Hub id `owner/name`. The first that fits, in this order: write `./math` for a folder.
        split: Part of the source; by default `train`, and `test` for what is only a benchmark.
        config: Configuration, for sources that have several.
        revision: Branch, tag or commit of a data set on the Hub.
        problem_column: Where the problem is, if not under a known name; a dot reaches into a nested column.
        answer_column: Where the answer is, likewise.
        answers_needed: Whether there must be answers; else a problem without one has "".

    Raises:
        DataError: In one paragraph, what is wrong with the name, the file or its columns, and what to do.
    """
    return map_columns(
        open_source(name, DATASETS, split=split, config=config, revision=revision),
        name,
        problem_column=problem_column,
        answer_column=answer_column,
        answers_needed=answers_needed,
    )


__all__ = [
    "DATASETS",
    "DataError",
    "HUB_IDS",
    "KnowledgeRecord",
    "PROMPTS",
    "PRESETS",
    "PassRates",
    "Problems",
    "Prompt",
    "SHOTS",
    "STOP_STRINGS",
    "Shot",
    "Zone",
    "as_text",
    "build_preset",
    "build_prompts",
    "certain_draws",
    "drop_long",
    "expected_draws",
    "fingerprint",
    "load_problems",
    "prompt_length",
    "render_prompt",
]
