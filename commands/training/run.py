"""The folder of a training run: which one, whose, and what `run.json` says of the run as a whole."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from commands.arguments.print_config import config_yaml
from commands.arguments.settings import Settings
from commands.cards.page import write_card
from commands.hub import hub_id
from commands.terminal.console import say
from commands.training.problems import Task
from commands.training.resume import checkpoint_of, files_of, refusal
from data import build_prompts
from errors import UserError
from runs.checkpoints import saved_checkpoints
from runs.environment import describe
from runs.files import write_whole
from runs.folder import FolderTakenError, RunFolder, now, status_kept
from trainers import METHODS

UNFINISHED = ("running", "interrupted", "failed")
"""What `run.json` says of a run that can go on."""


def choose_folder(settings: Settings) -> RunFolder:
    """`--output_dir`; or the folder of the checkpoint that is continued; or a new one below outputs/.

    TRL gets the folder's `checkpoints/` for its own.
    """
    config = settings.trainer
    asked = None if config.output_dir in (None, "trainer_output") else config.output_dir
    if asked is None and config.resume_from_checkpoint:
        owner = RunFolder(Path(config.resume_from_checkpoint).resolve().parents[1])
        asked = str(owner.path) if owner.run.exists() else None
    if asked is None:
        model = "embedded" if settings.embedded else settings.model_name.rstrip("/").split("/")[-1]
        asked = f"outputs/{settings.arguments.method}-{model}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    run = RunFolder(broadcast_object_list([asked])[0])  # every process got another time and number
    config.output_dir = str(run.checkpoints)
    config.hub_model_id = config.hub_model_id or run.path.name
    config.run_name = config.run_name or run.path.name
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(run.path / "tensorboard"))
    os.environ.setdefault("WANDB_DIR", str(run.path))
    return run


@contextmanager
def claimed(run: RunFolder, settings: Settings, task: Task) -> Iterator[None]:
    """Take the folder, and leave nothing behind in it when what follows is refused.

    A run in it that has not finished goes on, from its last whole checkpoint, if `--resume` says so.

    Raises:
        UserError: It cannot be written, or holds another run.
    """
    missing = [path for path in (run.checkpoints, run.path, *run.path.parents) if not path.exists()]
    main = PartialState().is_main_process
    refusal, checkpoint = _claim(run, settings, task) if main else (None, None)
    refusal, checkpoint = broadcast_object_list([refusal, checkpoint])
    settings.trainer.resume_from_checkpoint = checkpoint
    try:
        if refusal:
            raise UserError(refusal)
        yield
    except BaseException:
        if main:
            run.release()
            for path in missing:
                with suppress(OSError):  # only empty folders go
                    path.rmdir()
        raise


def _claim(run: RunFolder, settings: Settings, task: Task) -> tuple[str | None, str | None]:
    """Claim the folder. Returns why not, where that is so, and the checkpoint that the run goes on from."""
    checkpoint = settings.trainer.resume_from_checkpoint
    goes_on = checkpoint is not None and run.checkpoints.resolve() in Path(checkpoint).resolve().parents
    new = "Name a new folder, or leave --output_dir out for one below outputs/."
    status, saved = run.read().get("status"), saved_checkpoints(run.checkpoints)
    if not goes_on and status and status not in UNFINISHED:
        told = f"--output_dir {run.path} holds the results of a finished run, which another would overwrite. {new}"
        return told, None
    if not goes_on and not status and run.final.exists():
        told = (
            f"--output_dir {run.path} holds a trained model without a readable run.json, so nobody knows whether its"
        )
        return f"{told} run has finished. {new}", None
    holds_a_run = run.run.exists() or saved
    if holds_a_run and not goes_on and settings.arguments.resume == "never":
        told = f"--output_dir {run.path} holds a run that has not finished. Leave --resume never out to go on, or n"
        return told + new[1:], None
    if holds_a_run and not goes_on and checkpoint is not None:
        return f"--resume {checkpoint} is no checkpoint of the run in {run.path}. {new}", None
    try:
        run.claim()
    except FolderTakenError:
        return f"--output_dir {run.path} is being written by another run. {new}", None
    except (FileExistsError, NotADirectoryError):
        return f"--output_dir {run.path} must be a folder that can be written; it is a file. Name another.", None
    except OSError as error:
        told = f"--output_dir {run.path} must be a folder that can be written: {error.strerror}. Name another."
        return told, None
    if not holds_a_run:
        return None, checkpoint
    if not status:
        say(f"resume    {run.run} is missing or cannot be read, and is written anew")
    found = Path(checkpoint) if checkpoint else checkpoint_of(run)
    refused = refusal(run, settings, task, found)
    if refused:
        return refused, None
    told = (
        f"goes on after step {str(found).rpartition('-')[2]}" if found else "had no checkpoint yet, and begins again"
    )
    say(f"resume    the run in {run.path} {told}")
    return None, str(found) if found else None


def open_record(run: RunFolder, settings: Settings, task: Task, argv: Sequence[str]) -> None:
    """Write what was asked, with what and on what, before the run starts."""
    write_whole(run.config, config_yaml(settings))
    begun = run.read().get("started")  # of the run that goes on; what it had found is not yet true of this one
    run.replace(
        status="running",
        method=settings.arguments.method,
        model="embedded" if settings.embedded else settings.model_name,
        base=_base(settings),
        adapter=settings.arguments.adapter,
        data=task.description,
        files=files_of(settings),
        prompt=_prompt(settings, task),
        rewards=_rewards(settings),
        seed=settings.trainer.seed,
        started=begun or now(),
        steps=task.plan.optimizer_steps,
        completions=task.plan.generations * task.plan.completions_per_generation,
        not_deterministic=left_to_chance(settings),
        batch=task.plan.lines(),
        **describe(["cli.py", "train", *argv], processes=PartialState().num_processes),
    )
    run.held_out.unlink(missing_ok=True)
    write_card(run)


def _base(settings: Settings) -> dict[str, Any]:
    """What a card says of the model that is trained; a licence that only the Hub knows is asked for at a push."""
    if settings.embedded:
        return {"license": "apache-2.0"}  # this project's
    return {"hub_id": hub_id(settings.model_name), "revision": settings.model.model_revision}


def _prompt(settings: Settings, task: Task) -> dict[str, Any]:
    """How a problem is put, without any: another one can be put the same way."""
    arguments = settings.arguments
    assert arguments.prompt_style is not None, "parse() chooses one"
    row = datasets.Dataset.from_list([{"problem": "…"}])
    return {
        "style": arguments.prompt_style,
        "system": arguments.system_prompt,
        "messages": build_prompts(row, arguments.prompt_style, system=arguments.system_prompt)["prompt"][0],
        "template": task.tokenizer.chat_template is not None,
        "hints": arguments.hints,
        "max_new_tokens": settings.max_new_tokens,
    }


def _rewards(settings: Settings) -> dict[str, float]:
    """Weight of each reward, the method's own first."""
    config: Any = settings.trainer
    own = getattr(METHODS[settings.arguments.method][0], "own_reward", None)
    scale = config.external_weight if own else 1.0
    given = zip(settings.arguments.reward_funcs, config.reward_weights or [], strict=True)
    return {**({own: config.self_weight} if own else {}), **{name: scale * weight for name, weight in given}}


def left_to_chance(settings: Settings) -> list[str]:
    """What may differ when a run is repeated with its one seed, which governs data, sampling, hints and weights."""
    config, notes = settings.trainer, []
    if not config.use_cpu:
        notes.append("an accelerator's kernels add up in varying order: results differ in the last digits, then grow")
    if config.use_vllm:
        notes.append("vLLM's probabilities depend on the batch that a request happens to run in")
    if settings.arguments.tools == "python":
        notes.append("a program that meets its limit of time on a busy machine may finish on an idle one")
    return [*notes, "an answer that meets the verifier's limit of time on a busy machine may be graded on an idle one"]


@contextmanager
def recorded(run: RunFolder) -> Iterator[None]:
    """Keep the run's status, also of one that ends badly; on the main process."""
    if not PartialState().is_main_process:
        yield
        return
    with status_kept(run, at_end=lambda: write_card(run)):
        yield
