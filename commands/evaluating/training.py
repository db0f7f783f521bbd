"""What a model was trained on, as far as its run folder or card say."""

import re
from pathlib import Path
from typing import Any

import yaml

from commands.terminal.console import say
from data import load_problems
from errors import DataError
from runs.folder import RunFolder


def training_problems(model: str, named: str | None) -> tuple[str, list[str]] | None:
    """Return where the training problems come from, and their texts; None where nobody knows.

    Args:
        model: Folder or Hub id.
        named: A data set that the user names.

    Raises:
        DataError: The user's data set cannot be loaded.
    """
    if named:
        return named, list(load_problems(named, answers_needed=False).dataset["problem"])
    settings = _settings_of(Path(model)) or _card_of(Path(model))
    if settings is None:
        return None
    name = str(settings["dataset_name"])
    try:
        loaded = load_problems(
            name,
            split=settings.get("dataset_split"),
            config=settings.get("dataset_config"),
            problem_column=settings.get("problem_column"),
            answers_needed=False,
        )
    except DataError:
        say(f"          {model} was trained on {name}, which cannot be loaded from here; name it with --trained-on")
        return None
    return f"{name} (from its {settings['told_by']})", list(loaded.dataset["problem"])


def _settings_of(model: Path) -> dict[str, Any] | None:
    """The settings of the run that made a model: it lies in the run's `final/` or among its checkpoints."""
    for folder in model.resolve().parents[:2] if model.is_dir() else []:
        run = RunFolder(folder)
        if run.run.is_file() and run.config.is_file():
            settings = yaml.safe_load(run.config.read_text(encoding="utf-8")) or {}
            return {"dataset_name": "arithmetic", **settings, "told_by": "run"}
    return None


def _card_of(model: Path) -> dict[str, Any] | None:
    """The first data set that a local model's card names in its head."""
    card = model / "README.md"
    if not card.is_file():
        return None
    head = re.match(r"---\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    try:
        facts = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        return None
    named = facts.get("datasets") if isinstance(facts, dict) else None
    first = named[0] if isinstance(named, list) and named else named
    return {"dataset_name": first, "told_by": "card"} if isinstance(first, str) else None
