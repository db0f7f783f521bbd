"""A benchmark ready to be asked: its problems as prompts of this model."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from commands.prompts import ModelFiles
from commands.terminal.console import say
from data import STOP_STRINGS, Prompt, build_preset, prompt_length, render_prompt
from errors import UserError
from evaluation.benchmarks import Benchmark, Settings, load_benchmark
from evaluation.engines import Sampling
from evaluation.report import protocol
from evaluation.sampler import Problem


class DoesNotFitError(UserError):
    """No prompt of a benchmark leaves the model room for an answer."""


@dataclass(frozen=True)
class Task:
    """A benchmark, how it is run, and its problems.

    Attributes:
        benchmark: Its rows.
        settings: How it is run.
        problems: In the order of the rows.
        unasked: Ids of those whose prompt leaves the model no room for an answer; they count as wrong.
        protocol: How a score comes about.
    """

    benchmark: Benchmark
    settings: Settings
    problems: list[Problem]
    unasked: frozenset[str]
    protocol: dict[str, Any]

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return Path(self.benchmark.name).stem

    @property
    def sampling(self) -> Sampling:
        """How to decode."""
        s = self.settings
        return Sampling(s.max_new_tokens, s.temperature, s.top_p, 0, STOP_STRINGS.get(s.prompt, ()))

    def question(self) -> dict[str, Any]:
        """What its samples depend on."""
        return {**asdict(self.settings), "samples": None, "fingerprint": self.benchmark.fingerprint}


def make_task(name: str, settings: Settings, options: Namespace, files: ModelFiles, tokenizer: Any) -> Task:
    """Load a benchmark and word its prompts; says what there is.

    Raises:
        DataError: It cannot be loaded.
        DoesNotFitError: The model cannot be asked it.
    """
    benchmark = load_benchmark(name, options.benchmark_dir, options.limit)
    say(f"{'benchmark':9} {benchmark.describe()}")
    bank, hints = benchmark.shots_from, settings.hints
    asked = build_preset(benchmark.dataset, settings.prompt, shots=settings.shots, shots_from=bank, hints=hints)
    prompts = list(asked["prompt"])
    problems = [
        Problem(row["id"], render_prompt(prompt, tokenizer), row["answer"])
        for row, prompt in zip(benchmark.dataset, prompts, strict=True)
    ]
    positions = files.positions()
    if positions is not None and settings.max_new_tokens >= positions and options.max_new_tokens is None:
        settings = replace(settings, max_new_tokens=positions // 2)
        say(f"          the model has {positions} positions: at most {positions // 2} new tokens (--max-new-tokens)")
    unasked = _without_room(name, settings, positions, problems, prompts, tokenizer)
    account = protocol(
        model="embedded" if options.embedded else files.adapter.base if files.adapter else options.model,
        tokenizer=tokenizer,
        prompts=prompts,
        benchmark=benchmark,
        settings=settings,
        engine="vllm" if options.server or options.engine == "vllm" else "transformers",
        revision=options.revision,
        adapter=options.model if files.adapter else None,
        seeds=[options.seed] if settings.temperature else [],
    )
    return Task(benchmark, settings, problems, unasked, account)


def _without_room(
    name: str,
    settings: Settings,
    positions: int | None,
    problems: Sequence[Problem],
    prompts: Sequence[Prompt],
    tokenizer: Any,
) -> frozenset[str]:
    """Ids of the problems whose prompt leaves no room for the longest completion; says how many there are.

    Raises:
        DoesNotFitError: That is all of them.
    """
    if positions is None:
        return frozenset()
    room = positions - settings.max_new_tokens
    lengths = [prompt_length(prompt, tokenizer) for prompt in prompts]
    unasked = frozenset(problem.id for problem, length in zip(problems, lengths, strict=True) if length > room)
    if len(unasked) == len(problems):
        raise DoesNotFitError(
            f"no prompt of {name} fits the model's {positions} positions with {settings.max_new_tokens} new tokens "
            f"and {settings.shots} shots. Give fewer --shots, or a smaller --max-new-tokens."
        )
    if unasked:
        say(
            f"          {len(unasked)} prompts do not fit the model's {positions} positions with "
            f"{settings.max_new_tokens} new tokens: not asked, and counted as wrong (fewer --shots help)"
        )
    return unasked
