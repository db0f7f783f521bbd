"""Command line: `accelerate launch cli.py train --method repo`. A parser of the first word and a dispatch."""

import importlib
import importlib.metadata
import logging
import os
import sys
import textwrap
import time
import tomllib
import warnings
from pathlib import Path

# Before torch is imported: OpenMP threads that spin while they wait make shared cores 4 to 8 times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# The clone that is run wins over packages named `data` or `rewards` elsewhere.
sys.path.insert(0, str(Path(__file__).parent))

from errors import did_you_mean, told, without_debug
from outgoing import clean, guard_python, put

COMMANDS = {
    "train": "teach a model by group-relative RL; --method says how",
    "filter-data": "keep the problems that a model can learn from: 2 to 5 of 8 solutions right",
    "knowledge": "KnowRL's hints: extract them from solutions, select those that a model needs",
    "evaluate": "measure a model on benchmarks, with errors and a protocol",
    "compare": "say of two evaluations whether their difference is noise",
    "experiment": "arms by seeds, with a table, intervals and plots: length-penalty, hints, …",
    "merge": "make a whole model of a base and its adapter (--use_peft), and prove that it is both",
    "push": "send a trained model or a filtered data set to the Hub",
    "show": "the story of a run from its folder: curves, samples, results",
    "doctor": "say whether this machine is fit for training, and what to mend",
    "verdict": "say why an answer counts as right or wrong: --gold, --text",
}


def main(argv: list[str]) -> int:
    """Run a subcommand; 0 = done, 1 = a defect, 2 = something to mend, 3 = saved, not pushed, 130 = stopped."""
    argv, debug = without_debug(argv)
    if argv[:1] == ["help"] and argv[1:2]:
        argv = [*argv[1:], "--help"]
    name = argv[0] if argv else ""
    if name in ("-V", "--version", "version"):
        put(_version())
        return 0
    if name not in COMMANDS:
        listing = "\n".join(f"  {command:<11} {text}" for command, text in COMMANDS.items())
        asked = name in ("-h", "--help", "help")
        problem = "" if asked or not argv else f"{name!r} is not a command.{did_you_mean(name, COMMANDS)}\n\n"
        put(
            f"{problem}usage: python cli.py COMMAND [options], or accelerate launch cli.py COMMAND [options]\n\n"
            f"{listing}\n\n`python cli.py COMMAND --help` explains one; `python cli.py --version` names versions.\n",
            sys.stdout if asked else sys.stderr,
        )
        return 0 if asked else 2
    _quiet_libraries()
    try:
        command = importlib.import_module(f"commands.{name.replace('-', '_')}")
        command.main(argv[1:])
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        code, paragraph = told(error)
        if code == 2 and os.environ.get("LOCAL_RANK", "0") != "0":
            time.sleep(60)  # what all have met, the first one tells, whose end is the end of this one
        if code != 130 or os.environ.get("LOCAL_RANK", "0") == "0":
            told_first, indent, to_copy = clean(paragraph).partition("\n    ")  # a command is copied, so never wrapped
            wrapped = textwrap.fill(f"error: {told_first}", 100, break_on_hyphens=False, break_long_words=False)
            put(f"\n{wrapped}{indent}{to_copy}\n", sys.stderr)
        return code
    return 0


def _version() -> str:
    """This project's version, and those of what its results depend on."""
    root = Path(__file__).parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [f"{project['name']} {project['version']}"]
    for package in ("trl", "transformers", "torch", "math-verify"):
        try:
            lines.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package} is not installed")
    return "\n".join(lines) + "\n"


def _quiet_libraries() -> None:
    """Warnings meant for the developers of other libraries are kept from the user; ours are one line."""
    guard_python()
    for category in (DeprecationWarning, FutureWarning):
        warnings.simplefilter("ignore", category)
    if os.environ.get("RANK", "0") != "0":  # what all processes would say, the first one says
        warnings.simplefilter("ignore")
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # bitsandbytes reports a missing optional CPU kernel on every import.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
