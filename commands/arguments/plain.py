"""A parser for the commands that do not take TRL's options."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from typing_extensions import override

from errors import UserError, nearest


class PlainParser(argparse.ArgumentParser):
    """Options in both spellings, `--batch-size` and `--batch_size`; a mistake is one paragraph without the usage.

    Args:
        command: The word after `cli.py`.
        settings: As argparse takes them.
    """

    def __init__(self, command: str, **settings: Any):
        usage = f"python cli.py {command} [options]"
        super().__init__(usage=usage, allow_abbrev=False, formatter_class=_Help, **settings)
        self._command = command
        self._section: argparse._ActionsContainer = self

    def section(self, title: str) -> None:
        """Begin a section of the help; the options that follow stand in it."""
        self._section = self.add_argument_group(title)

    def option(self, *names: str, **settings: Any) -> None:
        """Add an option by its names with hyphens; the first gives the attribute."""
        self._section.add_argument(*names, dest=names[0][2:].replace("-", "_"), **settings)

    def settle(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all of a command line.

        Raises:
            UserError: An option is not known, lacks its value or has a wrong one.
        """
        options, rest = self.parse_known_args([_with_hyphens(part) for part in argv])
        if rest:
            met = next((part.split("=")[0] for part in rest if part.startswith("-")), rest[0])
            near = nearest(met, self._option_string_actions)
            raise UserError(f"{self._command} has no option {met}{f'; did you mean {near}?' if near else '.'}")
        return options

    @override
    def error(self, message: str) -> NoReturn:
        message = message.rstrip(".")
        raise UserError(f"{message[0].upper()}{message[1:]}{'' if message.endswith('?') else '.'}")


def _with_hyphens(part: str) -> str:
    name, equals, value = part.partition("=")
    return name.replace("_", "-") + equals + value if name.startswith("--") else part


class _Help(argparse.RawDescriptionHelpFormatter):
    """An option's first name, and its value where the help does not say what that is."""

    def __init__(self, prog: str):
        super().__init__(prog, width=100, max_help_position=30)

    @override
    def _format_action_invocation(self, action: argparse.Action) -> str:
        name = max(action.option_strings[:1] or [action.dest])
        if action.nargs == 0:
            return name
        value = action.metavar if isinstance(action.metavar, str) else None
        return f"{name} {value or ('|'.join(map(str, action.choices)) if action.choices else '…')}"


def number(kind: type, low: float, high: float, rule: str) -> Any:
    """Return an argparse type: a number within bounds, both inclusive.

    Args:
        kind: `int` or `float`.
        low: Smallest.
        high: Largest.
        rule: What it must be, for the message.
    """

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"takes {rule}; found {text!r}")
        return value

    return read


COUNT = number(int, 1, 10**12, "a whole number, 1 or more")
"""Of things there must be at least one of."""
