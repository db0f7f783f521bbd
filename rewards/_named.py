"""A reward by the name that a person gives it: one of ours, or a function in a file of theirs."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from errors import UserError, did_you_mean

ROOT = Path(__file__).parents[1]


def named_reward(
    name: str, known: Mapping[str, Callable[..., list[float | None]]]
) -> Callable[..., list[float | None]]:
    """Return the reward of a name, or the function NAME in the file of `FILE.py:NAME`.

    Args:
        name: As typed. A file is looked for from here, then from the clone.
        known: The names.

    Raises:
        UserError: There is no such name, file or function, or the file cannot be run.
    """
    if name in known:
        return known[name]
    file, colon, function = name.rpartition(":")
    if not colon:
        raise UserError(
            f"--reward_funcs takes names out of {', '.join(known)}, or FILE.py:FUNCTION; found "
            f"{name!r}.{did_you_mean(name, known)}"
        )
    found = [path for path in (Path(file), ROOT / file) if path.is_file()]
    if not found:
        raise UserError(f"--reward_funcs {name}: there is no file {file}. A reward of your own is FILE.py:FUNCTION.")
    module = _module(found[0].resolve(), name)
    reward = getattr(module, function, None)
    if not callable(reward):
        near = did_you_mean(function, [name for name, value in vars(module).items() if callable(value)])
        raise UserError(f"--reward_funcs {name}: {file} has no function {function!r}.{near}")
    return reward


def _module(path: Path, name: str) -> object:
    """Run a file once per process, however often it is asked for: worker processes find it by its module's name."""
    title = f"reward_file_{path.stem}"
    if getattr(sys.modules.get(title), "__file__", None) != str(path):
        spec = importlib.util.spec_from_file_location(title, path)
        if spec is None or spec.loader is None:
            raise UserError(f"--reward_funcs {name}: {path.name} is not a Python file; its name must end in .py.")
        module = sys.modules[title] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[title]
            raise UserError(f"--reward_funcs {name}: {path.name} failed: {type(error).__name__}: {error}.") from error
    return sys.modules[title]
