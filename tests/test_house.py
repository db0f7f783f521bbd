"""The rules of the house, checked on the syntax trees: imports, TRL's privates, registries, no dead code."""

import ast
import importlib
import re
from collections import Counter
from graphlib import TopologicalSorter
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


# Modules with one importer, and why each is a file; every other one belongs into the file that imports it.
ENTRY = "an entry of a registry, which imports it"
FACADE = "an idea of its own, whose public names the package hands on"
ALONE = {
    **dict.fromkeys(
        [f"trainers.{name}" for name in ("grpo", "lpro", "repo", "knowrl", "intuitor", "rent", "ttrl")], ENTRY
    ),
    **dict.fromkeys([f"rewards.{name}" for name in ("accuracy", "format", "repo_rules")], ENTRY),
    **dict.fromkeys([f"data.{name}" for name in ("sources", "columns", "difficulty")], FACADE),
    **dict.fromkeys([f"data.knowledge.{name}" for name in ("extraction", "selection", "leakage")], FACADE),
    "data.knowledge.values": "reads numbers and sums in text; the check for leaks is long without it",
    "trainers.padding_free": "a layer of the trainer below the seam, which is read alone",
    "trainers.resampling": "what the seam does with `--zero_variance resample` only",
    "rewards.algebra": "needs sympy, which the process that trains does not load",
    "rewards.judge": "what a worker runs; it is named to the pool as text",
    "rewards.worker": "what runs in a process that can be killed",
    "evaluation.sandbox.pool": "the class `Sandbox`; the package is imported by processes that must not load it",
    "evaluation.sandbox.launcher": "a process of its own, started by its name",
    "evaluation.sandbox.isolation": "which walls hold here; a started sandbox does not need it",
    "embedded.build": "a script that makes the model of the clone",
}


def sources(package):
    return sorted((ROOT / package).glob("**/*.py"))


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for package in PACKAGES for path in sources(package)}
USERS = {name_of(path): path for path in [*ROOT.glob("*.py"), *sources("benchmarks"), *sources("experiments")]}
TREES = {name: ast.parse(path.read_text()) for name, path in {**USERS, **MODULES}.items()}


def modules_imported(name):
    """The modules of the project that a module imports, also within its functions."""
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in wanted:  # a name in a module, or a module in a package
            found.add(next((n for n in (target, target.rpartition(".")[0]) if n in MODULES), name))
    return found - {name}


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


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter({name: modules_imported(name) for name in MODULES}).prepare()


def test_no_folders_import_each_other_in_a_circle():
    """A folder and one within it are one."""

    def folder(name):
        return name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]

    edges = {folder(name): set() for name in MODULES}
    for name in MODULES:
        for target in map(folder, modules_imported(name)):
            if not (f"{target}.".startswith(f"{folder(name)}.") or f"{folder(name)}.".startswith(f"{target}.")):
                edges[folder(name)].add(target)
    TopologicalSorter(edges).prepare()


def test_a_module_with_one_importer_is_an_idea_of_its_own():
    importers = Counter(target for name in TREES for target in modules_imported(name))
    below = [name for name, path in MODULES.items() if not name.startswith("commands") and path.name != "__init__.py"]
    assert {name for name in below if importers[name] <= 1} == set(ALONE)


def test_no_code_is_called_by_tests_alone():
    """Every function, class, method and constant is used by name somewhere outside of the tests."""
    used = Counter()
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used[node.id] += 1
            elif isinstance(node, ast.Attribute):
                used[node.attr] += 1
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and name not in PACKAGES:
                used[node.value] += 1  # by getattr, or a module's name; an `__all__` is no use
    dead = [f"{name}: {defined}" for name in MODULES for defined in definitions(TREES[name]) if not used[defined]]
    assert not dead


def definitions(tree):
    """Names that a module defines at its top, and its classes' own methods; what overrides is called by its base."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__"):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (
                target.id for target in node.targets if isinstance(target, ast.Name) and target.id != "__all__"
            )
        if isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            for method in methods:
                overrides = any(ast.unparse(decorator) == "override" for decorator in method.decorator_list)
                if not overrides and not method.name.startswith("__"):
                    yield method.name


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
