"""Does the learnable zone help? Training on filtered problems against random ones of the same pool.

    python benchmarks/filter_training.py --seeds 1 2 3

Questions, put before the runs. On the embedded model, LPRO, 80 steps of recipes/embedded.yaml, the same seed on both
sides: is held-out greedy accuracy higher after training on 100 problems that `filter-data` keeps (the number of
Nexus-1.5B's card) than on 100 random ones, (1) of the embedded problems, of which about two thirds are in the zone
anyway, (2) of a pool in which three of four are products far beyond the model? The filter draws with the run's seed,
from the untrained model.
"""

import argparse
import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, stdev

from _common import ROOT, cli, write

from data import load_problems
from evaluation.statistics import paired_difference
from runs.folder import RunFolder

KEPT, POOL = 100, 2000


def pool(kind: str, path: Path) -> Path:
    """A pool of problems as a file: the embedded ones, or a quarter of them and three quarters of long products."""
    rows = [{"problem": r["problem"], "answer": r["answer"]} for r in load_problems("arithmetic").dataset]
    if kind == "hard":
        draw, rows = random.Random(0), rows[: POOL // 4]
        pairs = {(draw.randrange(101, 999), draw.randrange(11, 99)) for _ in range(POOL)}
        rows += [{"problem": f"What is {a}*{b}?", "answer": str(a * b)} for a, b in sorted(pairs)[: POOL - len(rows)]]
    return write(rows, path / f"{kind}.jsonl")


def one(out: Path, kind: str, arm: str, seed: int) -> None:
    """Choose the problems, and train on them, unless that was done."""
    run = out / f"{kind}-{arm}-seed{seed}"
    if "after" in RunFolder(run).read():
        return
    source = pool(kind, out / "pools" / f"{kind}-{arm}-{seed}")
    if arm == "filtered":
        folder = out / f"filter-{kind}-seed{seed}"
        options = ["--dataset", str(source), "--max-problems", str(KEPT), "--seed", str(seed)]
        cli("filter-data", *options, "--output-dir", str(folder))
        chosen = folder / "learnable.jsonl"
    else:
        rows = [json.loads(line) for line in source.open()]
        chosen = write(random.Random(seed).sample(rows, KEPT), source.with_name("chosen.jsonl"))
    print(f"training: {kind} pool, {arm}, seed {seed}", flush=True)
    held_out = ["--eval_dataset_name", "arithmetic", "--eval_dataset_split", "held_out", "--eval_problems", "400"]
    common = ["--method", "lpro", "--seed", str(seed), "--output_dir", str(run), "--disable_tqdm", "true"]
    cli("train", "--dataset_name", str(chosen), *held_out, *common)


def main() -> None:
    """Run what is missing, and print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "filter-training")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    out = options.out.resolve()
    runs = [
        (kind, arm, seed) for seed in options.seeds for kind in ("hard", "plain") for arm in ("filtered", "random")
    ]
    with ThreadPoolExecutor(options.jobs) as threads:
        list(threads.map(lambda run: one(out, *run), runs))
    print("| pool | accuracy after, filtered (sd) | random (sd) | filtered − random, 95 % paired | by seed |")
    print("|---|---|---|---|---|")
    for kind in ("plain", "hard"):
        after = {
            arm: [
                [
                    float(json.loads(line)["after"]["correct"])
                    for line in (out / f"{kind}-{arm}-seed{s}" / "held_out.jsonl").open()
                ]
                for s in options.seeds
            ]
            for arm in ("filtered", "random")
        }
        told = {arm: [100 * fmean(values) for values in seeds] for arm, seeds in after.items()}
        pairs = [[list(values) for values in zip(*after[arm], strict=True)] for arm in ("random", "filtered")]
        change = paired_difference(*pairs)
        cells = [f"{fmean(told[arm]):.1f} ({stdev(told[arm]) if len(told[arm]) > 1 else 0:.1f})" for arm in told]
        by_seed = ", ".join(f"{a - b:+.1f}" for a, b in zip(told["filtered"], told["random"], strict=True))
        interval = f"{100 * change.mean:+.1f} [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"
        print(f"| {kind} | {' | '.join(cells)} | {interval} | {by_seed} |")


if __name__ == "__main__":
    main()
