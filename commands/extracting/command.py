"""`cli.py knowledge extract`: problems with solutions in, the same with knowledge points out."""

import os
from argparse import Namespace
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from commands.engine import engine_maker, started
from commands.extracting.arguments import parse
from commands.extracting.display import Bar, tell, tell_cost
from commands.extracting.pool import Pool, prepare
from commands.extracting.result import account_of, write
from commands.extracting.work import fingerprint, read_replies, work
from commands.prompts import ModelFiles
from commands.sample_record import begin, default_folder, model_question
from commands.terminal.console import say
from data import PROMPTS
from data.knowledge import extract_prompt, judge_prompt, rewrite_prompt
from errors import UserError
from evaluation.teachers import ArithmeticTeacher, ChatTeacher, EngineTeacher, Teacher
from runs.folder import SampleFolder


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError, DataError: The arguments, the data or the teacher cannot work; nothing was written.
    """
    state, options = started(parse, argv)
    if state.num_processes > 1:
        raise UserError(
            f"knowledge extract is one process, met {state.num_processes}: start it with python cli.py knowledge "
            "extract. An endpoint is asked --concurrency questions at once."
        )
    teacher = _teacher(options)
    pool = prepare(options)
    asked = _question(options, pool)
    folder = SampleFolder(
        options.output_dir or default_folder("extract", options, asked, options.dataset), "extract.json"
    )
    usual = tell_cost(pool, options, len(read_replies(folder)))
    if folder.read().get("status") != "finished":
        teacher.check(options.temperature, options.max_tokens)
    with begin(folder, asked, ["knowledge", "extract", *argv], problems=len(pool.tasks)):
        say(f"folder    {folder.path}")
        folder.ready(0)
        _extract(options, pool, folder, teacher, Bar(len(pool.tasks), usual))


def prompts_fingerprint() -> str:
    """A mark of the wording of all prompts, which changes with it."""
    problem, point = "{problem}", "{point}"
    made = [extract_prompt(problem, "{solution}"), judge_prompt(point, problem, "{answer}")]
    return fingerprint([*made, rewrite_prompt(point, problem, ["{reason}"]), PROMPTS["knowrl"](problem)])


def _extract(options: Namespace, pool: Pool, folder: SampleFolder, teacher: Teacher, bar: Bar) -> None:
    """Ask, count, write, tell."""
    try:
        outcomes, used = work(pool.tasks, options, folder, teacher, bar.show)
    except KeyboardInterrupt:
        say(f"\nstopped; every reply so far is kept in {folder.path}. The same command goes on from there")
        raise
    finally:
        bar.close()
    account = account_of(outcomes, used, pool, options)
    data = {"dataset": options.dataset, "fingerprint": pool.source.fingerprint, "prompts": prompts_fingerprint()}
    write(outcomes, pool, {**account, **data}, folder)
    folder.update(result=account)
    tell(account, outcomes, options, folder.path)


def _teacher(options: Namespace) -> Teacher:
    if options.embedded:
        return ArithmeticTeacher()
    if options.teacher_url:
        return ChatTeacher(
            options.teacher_url, options.teacher, _key(options), options.concurrency, options.timeout, say
        )
    files = ModelFiles(options.model, options.revision, options.trust_remote_code, "--teacher")
    tokenizer = files.tokenizer()
    return EngineTeacher(engine_maker(options, files, tokenizer), tokenizer, files.positions())


def _key(options: Namespace) -> str:
    """The key of an endpoint; it is kept nowhere else, and told nowhere."""
    name = options.teacher_key_env
    if name is None and urlsplit(options.teacher_url).hostname != "api.openai.com":
        return ""  # a key is sent to whom it is meant for, or where it is told to go
    key = os.environ.get(name or "OPENAI_API_KEY", "").strip()
    if name and not key:
        raise UserError(f"--teacher-key-env names {name}, which is not set. Set it, or leave the option out.")
    if not key.isprintable() or not key.isascii() or " " in key:
        raise UserError(f"the key in {name or 'OPENAI_API_KEY'} has characters that no key has. Set it anew.")
    return key


def _question(options: Namespace, pool: Pool) -> dict[str, Any]:
    """What replies depend on; how many are asked for, and whether points are judged, may change."""
    names = ("teacher_url", "solution_column", "temperature", "max_tokens")
    data = {"data": options.dataset, "fingerprint": pool.source.fingerprint, "prompts": prompts_fingerprint()}
    return {**model_question(options), **data, **{name: getattr(options, name) for name in names}}
