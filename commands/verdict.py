"""Why is this answer right, or wrong? One gold, one text, and how the verdict comes about."""

import argparse
import sys
from typing import NoReturn

from typing_extensions import override

from commands.terminal.output import brief
from errors import UserError
from outgoing import put
from rewards import Explanation, explain

EXAMPLE = r"python cli.py verdict --gold '\frac12' --text 'so \boxed{0.5}'"

SHOWN_CHARS = 200


class Parser(argparse.ArgumentParser):
    """A mistake is told like any other."""

    @override
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. A value that begins with a minus is written --gold='-5'. Example: {EXAMPLE}")


def main(argv: list[str]) -> None:
    """Print what is compared, which rules decide, and the verdict."""
    parser = Parser(prog="cli.py verdict", description=__doc__, epilog=f"example: {EXAMPLE}")
    parser.add_argument("--gold", required=True, help="the right answer, in LaTeX")
    parser.add_argument("--text", required=True, help="a completion; - reads it from the standard input")
    parser.add_argument(
        "--extraction", choices=["boxed", "lenient"], default="boxed", help="lenient accepts answers without a box"
    )
    arguments = parser.parse_args(argv)
    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    told = explain(arguments.gold, text, extraction=arguments.extraction)
    lines = [
        *_read("gold", told.gold, told.parsed_gold, "nothing that can be read"),
        *_read("answer", told.answer, told.parsed_answer, "none in this text"),
        *(_step(*step) for step in told.steps),
        f"verdict  {_worded(told)}",
        f"time     {1000 * told.seconds:.1f} ms",
    ]
    put("\n".join(lines) + "\n")


def _read(name: str, answer: str | None, parsed: str | None, missing: str) -> list[str]:
    lines = [f"{name:8} {missing if answer is None else brief(answer, SHOWN_CHARS)}"]
    return lines if parsed is None else [*lines, f"{'':8} parsed as {parsed}"]


def _step(depth: int, rule: str, gold: str, answer: str, verdict: bool) -> str:
    pair = f"{brief(gold, SHOWN_CHARS)} {'=' if verdict else '≠'} {brief(answer, SHOWN_CHARS)}"
    return f"{'rule':8} {'  ' * (depth - 1)}{pair}   by {rule}"


def _worded(told: Explanation) -> str:
    if told.limit is not None:
        why = {"timeout": "took too long", "memory": "took too much memory"}.get(told.limit, "crashed")
        return f"0.0: the comparison {why} and was stopped"
    if told.verdict is None:
        return "None: nothing can be compared with this gold"
    return "1.0, equal" if told.verdict else "0.0, not equal"
