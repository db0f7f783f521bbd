"""A reward of the user's own: the text that it judges, and the function by its name or by `FILE.py:NAME`."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from errors import UserError, did_you_mean, some_of

ROOT = Path(__file__).parents[1]

Completion: TypeAlias = str | Sequence[Mapping[str, Any]]
"""A plain text, or the chat messages that one generation added."""

Reward: TypeAlias = Callable[..., list[float | None]]
"""A function as TRL calls it: keywords in, one number or None per completion out."""


def text_of(completion: Completion) -> str:
    """Return the text to be judged: the last message of the assistant, so that a tool's output is never an answer.

    Args:
        completion: A text, or messages with `role` and `content`; a missing or None content (a bare tool call) is "".

    Raises:
        TypeError: The completion or a content is neither text nor messages.

    >>> text_of([{"role": "assistant", "content": "It is 4."}, {"role": "tool", "content": "5"}])
    'It is 4.'
    """
    if isinstance(completion, str):
        return completion
    if not isinstance(completion, Sequence) or not all(isinstance(message, Mapping) for message in completion):
        raise TypeError(
            "a completion must be a string or a list of chat messages {'role': ..., 'content': ...}, "
            f"got {type(completion).__name__} {completion!r:.80}"
        )
    messages = [message for message in completion if isinstance(message, Mapping)]
    for message in reversed(messages):
        if message.get("role", "assistant") == "assistant":
            return _content(message.get("content"))
    return ""


def _content(content: Any) -> str:
    """Return a message's text; content may also be None or a list of parts, of which those of type text count."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, Sequence) and all(isinstance(part, Mapping) for part in content):
        return "".join(str(part.get("text", "")) for part in content if part.get("type") == "text")
    raise TypeError(f"a message's content must be text, got {type(content).__name__} {content!r:.80}")


def named_reward(name: str, known: Mapping[str, Reward]) -> Reward:
    """Return the reward of a name, or the function NAME in the file of `FILE.py:NAME`.

    Args:
        name: As typed. A file is looked for from here, then from the clone.
        known: The rewards that have names.

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
    path = reward_file(name)
    if path is None:
        raise UserError(f"--reward_funcs {name}: there is no file {file}. A reward of your own is FILE.py:FUNCTION.")
    module = _module(path, name)
    reward = getattr(module, function, None)
    if not callable(reward):
        near = did_you_mean(function, [name for name, value in vars(module).items() if callable(value)])
        raise UserError(f"--reward_funcs {name}: {file} has no function {function!r}.{near}")
    if inspect.isclass(reward):
        raise UserError(
            f"--reward_funcs {name}: {function} is a class, and a reward is a function, or an object that can be "
            f"called like one. Write {function.lower()} = {function}(...) into {file}, and name "
            f"{file}:{function.lower()}."
        )
    return reward


def reward_file(name: str) -> Path | None:
    """Return the file of `FILE.py:NAME`, None where the name has none."""
    file = name.rpartition(":")[0]
    paths = [path for path in (Path(file), ROOT / file) if file and path.is_file()]
    return paths[0].resolve() if paths else None


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
            passed = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
            line = passed[-1] if passed else getattr(error, "lineno", None)  # a SyntaxError's own
            where = f", line {line}," if line else ""
            raise UserError(
                f"--reward_funcs {name}: {path.name}{where} failed: {type(error).__name__}: {error}."
            ) from error
    return sys.modules[title]


def require_arguments(name: str, reward: Callable[..., Any], given: Collection[str]) -> None:
    """Refuse a reward that needs an argument it will not get, or does not take one that it is given.

    Args:
        name: As the user typed it.
        reward: The function.
        given: Names of all keywords of a call: TRL's own and the data set's columns.

    Raises:
        UserError: Which argument, and what there is.
    """
    parameters = inspect.signature(reward).parameters.values()
    keywords = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    missing = [p.name for p in keywords if p.default is p.empty and p.name not in given]
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY and p.default is p.empty]
    known = {p.name for p in keywords}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if positional:
        raise UserError(f"--reward_funcs {name} takes {positional[0]!r} by position, but all arguments come by name.")
    if missing:
        raise UserError(
            f"--reward_funcs {name} asks for {missing[0]!r}, which no call would give it. A reward is given "
            f"{some_of(sorted(given), 20)}: the columns of the data and TRL's own."
            f"{did_you_mean(missing[0], given)} Rename the argument, or give it a default."
        )
    if not open_ended and not known >= set(given):
        raise UserError(
            f"--reward_funcs {name} takes only {some_of(sorted(known))}, but is called with "
            f"{some_of(sorted(given), 20)}. End its arguments with **kwargs."
        )
