"""What the README says is so: its method works as printed, its files exist."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import embedded
from runs.folder import RunFolder
from runs.records import read_completions
from trainers import METHODS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
REWARDS = {"accuracy": 1.0, "boxed_format": 0.1}
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def clone(tmp_path):
    """A clone with the README's method in it, added as the README says."""
    for path in ROOT.iterdir():
        if path.name not in ("outputs", "trainers") and not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    shutil.copytree(ROOT / "trainers", tmp_path / "trainers", ignore=shutil.ignore_patterns("__pycache__"))
    section = README.split("## Add a method in five lines")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    name = re.match(r"# (trainers/\w+\.py)\n", code)[1]
    (tmp_path / name).write_text(code)
    imported, registered = (
        re.search(r"`(from trainers\.[^`]+)` among its imports", section)[1],
        re.search(r"`(\"[^`]+,)` in `METHODS`", section)[1],
    )
    package = tmp_path / "trainers" / "__init__.py"
    text = package.read_text().replace("\nMETHODS:", f"\n{imported}\n\nMETHODS:")
    package.write_text(text.replace("= {\n", f"= {{\n    {registered}\n", 1))
    return tmp_path


SMALL = [
    "--max_steps", "2", "--logging_steps", "1", "--eval_problems", "4", "--per_device_train_batch_size", "16",
    "--num_iterations", "1", "--saved_prompts", "2", "--disable_tqdm", "true", "--output_dir", "run",
]  # fmt: skip


def test_the_method_in_five_lines_trains_is_in_the_help_and_has_a_card(clone):
    """As printed: the file, its two lines, the command. Its advantages are rᵢ − μᵣ of the rewards on record."""
    program = f"""
import cli
assert cli.main(["train", "--help"]) == 0
raise SystemExit(cli.main(["train", "--method", "centred", *{SMALL!r}]))
"""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=clone, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "  centred   Dr.GRPO's advantage: rᵢ − μᵣ, without dividing by σᵣ" in done.stdout
    card = (clone / "run" / "README.md").read_text()
    assert "Dr.GRPO's advantage: rᵢ − μᵣ, without dividing by σᵣ." in card
    assert "DeepSeekMath" not in card, "a method without a paper is not TRL's"
    rows = read_completions(RunFolder(clone / "run"), step=1)
    totals = [sum(row["rewards"][name] * weight for name, weight in REWARDS.items()) for row in rows]
    groups = [range(start, start + 8) for start in range(0, len(rows), 8)]
    assert len(groups) == 2
    for group in groups:
        mean = sum(totals[i] for i in group) / 8
        assert [rows[i]["advantage"] for i in group] == pytest.approx(
            [totals[i] - mean for i in group], abs=1e-6
        )  # float32
    assert max(abs(row["advantage"]) for row in rows) > 0.1


def test_the_library_way_trains(tmp_path, monkeypatch):
    """As printed, but for the model, the problems and what a CPU needs."""
    code = next(block for block in PYTHON if "LPROTrainer" in block)
    code = code.replace('"Qwen/Qwen2.5-Math-1.5B-Instruct"', "str(embedded.MODEL)").replace('"math"', '"arithmetic"')
    code = code.replace("LPROConfig(", "LPROConfig(use_cpu=True, bf16=False, max_steps=1, max_completion_length=40, ")
    monkeypatch.chdir(tmp_path)
    names = {"embedded": embedded}
    exec(code, names)
    assert names["trainer"].state.global_step == 1


def test_no_placeholder_is_left():
    assert not re.findall(r"\b[A-Z]{3,}_[A-Z_]+\b", README.replace("VERIFY_WORKERS", ""))


def test_files_of_the_tree_are_there():
    tree = README.split("## The tree")[1].split("```")[1]
    above = ROOT
    for line in tree.strip().splitlines():
        path = (above if line.startswith("    ") else ROOT) / line.split()[0]
        assert path.exists(), path
        above = path if not line.startswith("    ") else above


def test_recipes_and_method_files_are_there():
    for name in re.findall(r"recipes/[\w.-]+\.yaml|trainers/\w+\.py", README):
        assert (ROOT / name).exists() or name == "trainers/centred.py", name


def test_every_method_is_in_the_table():
    rows = re.findall(r"^\| `(\w+)` \|", README.split("## The methods")[1], re.MULTILINE)
    assert rows == list(METHODS)
