"""From a completion to a number. Training and evaluation use the same functions.

A reward is called with keywords only, as TRL calls it: `completions`, the columns of the data set (`answer`, ...) and
TRL's own arguments. It takes the ones it needs, ignores the rest, and returns one float per completion, or None where
it does not apply. TRL logs it under its `__name__`.

To add one: a function in a file of its own and a line in `REWARDS`, or, without touching this project,
`--reward_funcs FILE.py:NAME`.
"""

from collections.abc import Callable

from rewards._completions import text_of
from rewards._named import named_reward, require_arguments, reward_file
from rewards._verdicts import Report
from rewards._verifier import (
    Explanation,
    explain,
    gold_is_parsable,
    golds_are_parsable,
    keep_offenders,
    verify,
    verify_report,
)
from rewards.answer import accuracy, accuracy_after_thought
from rewards.format import boxed_format
from rewards.repo_rules import repo_rules

REWARDS: dict[str, Callable[..., list[float | None]]] = {
    "accuracy": accuracy,
    "accuracy_after_thought": accuracy_after_thought,
    "boxed_format": boxed_format,
    "repo_rules": repo_rules,
}


def reward(name: str) -> Callable[..., list[float | None]]:
    """The reward of a name in `REWARDS`, or of `FILE.py:NAME`.

    Raises:
        UserError: There is none.
    """
    return named_reward(name, REWARDS)


__all__ = [
    "REWARDS",
    "reward",
    "reward_file",
    "require_arguments",
    "text_of",
    "verify",
    "verify_report",
    "gold_is_parsable",
    "golds_are_parsable",
    "keep_offenders",
    "explain",
    "Explanation",
    "Report",
]
