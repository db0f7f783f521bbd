"""The settings of a run as a recipe, each with where it came from."""

from enum import Enum
from importlib.metadata import version
from typing import Any

import yaml

from commands.arguments.groups import GROUPS, group_of
from commands.arguments.settings import Settings
from outgoing import without_secrets

# A run's own folder: another run must not write there or start from there.
OF_ONE_RUN = ("output_dir", "resume_from_checkpoint")
_COLUMN = 48  # where comments begin


def config_yaml(settings: Settings, *, portable: bool = True) -> str:
    """Write every setting as YAML that `--config` takes back and makes equal settings of.

    What this machine needs, what follows from other lines, and what is a secret stands there as a comment.

    Args:
        settings: Of a run.
        portable: Leave out the folders that belong to the run that was asked for.
    """
    written: dict[str, list[str]] = {group: [] for group in GROUPS}
    defaults: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in settings.values:
        if portable and name in OF_ONE_RUN:
            continue
        part = defaults if settings.sources[name] == "TRL" else written
        part[group_of(name)].append(_line(settings, name))
    blocks = [
        f"# A run of cli.py train; as --config it gives these settings again. TRL {version('trl')}.",
        *(f"# {group}\n" + "\n".join(lines) for group, lines in written.items() if lines),
        "# TRL's defaults for all others",
        *(f"# {group}\n" + "\n".join(lines) for group, lines in defaults.items() if lines),
    ]
    return "\n\n".join(blocks) + "\n"


def _line(settings: Settings, name: str) -> str:
    """`option: value`, live or as a comment, and at the right its source."""
    value, source = settings.values[name], settings.sources[name]
    if name == "model_name_or_path" and settings.embedded:
        return f"{'# ' + name + ': embedded/model':<{_COLUMN}}  # where no model is named"
    line = _yaml(name, value)
    if without_secrets(line) != line:
        return f"{'# ' + name + ':':<{_COLUMN}}  # {source}; not written, it holds a secret"
    derived = source == "derived" and name != "per_device_train_batch_size"
    live = not derived and source not in ("TRL", "this machine") and not (value is None and source == "default")
    line = line if live else f"# {line}"
    return line if source == "TRL" else f"{line:<{_COLUMN}}  # {source}"


def _yaml(name: str, value: Any) -> str:
    """An entry of a mapping; one line, but for text of several."""
    plain = value.value if isinstance(value, Enum) else value
    dumped = yaml.safe_dump({name: plain}, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return dumped.strip().removeprefix("{").removesuffix("}")
