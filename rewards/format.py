"""A reward for an answer in a box, right or wrong."""

from collections.abc import Sequence
from typing import Any

from boxed import last_boxed
from rewards.custom import Completion, text_of


def boxed_format(completions: Sequence[Completion], **_: Any) -> list[float | None]:
    r"""Reward 1 for a text whose last ``\boxed{}`` is closed and not empty, right or wrong; else 0.

    LPRO adds it to `accuracy` with weight 0.1: r = 1[correct] + 0.1 · 1[boxed].

    Args:
        completions: N texts or message lists.

    Returns:
        N rewards of 0.0 or 1.0.

    >>> boxed_format([r"\boxed{anything}", r"\boxed{}", r"\boxed{cut o"])
    [1.0, 0.0, 0.0]
    """
    return [1.0 if last_boxed(text_of(completion)) else 0.0 for completion in completions]
