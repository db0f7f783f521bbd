"""What `cli.py filter-data` can be asked for."""

import argparse
from collections.abc import Sequence
from math import inf
from pathlib import Path

import embedded
from commands.arguments.plain import COUNT, PlainParser, number
from data import DATASETS, PROMPTS
from errors import UserError

ABOUT = """\
Keep the problems that a model can learn from: sample solutions of each and keep those of which some, but
not most, are right (by default 2 to 5 of 8, as for Nexus-1.5B). Without --model and --dataset: the embedded
arithmetic model on its own problems.

example: accelerate launch cli.py filter-data --model Qwen/Qwen2.5-Math-1.5B-Instruct --dataset math --keep 100
"""
MORE = """\
Give the same command again to go on after a stop, or with other --low and --high to sort the same samples
anew: only what is missing is drawn. The zone is a statement about this model, prompt, temperature and length.
"""
EMBEDDED = {"max_new_tokens": 128, "prompt_style": "plain"}
OTHERS = {"max_new_tokens": 2048, "prompt_style": "boxed"}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line, fill in what depends on the model, and check what depends on several options.

    Raises:
        UserError: Something cannot work.
    """
    options = parser().settle(argv)
    options.model = options.model or str(embedded.MODEL)
    options.embedded = Path(options.model).resolve() == embedded.MODEL
    for name, value in (EMBEDDED if options.embedded else OTHERS).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if not options.low <= options.high <= options.samples:
        raise UserError(
            f"the zone needs 0 ≤ --low ≤ --high ≤ --samples; found {options.low}, {options.high} and "
            f"{options.samples}."
        )
    if options.low == 0 and options.high == options.samples:
        raise UserError(
            f"--low 0 and --high {options.high} of --samples {options.samples} keep every problem; narrow the zone."
        )
    if options.all_samples and options.stop_when_unlikely is not None:
        raise UserError("--all-samples draws every sample and --stop-when-unlikely fewer; give one of them.")
    if options.temperature == 0 and options.samples > 1:
        raise UserError(
            f"--temperature 0 gives {options.samples} times the same solution, so nothing would lie between never and "
            "always. Sample with a temperature above 0."
        )
    if options.server and options.engine == "transformers":
        raise UserError("--server is a vLLM server; leave --engine out, or --server.")
    return options


def parser() -> PlainParser:
    """The options, in the sections of the help."""
    made = PlainParser("filter-data", description=ABOUT, epilog=MORE)
    add = made.option
    made.section("the zone")
    whole = number(int, 0, 10**6, "a whole number, 0 or more")
    add("--low", type=whole, default=2, help="fewest right answers of a learnable problem; default 2")
    add("--high", type=whole, default=5, help="most right answers; default 5")
    add("--samples", type=COUNT, default=8, help="solutions per problem at most; default 8")
    add("--max-problems", "--keep", type=COUNT, metavar="N", help="stop when N learnable problems are found")
    add("--all-samples", action="store_true", help="also draw samples that cannot change the verdict")
    chance = number(float, 0, 1, "a probability, 0 to 1")
    add("--stop-when-unlikely", type=chance, metavar="P", help="give a problem up when its chance falls below P")
    problem_options(made)
    sampling_options(made)
    made.section("the result")
    add("--keep-completions", action="store_true", help="write the texts of all samples, too")
    add("--output-dir", help="default: below outputs/, the same for the same question, so that it goes on there")
    add("--push-to-hub", metavar="OWNER/NAME", help="push the result as a data set")
    return made


def problem_options(parser: PlainParser) -> None:
    """Which problems, and how they are put."""
    add = parser.option
    parser.section("problems")
    add(
        "--dataset",
        "--dataset-name",
        default="arithmetic",
        help=f"{', '.join(DATASETS)}, a file, a folder or a Hub id",
    )
    add("--dataset-split", "--split", help="default train")
    add("--dataset-config", help="for data sets that have several")
    add("--problem-column", help="if not found by name")
    add("--answer-column", help="if not found by name")
    add("--limit", type=COUNT, metavar="N", help="look at the first N problems only")
    add("--prompt-style", choices=list(PROMPTS), help="default boxed (embedded: plain)")
    add("--system-prompt", help="replaces the style's system message")
    add("--max-prompt-length", type=COUNT, help="longer prompts (tokens) are set aside; default: 1024, or what fits")


def sampling_options(parser: PlainParser) -> None:
    """Which model, and how it samples."""
    add = parser.option
    parser.section("the model and its samples")
    add("--model", "--model-name-or-path", help="Hub id or folder; default: the embedded arithmetic model")
    add("--revision", "--model-revision", help="of the model on the Hub")
    add("--trust-remote-code", action="store_true", help="run model code from the Hub")
    add("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"], help="of the weights")
    temperature = number(float, 0, inf, "a number, 0 or more")
    add("--temperature", type=temperature, default=1.0, help="default 1, as training samples")
    add("--top-p", type=number(float, 1e-9, 1, "a probability above 0"), default=1.0, help="default 1")
    add("--top-k", type=number(int, 0, 10**9, "a whole number, 0 or more"), default=0, help="default 0: all tokens")
    add("--max-new-tokens", "--max-completion-length", type=COUNT, help="default 2048 (embedded: 128)")
    add("--seed", type=number(int, 0, 2**63, "a whole number, 0 or more"), default=42, help="default 42")
    add("--engine", choices=["transformers", "vllm"], help="default transformers")
    add("--server", metavar="URL", help="a running vLLM server, such as http://localhost:8000")
    add("--batch-size", type=COUNT, default=64, help="solutions at once; default 64")
