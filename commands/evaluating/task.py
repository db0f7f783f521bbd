"""A benchmark ready to be asked: its problems as prompts of this model."""

from argparse import Namespace
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from commands.prompts import ModelFiles
from commands.terminal.console import say
from data import STOP_STRINGS, build_preset, prompt_length, render_prompt
from evaluation.benchmarks import Benchmark, Settings, load_benchmark
from evaluation.drawing import Problem
from evaluation.protocol import protocol
from evaluation.sampling import Sampling


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
        ids = self.protocol["dataset"]["ids_sha256"]
        return {**asdict(self.settings), "samples": None, "fingerprint": self.benchmark.fingerprint, "ids": ids}


def make_task(name: str, settings: Settings, options: Namespace, files: ModelFiles, tokenizer: Any) -> Task:
    """Load a benchmark and word its prompts; says what there is.

    Raises:
        DataError: It cannot be loaded.
    """
    benchmark = load_benchmark(name, options.benchmark_dir, options.limit)
    say(f"{'benchmark':9} {benchmark.describe()}")
    asked = build_preset(benchmark.dataset, settings.prompt, shots=settings.shots, shots_from=benchmark.shots_from)
    prompts = list(asked["prompt"])
    problems = [
        Problem(row["id"], render_prompt(prompt, tokenizer), row["answer"])
        for row, prompt in zip(benchmark.dataset, prompts, strict=True)
    ]
    positions = files.positions()
    room = None if positions is None else positions - settings.max_new_tokens
    too_long = (
        problem.id
        for problem, prompt in zip(problems, prompts, strict=True)
        if room is not None and prompt_length(prompt, tokenizer) > room
    )
    unasked = frozenset(too_long)
    if unasked:
        say(
            f"          {len(unasked)} prompts do not fit the model's {positions} positions with "
            f"{settings.max_new_tokens} new tokens: not asked, and counted as wrong (fewer --shots help)"
        )
    account = protocol(
        model="embedded" if options.embedded else options.model,
        tokenizer=tokenizer,
        prompts=prompts,
        benchmark=benchmark,
        settings=settings,
        engine="vllm" if options.server or options.engine == "vllm" else "transformers",
        revision=options.revision,
        adapter=options.model if (Path(options.model) / "adapter_config.json").is_file() else None,
        seeds=[options.seed] if settings.temperature else [],
    )
    return Task(benchmark, settings, problems, unasked, account)
