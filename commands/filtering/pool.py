"""Which problems are sampled, and which are set aside: duplicates, answers that cannot be read, long prompts."""

import textwrap
from argparse import Namespace
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import datasets

from commands.example import example_lines
from commands.prompts import ModelFiles, say_block, worded
from commands.terminal.console import say
from data import Problems, load_problems, render_prompt
from errors import UserError, some_of
from evaluation.sampler import Problem, problem_id
from rewards import golds_are_parsable


@dataclass(frozen=True)
class Pool:
    """The problems of a data set, worded for a model.

    Attributes:
        problems: That can be sampled.
        rows: Their rows of the data set, by id; without `prompt`.
        set_aside: The others: row, problem, answer and reason.
        source: What was loaded.
        tokenizer: The model's.
        files: The model's.
    """

    problems: list[Problem]
    rows: dict[str, dict[str, Any]]
    set_aside: list[dict[str, Any]]
    source: Problems
    tokenizer: Any
    files: ModelFiles


def prepare(options: Namespace, *, hints: str = "none", hint_style: str = "repo") -> Pool:
    """Load, check and word the problems, with the hints that are asked for; says what was done.

    Raises:
        UserError, DataError: The model's name or the data cannot work, or no problem is left.
    """
    files = ModelFiles(options.model, options.revision, options.trust_remote_code, "--model")
    tokenizer = files.tokenizer()
    source, dataset = load(options)
    reasons = unusable(dataset)
    kept = dataset.select([i for i in range(len(dataset)) if i not in reasons])
    if not len(kept):
        raise UserError(f"no problem of {options.dataset} can be sampled: {next(iter(reasons.values()))}.")
    if options.max_prompt_length is None:
        options.max_prompt_length = _room(files, options.max_new_tokens)
    style, limit = options.prompt_style, options.max_prompt_length
    asked, long = worded(
        kept,
        tokenizer,
        style=style,
        system=options.system_prompt,
        max_prompt_length=limit,
        hints=hints,
        hint_style=hint_style,
    )
    files.check_context(asked["prompt"], tokenizer, options.max_new_tokens, "--max-new-tokens")
    say_block("example", example_lines(asked[0], tokenizer))
    places = {row: i for i, row in enumerate(dataset["row"])}
    reasons |= {places[row]: f"prompt over {limit} tokens" for row in long}
    say_set_aside(reasons, dataset)
    set_aside = [
        {**{name: dataset[i][name] for name in ("row", "problem", "answer")}, "reason": reason}
        for i, reason in sorted(reasons.items())
    ]
    problems = [
        Problem(problem_id(row["problem"]), render_prompt(row["prompt"], tokenizer), row["answer"]) for row in asked
    ]
    rows = {problem.id: row for problem, row in zip(problems, asked.remove_columns("prompt"), strict=True)}
    return Pool(problems, rows, set_aside, source, tokenizer, files)


def load(options: Namespace) -> tuple[Problems, datasets.Dataset]:
    """The source, and as many of its problems as were asked for; says what was found."""
    source = load_problems(
        options.dataset,
        split=options.dataset_split,
        config=options.dataset_config,
        problem_column=options.problem_column,
        answer_column=options.answer_column,
    )
    total = len(source.dataset)
    dataset = source.dataset.select(range(min(options.limit or total, total)))
    of = f"{len(dataset):,} of " if len(dataset) < total else ""
    account = f"{options.dataset}: {of}{total:,} problems; {'; '.join(source.mapping)}"
    say_block("data", textwrap.wrap(account, 90, break_on_hyphens=False))
    return source, dataset


def _room(files: ModelFiles, completion: int) -> int:
    """1,024 tokens, or fewer where the model has no more positions beside the completion."""
    positions = files.positions()
    return 1024 if positions is None or positions <= completion else min(1024, positions - completion)


def unusable(dataset: datasets.Dataset) -> dict[int, str]:
    """Why a problem is set aside, by its place: of equal problems the first stays, unless their answers differ."""
    golds = list(dataset["answer"])
    reasons = {i: "its answer cannot be read" for i, good in enumerate(golds_are_parsable(golds)) if not good}
    alike: dict[str, list[int]] = defaultdict(list)
    for i, problem in enumerate(dataset["problem"]):
        if i not in reasons:
            alike[problem_id(problem)].append(i)
    for places in alike.values():
        first, *others = places
        if len({golds[i].strip() for i in places}) > 1:
            reasons |= dict.fromkeys(places, "the same problem stands there with another answer")
        else:
            reasons |= dict.fromkeys(others, f"the same problem as row {dataset[first]['row']}")
    return reasons


def say_set_aside(reasons: dict[int, str], dataset: datasets.Dataset) -> None:
    """Say how many problems are set aside for which reason."""
    kinds: dict[str, list[int]] = defaultdict(list)
    for i, reason in sorted(reasons.items()):
        kinds[reason.partition(" as row")[0]].append(dataset[i]["row"])
    for kind, rows in kinds.items():
        say(f"          {len(rows)} set aside: {kind} (row {some_of(rows, 5)})")
