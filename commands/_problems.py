"""From a data set's name to the prompts of a run, all of it before any weights are loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import datasets
from transformers import AutoConfig, AutoTokenizer

from commands._console import say
from commands._errors import UserError
from commands._settings import Settings
from data import Problems, as_text, build_prompts, drop_long, load_problems, prompt_length
from rewards import gold_is_parsable


@dataclass(frozen=True)
class Task:
    """What a run trains on and is measured on.

    Attributes:
        train: Columns `prompt`, `answer` and what else the source has.
        held_out: The same columns; None if nothing is measured.
        source: Name and fingerprint of the training problems.
        tokenizer: The model's.
    """

    train: datasets.Dataset
    held_out: datasets.Dataset | None
    source: str
    tokenizer: Any


def prepare(settings: Settings) -> Task:
    """Load, map, check and word the problems; says what was done.

    Raises:
        UserError, DataError: Anything about model name, data or batch arithmetic that cannot work.
    """
    arguments, tokenizer = settings.arguments, load_tokenizer(settings)
    problems = _load(settings, "data", arguments.dataset_name, arguments.dataset_split)
    train = problems.dataset
    if arguments.max_problems is not None:
        train = train.select(range(min(arguments.max_problems, len(train))))
    train, held_out = _hold_out(settings, train)
    train = _worded(settings, train, tokenizer)
    if held_out is not None:
        held_out = _worded(settings, held_out, tokenizer)
    _check_context(settings, [*train["prompt"], *(held_out["prompt"] if held_out is not None else [])], tokenizer)
    _check_batch(settings, len(train))
    source = f"{problems.source} (sha256 {problems.fingerprint[:12]})"
    return Task(train, held_out, source, tokenizer)


def load_tokenizer(settings: Settings) -> Any:
    """The model's tokenizer, which costs little and is all that checking the data needs."""
    with _model_files(settings):
        return AutoTokenizer.from_pretrained(
            settings.model_name,
            revision=settings.model.model_revision,
            trust_remote_code=settings.trainer.trust_remote_code,
        )


@contextmanager
def _model_files(settings: Settings) -> Iterator[None]:
    """Tell what goes wrong with the files of a model like any other wrong argument."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise UserError(
            f"no model could be loaded from --model_name_or_path {settings.model_name}: "
            f"{str(error).splitlines()[0]} Name a Hub id (online, or already in the cache) or a local folder with "
            "config, weights and tokenizer."
        ) from error


def _load(settings: Settings, role: str, name: str, split: str | None) -> Problems:
    """Problems with answers that can be graded; says under its role what was found where."""
    arguments = settings.arguments
    own = name == arguments.dataset_name  # columns are named for the training set; another source has its own layout
    problems = load_problems(
        name,
        split=split,
        config=arguments.dataset_config if own else None,
        problem_column=arguments.problem_column if own else None,
        answer_column=arguments.answer_column if own else None,
    )
    say(f"{role:9} {name}: {len(problems.dataset):,} problems; {'; '.join(problems.mapping)}")
    dataset = problems.dataset
    bad = [i for i, gold in enumerate(dataset["answer"]) if not gold_is_parsable(gold)]
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
        other = _load(settings, "held out", name or arguments.dataset_name, split).dataset
        return train, other.select(range(min(wanted, len(other))))
    wanted = min(wanted, len(train) // 10)
    if wanted < 2:
        return train, None
    parts = train.train_test_split(test_size=wanted, seed=settings.trainer.seed)
    say(f"{'held out':9} {wanted} of them, never trained on")
    return parts["train"], parts["test"]


def _worded(settings: Settings, dataset: datasets.Dataset, tokenizer: Any) -> datasets.Dataset:
    """Add prompts, drop those that are too long."""
    arguments = settings.arguments
    assert arguments.prompt_style is not None, "parse() chooses one"
    dataset = build_prompts(dataset, arguments.prompt_style, system=arguments.system_prompt)
    if tokenizer.chat_template is None:
        say("          the model has no chat template: prompts are plain text, Question: … Answer:")
        texts = [as_text(prompt) for prompt in dataset["prompt"]]
        dataset = dataset.remove_columns("prompt").add_column("prompt", texts)
    dataset, dropped = drop_long(dataset, tokenizer, arguments.max_prompt_length)
    if dropped:
        rows = ", ".join(map(str, sorted(dropped)[:5])) + (", …" if len(dropped) > 5 else "")
        limit = arguments.max_prompt_length
        say(f"          {len(dropped)} prompts over {limit} tokens dropped (--max_prompt_length): rows {rows}")
    return dataset


def _check_context(settings: Settings, prompts: list[Any], tokenizer: Any) -> None:
    """Prompt and completion must fit the positions that the model knows."""
    with _model_files(settings):
        config = AutoConfig.from_pretrained(
            settings.model_name,
            revision=settings.model.model_revision,
            trust_remote_code=settings.trainer.trust_remote_code,
        )
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    longest = max(prompt_length(prompt, tokenizer) for prompt in prompts)
    completion = settings.max_new_tokens
    if positions is not None and longest + completion > positions:
        raise UserError(
            f"the longest prompt ({longest} tokens) and --max_completion_length {completion} do not fit the model's "
            f"{positions} positions. Lower --max_completion_length to {positions - longest}, or --max_prompt_length."
        )


def _check_batch(settings: Settings, problems: int) -> None:
    """One generation needs its number of prompts; TRL drops an incomplete rest without a word."""
    config = settings.trainer
    # GRPOConfig has derived both by now.
    assert config.generation_batch_size is not None
    assert config.steps_per_generation is not None
    assert config.num_generations is not None
    prompts = config.generation_batch_size // config.num_generations
    if problems < prompts:
        raise UserError(
            f"there are {problems} training problems, but each generation takes {prompts} prompts (= "
            f"{config.generation_batch_size} completions / --num_generations {config.num_generations}): no step "
            f"could be made. Add problems, or lower --per_device_train_batch_size (now "
            f"{config.per_device_train_batch_size}) or --steps_per_generation (now {config.steps_per_generation})."
        )
    generations, rest = divmod(problems, prompts)
    updates = config.num_iterations * config.steps_per_generation // config.gradient_accumulation_steps
    left = f", {rest} left out each epoch" if rest else ""
    say(
        f"batch     {prompts} prompts × {config.num_generations} completions per generation, {updates} optimizer "
        f"step{'s' if updates != 1 else ''} each; {generations} generations per epoch{left}"
    )
