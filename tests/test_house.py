"""The rules of the house, checked on the syntax trees: imports, TRL's privates, registries."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["data", "rewards", "trainers", "runs", "evaluation", "embedded", "commands"]
# Imports run one way: commands -> evaluation -> {data, rewards}, and commands -> trainers -> runs.
ALLOWED = {
    "data": set(),
    "rewards": set(),
    "trainers": {"runs"},
    "runs": set(),
    "evaluation": {"data", "rewards"},
    "embedded": {"data", "evaluation", "rewards"},
    "commands": {"data", "rewards", "trainers", "runs", "evaluation", "embedded"},
}
# The only files that override private methods of TRL, and what else of trainers/ is no method.
SEAM = {"seam", "padding_free", "resume"}
BESIDE_METHODS = {"advantages", "certainty", "config", "generation", "resampling", "self_reward"}


def sources(package):
    return sorted((ROOT / package).glob("**/*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package):
    for path in sources(package):
        theirs = {name.split(".")[0] for name in imported(path)} & set(PACKAGES) - {package}
        assert theirs <= ALLOWED[package], f"{path.relative_to(ROOT)} imports {theirs - ALLOWED[package]}"


def test_data_never_imports_torch():
    assert not [path for path in sources("data") for name in imported(path) if name.split(".")[0] == "torch"]


def test_nothing_is_imported_from_trl_experimental():
    everything = [path for package in PACKAGES for path in sources(package)]
    assert not [path for path in everything for name in imported(path) if name.startswith("trl.experimental")]


def test_only_the_seam_overrides_private_methods_of_trl():
    from trl import GRPOTrainer

    private = {name for name in dir(GRPOTrainer) if name.startswith("_") and not name.startswith("__")}
    for path in sources("trainers"):
        if path.stem not in SEAM:
            defined = {n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)}
            assert not defined & private, path


# What a reward is judged with: every other file of the package is a reward.
BESIDE_REWARDS = {
    *("custom", "verifier", "worker_pool", "worker", "judge", "rules"),
    *("quantities", "syntax", "algebra", "extract", "normalize"),
}


@pytest.mark.parametrize(
    ("package", "registry", "beside"),
    [
        ("rewards", "REWARDS", BESIDE_REWARDS),
        ("trainers", "METHODS", {*SEAM, *BESIDE_METHODS}),
    ],
)
def test_every_public_file_of_a_registry_is_registered(package, registry, beside):
    """`_name.py` is shared machinery; every other file must be reachable by a name that users can type."""
    entries = getattr(importlib.import_module(package), registry).values()
    functions = [part for entry in entries for part in (entry if isinstance(entry, tuple) else (entry,))]
    registered = {function.__module__.split(".")[-1] for function in functions}
    public = {path.stem for path in sources(package) if not path.stem.startswith("_")}
    assert public - beside <= registered


def test_a_wheel_would_be_empty():
    import tomllib

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"] == []


def test_all_that_is_said_goes_through_the_few_functions_that_clean_it():
    """`outgoing.put`, `say` and `above_bar`, and `terminal()` for what has colours; ruff forbids `print`."""
    above_bar = ROOT / "commands" / "terminal" / "console.py"
    for path in [ROOT / "cli.py", *(path for package in PACKAGES for path in sources(package))]:
        written = re.search(r"sys\.std(out|err)\.write\(|tqdm\.write\(|\bConsole\(", path.read_text())
        assert not written or path == above_bar, f"{path.relative_to(ROOT)}: {written[0]}"
