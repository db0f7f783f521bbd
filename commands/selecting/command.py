"""`cli.py knowledge select`: problems with knowledge points in, those with the points that a model needs out."""

import json
import time
from argparse import Namespace
from collections.abc import Sequence

from accelerate import PartialState

from commands.engine import engine_maker, started
from commands.filtering.pool import Pool
from commands.sample_record import begin, default_folder, sampling_question, stop_told
from commands.selecting.arguments import parse
from commands.selecting.display import Bar, say_price, tell
from commands.selecting.picture import draw_accuracies
from commands.selecting.points import Pointed, points_fingerprint, prepare_points
from commands.selecting.report import write_report
from commands.selecting.result import account, assemble, write
from commands.selecting.work import plan_blocks, work
from commands.terminal.console import say
from runs.files import finite, write_whole
from runs.folder import SampleFolder


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError, DataError: The arguments or the data cannot work; nothing was written.
    """
    state, options = started(parse, argv)
    pool, pointed = prepare_points(options)
    # The rules are asked of the samples, and may change.
    asked = sampling_question(options, pool.source.fingerprint)
    asked |= {"hint_style": options.hint_style, "points": points_fingerprint(pool)}
    folder = SampleFolder(
        options.output_dir or default_folder("knowledge", options, asked, options.dataset), "select.json"
    )
    mapping = list(pool.source.mapping)
    with begin(folder, asked, ["knowledge", "select", *argv], problems=len(pointed), mapping=mapping):
        say(f"folder    {folder.path}")
        folder.ready(state.process_index)
        state.wait_for_everyone()  # the folder is there; from here on nobody waits for anybody but the first
        _draw(options, pool, pointed, folder, state)
        if state.is_main_process:
            _finish(options, pool, pointed, folder)


def _draw(options: Namespace, pool: Pool, pointed: list[Pointed], folder: SampleFolder, state: PartialState) -> None:
    """Draw what is missing; the first process stays until all have finished."""
    cost = account(options, pointed)
    recorded = len(folder.read_samples()) if state.is_main_process else 0
    say_price(cost, options, len(pointed), sum(len(one.points) for one in pointed), recorded)
    bar = Bar(cost, len(pointed), recorded, state.num_processes, state.is_main_process)
    blocks = plan_blocks(options, pointed)
    share = (state.process_index, state.num_processes)
    try:
        with stop_told(folder):
            engine = bar.timed(engine_maker(options, pool.files, pool.tokenizer))
            work(options, blocks, pool.tokenizer, folder, share, engine, bar.show)
            while state.is_main_process and len(folder.done()) < len(blocks):
                time.sleep(0.2)
    finally:
        bar.close()


def _finish(options: Namespace, pool: Pool, pointed: list[Pointed], folder: SampleFolder) -> None:
    """Choose, write, draw, tell."""
    result = assemble(options, pool, pointed, folder)
    write(result, pool, folder)
    summary = result.summary
    report = json.dumps(finite(summary), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder.path / "report.json", report + "\n")
    model = "the embedded model" if options.embedded else options.model
    title = f"{options.dataset}, {summary['problems']:,} problems, {model}"
    draw_accuracies(summary["rules"], title, not options.judge_samples, folder.path / "accuracy.png")
    settings = ("samples", "runs", "tolerance", "near", "prefer", "judge_samples", "stop_when_solved")
    folder.update(selection={name: getattr(options, name) for name in ("rule", *settings)}, result=summary)
    write_report(summary, folder)
    tell(summary, options, folder.path)
