"""`cli.py evaluate`: a model and benchmarks in, scores with errors out."""

import textwrap
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from tqdm import tqdm

from commands.engine import engine_maker, started
from commands.evaluating.arguments import parse
from commands.evaluating.draw import draw, plan_blocks
from commands.evaluating.result import score_task, tell
from commands.evaluating.task import DoesNotFitError, Task, make_task
from commands.evaluating.training import training_problems
from commands.prompts import ModelFiles, say_block
from commands.sample_record import begin, default_folder, model_question
from commands.terminal.console import say
from errors import UserError
from evaluation.engines import Engine
from evaluation.report import write_report
from evaluation.sandbox import Sandbox
from evaluation.tools import ToolEngine
from runs.folder import SampleFolder
from runs.public import public_name


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError, DataError: The arguments or the data cannot work; nothing was written.
    """
    state, options = started(parse, argv)
    files = ModelFiles(options.model, options.revision, options.trust_remote_code, "--model")
    tokenizer = files.tokenizer()
    trained = training_problems(options.model, options.trained_on)
    # The first process loads for all: which golds can be graded depends on the clock, so others might find other rows.
    loaded = _load(options, files, tokenizer) if state.is_main_process else ([], {})
    tasks, skipped = broadcast_object_list([loaded])[0]
    if not tasks:
        raise UserError(" ".join(skipped.values()))
    slugs = [task.slug for task in tasks]
    if len(set(slugs)) < len(slugs):
        raise UserError(f"two of --benchmark would be kept under one name ({', '.join(slugs)}); run them apart.")
    asked = {
        **model_question(options),
        "limit": options.limit,
        "benchmarks": {task.slug: task.question() for task in tasks},
    }
    subject = options.suite or tasks[0].slug
    folder = SampleFolder(options.output_dir or default_folder("eval", options, asked, subject), "evaluation.json")
    with begin(folder, asked, ["evaluate", *argv]):
        say(f"folder    {folder.path}")
        if not options.rescore:
            _draw(tasks, options, folder, state, files, tokenizer)
        if state.is_main_process:
            _finish(tasks, skipped, options, folder, trained)


def _load(options: Namespace, files: ModelFiles, tokenizer: Any) -> tuple[list[Task], dict[str, str]]:
    """The benchmarks that the model can be asked, and for each of the others by its name why not; says so."""
    tasks, skipped = [], {}
    for name, settings in options.plan:
        try:
            tasks.append(make_task(name, settings, options, files, tokenizer))
        except DoesNotFitError as error:
            skipped[Path(name).stem] = str(error)
    if tasks:  # else it is an error
        for reason in skipped.values():
            say_block("skipped", textwrap.wrap(reason, 90, break_long_words=False, break_on_hyphens=False))
    return tasks, skipped


def _draw(
    tasks: list[Task], options: Namespace, folder: SampleFolder, state: PartialState, files: ModelFiles, tokenizer: Any
) -> None:
    """Complete what is missing; the first process stays until all have finished."""
    folders = {task.slug: _part(folder, task) for task in tasks}
    for part in folders.values():
        part.ready(state.process_index)
    state.wait_for_everyone()  # from here on nobody waits for anybody but the first
    make = engine_maker(options, files, tokenizer)

    @cache
    def with_tools() -> Engine:
        sandbox = Sandbox(allow_unsafe_code=options.allow_unsafe_code)
        say(f"sandbox   {sandbox.describe()}")
        replay = options.tool_state == "replay"
        return ToolEngine(make(), tokenizer, sandbox, rounds=options.tool_rounds, replay=replay)

    blocks = {task.slug: len(plan_blocks(task, options)) for task in tasks}
    total = sum(task.settings.samples * (len(task.problems) - len(task.unasked)) for task in tasks)
    share = (state.process_index, state.num_processes)
    # None: a bar on a terminal only
    with tqdm(total=total, unit="sample", dynamic_ncols=True, disable=None if state.is_main_process else True) as bar:
        try:
            for task in tasks:
                bar.set_description(task.slug)
                engine = with_tools if task.settings.tools else make
                draw(task, options, folders[task.slug], share, engine, lambda n: bar.update(n * state.num_processes))
            while state.is_main_process and not all(len(folders[slug].done()) >= n for slug, n in blocks.items()):
                time.sleep(0.2)
        except KeyboardInterrupt:
            say(f"\nstopped; every completion so far is kept in {folder.path}. The same command goes on from there")
            raise


def _part(folder: SampleFolder, task: Task) -> SampleFolder:
    return SampleFolder(folder.path / task.slug, "")


def _finish(
    tasks: list[Task],
    skipped: dict[str, str],
    options: Namespace,
    folder: SampleFolder,
    trained: tuple[str, list[str]] | None,
) -> None:
    """Score, write, tell."""
    scored = [score_task(task, _part(folder, task), options.suite, trained) for task in tasks]
    model = "embedded" if options.embedded else public_name(options.model)
    account = {task.slug: task.protocol for task in tasks}
    paths = write_report([one.result for one in scored], folder.path, model=model, protocol=account)
    results = [
        {**one.result, **one.extra, "settings": asdict(t.settings)} for one, t in zip(scored, tasks, strict=True)
    ]
    folder.update(results=results, skipped=skipped)
    tell(scored, trained)
    for reason in skipped.values():
        told = f"* Not measured: {reason}"
        say(textwrap.fill(told, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))
    say(f"report    {paths['md']}, report.json, report.png; verdicts beside the completions of each benchmark")
