"""Completions judged per second: `rewards.verify` beside `trl.rewards.accuracy_reward`, on the same real completions.

    python benchmarks/verifier_speed.py FILE.jsonl [FILE.jsonl ...]     lines with "gold" and "prediction"

A file is cut into parts of whole problems, as a training step meets them. Each part goes first through one checker and
then through the other, in alternating order, so that a busy machine troubles both. No checker has seen a part before
("cold"); a second pass over all parts shows what remembering is worth ("warm"). Both stand ready before the clock
starts. Where few texts hold a box, ours looks for answers without one (`extraction="lenient"`): TRL's rewards nothing
there, but reads the texts all the same.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from trl.rewards import accuracy_reward

from rewards import verify
from rewards.worker_pool import default_workers

Check = Callable[[Sequence[str], Sequence[str]], object]


def theirs(golds: Sequence[str], texts: Sequence[str]) -> object:
    """TRL's reward, on the messages that it wants."""
    return accuracy_reward([[{"role": "assistant", "content": text}] for text in texts], list(golds))


def parts_of(rows: list[dict[str, str]], number: int) -> list[list[dict[str, str]]]:
    """Cut rows into about so many parts, never between two completions of one problem."""
    parts: list[list[dict[str, str]]] = [[]]
    for before, row in zip([None, *rows], rows, strict=False):
        new_problem = before is None or before.get("problem_id", before["id"]) != row.get("problem_id", row["id"])
        if new_problem and len(parts[-1]) >= len(rows) / number:
            parts.append([])
        parts[-1].append(row)
    return parts


def seconds(check: Check, part: list[dict[str, str]]) -> float:
    """Time one pass over a part."""
    golds, texts = [row["gold"] for row in part], [row["prediction"] for row in part]
    start = time.perf_counter()
    check(golds, texts)
    return time.perf_counter() - start


def measure(path: Path, number: int) -> None:
    """Print the rates of both on one file, and the median over its parts of their ratio."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    boxed = sum("\\boxed" in row["prediction"] for row in rows) / len(rows)
    extraction = "boxed" if boxed >= 0.5 else "lenient"

    def ours(golds: Sequence[str], texts: Sequence[str]) -> object:
        return verify(golds, texts, extraction=extraction)

    parts = parts_of(rows, number)
    for name in ("cold", "warm"):
        times: list[dict[Check, float]] = []
        for i, part in enumerate(parts):
            order = (ours, theirs) if i % 2 else (theirs, ours)
            times.append({check: seconds(check, part) for check in order})
        rate = {check: len(rows) / sum(each[check] for each in times) for check in (ours, theirs)}
        ratio = median(each[theirs] / each[ours] for each in times)
        print(
            f"{path.stem:28} {len(rows):>6} {len(parts):>6} {extraction:8} {name:5} "
            f"{rate[ours]:>12,.0f} {rate[theirs]:>10,.0f} {rate[ours] / rate[theirs]:>8.1f} {ratio:>7.1f}",
            flush=True,
        )


def main() -> None:
    """Read the arguments, warm both up, and go through the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--parts", type=int, default=8)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    for check in (verify, theirs):
        check([r"\frac{z}{3}"], [r"\boxed{z/3}"])
    print(f"{len(os.sched_getaffinity(0))} cores, {default_workers()} workers; completions per second")
    rates = f"{'ours':>12} {'TRL':>10} {'ratio':>8} {'median':>7}"
    print(f"{'file':28} {'rows':>6} {'parts':>6} {'answers':8} {'':5} {rates}")
    for path in arguments.files:
        measure(path, arguments.parts)


if __name__ == "__main__":
    main()
