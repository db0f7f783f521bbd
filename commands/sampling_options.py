"""The options that commands which sample a data set share: which problems, which model, and how it samples."""

import argparse
from math import inf
from pathlib import Path

import embedded
from commands.arguments.plain import COUNT, PlainParser, number
from data import DATASETS, PROMPTS
from errors import UserError

EMBEDDED = {"max_new_tokens": 128, "prompt_style": "plain"}
OTHERS = {"max_new_tokens": 2048, "prompt_style": "boxed"}


def settle_model(options: argparse.Namespace) -> argparse.Namespace:
    """Fill in what depends on the model.

    Raises:
        UserError: Engine and server contradict each other.
    """
    options.model = options.model or str(embedded.MODEL)
    options.embedded = Path(options.model).resolve() == embedded.MODEL
    for name, value in (EMBEDDED if options.embedded else OTHERS).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.server and options.engine == "transformers":
        raise UserError("--server is a vLLM server; leave --engine out, or --server.")
    return options


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
