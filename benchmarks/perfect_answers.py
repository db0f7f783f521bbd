"""Which golds of the benchmarks cannot be graded, and does the right answer to every other one earn its point?

    python benchmarks/perfect_answers.py FOLDER --benchmarks college_math math --list

FOLDER holds the benchmarks as .jsonl files. College Math takes minutes: some of its golds take the verifier's limit.
"""

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from evaluation.benchmarks import BENCHMARKS, load_benchmark  # noqa: E402
from evaluation.scoring import Item, score  # noqa: E402
from outgoing import clean  # noqa: E402


def main() -> None:
    """One line per benchmark, and with --list the golds that cannot be graded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--benchmarks", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS), metavar="NAME")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    print("| benchmark | problems | ungradable | (at the limit) | right answer | at the limit | seconds |")
    print("|---|---|---|---|---|---|---|")
    for name in options.benchmarks:
        start = time.perf_counter()
        loaded = load_benchmark(name, options.folder)
        rows = loaded.dataset.to_list()
        items = [Item(r["answer"], f"\\boxed{{{r['answer']}}}", loaded.kind, r["choices"]) for r in rows]
        scores = score(items)
        right = sum(verdict == 1.0 for verdict in scores.strict)
        told = [
            len(rows) + len(loaded.ungradable),
            len(loaded.ungradable),
            loaded.at_limit,
            f"{right} of {len(rows)}",
        ]
        told += [scores.timeouts + scores.out_of_memory, f"{time.perf_counter() - start:.0f}"]
        print(f"| {name} | {' | '.join(map(str, told))} |", flush=True)
        if options.list:
            for row in loaded.ungradable:
                print(f"    {clean(row.id)}: {clean(row.reason)}: {row.gold!r:.90}")
            for row, verdict in zip(rows, scores.strict, strict=True):
                if verdict != 1.0:
                    print(f"    {clean(row['id'])}: not equal to itself this time: {row['answer']!r:.90}")


if __name__ == "__main__":
    main()
