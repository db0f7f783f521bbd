"""Reward functions that may only return finite numbers."""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import torch


def finite(reward_func: Any) -> Any:
    """The same reward function, but a value that is not finite stops the run and says where it came from.

    TRL reads NaN as None ("not applicable") and an infinite reward as a group without signal: both would train on
    nothing without a word. Reward models (modules, Hub ids) are left as they are.
    """
    if not callable(reward_func) or isinstance(reward_func, torch.nn.Module):
        return reward_func

    if inspect.iscoroutinefunction(reward_func):

        @functools.wraps(reward_func)
        async def checked_async(**kwargs):
            return _require_finite(reward_func, await reward_func(**kwargs), kwargs)

        return checked_async

    @functools.wraps(reward_func, updated=())
    def checked(**kwargs):
        return _require_finite(reward_func, reward_func(**kwargs), kwargs)

    return checked


def _require_finite(reward_func: Callable, rewards: list[float | None], columns: dict[str, Any]) -> list[float | None]:
    """Return `rewards`, or raise naming the function, the row and the completion."""
    for i, reward in enumerate(rewards):
        if reward is not None and not math.isfinite(reward):
            completion = str(columns["completions"][i])
            raise ValueError(
                f"Reward function '{getattr(reward_func, '__name__', reward_func)}' returned {reward} for completion "
                f"{i} of this batch: {completion[:200]!r}. A reward is a finite number, or None where the function "
                "does not apply."
            )
    return rewards
