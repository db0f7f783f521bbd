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
        kept = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=f"cli.py {command}", allow_abbrev=False, formatter_class=kept, **settings)
        self._command = command

    def option(self, *names: str, **settings: Any) -> None:
        """Add an option by its names with hyphens; the first gives the attribute."""
        other = [name.replace("-", "_").replace("__", "--", 1) for name in names if "-" in name[2:]]
        self.add_argument(*names, *other, dest=names[0][2:].replace("-", "_"), **settings)

    def settle(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all of a command line.

        Raises:
            UserError: An option is not known, lacks its value or has a wrong one.
        """
        options, rest = self.parse_known_args(argv)
        if rest:
            met = next((part.split("=")[0] for part in rest if part.startswith("-")), rest[0])
            near = nearest(met.replace("_", "-"), [name for name in self._option_string_actions if "_" not in name])
            raise UserError(f"{self._command} has no option {met}{f'; did you mean {near}?' if near else '.'}")
        return options

    @override
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[0].upper()}{message[1:].rstrip('.')}.")

    @override
    def _get_option_tuples(self, option_string: str) -> list:
        return []


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
