"""`cli.py show RUN`: the story of a run in the terminal, from its folder alone, also while it goes on."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from rich.console import Console, RenderableType
from rich.text import Text
from typing_extensions import override

from commands.measured import LEGEND
from commands.story.asked import asked, last_step, section
from commands.story.curves import curves, times
from commands.story.find import find_run
from commands.story.results import flips, results
from commands.terminal.output import terminal
from commands.terminal.samples import right, samples_table, select
from errors import UserError, nearest
from runs.files import read_jsonl
from runs.folder import RunFolder
from runs.records import read_completions

HELP = """\
usage: python cli.py show RUN [--step N] [--right | --wrong] [--samples K]
example: python cli.py show outputs/lpro-embedded-20261121-004446-8703 --step 40 --wrong

Tell the story of a run: what was asked, curves, where the time went, sampled completions, results
before and after. RUN is its folder; the run may still be going on, or have been killed.

options
  --step N      only completions that step N trained on; default: the story, with the last ones
  --right       only completions with a right answer
  --wrong       only completions with a wrong answer
  --samples K   K completions; default: of each prompt the highest and the lowest advantage
"""
LAST = 10**12  # a step after every other
IN_STORY = 4  # completions


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong without the usage."""

    @override
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[0].upper()}{message[1:]}.")


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError: There is no such run, step or option.
    """
    if {"-h", "--help"} & set(argv):
        terminal().print(Text(HELP), end="")
        return
    options = _parse(argv)
    run, console = find_run(options.run), terminal()
    metrics = read_jsonl(run.metrics)
    chosen = options.step is not None or options.grade is not None or options.samples is not None
    samples = _samples(run, options, last_step(metrics), alone=chosen)
    if chosen:
        console.print(samples)
    else:
        _tell(console, run, metrics, samples)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("run", nargs="?")
    parser.add_argument("--step", type=int)
    parser.add_argument("--samples", type=int)
    grade = parser.add_mutually_exclusive_group()
    grade.add_argument("--right", dest="grade", action="store_const", const="right")
    grade.add_argument("--wrong", dest="grade", action="store_const", const="wrong")
    options, rest = parser.parse_known_args(argv)
    if rest and not rest[0].startswith("-"):
        raise UserError(f"show takes one run; found {options.run} and {rest[0]}.")
    if rest:
        near = nearest(rest[0], ["--step", "--samples", "--right", "--wrong"])
        raise UserError(f"show has no option {rest[0]}{f'; did you mean {near}?' if near else '.'}")
    if options.samples is not None and options.samples < 1:
        raise UserError(f"--samples takes a number of completions, 1 or more; found {options.samples}.")
    return options


def _samples(run: RunFolder, options: argparse.Namespace, last: int, *, alone: bool) -> RenderableType | None:
    """The completions that were asked for, under a heading that says which they are."""
    records = read_completions(run, LAST if options.step is None else options.step)
    generation = records[0]["step"] if records else 0
    reached = max(last, generation)
    if options.step is not None and not 1 <= options.step <= reached:
        known = f"--step takes 1 to {reached}, the last step" if reached else "--step is too early: there is no step"
        raise UserError(f"{known} of {run.path} so far; found {options.step}.")
    if not records:
        if not alone:
            return None
        until = f" up to step {options.step}" if options.step else ""
        raise UserError(f"{run.path} has kept no completions{until}. A run keeps them with --saved_prompts.")
    if options.grade and all(right(record) is None for record in records):
        rewards = ", ".join(records[0].get("rewards", {}))
        raise UserError(f"--{options.grade} needs the reward accuracy; this run's completions have {rewards}.")
    fitting = [record for record in records if options.grade is None or right(record) is (options.grade == "right")]
    limit = options.samples if alone else IN_STORY
    title = f"samples of step {generation}"
    if options.step not in (None, generation):
        title = f"samples of step {options.step}, on the generation of step {generation}"
    shown = sum(map(len, select(fitting, limit)))
    counted = f"{len(fitting)} {options.grade} among {len(records)}" if options.grade else str(len(records))
    return section(f"{title}: {shown or 'none'} of {counted} kept", samples_table(fitting, limit=limit))


def _tell(console: Console, run: RunFolder, metrics: list[dict[str, Any]], samples: RenderableType | None) -> None:
    """The whole story."""
    record = run.read()
    drawn, timed, found = curves(metrics, console.width), times(metrics, record), results(record)
    console.print(asked(run, record, metrics), crop=False)
    if drawn:
        console.print(section(f"curves over {last_step(metrics)} steps", drawn))
    if timed:
        console.print(section("time", timed))
    if samples:
        console.print(samples)
    if found:
        problems = (record.get("before") or record.get("after") or {}).get("problems", "?")
        title = f"held out: {problems} problems, greedy; {LEGEND}"
        console.print(section(title, found, *flips(run.held_out, 2)))
    parts = {"metrics": drawn, "completions": samples, "held-out results": found}
    missing = [name for name, part in parts.items() if part is None]
    if missing:
        console.print(Text(f"not there (yet): {', '.join(missing)}"))
    console.print(Text("more: --step N, --right, --wrong, --samples K"))
    if run.plots.is_dir():
        console.print(Text(f"pictures: {run.plots}", no_wrap=True, overflow="ignore"), crop=False)
