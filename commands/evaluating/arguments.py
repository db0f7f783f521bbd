"""What `cli.py evaluate` can be asked for."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import embedded
from commands.arguments.plain import COUNT, PlainParser, number
from data import PRESETS
from errors import UserError, did_you_mean
from evaluation.benchmarks import BENCHMARKS, SUITES, Settings

ABOUT = """\
Measure a model on benchmarks: every one of the seeds' tables, suites of them, or files of your own.

example: accelerate launch cli.py evaluate --model outputs/my-run/final --benchmark math500 gsm8k --benchmark-dir files
"""
MORE = """\
Each completion is kept as it comes: the same command goes on after a stop. with --rescore it grades again without
a model. Compare two results with `cli.py compare A B`.
"""
CHANGES = {
    "prompt": "prompt",
    "shots": "shots",
    "hints": "hints",
    "samples": "samples",
    "temperature": "temperature",
    "top_p": "top_p",
    "max_new_tokens": "max_new_tokens",
}


def parse(argv: Sequence[str]) -> Namespace:
    """Read the command line, and make of the names of benchmarks and suites what is to be run.

    Raises:
        UserError: Something cannot work.
    """
    options = parser().settle(argv)
    options.model = options.model or str(embedded.MODEL)
    options.embedded = Path(options.model).resolve() == embedded.MODEL
    suites = [name for name in options.benchmark if name in SUITES]
    if suites and len(options.benchmark) > 1:
        raise UserError(f"--benchmark takes one suite, or benchmarks; found {' '.join(options.benchmark)}.")
    options.suite = suites[0] if suites else ""
    options.plan = [(name, _changed(settings, options)) for name, settings in _settings(options)]
    if any(settings.samples > 1 and settings.temperature == 0 for _, settings in options.plan):
        raise UserError("several samples at temperature 0 are all the same; give a --temperature, or --samples 1.")
    return options


def _settings(options: Namespace) -> list[tuple[str, Settings]]:
    if options.suite:
        return list(SUITES[options.suite])
    for name in options.benchmark:
        beside = Path(options.benchmark_dir or "") / f"{name}.jsonl"
        if name not in BENCHMARKS and "/" not in name and not Path(name).exists() and not beside.exists():
            known = [*SUITES, *BENCHMARKS]
            raise UserError(
                f"--benchmark takes {', '.join(known)}, or a file or Hub id of your own; found {name!r}."
                f"{did_you_mean(name, known)}"
            )
    return [(name, BENCHMARKS[name].settings if name in BENCHMARKS else Settings()) for name in options.benchmark]


def _changed(settings: Settings, options: Namespace) -> Settings:
    """The benchmark's usual settings with what was asked for instead."""
    changes: dict[str, Any] = {
        field: getattr(options, name) for name, field in CHANGES.items() if getattr(options, name) is not None
    }
    if options.tools is not None:
        changes["tools"] = options.tools == "python"
    if options.embedded and options.max_new_tokens is None:
        changes["max_new_tokens"] = 128
    return replace(settings, **changes)


def parser() -> PlainParser:
    """The options, in the sections of the help."""
    made = PlainParser("evaluate", description=ABOUT, epilog=MORE)
    add = made.option
    made.section("what to measure on")
    add("--benchmark", "--suite", nargs="+", required=True, metavar="NAME", help=", ".join([*SUITES, *BENCHMARKS]))
    add("--benchmark-dir", metavar="FOLDER", help="with the benchmarks as .jsonl files; default: from the Hub")
    add("--limit", type=COUNT, metavar="N", help="the first N problems only; stamped as a smoke test")
    add("--trained-on", metavar="DATASET", help="what the model was trained on, if its run folder does not say")
    made.section("protocol; each defaults to that of the benchmark or suite")
    add("--prompt", choices=list(PRESETS), help="how a problem is put")
    add("--shots", type=number(int, 0, 1000, "a whole number, 0 or more"), help="demonstrations before the problem")
    add("--hints", metavar="RULE", help="knowledge points in the prompt: all, css, cbrs, …; default none")
    add("--samples", type=COUNT, help="completions per problem; the score is their mean, avg@n")
    add("--temperature", type=number(float, 0, inf, "a number, 0 or more"), help="0 decodes greedily")
    add("--top-p", type=number(float, 1e-9, 1, "a probability above 0"), help="share of the probability sampled from")
    add("--max-new-tokens", "--max-completion-length", type=COUNT, help="longest completion, with tools of all rounds")
    add("--tools", choices=["none", "python"], help="whether the model may run Python, walled in")
    add(
        "--tool-state", choices=["fresh", "replay"], default="fresh", help="a program alone, or after the earlier ones"
    )
    add("--tool-rounds", type=COUNT, default=10, help="programs per completion at most; default 10")
    add("--allow-unsafe-code", action="store_true", help="run programs even where they cannot be walled in")
    add("--seed", type=number(int, 0, 2**63, "a whole number, 0 or more"), default=42, help="default 42")
    made.section("the model")
    add("--model", "--model-name-or-path", help="Hub id, folder or adapter; default: the embedded arithmetic model")
    add("--revision", "--model-revision", help="of the model on the Hub")
    add("--trust-remote-code", action="store_true", help="run model code from the Hub")
    add("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"], help="of the weights")
    add("--engine", choices=["transformers", "vllm"], help="default transformers")
    add("--server", metavar="URL", help="a running vLLM server, such as http://localhost:8000")
    add("--batch-size", type=COUNT, default=64, help="completions at once; default 64")
    made.section("the result")
    add("--output-dir", help="default: below outputs/, the same for the same question, so that it goes on there")
    add("--rescore", action="store_true", help="grade what is on record, without generating")
    return made
