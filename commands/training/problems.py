"""From a data set's name to the prompts of a run, all of it before any weights are loaded."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import datasets

from commands.arguments.batch import BatchPlan, check_batch
from commands.arguments.settings import Settings
from commands.example import example_lines
from commands.filtering.card import filtered_from
from commands.hub import hub_id
from commands.prompts import ModelFiles, say_block, worded
from commands.terminal.console import say
from commands.training.vllm_server import vllm_window
from data import DATASETS, HUB_IDS, Problems, load_problems
from errors import UserError, some_of
from rewards import golds_are_parsable, require_arguments, reward


@dataclass(frozen=True)
class Task:
    """What a run trains on and is measured on.

    Attributes:
        train: Columns `prompt`, `answer` and what else the source has.
        held_out: The same columns; None if nothing is measured.
        description: Of the training problems, for `run.json`: name, count, fingerprint, mapping; held-out problems.
        plan: Generations and steps over them.
        tokenizer: The model's.
    """

    train: datasets.Dataset
    held_out: datasets.Dataset | None
    description: dict[str, Any]
    plan: BatchPlan
    tokenizer: Any


def prepare(settings: Settings) -> Task:
    """Load, map, check and word the problems; says what was done.

    Raises:
        UserError, DataError: Anything about model name, vLLM's server, data or batch arithmetic that cannot work.
    """
    arguments, files = settings.arguments, model_files(settings)
    window = vllm_window(settings)
    tokenizer = files.tokenizer()
    problems = _load(settings, "data", arguments.dataset_name, arguments.dataset_split, arguments.max_problems)
    if not any(problems.dataset["answer"]):
        _forget_answers(settings)
    train, held_out = _hold_out(settings, problems.dataset)
    held_out = _gradable(held_out) if held_out is not None else None
    train = _worded(settings, train, tokenizer, hints=arguments.hints)
    if held_out is not None:
        held_out = _worded(settings, held_out, tokenizer)
    prompts = [*train["prompt"], *(held_out["prompt"] if held_out is not None else [])]
    files.check_context(prompts, tokenizer, settings.max_new_tokens, "--max_completion_length", window)
    plan = check_batch(settings.trainer, len(train))
    for name in arguments.reward_funcs:
        require_arguments(name, reward(name), reward_keywords(train.column_names, arguments.tools != "none"))
    say_block("example", example_lines(train[0], tokenizer))
    say_block("batch", plan.lines())
    description = {
        "name": problems.source,
        "hub_id": HUB_IDS.get(problems.source) if problems.source in DATASETS else hub_id(problems.source),
        "filtered": filtered_from(problems.source),
        "problems": len(train),
        "fingerprint": problems.fingerprint,
        "mapping": list(problems.mapping),
        "held_out": len(held_out) if held_out is not None else 0,
    }
    return Task(train, held_out, description, plan, tokenizer)


def reward_keywords(columns: Iterable[str], tools: bool) -> set[str]:
    """Names of the keywords that TRL calls a reward function with."""
    own = {"prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric"}
    return own | {*columns} - {"prompt"} | ({"model_text"} if tools else set())


def model_files(settings: Settings) -> ModelFiles:
    """Where the model is that shall be trained."""
    return ModelFiles(settings.model_name, settings.model.model_revision, settings.trainer.trust_remote_code)


def _worded(settings: Settings, dataset: datasets.Dataset, tokenizer: Any, *, hints: str = "none") -> datasets.Dataset:
    """Add prompts; hints are for training, never for what is measured."""
    arguments = settings.arguments
    assert arguments.prompt_style is not None, "parse() chooses one"
    limit = arguments.max_prompt_length
    dataset, dropped = worded(
        dataset,
        tokenizer,
        style=arguments.prompt_style,
        system=arguments.system_prompt,
        max_prompt_length=limit,
        hints=hints,
        hint_style=arguments.hint_style,
    )
    if dropped:
        rows = some_of(sorted(dropped), 5)
        say(f"          {len(dropped)} prompts over {limit} tokens dropped (--max_prompt_length): rows {rows}")
    return dataset


def _forget_answers(settings: Settings) -> None:
    """Nothing can be graded: watch no reward that compares with an answer, and hold nothing of this set out."""
    arguments, weights = settings.arguments, settings.trainer.reward_weights or []
    pairs = zip(arguments.reward_funcs, weights, strict=True)
    kept = {name: weight for name, weight in pairs if "answer" not in signature(reward(name)).parameters}
    arguments.reward_funcs, settings.trainer.reward_weights = list(kept), list(kept.values())
    if arguments.eval_dataset_name is None:
        arguments.eval_problems = 0
    say("          the problems have no answers: nothing is graded, and nothing measured before and after")


def _load(settings: Settings, role: str, name: str, split: str | None, first: int | None) -> Problems:
    """The first problems of a source, with answers that can be graded; says under its role what was found where."""
    arguments = settings.arguments
    own = name == arguments.dataset_name  # columns are named for the training set; another source has its own layout
    problems = load_problems(
        name,
        split=split,
        config=arguments.dataset_config if own else None,
        problem_column=arguments.problem_column if own else None,
        answer_column=arguments.answer_column if own else None,
        answers_needed=settings.trainer.needs_answers,
    )
    dataset = problems.dataset if first is None else problems.dataset.select(range(min(first, len(problems.dataset))))
    of = f"{len(dataset):,} of " if len(dataset) < len(problems.dataset) else ""
    account = f"{name}: {of}{len(problems.dataset):,} problems; {'; '.join(problems.mapping)}"
    say_block(role, textwrap.wrap(account, 90, break_on_hyphens=False))
    readable = golds_are_parsable(list(dataset["answer"])) if settings.trainer.needs_answers else []
    bad = [i for i, good in enumerate(readable) if not good]
    if bad:
        listed = "; ".join(f"row {dataset[i]['row']}: {dataset[i]['answer'][:40]!r}" for i in bad[:5])
        told = f"{len(bad)} of {len(dataset)} answers of {name} cannot be parsed, so nothing could be graded against "
        told += f"them ({listed}{'; …' if len(bad) > 5 else ''})."
        if arguments.bad_golds == "error" or len(bad) == len(dataset):
            raise UserError(f"{told} Mend them, name another --answer_column, or drop them with --bad_golds drop.")
        say(f"          {told} Dropped.")
        dataset = dataset.select(sorted(set(range(len(dataset))) - set(bad)))
    return replace(problems, dataset=dataset)


def _hold_out(settings: Settings, train: datasets.Dataset) -> tuple[datasets.Dataset, datasets.Dataset | None]:
    """Set problems aside that training never sees: another source or split, or at most a tenth of the training set."""
    arguments, wanted = settings.arguments, settings.arguments.eval_problems
    name, split = arguments.eval_dataset_name, arguments.eval_dataset_split
    if name is None and arguments.dataset_name == "arithmetic":
        name, split = "arithmetic", split or "held_out"
    if wanted == 0:
        return train, None
    if name is not None or split is not None:
        return train, _load(settings, "held out", name or arguments.dataset_name, split, wanted).dataset
    wanted = min(wanted, len(train) // 10)
    if wanted < 2:
        return train, None
    parts = train.train_test_split(test_size=wanted, seed=settings.trainer.seed)
    say(f"{'held out':9} {wanted} of them, never trained on")
    return parts["train"], parts["test"]


def _gradable(held_out: datasets.Dataset) -> datasets.Dataset | None:
    """Held-out problems that can be graded; a method without golds lets others pass, which are not wrong answers."""
    good = [i for i, readable in enumerate(golds_are_parsable(list(held_out["answer"]))) if readable]
    if len(good) == len(held_out):
        return held_out
    say(f"          {len(held_out) - len(good)} of {len(held_out)} held-out problems cannot be graded: not measured")
    return held_out.select(good) if len(good) > 1 else None
