"""What `filter-data` saves, what it misses, whether it survives being killed, and how fast it is.

python benchmarks/filtering.py savings            # pools of known pass rates: samples saved, problems missed
python benchmarks/filtering.py kills --kills 10   # kill -9 at random moments, then the same command again
python benchmarks/filtering.py throughput         # batches of the engine against one problem at a time
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

import embedded  # noqa: E402
from commands.filtering.work import wanted_samples  # noqa: E402
from data import PROMPTS, PassRates, Zone, expected_draws, load_problems, render_prompt  # noqa: E402
from evaluation.engines import Request, Sampling, TransformersEngine, sample_seed  # noqa: E402

BLOCK = 64


def pools(n: int) -> dict[str, np.ndarray]:
    """Pass rates of n problems; none of the three pools is a beta distribution, as no real one is."""
    draw = np.random.default_rng(0)
    spread = draw.random(n)
    third = np.arange(n) % 10
    return {
        "mostly too hard": np.where(third < 7, 0.0, spread),
        "mostly too easy": np.where(third < 7, 1.0, spread),
        "mixed": np.where(np.arange(n) % 3 == 0, 0.0, np.where(np.arange(n) % 3 == 1, 1.0, spread)),
    }


def savings(n: int) -> None:
    """The rules on the same answers: exact, and giving up at two chances."""
    zone = Zone()
    print("| pool | rule | samples saved | at best | learnable | missed | missed, as predicted |")
    print("|---|---|---|---|---|---|---|")
    for name, rates in pools(n).items():
        answers = np.random.default_rng(1).random((n, zone.samples)) < rates[:, None]
        verdicts = [zone.verdict(int(row.sum()), zone.samples) for row in answers]
        best = 1 - statistics.fmean(expected_draws(rate, zone) for rate in rates) / zone.samples
        for least in (None, 0.01, 0.05):
            counts = draw(answers, zone, least)
            drawn = sum(n for _, n in counts)
            final = PassRates.fit(counts, zone.samples)
            open_still = [i for i, count in enumerate(counts) if zone.verdict(*count) is None]
            for i, count in enumerate(counts):
                assert i in open_still or zone.verdict(*count) == verdicts[i]
            missed = sum(verdicts[i] == "learnable" for i in open_still)
            predicted = sum(final.chance(*counts[i], zone) for i in open_still)
            rule, at_best = ("exact", f"{best:.1%}") if least is None else (f"P = {least}", "")
            saved, learnable = f"{1 - drawn / answers.size:.1%}", verdicts.count("learnable")
            print(f"| {name} | {rule} | {saved} | {at_best} | {learnable} | {missed} | {predicted:.1f} |")


def draw(answers: np.ndarray, zone: Zone, least: float | None) -> list[tuple[int, int]]:
    """(right, drawn) of every problem, block by block as the command works."""
    counts: list[tuple[int, int]] = []
    for start in range(0, len(answers), BLOCK):
        more = wanted_samples(Namespace(all_samples=False, stop_when_unlikely=least), zone, counts)
        block = []
        for row in answers[start : start + BLOCK]:
            drawn: list = []
            while n := more(drawn):
                drawn += [Namespace(correct=bool(right)) for right in row[len(drawn) : len(drawn) + n]]
            block.append((sum(sample.correct for sample in drawn), len(drawn)))
        counts += block
    return counts


def kills(n: int) -> None:
    """Start, kill after a random time, start again until it is done; compare the bytes with an undisturbed run."""
    names = ["counts.jsonl", "learnable.jsonl", "learnable/train.parquet", "samples/process-00000.jsonl"]
    with tempfile.TemporaryDirectory() as folder:

        def command(out: str) -> list[str]:
            options = ["--limit", "200", "--batch-size", "32", "--output-dir", str(Path(folder) / out)]
            return [sys.executable, str(ROOT / "cli.py"), "filter-data", *options]

        quiet = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "env": {**os.environ, "OMP_NUM_THREADS": "1"},
        }
        subprocess.run(command("whole"), check=True, **quiet)
        size = (Path(folder) / "whole" / names[3]).stat().st_size
        chance, killed = random.Random(0), []
        for moment in sorted(chance.randrange(1, size) for _ in range(n)):
            running = subprocess.Popen(command("killed"), **quiet)
            samples = Path(folder) / "killed" / names[3]
            while running.poll() is None and not (samples.exists() and samples.stat().st_size >= moment):
                time.sleep(chance.random() * 0.05)
            running.send_signal(signal.SIGKILL)
            running.wait()
            killed.append(samples.stat().st_size / size)
        subprocess.run(command("killed"), check=True, **quiet)
        same = [(Path(folder) / "whole" / f).read_bytes() == (Path(folder) / "killed" / f).read_bytes() for f in names]
        print(f"killed {n} times, at {', '.join(f'{share:.0%}' for share in killed)} of the samples")
        print(
            "; ".join(
                f"{name}: {'the same bytes' if equal else 'DIFFERS'}" for name, equal in zip(names, same, strict=True)
            )
        )


def throughput(rounds: int) -> None:
    """Samples per second of the engine and of loops over problems, alternating: 5 samples of each of 64 problems."""
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(embedded.MODEL)
    model = AutoModelForCausalLM.from_pretrained(embedded.MODEL).eval()
    problems = load_problems("arithmetic").dataset["problem"][:64]
    prompts = [render_prompt(PROMPTS["plain"](problem), tokenizer) for problem in problems]
    requests = [Request(prompt, sample_seed(0, prompt, i)) for prompt in prompts for i in range(5)]
    engine = TransformersEngine(model, tokenizer, 64)

    def batched() -> None:
        engine.complete(requests, Sampling(128, temperature=1.0))

    def one_at_a_time(copies: int) -> None:
        for prompt in prompts:
            ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
            for _ in range(5 // copies):
                sampled = {"do_sample": True, "top_k": 0, "temperature": 1.0, "num_return_sequences": copies}
                model.generate(**ids, max_new_tokens=128, pad_token_id=tokenizer.pad_token_id, **sampled)

    seconds: dict[str, list[float]] = {"engine": [], "one problem": [], "one sample": []}
    for _ in range(rounds):
        for name, run in (
            ("engine", batched),
            ("one problem", lambda: one_at_a_time(5)),
            ("one sample", lambda: one_at_a_time(1)),
        ):
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(
            f"{name:12} {len(requests) / median:7.1f} samples/s   {median / medians['engine']:.2f} × the engine's time"
        )


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["savings", "kills", "throughput"])
    parser.add_argument("--problems", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    runs = {
        "savings": (savings, options.problems),
        "kills": (kills, options.kills),
        "throughput": (throughput, options.rounds),
    }
    run, argument = runs[options.what]
    run(argument)


if __name__ == "__main__":
    main()
