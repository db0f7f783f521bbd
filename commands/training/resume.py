"""Going on: from which checkpoint a run in a folder continues, and why it may not."""

from pathlib import Path
from typing import Any

import yaml
from accelerate import PartialState
from peft.utils import CONFIG_NAME as ADAPTER_CONFIG_NAME
from transformers.utils import CONFIG_NAME, cached_file
from transformers.utils.hub import extract_commit_hash

from commands.arguments.groups import BESIDE
from commands.arguments.print_config import config_yaml
from commands.arguments.settings import Settings
from commands.terminal.console import say
from commands.training.problems import Task
from rewards import reward_file
from runs.checkpoints import newest_whole, read_mark
from runs.files import digest
from runs.folder import RunFolder
from trainers import strategy_of, topology_mismatch

MODEL_FILES = {".safetensors", ".bin", ".json", ".jinja", ".model"}
"""Endings of what a model's folder is read for: weights, configuration, tokenizer, chat template."""


def checkpoint_of(run: RunFolder) -> Path | None:
    """The newest whole checkpoint; says which are torn or damaged."""
    for path in run.torn_checkpoints():
        say(f"resume    {path.name} was being saved when the run ended, and is passed over")
    whole, damaged = newest_whole(run.checkpoints)
    for path, wrong in damaged.items():
        say(f"resume    {path.name} is damaged, and is passed over: {wrong}")
    return whole


def refusal(run: RunFolder, settings: Settings, task: Task, checkpoint: Path | None) -> str | None:
    """Why the run in a folder cannot go on as it is asked to now; None if it can."""
    other = "or give another --output_dir for a new run."
    damaged = {} if checkpoint else run.damaged_checkpoints()
    for path, wrong in damaged.items():
        told = f"no checkpoint of the run in {run.path} is whole ({path.name}: {wrong})."
        return f"{told} Copy it anew from where it came, {other}"
    mark = read_mark(checkpoint) if checkpoint else {}
    differs = topology_mismatch(mark, PartialState().num_processes, strategy_of(settings.trainer))
    if differs:
        told = f"the run in {run.path} goes on with the processes it began with, {differs}."
        return f"{told} Start it in the same way, {other}"
    if settings.trainer.sync_ref_model and checkpoint:
        told = f"--sync_ref_model keeps a model that no checkpoint holds, so the run in {run.path} cannot go on."
        return f"{told} Give another --output_dir for a new run."
    if settings.arguments.force:
        return None
    try:
        differing = sorted(_differences(run, settings, task))
    except (OSError, ValueError, yaml.YAMLError, AttributeError, TypeError):
        told = f"{run.config} is missing or cannot be read, so nobody knows what the run there was asked for."
        return f"{told} Mend it, give --force true to go on with the settings of now, {other}"
    if not differing:
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
    known, there = run.read().get("files") or {}, files_of(settings)
    found += [f"{name} is not what it was" for name in known if known[name] != there.get(name)]
    return found


def files_of(settings: Settings) -> dict[str, str]:
    """The files that a run is made of besides its data, each with a digest: the model's and its own rewards'.

    A model of the Hub is known by its commit.
    """
    model, adapter = ("model", settings.model_name), ("adapter", settings.arguments.adapter)
    found: dict[str, str] = {}
    for role, name in (model, adapter):
        if name and Path(name).is_dir():
            files = sorted(path for path in Path(name).iterdir() if path.suffix in MODEL_FILES)
            found |= {f"{path.name} of the {role}": _digest(path) for path in files}
        elif name and (commit := _commit(name, settings.model.model_revision if role == "model" else None)):
            found[f"the {role}'s commit"] = commit
    for name in settings.arguments.reward_funcs:
        if path := reward_file(name):
            found[name.rpartition(":")[0]] = _digest(path)
    return found


def _commit(name: str, revision: str | None) -> str | None:
    """Of a model or an adapter of the Hub, as it lies in the cache."""
    for file in (CONFIG_NAME, ADAPTER_CONFIG_NAME):
        path = cached_file(
            name, file, revision=revision, local_files_only=True, _raise_exceptions_for_missing_entries=False
        )
        if path:
            return extract_commit_hash(path, None)
    return None


def _digest(path: Path) -> str:
    seen = digest(path)
    return f"{seen['bytes']} bytes, crc32 {seen['crc32']:08x}"


def _settings(config: str) -> dict[str, Any]:
    return yaml.safe_load(config) or {}


def _shown(settings: dict[str, Any], name: str) -> str:
    return repr(settings[name]) if name in settings else "left at its default"
