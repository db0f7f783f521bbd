"""Damage every file of a run's checkpoints in every way, go on with the same command, and say how that ended.

    python benchmarks/checkpoint_faults.py

A run of four steps that saves after each is cut back to its first three checkpoints, as if it had been killed. Each
file of the newest checkpoint, and of all, is missing, empty, halved, or garbage of the same size; so are the run's own
records. There are three good ends: the run goes on exactly (the weights at the end are, bit for bit, those of the
run that was never stopped), goes on as exactly from an older checkpoint and says so in a line, or is refused with exit
code 2 and nothing is changed. Whatever else is printed as BAD, and the exit code is 1.
"""

import argparse
import contextlib
import io
import os
import random
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

import cli  # noqa: E402
from runs.folder import RunFolder  # noqa: E402

KEPT, STEPS = 3, 4
RUN = [
    "--method", "lpro", "--max_steps", str(STEPS), "--logging_steps", "1", "--eval_problems", "0",
    "--sample_steps", "0", "--per_device_train_batch_size", "32", "--max_problems", "16",
    "--max_completion_length", "48", "--save_strategy", "steps", "--save_steps", "1", "--disable_tqdm", "true",
    "--learning_rate", "1e-3", "--allow_truncated",
]  # fmt: skip


def garbage(size: int) -> bytes:
    """Bytes that no format begins with."""
    return random.Random(0).randbytes(size)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "halved": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "garbage": lambda file: file.write_bytes(garbage(file.stat().st_size)),
}


def trained(folder: Path) -> tuple[int, str]:
    """Give the command; returns its exit code and all it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = cli.main(["train", *RUN, "--output_dir", str(folder)])
    return code, " ".join(said.getvalue().split())


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def ended(folder: Path, straight: Path, damaged: dict[str, bytes]) -> str:
    """Go on in a damaged folder, and say how that ended."""
    code, said = trained(folder)
    error = said.rpartition("error: ")[2]
    if code == 2 and "defect" not in error and "weights_only" not in said:
        error = error.replace(str(folder), "…")
        return f"refused: {error[:110]}…" if contents(folder) == damaged else "BAD: refused, and changed something"
    if code:
        return f"BAD: exit code {code}: {error[:90]}"
    ours, theirs = (load_file(RunFolder(path).final / "model.safetensors") for path in (folder, straight))
    if any(not torch.equal(value, theirs[name]) for name, value in ours.items()):
        return "BAD: another end"
    step = re.search(r"goes on after step (\d+)", said)
    if step is None:
        return "BAD: begun again"
    if int(step[1]) == KEPT:
        return "exact" if "written anew" not in said else "exact, with a line"
    return f"exact from step {step[1]}, with a line" if "is passed over" in said else "BAD: an older one in silence"


def main() -> None:
    """Damage, go on, compare; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "checkpoint_faults")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    straight, stopped, case = (options.out / name for name in ("straight", "stopped", "case"))
    code, said = trained(straight)
    if code:
        raise SystemExit(said[-2000:])
    shutil.copytree(straight, stopped)
    run = RunFolder(stopped)
    shutil.rmtree(run.final)
    shutil.rmtree(run.checkpoints / f"checkpoint-{STEPS}")
    run.update(status="running")
    newest = run.checkpoints / f"checkpoint-{KEPT}"
    names = sorted(str(file.relative_to(newest)) for file in newest.rglob("*") if file.is_file())
    count: Counter[str] = Counter()
    places = {"newest": [newest], "all": sorted(run.checkpoints.glob("checkpoint-*"))}
    rows = [(name, where, [path / name for path in paths]) for name in names for where, paths in places.items()]
    rows += [(name, "the run's", [run.path / name]) for name in ("run.json", "config.yaml", "metrics.jsonl")]
    for name, where, files in rows:
        for kind, damage in DAMAGE.items():
            shutil.rmtree(case, ignore_errors=True)
            shutil.copytree(stopped, case)
            for file in files:
                damage(case / file.relative_to(stopped))
            outcome = ended(case, straight, contents(case))
            count[outcome.partition(":")[0]] += 1
            print(f"{name:24} {where:10} {kind:8} {outcome}", flush=True)
    print("\n" + "; ".join(f"{number} {outcome}" for outcome, number in count.most_common()))
    sys.exit(1 if count["BAD"] else 0)


if __name__ == "__main__":
    main()
