"""What the README says is so: its method works as printed, its files exist."""

import re
from pathlib import Path

import pytest

import embedded
from tests.trainers.runs import build
from trainers import METHODS, RolloutConfig, RolloutTrainer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_method_in_five_lines_trains(tmp_path):
    code = next(block for block in PYTHON if "CentredTrainer" in block)
    names = {"RolloutTrainer": RolloutTrainer}
    exec(code, names)
    trainer = build(names["CentredTrainer"], RolloutConfig, tmp_path)
    trainer._generate_and_score_completions([{"prompt": "1 + 1 ="}] * 4)
    rewards = trainer._rewards.flatten()
    assert list(trainer._logs["advantages"]) == pytest.approx((rewards - rewards.mean()).tolist())


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
