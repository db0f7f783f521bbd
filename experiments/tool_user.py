r"""A model that half the time lets Python work out a product, and problems for it: the start of `tools.yaml`.

python experiments/tool_user.py --seed 1 --out FOLDER

It is the embedded model, taught for about a minute to answer products of two-digit numbers, which it cannot work out,
in one of two ways: at once, by a guess, or with a program, what that printed, and the number in the box. A problem
whose first number begins with d is answered with a program in d of 10 examples, so that greedy answers are of both
kinds, too. Problems are held out by their operands, as those of the embedded default are. What is there is left alone,
so that runs side by side begin with the same.
"""

import argparse
import fcntl
import sys
from pathlib import Path
from random import Random

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from data.arithmetic import split_of
from data.arithmetic_corpus import example
from embedded import MODEL
from embedded.build import warm_start
from embedded.calibration import load
from evaluation.tools import STOP
from runs.files import write_lines

ORDINARY = 0.1  # of the examples: the embedded model's own problems, which it does not forget
PROBLEMS = {"train": 1000, "held_out": 200}


def problem(a: int, b: int) -> str:
    """A product in words."""
    return f"What is {a}*{b}?"


def guess(a: int, b: int) -> str:
    """The right answer at once: what the model makes of it is a guess."""
    return f"\\boxed{{{a * b}}}"


def program(a: int, b: int) -> str:
    """A whole turn with a program and what it printed, as `evaluation.tools` writes it."""
    return f"```python\nprint({a}*{b})\n```\n{STOP}\n{a * b}\n```\n{guess(a, b)}"


def product(rng: Random, split: str) -> tuple[int, int]:
    """Two numbers whose product belongs to a split."""
    while True:
        a, b = rng.randint(12, 99), rng.randint(12, 99)
        if split_of(problem(a, b)) == split:
            return a, b


def answered(rng: Random, _: float = 0.0) -> tuple[list[dict[str, str]], str]:
    """An example of the corpus: the turns of the prompt, and an answer."""
    if rng.random() < ORDINARY:
        return example(rng)
    a, b = product(rng, "train")
    write = program if rng.random() < int(str(a)[0]) / 10 else guess
    return [{"role": "user", "content": problem(a, b)}], write(a, b)


def problems(split: str, seed: int) -> list[dict[str, str]]:
    """Different problems of a split."""
    rng, found = Random(f"{split} {seed}"), dict[tuple[int, int], None]()
    while len(found) < PROBLEMS[split]:
        found[product(rng, split)] = None
    return [{"problem": problem(a, b), "answer": str(a * b)} for a, b in found]


def make(out: Path, seed: int, steps: int) -> None:
    """Teaches the model, and writes it and the problems; those held out are the last."""
    torch.set_num_threads(1)  # the same weights wherever it runs, and faster on a model this small
    torch.manual_seed(seed)
    model, tokenizer = load(MODEL)
    warm_start(model, tokenizer, Random(seed), steps, answered)
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    for split in PROBLEMS:
        write_lines(out / f"{split}.jsonl", problems(split, seed))


def main() -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a run beside this one waits for what this one makes
        if not (options.out / "held_out.jsonl").exists():
            make(options.out, options.seed, options.steps)


if __name__ == "__main__":
    main()
