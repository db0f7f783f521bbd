"""Going on: from which checkpoint a run in a folder continues, and why it may not."""

from pathlib import Path
from typing import Any

import yaml
from accelerate import PartialState

from commands.arguments.print_config import config_yaml
from commands.arguments.settings import Settings
from commands.terminal.console import say
from commands.training.problems import Task
from runs.checkpoints import newest_whole, read_mark
from runs.folder import RunFolder
from trainers import strategy_of, unlike

# What a run shows, keeps and pushes, but not what it computes.
BESIDE = {
    "output_dir", "resume", "force", "resume_from_checkpoint", "save_steps", "save_strategy", "save_total_limit",
    "logging_steps", "sample_steps", "saved_prompts", "report_to", "run_name", "push_to_hub", "hub_model_id",
    "hub_strategy", "hub_private_repo", "disable_tqdm", "log_completions", "num_completions_to_print",
    "log_unique_prompts", "watchdog_minutes", "allow_truncated",
}  # fmt: skip


def checkpoint_of(run: RunFolder) -> Path | None:
    """The newest whole checkpoint; says which are torn or damaged."""
    for path in run.torn_checkpoints():
        say(f"resume    {path.name} was not finished, and is passed over")
    whole, damaged = newest_whole(run.checkpoints)
    for path, wrong in damaged.items():
        say(f"resume    {path.name} is damaged, and is passed over: {wrong}")
    return whole


def refusal(run: RunFolder, settings: Settings, task: Task, checkpoint: Path | None) -> str | None:
    """Why the run in a folder cannot go on as it is asked to now; None if it can."""
    other = "or give another --output_dir for a new run."
    damaged = {} if checkpoint else run.damaged_checkpoints()
    for path, wrong in damaged.items():
        told = f"no checkpoint of the run in {run.path} is whole: {wrong} in {path.name}."
        return f"{told} Copy it anew from where it came, {other}"
    mark = read_mark(checkpoint) if checkpoint else {}
    differs = unlike(mark, PartialState().num_processes, strategy_of(settings.trainer))
    if differs:
        told = f"the run in {run.path} goes on with the processes it began with, {differs}."
        return f"{told} Start it in the same way, {other}"
    if settings.trainer.sync_ref_model and checkpoint:
        told = f"--sync_ref_model keeps a model that no checkpoint holds, so the run in {run.path} cannot go on."
        return f"{told} Give another --output_dir for a new run."
    try:
        differing = sorted(_differences(run, settings, task))
    except (OSError, yaml.YAMLError, AttributeError, TypeError):
        return f"{run.config} cannot be read, so nobody knows what the run there was asked for. Mend it, {other}"
    if not differing or settings.arguments.force:
        return None
    return (
        f"--output_dir {run.path} holds a run that has not finished, with other settings: {'; '.join(differing)}. "
        "Give the same ones to go on with it, --force true to go on in spite of that, or another --output_dir for a "
        "new run."
    )


def _differences(run: RunFolder, settings: Settings, task: Task) -> list[str]:
    """Settings and data that are not those of the run, each with both values."""
    before, now = _settings(run.config.read_text(encoding="utf-8")), _settings(config_yaml(settings))
    found = [
        f"{name} was {_shown(before, name)}, now {_shown(now, name)}"
        for name in {*before, *now} - BESIDE
        if before.get(name) != now.get(name)
    ]
    data = run.read().get("data") or {}
    for name in ("fingerprint", "problems"):
        if name in data and data[name] != task.description[name]:
            found.append(f"the data's {name} was {str(data[name])[:12]}, now {str(task.description[name])[:12]}")
    return found


def _settings(config: str) -> dict[str, Any]:
    return yaml.safe_load(config) or {}


def _shown(settings: dict[str, Any], name: str) -> str:
    return repr(settings[name]) if name in settings else "left at its default"
