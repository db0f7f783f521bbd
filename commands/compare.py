"""`cli.py compare A B`: is the second result better than the first, or is it noise?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from commands.arguments.plain import PlainParser
from commands.terminal.console import say
from errors import UserError
from evaluation.statistics import in_words, score_change
from runs.files import read_jsonl
from runs.folder import SampleFolder

ABOUT = """\
Compare two results of `cli.py evaluate`, problem by problem: the difference with a 95 % interval, and in words whether
it is more than noise. With one sample per problem that is the exact sign test. Only problems that both have count.

example: python cli.py compare outputs/eval-before outputs/eval-after
"""

PROTOCOL = ("prompt", "shots", "hints", "tools", "temperature", "top_p", "max_new_tokens")
"""Settings of a benchmark that a score depends on; the number of samples is none, as long as they are drawn alike."""


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError: A folder is no result, or the two have nothing in common.
    """
    parser = PlainParser("compare", description=ABOUT)
    parser.add_argument("before", metavar="A", help="folder of the first result")
    parser.add_argument("after", metavar="B", help="folder of the second result")
    parser.add_argument(
        "--across-protocols", action="store_true", help="compare although prompt, shots, decoding or tools differ"
    )
    options = parser.settle(argv)
    before, after = _verdicts(options.before), _verdicts(options.after)
    common = [name for name in before if name in after]
    if not common:
        raise UserError(
            f"{options.before} has {', '.join(before)} and {options.after} has {', '.join(after)}: nothing in common "
            "that could be compared."
        )
    differs = {name: _protocol_differences(name, options.before, options.after) for name in common}
    for name in common:
        _same_source(name, options.before, options.after)
        if differs[name] and not options.across_protocols:
            raise UserError(
                f"{name} was measured by two protocols: {differs[name]}. A difference of scores would be that of the "
                "protocols too. Measure both alike, or say --across-protocols to compare them as they are."
            )
    for name in common:
        ids = [i for i in before[name] if i in after[name]]
        if len(ids) < 2:
            raise UserError(
                f"the two results on {name} have {len(ids)} problems in common, and a comparison needs two or more; "
                "were they cut to different rows?"
            )
        pairs = [[side[name][i] for i in ids] for side in (before, after)]
        change = score_change(*pairs)
        means = [100 * sum(sum(row) / len(row) for row in side) / len(side) for side in pairs]
        say(f"{name}: {means[0]:.1f} → {means[1]:.1f} %. {in_words(change, len(ids))}")
        if differs[name]:
            say(f"{'':{len(name)}}  across protocols: {differs[name]}")
        left = len(before[name]) + len(after[name]) - 2 * len(ids)
        if left:
            say(f"{'':{len(name)}}  {left} problems that only one of them has are left out")


def _same_source(name: str, *folders: str) -> None:
    """Refuse two files that only share a name."""
    asked = [SampleFolder(folder, "evaluation.json").read().get("question", {}) for folder in folders]
    prints = [question.get("benchmarks", {}).get(name, {}).get("fingerprint") for question in asked]
    if None not in prints and prints[0] != prints[1]:
        raise UserError(f"{name} is not the same data in {folders[0]} and {folders[1]}: problems or answers differ.")


def _protocol_differences(name: str, *folders: str) -> str:
    """In what the two measurements of a benchmark differ besides the model, as `shots 0 and 4, ...`; "" in nothing."""
    asked = [SampleFolder(folder, "evaluation.json").read().get("question", {}) for folder in folders]
    settings = [question.get("benchmarks", {}).get(name, {}) for question in asked]
    pairs = {key: [each.get(key) for each in settings] for key in PROTOCOL}
    pairs |= {key: [question.get(key) for question in asked] for key in ("engine", "dtype")}
    unlike = {key: pair for key, pair in pairs.items() if None not in pair and pair[0] != pair[1]}
    return ", ".join(f"{key} {one} and {other}" for key, (one, other) in unlike.items())


def _verdicts(folder: str) -> dict[str, dict[Any, list[float]]]:
    """Verdicts by benchmark and problem."""
    files = sorted(Path(folder).glob("*/verdicts.jsonl"))
    if not files:
        raise UserError(f"{folder} holds no result of `cli.py evaluate`: there is no verdicts.jsonl below it.")
    return {path.parent.name: {row["id"]: row["correct"] for row in read_jsonl(path)} for path in files}
