"""`cli.py filter-data`: problems in, those that a model can learn from out."""

import time
from argparse import Namespace
from collections.abc import Sequence

from accelerate import PartialState

from commands.engine import engine_maker, started
from commands.filtering.arguments import parse
from commands.filtering.card import push, write_card
from commands.filtering.display import Bar, tell
from commands.filtering.picture import draw_histogram
from commands.filtering.pool import Pool, prepare
from commands.filtering.result import assemble, write
from commands.filtering.work import last_block, plan_blocks, work
from commands.hub import require_repository
from commands.sample_record import begin, default_folder, sampling_question, stop_told
from commands.terminal.console import say
from runs.folder import SampleFolder


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError, DataError: The arguments or the data cannot work; nothing was written.
    """
    state, options = started(parse, argv)
    pool = prepare(options)
    if options.push_to_hub:
        require_repository(options.push_to_hub, "dataset")
    asked = sampling_question(options, pool.source.fingerprint)  # the zone is asked of the samples, and may change
    folder = SampleFolder(
        options.output_dir or default_folder("filter", options, asked, options.dataset), "filter.json"
    )
    mapping = list(pool.source.mapping)
    with begin(folder, asked, ["filter-data", *argv], problems=len(pool.problems), mapping=mapping):
        say(f"folder    {folder.path}")
        folder.ready(state.process_index)
        state.wait_for_everyone()  # the folder is there; from here on nobody waits for anybody but the first
        _draw(options, pool, folder, state)
        if state.is_main_process:
            _finish(options, pool, folder)
    if options.push_to_hub and state.is_main_process:
        say(f"pushed    {push(folder.path, options.push_to_hub)}")


def _draw(options: Namespace, pool: Pool, folder: SampleFolder, state: PartialState) -> None:
    """Draw what is missing; the first process stays until all have finished."""
    bar = Bar(len(pool.problems), options.samples, state.num_processes, state.is_main_process)
    share = (state.process_index, state.num_processes)
    try:
        with stop_told(folder):
            work(options, pool, folder, share, engine_maker(options, pool.files, pool.tokenizer), bar.show)
            blocks = len(plan_blocks(options, pool))
            while state.is_main_process and last_block(folder, blocks, options.max_problems) is None:
                time.sleep(0.2)
    finally:
        bar.close()


def _finish(options: Namespace, pool: Pool, folder: SampleFolder) -> None:
    """Count, write, draw, tell."""
    result = assemble(options, pool, folder)
    write(result, pool, folder)
    summary = result.summary
    model = "the embedded model" if options.embedded else options.model
    draw_histogram(
        summary["histogram"],
        options.low,
        options.high,
        f"{options.dataset}, {summary['problems']:,} problems, {model}",
        folder.path / "histogram.png",
    )
    folder.update(zone={"samples": options.samples, "low": options.low, "high": options.high}, result=summary)
    write_card(folder)
    tell(summary, options, folder.path)
