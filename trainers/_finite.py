"""Reward functions that may only return finite numbers."""

import inspect
import math
from typing import Any

import torch


def finite(reward_func: Any, name: str) -> Any:
    """The same reward function, but a value that is not finite stops the run and says where it came from.

    TRL reads NaN as None ("not applicable") and an infinite reward as a group without signal: both would train on
    nothing without a word. Reward models (modules) are left as they are.

    Args:
        reward_func: A function, a coroutine function, or an object that is called like either.
        name: Under which TRL logs it.
    """
    if isinstance(reward_func, torch.nn.Module):
        return reward_func

    if inspect.iscoroutinefunction(reward_func) or inspect.iscoroutinefunction(type(reward_func).__call__):

        async def checked_async(**kwargs):
            return _require_finite(name, await reward_func(**kwargs), kwargs)

        return checked_async

    def checked(**kwargs):
        return _require_finite(name, reward_func(**kwargs), kwargs)

    return checked


def _require_finite(name: str, rewards: list[float | None], columns: dict[str, Any]) -> list[float | None]:
    """Return `rewards`, or raise naming the function, the row and the completion."""
    for i, reward in enumerate(rewards):
        if reward is not None and not math.isfinite(reward):
            raise ValueError(
                f"Reward function '{name}' returned {reward} for completion {i} of this batch: "
                f"{str(columns['completions'][i])[:200]!r}. A reward is a finite number, or None where the function "
                "does not apply."
            )
    return rewards
