"""What the embedded default learns: each method, and LPRO's length penalty, over several seeds.

    python benchmarks/learning.py --seeds 1 2 3

Runs `cli.py train` for every (method, λ, seed), several at once, and skips runs whose results are there already.

Questions, put before the runs: (1) Does held-out greedy accuracy rise by at least 10 points with every method, the
paired 95 % interval above zero? (2) Does mean held-out length fall with λ = 0, 0.1, 0.3, and is accuracy at 0.1 not
below accuracy at 0 by more than the noise? (3) What does self-certainty alone do to accuracy, and what mixed with
accuracy at equal weight? The number of steps is that of recipes/embedded.yaml, whatever the curves.
"""

import argparse
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, stdev

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from data import PROMPTS, render_prompt  # noqa: E402
from evaluation.engine_transformers import TransformersEngine  # noqa: E402
from evaluation.sampling import Request, Sampling, sample_seed  # noqa: E402
from evaluation.statistics import paired_difference  # noqa: E402
from rewards import verify  # noqa: E402
from runs.folder import RunFolder  # noqa: E402

# LPRO's default is λ = 0.1, so one run serves both questions.
VARIANTS = {
    "grpo": ["--method", "grpo"],
    "repo": ["--method", "repo"],
    "lpro λ=0": ["--method", "lpro", "--lambda", "0"],
    "lpro λ=0.1": ["--method", "lpro"],
    "lpro λ=0.3": ["--method", "lpro", "--lambda", "0.3"],
    "intuitor": ["--method", "intuitor"],
    "intuitor + accuracy": ["--method", "intuitor", "--external_weight", "1"],
}
LAMBDAS = ("lpro λ=0", "lpro λ=0.1", "lpro λ=0.3")


def folder(out: Path, variant: str, seed: int) -> Path:
    """Where a run leaves its results."""
    return out / f"{variant.replace(' ', '-')}-seed{seed}"


def train(out: Path, variant: str, seed: int) -> None:
    """One run, unless its results are there; one that was cut short is made again."""
    run = folder(out, variant, seed)
    if "after" in RunFolder(run).read():
        return
    shutil.rmtree(run, ignore_errors=True)
    print(f"running {variant}, seed {seed}", flush=True)
    command = [sys.executable, "cli.py", "train", *VARIANTS[variant], "--seed", str(seed), "--output_dir", str(run)]
    done = subprocess.run([*command, "--disable_tqdm", "true"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{variant}, seed {seed} failed:\n{done.stderr[-2000:]}")
    (run / "log.txt").write_text(done.stdout)


def sample_final(run: Path, seed: int) -> dict[str, list[float]]:
    """Correctness and length of one completion at T=1 per held-out problem, by the trained model; kept in the folder.

    Greedy length is a coarse measure: where two wordings are nearly tied, a small change flips all greedy answers.
    """
    kept = run / "sampled.json"
    if not kept.exists():
        torch.set_num_threads(1)
        model = AutoModelForCausalLM.from_pretrained(run / "final")
        tokenizer = AutoTokenizer.from_pretrained(run / "final")
        rows = [json.loads(line) for line in (run / "held_out.jsonl").open()]
        prompts = [render_prompt(PROMPTS["plain"](row["problem"]), tokenizer) for row in rows]
        requests = [Request(prompt, sample_seed(seed, prompt, 0)) for prompt in prompts]
        completions = TransformersEngine(model, tokenizer, 200).complete(requests, Sampling(128, temperature=1.0))
        verdicts = verify([row["answer"] for row in rows], [c.text for c in completions])
        columns = {"correct": [v or 0.0 for v in verdicts], "length": [float(c.length) for c in completions]}
        kept.write_text(json.dumps(columns))
    return json.loads(kept.read_text())


def column(rows: list[dict], when: str, name: str) -> list[float]:
    """One number per problem."""
    return [float(row[when][name]) for row in rows]


def over_seeds(values: list[float], form: str) -> str:
    """Mean and standard deviation over seeds."""
    spread = f" (sd {format(stdev(values), form)})" if len(values) > 1 else ""
    return f"{format(fmean(values), form)}{spread}"


def average(per_seed: list[list[float]]) -> list[list[float]]:
    """(problems, seeds): pairs are made by problem, seeds are samples of it."""
    return [list(values) for values in zip(*per_seed, strict=True)]


def report(out: Path, seeds: list[int], variants: list[str]) -> None:
    """Print the tables in Markdown."""
    results: dict[str, list[list[dict]]] = {}
    seconds: dict[str, list[float]] = {}
    for variant in variants:
        runs = [folder(out, variant, seed) for seed in seeds]
        results[variant] = [[json.loads(line) for line in (run / "held_out.jsonl").open()] for run in runs]
        seconds[variant] = [json.loads((run / "run.json").read_text())["training_seconds"] for run in runs]
    problems = len(results[variants[0]][0])
    print(f"\n{problems} held-out problems, greedy; seeds {seeds}; intervals: 95 %, paired by problem\n")
    print("| run | accuracy before | after, mean over seeds | change by seed | change | training |")
    print("|---|---|---|---|---|---|")
    for variant, by_seed in results.items():
        before = [column(rows, "before", "correct") for rows in by_seed]
        after = [column(rows, "after", "correct") for rows in by_seed]
        singles = []
        for b, a in zip(before, after, strict=True):
            change = paired_difference([[x] for x in b], [[x] for x in a])
            singles.append(f"{100 * change.mean:+.1f} [{100 * change.low:+.1f}, {100 * change.high:+.1f}]")
        pooled = paired_difference(average(before), average(after))
        whole = f"{100 * pooled.mean:+.1f} [{100 * pooled.low:+.1f}, {100 * pooled.high:+.1f}]"
        accuracy = over_seeds([100 * fmean(a) for a in after], ".1f")
        time = f"{fmean(seconds[variant]):.0f} s"
        print(
            f"| {variant} | {100 * fmean(before[0]):.1f} % | {accuracy} % | {'; '.join(singles)} | {whole} | {time} |"
        )
    if set(LAMBDAS) <= set(variants):
        print("\nBefore training: greedy", f"{fmean(column(results[LAMBDAS[0]][0], 'before', 'length')):.1f} tokens.")
        for decoding in ("greedy", "T=1"):
            penalty_table(out, seeds, results, decoding)


def penalty_table(out: Path, seeds: list[int], results: dict[str, list[list[dict]]], decoding: str) -> None:
    """LPRO's λ against accuracy and length after training, differences paired by problem."""
    print(f"\n| λ, {decoding} | accuracy | against λ=0 | length | against λ=0 |")
    print("|---|---|---|---|---|")
    after: dict[str, dict[str, list[list[float]]]] = {}
    for variant in LAMBDAS:
        if decoding == "greedy":
            runs = [{name: column(rows, "after", name) for name in ("correct", "length")} for rows in results[variant]]
        else:
            runs = [sample_final(folder(out, variant, seed), seed) for seed in seeds]
        after[variant] = {name: [run[name] for run in runs] for name in ("correct", "length")}
        cells = [variant.removeprefix("lpro λ=")]
        for name, scale in (("correct", 100), ("length", 1)):
            change = paired_difference(average(after["lpro λ=0"][name]), average(after[variant][name]))
            cells.append(over_seeds([scale * fmean(values) for values in after[variant][name]], ".1f"))
            cells.append(f"{scale * change.mean:+.1f} [{scale * change.low:+.1f}, {scale * change.high:+.1f}]")
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    """Run what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once; each uses one core")
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "learning")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [(variant, seed) for seed in arguments.seeds for variant in arguments.variants]
        list(pool.map(lambda job: train(arguments.out, *job), jobs))
    report(arguments.out, arguments.seeds, arguments.variants)


if __name__ == "__main__":
    main()
