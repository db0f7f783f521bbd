"""`cli.py experiment NAME`: arms by seeds, trained side by side, and what came of them on one page with plots."""

import shlex
import textwrap
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from commands.arguments import parse as parse_training
from commands.arguments.plain import COUNT, PlainParser
from commands.experimenting.measure import Results
from commands.experimenting.page import findings, header, page, rows
from commands.experimenting.picture import draw
from commands.experimenting.runs import Cell, make, slots
from commands.experimenting.specification import read_experiment, shipped
from commands.terminal.console import above_bar, say
from commands.terminal.output import QUIET, terminal
from errors import UserError
from evaluation.sandbox import Sandbox
from runs.files import write_whole

ABOUT = """\
Train every arm of an experiment with every seed, several at once, and write a page with a table, paired intervals,
sentences and plots. Runs that are there are left alone: after a stop the same command goes on, more seeds add to what
there is, and experiments share the runs that they have in common. Any other option is passed to `cli.py train`.

example: python cli.py experiment length-penalty
         python cli.py experiment my.yaml --seeds 1 2 3 4 5 --model_name_or_path Qwen/Qwen2.5-0.5B --dataset_name math
"""


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError: The experiment or an option cannot work, or a run failed.
    """
    options, also = _parse(argv)
    experiment = read_experiment(options.name, also)
    asked = [parse_training(arm.filled(Path("."), 0)[0]) for arm in experiment.arms]
    if any(settings.arguments.tools == "python" for settings in asked):
        with Sandbox():  # refused now, not after the runs before it
            pass
    runs = options.output_dir / "runs"
    cells = [Cell(arm, seed, runs) for seed in options.seeds for arm in experiment.arms]
    say(f"question  {experiment.question}")
    say(f"runs      {len(cells)}: {len(experiment.arms)} arms × seeds {' '.join(map(str, options.seeds))}, in {runs}")
    _run(cells, options.jobs or slots())
    _tell(Results(experiment, cells), options, argv)


def _parse(argv: Sequence[str]) -> tuple[Namespace, dict[str, Any]]:
    """Our options, and the settings for all arms."""
    parser = PlainParser("experiment", description=f"{ABOUT}\nshipped: {', '.join(shipped())}")
    parser.add_argument("name", metavar="NAME", help="a shipped experiment, or a YAML file of yours")
    parser.option("--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="N", help="default 1 2 3")
    parser.option("--jobs", type=COUNT, metavar="N", help="runs at once; default: one per GPU, or per core")
    parser.option("--output-dir", type=Path, default=Path("outputs/experiments"), help="default outputs/experiments")
    options, rest = parser.parse_known_args([_as_ours(part) for part in argv])
    if len(set(options.seeds)) < max(2, len(options.seeds)):
        raise UserError(f"--seeds takes two or more different numbers; found {' '.join(map(str, options.seeds))}.")
    also: dict[str, Any] = {}
    for part in rest:
        name, equals, value = part.partition("=")
        if part.startswith("--"):
            also[name[2:].replace("-", "_")] = [value] if equals else []
        elif also:
            also[list(also)[-1]].append(part)
        else:
            raise UserError(f"experiment takes one name; found {part!r} behind it.")
    for name in ("seed", "output_dir"):
        if name in also:
            raise UserError(f"--{name} is chosen for every run; leave it out (--seeds says which seeds).")
    options.output_dir = options.output_dir.resolve()
    return options, {name: values[0] if len(values) == 1 else values for name, values in also.items()}


def _as_ours(part: str) -> str:
    return part.replace("_", "-") if part.split("=")[0] == "--output_dir" else part


def _run(cells: Sequence[Cell], jobs: int) -> None:
    with tqdm(total=len(cells), unit="run", disable=None, bar_format="{l_bar}{bar}| {elapsed}<{remaining}") as bar:

        def show(done: float) -> None:
            bar.n = done
            bar.refresh()

        try:
            make(cells, jobs, show, lambda cell: above_bar(f"done      {cell.arm.name}, seed {cell.seed}"))
        except KeyboardInterrupt:
            above_bar("stopped; what the runs have done is kept. The same command goes on from there")
            raise


def _tell(results: Results, options: Namespace, argv: Sequence[str]) -> None:
    """Write the page, and show its table and sentences."""
    experiment = results.experiment
    folder = options.output_dir / experiment.name
    folder.mkdir(parents=True, exist_ok=True)
    pictures = draw(results, folder)
    path = folder / f"{experiment.name}.md"
    write_whole(path, page(results, shlex.join(["python", "cli.py", "experiment", *argv]), pictures))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=QUIET)
    narrow = [0, 1, 2, 4, 5]  # the page has all columns
    for i in narrow:
        table.add_column(header(results)[i], justify="right" if i else "left", no_wrap=bool(i))
    for cells in rows(results):
        table.add_row(*(cells[i] for i in narrow))
    console = terminal()
    told = (textwrap.fill(one.replace("**", ""), console.width, subsequent_indent="  ") for one in findings(results))
    console.print("", table, "", *map(Text, told), "", sep="\n")
    say(f"page      {path}")
