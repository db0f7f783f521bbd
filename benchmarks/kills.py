"""Kill a training run with SIGKILL at random moments, go on with the same command each time, and compare the end.

    python benchmarks/kills.py --kills 20

The run saves after every step (some kills meet it while it saves) and has two optimizer steps on each generation and
several epochs, so that it is stopped in all places. It must end with the weights, bit for bit, and the logged losses
of the same run without a kill, and no restart may lose more than the steps since the last checkpoint.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from runs.files import read_jsonl  # noqa: E402
from runs.folder import RunFolder  # noqa: E402

STEPS = 60
RUN = [
    "--method", "lpro", "--max_steps", str(STEPS), "--logging_steps", "1", "--eval_problems", "0",
    "--sample_steps", "0", "--per_device_train_batch_size", "64", "--max_problems", "48",
    "--max_completion_length", "48", "--save_strategy", "steps", "--save_steps", "1", "--save_total_limit", "3",
    "--disable_tqdm", "true",
]  # fmt: skip


def begin(folder: Path) -> subprocess.Popen:
    """Start the command, or go on with it."""
    command = [sys.executable, str(ROOT / "cli.py"), "train", *RUN, "--output_dir", str(folder)]
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, **settings)


def whole(folder: Path) -> subprocess.Popen:
    """Let it run to its end."""
    process = begin(folder)
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(out[-2000:])
    return process


def reached(folder: Path) -> tuple[int, bool]:
    """The step of the last whole checkpoint, and whether another was being written."""
    run = RunFolder(folder)
    last = run.last_checkpoint()
    return (int(last.name.split("-")[1]) if last else 0), bool(run.torn_checkpoints())


def main() -> None:
    """Kill, go on, compare; print what happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "kills")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    straight, killed = options.out / "straight", options.out / "killed"
    whole(straight)
    draw, saving, lost = random.Random(options.seed), 0, []
    for number in range(1, options.kills + 1):
        before, began = reached(killed)[0], time.monotonic()
        process = begin(killed)
        while reached(killed)[0] == before and time.monotonic() - began < 120 and process.poll() is None:
            time.sleep(0.05)  # it has gone on
        time.sleep(draw.uniform(0, 1.5))
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
        step, torn = reached(killed)
        logged = max((row["step"] for row in read_jsonl(RunFolder(killed).metrics)), default=0)
        told = re.findall(r"goes on after step (\d+)", out)
        saving += torn
        lost.append(logged - step)
        print(f"kill {number:2}: went on after {told[0] if told else 0}, killed at {logged}, saved {step}"
              f"{', while it saved' if torn else ''}", flush=True)  # fmt: skip
        if process.returncode == 0 or step >= STEPS - 2:
            break
    whole(killed)
    ours, theirs = (load_file(RunFolder(path).final / "model.safetensors") for path in (killed, straight))
    same = all(torch.equal(value, theirs[name]) for name, value in ours.items())
    losses = [
        [(row["step"], row["loss"]) for row in read_jsonl(RunFolder(path).metrics) if "loss" in row]
        for path in (killed, straight)
    ]
    weights, logged = "equal bit for bit" if same else "DIFFER", "equal" if losses[0] == losses[1] else "DIFFER"
    print(f"{number} kills, {saving} while a checkpoint was being written; steps lost at most {max(lost)}")
    print(f"weights {weights}, losses {logged}")
    sys.exit(0 if same and losses[0] == losses[1] else 1)


if __name__ == "__main__":
    main()
