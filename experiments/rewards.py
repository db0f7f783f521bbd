"""Rewards of the experiments, and the pattern of one's own: `--reward_funcs FILE.py:NAME`."""

import math
from random import Random
from typing import Any

from rewards import text_of


def one(completions: list[Any], **_: Any) -> list[float]:
    """A constant, which shifts the reward by its weight."""
    return [1.0] * len(completions)


def cauchy(completions: list[Any], trainer_state: Any, **_: Any) -> list[float]:
    """Standard Cauchy noise, which has no mean: one in three is above 1.7 in size, one in thirty above 19.

    It depends on the step, the place and the text alone, so that a run that is continued meets the same.
    """
    step = trainer_state.global_step
    draws = (Random(f"{step} {i} {text_of(each)}").random() for i, each in enumerate(completions))
    return [math.tan(math.pi * (draw - 0.5)) for draw in draws]


def program(completions: list[Any], **_: Any) -> list[float]:
    """Whether a program was written, run or not; of weight 0 it is a curve alone."""
    return [float("```python" in text_of(each)) for each in completions]
