r"""How often checkers agree with labels: `rewards.verify`, plain math-verify and `trl.rewards.accuracy_reward`.

    python benchmarks/verifier_accuracy.py FOLDER [--only NAME ...] [--disagreements]

FOLDER holds files of lines with "id", "gold", "prediction" and "expected" (true or false). Each file is read by all
four: ours for any text ("lenient") and for boxes alone ("boxed"), math-verify as it comes, and TRL's reward, which
wants a box or a formula. Golds without a formula are handed to the two others as one, without which both cut them
short. A prediction that is a bare answer (`BARE`) is put into a box for all. None (a gold that cannot be read) is no
reward, so it agrees with a label "false". With --disagreements each row follows on which ours (lenient) and the label
differ.
"""

import argparse
import json
import logging
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from math_verify import parse
from math_verify import verify as math_verify
from trl.rewards import accuracy_reward

from outgoing import clean
from rewards import verify

BARE = {"mario_is_equiv_tests"}
Verdicts = list[float | None]


def as_formula(gold: str) -> str:
    """Wrap a gold that is no formula yet."""
    return gold if re.search(r"\$|\\boxed|\\\(|\\\[", gold) else f"${gold}$"


def by_math_verify(golds: Sequence[str], texts: Sequence[str]) -> Verdicts:
    """Ask math-verify with its default settings."""
    return [float(math_verify(parse(as_formula(gold)), parse(text))) for gold, text in zip(golds, texts, strict=True)]


def by_trl(golds: Sequence[str], texts: Sequence[str]) -> Verdicts:
    """Ask TRL's reward, one text at a time, for some end it with an error."""
    return [_reward(as_formula(gold), text) for gold, text in zip(golds, texts, strict=True)]


def _reward(gold: str, text: str) -> float | None:
    try:
        return accuracy_reward([[{"role": "assistant", "content": text}]], [gold])[0]
    except ValueError:  # a number of more than 4,300 digits, which it wants to print
        return None


CHECKERS: dict[str, Callable[[Sequence[str], Sequence[str]], Verdicts]] = {
    "ours": lambda golds, texts: verify(golds, texts, extraction="lenient"),
    "ours, boxed": verify,
    "math-verify": by_math_verify,
    "TRL": by_trl,
}


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read a labelled file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    if path.stem in BARE:
        rows = [{**row, "prediction": f"\\boxed{{{row['prediction']}}}"} for row in rows]
    return rows


def agreement(rows: list[dict[str, Any]], verdicts: Verdicts) -> list[bool]:
    """Tell of each row whether the verdict is its label."""
    return [(verdict == 1.0) == row["expected"] for row, verdict in zip(rows, verdicts, strict=True)]


def measure(path: Path, disagreements: bool) -> None:
    """Print one file's line, and the rows on which ours differs from the label."""
    rows = rows_of(path)
    golds, texts = [row["gold"] for row in rows], [row["prediction"] for row in rows]
    verdicts = {name: checker(golds, texts) for name, checker in CHECKERS.items()}
    agrees = {name: agreement(rows, found) for name, found in verdicts.items()}
    shares = " | ".join(f"{sum(found) / len(rows):.2%} ({len(rows) - sum(found)})" for found in agrees.values())
    print(f"| {path.stem} | {len(rows)} | {shares} |", flush=True)
    for row, agreed, verdict in zip(rows, agrees["ours"], verdicts["ours"], strict=True):
        if disagreements and not agreed:
            print(f"    {clean(row['id'])}: {verdict}, label {row['expected']}:", repr(row["gold"])[:90], end=" <- ")
            print(repr(row["prediction"][-90:]))


def main() -> None:
    """Read the command line and measure file after file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="names of files, without .jsonl")
    parser.add_argument("--disagreements", action="store_true")
    options = parser.parse_args()
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    print("| file | rows | " + " | ".join(CHECKERS) + " |\n" + "| --- " * (2 + len(CHECKERS)) + "|")
    for path in sorted(options.folder.glob("*.jsonl")):
        if not options.only or path.stem in options.only:
            measure(path, options.disagreements)


if __name__ == "__main__":
    main()
