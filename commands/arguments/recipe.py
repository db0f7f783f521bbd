"""A recipe: a YAML file of `option: value` lines, which knows its line numbers."""

import argparse
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from errors import UserError

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes"


@dataclass(frozen=True)
class Recipe:
    """What a recipe says, as it says it.

    Attributes:
        path: As typed; None for no recipe.
        values: Option names, or their aliases, to values.
        lines: The line of each.
    """

    path: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def place(self, key: str) -> str:
        """File and line of an option for an error, with the path as the user typed it."""
        return f"{self.path}, line {self._line(key)}"

    def source(self, key: str) -> str:
        """File and line for a record that others read: no folders but this project's own."""
        path = Path(self.path or "").resolve()
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        return f"{name} line {self._line(key)}"

    def _line(self, key: str) -> int:
        """Where an option stands, or where it is merged from an anchor."""
        return self.lines.get(key) or self.lines["<<"]


def read_recipe(path: str | None) -> Recipe:
    """Read a YAML mapping.

    Raises:
        UserError: Why it is none, or the option that stands there twice.
    """
    if path is None:
        return Recipe()
    try:
        text = Path(path).read_text(encoding="utf-8")
        recipe = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        known = [file.relative_to(ROOT).as_posix() for file in sorted(RECIPES.glob("*.yaml"))]
        raise UserError(
            f"--config takes a recipe file; {path}: "
            f"{getattr(error, 'strerror', 'not a text file')}. Shipped recipes: {', '.join(known)}."
        ) from error
    except yaml.YAMLError as error:
        raise UserError(f"--config {path} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(recipe, dict) or not all(isinstance(key, str) for key in recipe):
        met = "nothing" if recipe is None else f"a {type(recipe).__name__}"
        raise UserError(f"--config {path} must hold `option: value` lines; found {met}.")
    return Recipe(path, recipe, _lines(text, path))


def _lines(text: str, path: str) -> dict[str, int]:
    """The line of each key; YAML itself lets the last of two win without a word."""
    mapping = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(mapping, yaml.MappingNode)  # `read` has seen a dict
    lines: dict[str, int] = {}
    for key, _ in mapping.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            raise UserError(f"{path}, line {line}: {key.value} stands in line {lines[key.value]} already; keep one.")
        lines[key.value] = line
    return lines


def as_listed(action: argparse.Action, value: Any) -> Any:
    """Return a value as its option takes it: `report_to: wandb` is a list of one, a number may be a text."""
    if action.type is str and isinstance(value, int | float | date) and not isinstance(value, bool):
        value = str(value)
    return [value] if action.dest == "report_to" and isinstance(value, str) else value
