"""How step time and memory grow with group size, completion length, prompts per step and processes.

    python benchmarks/scaling.py                       # one thing at a time, from 4 prompts × 8 completions
    python benchmarks/scaling.py --only processes

Recorded rollouts and the model of `step_time.py`, two iterations per generation, a real training loop. Every process
has its own prompts, so two do twice the work. Time is the mean over the optimizer steps of all generations but the
first, by the clock; memory is the highest of a process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from trl import GRPOConfig, GRPOTrainer

from benchmarks.step_time import Side
from trainers import GRPOMethodConfig, GRPOMethodTrainer

BASE = {"group": 8, "prompts": 4, "scale": 1 / 4, "processes": 1}
GROWTH: dict[str, list[float]] = {
    "group": [4, 8, 16],
    "scale": [1 / 8, 1 / 4, 1 / 2],
    "prompts": [2, 4, 8],
    "processes": [1, 2],
}
SIDES = {"trl": (GRPOTrainer, GRPOConfig), "ours": (GRPOMethodTrainer, GRPOMethodConfig)}


def run(side: str, steps: int, point: dict[str, Any]) -> tuple[float, float]:
    """Seconds of a step, and MB at the peak, of this process."""
    completions = point["group"] * point["prompts"]
    options = {"spread": "lpro", "same": 0.0, "iterations": 2, "batch": 4, "completions": completions}
    with tempfile.TemporaryDirectory() as folder:
        trained = Side(*SIDES[side], folder, argparse.Namespace(**options, **point), logging_steps=1)
        trained.record(torch.distributed.get_rank() if torch.distributed.is_initialized() else 0)
        trained.trainer.args.max_steps = steps
        trained.trainer.train()
    spent = [row["step_time"] for row in trained.trainer.state.log_history if "step_time" in row]
    status = Path("/proc/self/status").read_text()
    return fmean(spent[2:]), int(status.split("VmHWM:")[1].split()[0]) / 1e3


def launched(side: str, steps: int, point: dict[str, Any]) -> tuple[float, float]:
    """The same in fresh processes, so that memory is theirs alone; the slowest and the largest of them."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
        inside = ["--inside", folder, json.dumps([side, steps, point])]
        subprocess.run([*command, str(point["processes"]), __file__, *inside], check=True, capture_output=True)
        results = [json.loads(path.read_text()) for path in Path(folder).iterdir()]
    assert len(results) == point["processes"]
    seconds, megabytes = zip(*results, strict=True)
    return max(seconds), max(megabytes)


def main() -> None:
    """One line for every point and side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(GROWTH), default=list(GROWTH))
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.inside:
        folder, asked = arguments.inside
        result = run(*json.loads(asked))
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        (Path(folder) / f"{rank}.json").write_text(json.dumps(result))
        return
    for name in arguments.only:
        for value in GROWTH[name]:
            results = {side: launched(side, arguments.steps, {**BASE, name: value}) for side in SIDES}
            (theirs, their_peak), (ours, our_peak) = results["trl"], results["ours"]
            print(
                f"{name:9} {value:<6g} step {ours:6.2f} s (trl {theirs:6.2f}), {ours / theirs:.2f} ×; "
                f"peak {our_peak:5.0f} MB (trl {their_peak:5.0f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
