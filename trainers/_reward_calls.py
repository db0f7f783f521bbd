"""Calls of reward functions: what they raise and what they return is checked, and told by their own file and line."""

import math
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from inspect import unwrap
from pathlib import Path
from typing import Any

import torch
from trl.trainer.utils import is_async_callable

from errors import RewardError
from outgoing import tellable

LARGEST = torch.finfo(torch.float32).max
"""TRL keeps rewards in float32."""


def checked(reward_func: Any, name: str) -> Any:
    """The same reward function, but what it raises or returns wrongly stops the run and says where it came from.

    TRL reads NaN as None ("not applicable") and an infinite reward as a group without signal: both would train on
    nothing without a word. Reward models (modules) are left as they are.

    Args:
        reward_func: A function, a coroutine function, or an object that is called like either.
        name: Under which TRL logs it.

    Raises:
        RewardError: By the function that is returned, when it is called.
    """
    if isinstance(reward_func, torch.nn.Module):
        return reward_func

    if is_async_callable(reward_func):

        async def checked_async(**kwargs):
            try:
                rewards = await reward_func(**kwargs)
            except Exception as error:
                if _shipped(reward_func):
                    raise
                raise _failed(reward_func, name, error, kwargs) from error
            return _require_rewards(reward_func, name, rewards, kwargs)

        return checked_async

    def checked_sync(**kwargs):
        try:
            rewards = reward_func(**kwargs)
        except Exception as error:
            if _shipped(reward_func):
                raise
            raise _failed(reward_func, name, error, kwargs) from error
        return _require_rewards(reward_func, name, rewards, kwargs)

    return checked_sync


def _shipped(func: Any) -> bool:
    """Whether the function is this project's, whose errors are defects of it."""
    return (getattr(func, "__module__", None) or "").partition(".")[0] in ("rewards", "trainers")


def _failed(func: Any, name: str, error: Exception, kwargs: Mapping[str, Any]) -> RewardError:
    file, line = _place(func, error)
    first = (tellable(str(error)).strip().splitlines() or [""])[0]
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return RewardError(
        f"the reward function {name} ({file}, line {line}){_when(kwargs)} failed on {len(kwargs['completions'])} "
        f"completions with {what.rstrip('.')}. What it is given, and what it must return, is in docs/rewards.md; "
        "--debug shows the whole traceback."
    )


def _require_rewards(func: Any, name: str, rewards: Any, kwargs: Mapping[str, Any]) -> list[float | None]:
    """Return `rewards` as a list, or raise naming the function, its file, the row and the completion."""
    file, line = _place(func)
    wanted = (
        "A reward returns a list, or an array or tensor of one dimension, with one number for each completion, in "
        "order; None where it does not apply, nothing infinite in float32 and no NaN."
    )
    completions = kwargs["completions"]
    returned = f"the reward function {name} ({file}, line {line}){_when(kwargs)} returned"
    listed = rewards.tolist() if hasattr(rewards, "tolist") else rewards  # arrays and tensors
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes | bytearray | memoryview):
        raise RewardError(f"{returned} {_shown(rewards)}. {wanted}")
    if len(listed) != len(completions):
        raise RewardError(f"{returned} {len(listed)} values for {len(completions)} completions. {wanted}")
    numbers = [None if reward is None else _number(reward) for reward in listed]
    for i, number in enumerate(numbers):
        if number is not None and not abs(number) <= LARGEST:  # NaN compares as False, too
            raise RewardError(
                f"{returned} {_shown(listed[i])} for completion {i} of this batch: {str(completions[i])[:200]!r}. "
                f"{wanted}"
            )
    return numbers


def _number(reward: Any) -> float:
    """A reward as a float; NaN where it is no number. Text is none, whatever is written in it."""
    try:
        return math.nan if isinstance(reward, str | bytes | bytearray) else float(reward)
    except Exception:  # of what types there may be, only they know what they raise
        return math.nan


def _place(func: Any, error: Exception | None = None) -> tuple[str, int | str]:
    """File and line of a reward: where the error passed it last, else where it is defined."""
    while isinstance(func, partial):
        func = func.func
    code = getattr(unwrap(func), "__code__", None) or getattr(type(func).__call__, "__code__", None)
    file = code.co_filename if code else "?"
    frames = traceback.extract_tb(error.__traceback__)[1:] if error else []  # the first is the call
    own = [frame for frame in frames if frame.filename == file]
    line = (own[-1].lineno if own else code.co_firstlineno if code else "?") or "?"
    return Path(file).name, line


def _when(kwargs: Mapping[str, Any]) -> str:
    step = getattr(kwargs.get("trainer_state"), "global_step", 0)
    return f" after step {step}" if step else ""


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        return f"{type(value).__name__} {value!r:.60}"
    except Exception:  # an object whose repr fails, a number of more digits than Python writes
        return f"{type(value).__name__} without a repr"
