"""`cli.py compare A B`: is the second result better than the first, or is it noise?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from commands.arguments.plain import PlainParser
from commands.terminal.console import say
from errors import UserError
from evaluation.statistics import in_words, paired_bootstrap
from runs.records import read_jsonl
from runs.samples import SampleFolder

ABOUT = """\
Compare two results of `cli.py evaluate`, problem by problem: the difference with a 95 % interval, and in words whether
it is more than noise. Problems are drawn with replacement; only those that both have count.

example: python cli.py compare outputs/eval-before outputs/eval-after
"""


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError: A folder is no result, or the two have nothing in common.
    """
    parser = PlainParser("compare", description=ABOUT)
    parser.add_argument("before", metavar="A", help="folder of the first result")
    parser.add_argument("after", metavar="B", help="folder of the second result")
    options = parser.settle(argv)
    before, after = _verdicts(options.before), _verdicts(options.after)
    common = [name for name in before if name in after]
    if not common:
        raise UserError(
            f"{options.before} has {', '.join(before)} and {options.after} has {', '.join(after)}: nothing in common "
            "that could be compared."
        )
    for name in common:
        _same_source(name, options.before, options.after)
        ids = [i for i in before[name] if i in after[name]]
        if len(ids) < 2:
            raise UserError(
                f"the two results on {name} have {len(ids)} problems in common, and a comparison needs two or more; "
                "were they cut to different rows?"
            )
        pairs = [[side[name][i] for i in ids] for side in (before, after)]
        change = paired_bootstrap(*pairs)
        means = [100 * sum(sum(row) / len(row) for row in side) / len(side) for side in pairs]
        say(f"{name}: {means[0]:.1f} → {means[1]:.1f} %. {in_words(change, len(ids))}")
        left = len(before[name]) + len(after[name]) - 2 * len(ids)
        if left:
            say(f"{'':{len(name)}}  {left} problems that only one of them has are left out")


def _same_source(name: str, *folders: str) -> None:
    """Refuse two files that only share a name."""
    asked = [SampleFolder(folder, "evaluation.json").read().get("question", {}) for folder in folders]
    prints = [question.get("benchmarks", {}).get(name, {}).get("fingerprint") for question in asked]
    if None not in prints and prints[0] != prints[1]:
        raise UserError(f"{name} is not the same data in {folders[0]} and {folders[1]}: problems or answers differ.")


def _verdicts(folder: str) -> dict[str, dict[Any, list[float]]]:
    """Verdicts by benchmark and problem."""
    files = sorted(Path(folder).glob("*/verdicts.jsonl"))
    if not files:
        raise UserError(f"{folder} holds no result of `cli.py evaluate`: there is no verdicts.jsonl below it.")
    return {path.parent.name: {row["id"]: row["correct"] for row in read_jsonl(path)} for path in files}
