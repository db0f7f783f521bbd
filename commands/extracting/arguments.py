"""What `cli.py knowledge extract` can be asked for."""

import argparse
import re
import urllib.parse
from collections.abc import Sequence
from math import inf

from commands.arguments.plain import COUNT, PlainParser, number
from data import DATASETS
from errors import UserError

ABOUT = """\
Have a teacher model state the knowledge that verified solutions rest on, for `knowledge select` and `train --hints`.
Each point is checked for what it gives away, judged, written anew if it fails, and dropped if it fails again.
Without --teacher: the embedded problems, and a teacher that answers from a table.

example: python cli.py knowledge extract --dataset problems.jsonl --teacher-url https://host/v1 --teacher MODEL
"""
MORE = """\
Every reply is kept as it comes: give the same command again to go on after a stop. A point that fails twice, and a
problem without a verified solution, is listed in review.jsonl with the reasons.
"""
TABLE = "the table for arithmetic"


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line, fill in what depends on the teacher, and check what depends on several options.

    Raises:
        UserError: Something cannot work.
    """
    options = parser().settle(argv)
    options.judge = not options.no_judge
    options.embedded, options.model = options.teacher is None, options.teacher or TABLE
    options.server, options.engine = None, "chat" if options.teacher_url else None
    if options.teacher_url:
        _check_url(options)
    if options.embedded:
        _take_embedded(options)
    elif options.dataset is None:
        raise UserError(f"--teacher {options.teacher} needs problems: name them with --dataset.")
    if not re.fullmatch(r"[A-Za-z_]\w*", options.teacher_key_env or "unnamed"):
        # Perhaps the key itself, so it is not repeated.
        raise UserError("--teacher-key-env takes the name of an environment variable, not the key itself.")
    return options


def _check_url(options: argparse.Namespace) -> None:
    url = urllib.parse.urlsplit(options.teacher_url)
    if options.embedded:
        raise UserError("--teacher-url needs --teacher: the name of a model that the endpoint has.")
    if url.username or url.password or url.query or url.scheme not in ("http", "https") or not url.hostname:
        raise UserError(
            "--teacher-url is an address such as https://host/v1, without a user, a password or a ?query, which would "
            "be written into records. Put the key into the environment variable that --teacher-key-env names."
        )


def _take_embedded(options: argparse.Namespace) -> None:
    """The table answers for the problems it was written for, and no others."""
    options.dataset, options.dataset_config = options.dataset or "arithmetic", options.dataset_config or "knowledge"
    if (options.dataset, options.dataset_config) != ("arithmetic", "knowledge"):
        raise UserError(
            f"--dataset {options.dataset} needs a --teacher: an endpoint's model with --teacher-url, or a Hub id or "
            "folder. The embedded teacher has answers for its own problems alone."
        )


def parser() -> PlainParser:
    """The options, in the sections of the help."""
    made = PlainParser("knowledge extract", description=ABOUT, epilog=MORE)
    add = made.option
    made.section("problems")
    known = f"{', '.join(DATASETS)}, a file, a folder or a Hub id; default: the embedded hard arithmetic"
    add("--dataset", "--dataset-name", help=known)
    add("--dataset-split", "--split", help="default train")
    add("--dataset-config", help="for data sets that have several")
    add("--problem-column", help="if not found by name")
    add("--answer-column", help="if not found by name")
    add("--solution-column", help="worked solutions; default solution, where there is one")
    add("--limit", type=COUNT, metavar="N", help="take the first N problems only")
    teacher_options(made)
    made.section("the work")
    add("--tries", type=COUNT, default=4, help="solutions asked of the teacher where none is right; default 4")
    add("--no-judge", action="store_true", help="do not have the teacher judge each point")
    add("--output-dir", help="default: below outputs/, the same for the same question, so that it goes on there")
    return made


def teacher_options(parser: PlainParser) -> None:
    """Who is asked, and how."""
    add = parser.option
    parser.section("the teacher")
    add("--teacher", help="a model's Hub id or folder, or with --teacher-url its name there")
    add("--teacher-url", metavar="URL", help="an OpenAI-compatible endpoint, such as https://host/v1")
    add(
        "--teacher-key-env",
        metavar="NAME",
        help="environment variable with its key; default OPENAI_API_KEY, for OpenAI alone",
    )
    add("--concurrency", type=COUNT, default=8, help="questions to an endpoint at once; default 8")
    seconds = number(float, 1, 86400, "seconds, 1 or more")
    add("--timeout", type=seconds, default=600.0, metavar="SECONDS", help="for an endpoint's answer; default 600")
    add("--temperature", type=number(float, 0, inf, "a number, 0 or more"), default=0.6, help="default 0.6")
    add("--max-tokens", type=COUNT, default=4096, help="longest reply, thoughts included; default 4096")
    add("--seed", type=number(int, 0, 2**63, "a whole number, 0 or more"), default=42, help="of a model; default 42")
    add("--revision", help="of a model on the Hub")
    add("--trust-remote-code", action="store_true", help="run model code from the Hub")
    add("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"], help="of a model's weights")
    add("--batch-size", type=COUNT, default=16, help="questions to a model at once; default 16")
