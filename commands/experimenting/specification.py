"""What an experiment asks: a YAML file with a question, the arms that are compared, and what they share."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from commands.arguments.recipe import ROOT, read_recipe
from errors import UserError, did_you_mean

SHIPPED = ROOT / "experiments"
_KEYS = ("title", "question", "settings", "arms", "compare", "metrics", "notes")


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: As tables and plots have it.
        settings: Lines of a recipe; `{folder}` and `{seed}` in them are the run's, `{runs}` the folder of all runs.
        first: Commands that are run before, from the clone's folder: a script and its words.
    """

    name: str
    settings: Mapping[str, Any]
    first: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """Equal for arms that ask for the same, in whatever experiment: they share their runs."""
        asked = json.dumps([dict(self.settings), self.first], sort_keys=True)
        return f"{self.settings['method']}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"

    def filled(self, folder: Path, seed: int) -> tuple[list[str], list[list[str]]]:
        """The words of `cli.py train` behind `train`, and those of each command before it."""
        places = {"{folder}": folder, "{runs}": folder.parent, "{seed}": seed}

        def fill(text: str) -> str:
            return reduce(lambda done, place: done.replace(place, str(places[place])), places, text)

        words = [word for name, value in self.settings.items() for word in _flag(name, value)]
        return [fill(word) for word in words], [[fill(word) for word in line.split()] for line in self.first]


@dataclass(frozen=True)
class Experiment:
    """A grid of arms and seeds.

    Attributes:
        name: Of its folder.
        title: Of its page.
        question: Put before the runs.
        arms: In the order of the table.
        compare: Pairs of arms, the second being the one that the first is held against.
        metrics: Training metrics that the table has beside accuracy and length, means of the last quarter of steps.
        notes: What a reader of the result must know, a sentence or two each.
    """

    name: str
    title: str
    question: str
    arms: tuple[Arm, ...]
    compare: tuple[tuple[str, str], ...]
    metrics: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())


def shipped() -> dict[str, Path]:
    """The experiments that come with the project, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def read_experiment(name: str, also: Mapping[str, Any]) -> Experiment:
    """Read a shipped experiment by its name, or one's own by its file.

    Args:
        name: As typed.
        also: Settings for all arms, over those of the file.

    Raises:
        UserError: There is none, or it cannot be understood.
    """
    known = shipped()
    path = known.get(name) or Path(name)
    if not path.is_file():
        raise UserError(
            f"experiment takes one of {', '.join(known)}, or a YAML file; found {name!r}.{did_you_mean(name, known)}"
        )
    asked = read_recipe(str(path)).values
    for key in asked:
        if key not in _KEYS:
            raise UserError(f"{path}: {key} is none of {', '.join(_KEYS)}.{did_you_mean(key, _KEYS)}")
    arms = tuple(_arm(path, title, asked.get("settings") or {}, own, also) for title, own in _arms(path, asked))
    compare = asked.get("compare") or {arm.name: arms[0].name for arm in arms[1:]}
    for arm in [*compare, *compare.values()]:
        if arm not in {each.name for each in arms}:
            raise UserError(f"{path}: compare names {arm!r}, which is no arm.")
    question, title = " ".join(str(asked.get("question", "")).split()), str(asked.get("title", path.stem))
    metrics = tuple(asked.get("metrics") or ())
    notes = tuple(" ".join(str(note).split()) for note in asked.get("notes") or ())
    return Experiment(path.stem, title, question, arms, tuple(compare.items()), metrics, notes)


def _arms(path: Path, asked: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    arms = asked.get("arms")
    if not isinstance(arms, Mapping) or len(arms) < 2 or not all(isinstance(own, Mapping) for own in arms.values()):
        raise UserError(f"{path}: arms must hold two or more entries `name: {{option: value, …}}`.")
    if not asked.get("question"):
        raise UserError(f"{path} has no question; say what the runs shall answer before they are made.")
    return [(str(name), own) for name, own in arms.items()]


def _arm(path: Path, name: str, shared: Mapping[str, Any], own: Mapping[str, Any], also: Mapping[str, Any]) -> Arm:
    settings = {**shared, **own, **also}
    first = settings.pop("first", ())
    if "method" not in settings:
        raise UserError(f"{path}: arm {name!r} has no method.")
    return Arm(name, settings, tuple([first] if isinstance(first, str) else first))


def _flag(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        value = str(value).lower()
    return [f"--{name}", *(str(part) for part in (value if isinstance(value, list) else [value]))]
