"""`cli.py knowledge`: points out of verified solutions (`extract`), and those that help a model (`select`)."""

import importlib
from collections.abc import Sequence

from commands.terminal.console import say
from errors import UserError, did_you_mean

ACTIONS = {
    "extract": "have a teacher model state the knowledge that verified solutions rest on, checked for leaks",
    "select": "keep of each problem's points those that a model needs, by its accuracy with and without them",
}


def main(argv: Sequence[str]) -> None:
    """Run `knowledge extract` or `knowledge select`.

    Raises:
        UserError, DataError: There is no such action, or its arguments or data cannot work; nothing was written.
    """
    name = argv[0] if argv else "--help"
    if name in ("-h", "--help"):
        listing = "\n".join(f"  {action:<9} {text}" for action, text in ACTIONS.items())
        say(f"usage: python cli.py knowledge ACTION [options]\n\n{listing}")
        return
    if name not in ACTIONS:
        raise UserError(f"knowledge takes {' or '.join(ACTIONS)}; found {name!r}.{did_you_mean(name, ACTIONS)}")
    importlib.import_module(f"commands.{name}ing.command").main(argv[1:])
