"""Do hints in training help a model that is then asked without them? KnowRL's claim, on the embedded model.

    python cli.py knowledge select --limit 80 --samples 16 --output-dir outputs/knowledge
    python benchmarks/hinted_training.py outputs/knowledge/knowledge.jsonl --seeds 1 2 3

Questions, put before the runs. `--method knowrl`, 80 steps of recipes/embedded.yaml, the same seed, problems and
number of completions on both sides (`--zero_variance drop`: drawing anew would give the sides different numbers): is
greedy accuracy on the 99 held-out hard problems, asked without hints, higher after training with CSS's points in the
prompt than after training without, (1) on the hard problems alone, which the model does not solve by itself, (2) with
as many ordinary ones among them, which have no points, as about half of the released selections are empty? And asked
with the fitting hint, has it learned to use hints?
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, stdev

from _common import ROOT, cli, write

from data import load_problems
from evaluation.statistics import seeded_difference
from runs.folder import RunFolder

POOLS, ARMS = ("hard", "mixed"), ("none", "css")
STEPS = ["--zero_variance", "drop", "--disable_tqdm", "true"]


def pools(selected: Path, out: Path) -> None:
    """The problems of both pools, and the held-out ones, as files."""
    names = ("problem", "answer", "kp_list", "css_kept_kp_index")
    hard = [{name: row[name] for name in names} for row in map(json.loads, selected.open())]
    ordinary = [
        {"problem": row["problem"], "answer": row["answer"], "kp_list": [], "css_kept_kp_index": []}
        for row in load_problems("arithmetic").dataset.select(range(len(hard)))
    ]
    write(hard, out / "hard.jsonl")
    write(hard + ordinary, out / "mixed.jsonl")
    held = load_problems("arithmetic", config="knowledge", split="held_out").dataset
    names = ("problem", "answer", "kp_list", "fitting_kept_kp_index")
    write([{name: row[name] for name in names} for row in held], out / "held.jsonl")


def one(out: Path, pool: str, hints: str, seed: int) -> None:
    """Train, and measure with the fitting hint, unless that was done; without hints training measures itself."""
    run = out / f"{pool}-{hints}-seed{seed}"
    held = ["--eval_dataset_name", str(out / "held.jsonl"), "--eval_problems", "99"]
    if "after" not in RunFolder(run).read():
        print(f"training: {pool} problems, hints {hints}, seed {seed}", flush=True)
        data = ["--dataset_name", str(out / f"{pool}.jsonl"), "--hints", hints, "--reward_funcs", "accuracy"]
        cli("train", "--method", "knowrl", *data, *held, *STEPS, "--seed", str(seed), "--output_dir", str(run))
    asked = ["--benchmark", str(out / "held.jsonl"), "--prompt", "plain", "--hints", "fitting"]
    folder = out / "hinted" / run.name
    if not (folder / "report.json").exists():
        size = ["--max-new-tokens", "128", "--batch-size", "99"]
        cli("evaluate", "--model", str(run / "final"), *asked, *size, "--output-dir", str(folder))


def verdicts(path: Path, field: str) -> list[float]:
    """Of each held-out problem."""
    rows = [json.loads(line) for line in path.open()]
    return [float(row["after"]["correct"] if field == "after" else fmean(row["correct"])) for row in rows]


def compared(sides: dict[str, list[list[float]]]) -> str:
    """Cells of the table: accuracy of both arms, and their difference."""
    told = {arm: [100 * fmean(values) for values in seeds] for arm, seeds in sides.items()}
    change = seeded_difference(*(sides[arm] for arm in ARMS), bounds=(0.0, 1.0))
    cells = [f"{fmean(told[arm]):.1f} ({stdev(told[arm]) if len(told[arm]) > 1 else 0:.1f})" for arm in ARMS]
    by_seed = ", ".join(f"{100 * mean:+.1f}" for mean in change.by_seed)
    interval = f"{100 * change.mean:+.1f} [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"
    return f"{' | '.join(cells)} | {interval} | {by_seed}"


def main() -> None:
    """Run what is missing, and print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("selected", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "hinted-training")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    out = options.out.resolve()
    pools(options.selected, out)
    runs = [(pool, arm, seed) for seed in options.seeds for pool in POOLS for arm in ARMS]
    with ThreadPoolExecutor(options.jobs) as threads:
        list(threads.map(lambda run: one(out, *run), runs))
    head = ["pool", "asked", "without hints in training (sd)", "with CSS's points (sd)", "difference, 95 %", "by seed"]
    print(f"| {' | '.join(head)} |")
    print("|---|---|---|---|---|---|")
    for pool in POOLS:
        for asked in ("without hints", "with the fitting hint"):
            sides = {}
            for arm in ARMS:
                names = [f"{pool}-{arm}-seed{seed}" for seed in options.seeds]
                paths = [
                    out / name / "held_out.jsonl"
                    if asked == "without hints"
                    else out / "hinted" / name / "held" / "verdicts.jsonl"
                    for name in names
                ]
                sides[arm] = [verdicts(p, "after" if asked == "without hints" else "correct") for p in paths]
            print(f"| {pool} | {asked} | {compared(sides)} |")


if __name__ == "__main__":
    main()
