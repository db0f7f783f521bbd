"""Problems and prompts. Nothing here knows of rewards, trainers or torch.

To add a data set: a function in a file of its own and a line in `DATASETS`. It may return any layout that
`load_problems` can map; the columns it should end in are `problem` and `answer`, and what else the source has.
"""

from collections.abc import Callable

import datasets

from data import arithmetic
from data._load import load
from data._pass_rates import PassRates
from data._presets import PRESETS, STOP_STRINGS, Prompt, build_preset
from data._problems import Problems, fingerprint
from data._prompts import PROMPTS, as_text, build_prompts, drop_long, prompt_length, render_prompt
from data._shots import SHOTS, Shot
from data.arithmetic_knowledge import load_arithmetic_knowledge, load_selected
from data.difficulty import Zone, certain_draws, classify, expected_draws, verdict_so_far
from data.gsm8k import GSM8K, load_gsm8k
from data.hendrycks_math import MATH, MATH500, load_math, load_math500
from data.knowledge import KnowledgeRecord, knowledge_records
from errors import DataError


def load_arithmetic(split: str | None = None, config: str | None = None) -> datasets.Dataset:
    """Generate 2,000 problems for training (`train`), or 400 with other operands (`test`).

    With the configuration `knowledge` they are 600 and 99 hard ones, each with knowledge points to choose from, and
    with `selected` 80 of these with the points that were chosen for the embedded model.
    """
    configs = {"knowledge": load_arithmetic_knowledge, "selected": load_selected}
    if config in configs:
        return configs[config](split)
    if config is not None:
        raise DataError(
            f"arithmetic has the configurations {', '.join(configs)}, met --dataset_config {config!r}; or leave it out"
        )
    sizes = {"train": ("train", 2000), "test": ("held_out", 400), "held_out": ("held_out", 400)}
    if split is not None and split not in sizes:
        raise DataError(f"arithmetic has the splits {', '.join(sizes)}, met {split!r}; name one with --dataset_split")
    side, n = sizes[split or "train"]
    return datasets.Dataset.from_list(arithmetic.problems(n, split=side))


DATASETS: dict[str, Callable[..., datasets.Dataset]] = {
    "arithmetic": load_arithmetic,
    "math": load_math,
    "math500": load_math500,
    "gsm8k": load_gsm8k,
}
HUB_IDS = {"math": MATH, "math500": MATH500, "gsm8k": GSM8K}
"""Where those of them are that come from the Hub."""


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
    return load(
        name,
        DATASETS,
        split=split,
        config=config,
        revision=revision,
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
    "classify",
    "drop_long",
    "expected_draws",
    "fingerprint",
    "load_problems",
    "knowledge_records",
    "prompt_length",
    "render_prompt",
    "verdict_so_far",
]
