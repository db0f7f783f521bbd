"""Rewards: from a completion to a number. Training and evaluation use the same functions.

A reward is called with keywords only, as TRL calls it: `completions`, the columns of the data set (`answer`, ...) and
TRL's own arguments. It takes the ones it needs, ignores the rest, and returns one float per completion, or None where
it does not apply. TRL logs it under its `__name__`.

To add one: a function in a file of its own and a line in `REWARDS`, or, without touching this project,
`--reward_funcs FILE.py:NAME`.
"""

from rewards.accuracy import accuracy, accuracy_after_thought
from rewards.custom import Reward, named_reward, require_arguments, reward_file, text_of
from rewards.format import boxed_format
from rewards.repo_rules import repo_rules
from rewards.verifier import (
    Explanation,
    Report,
    explain,
    golds_are_parsable,
    keep_offenders,
    verify,
    verify_report,
)

REWARDS: dict[str, Reward] = {
    "accuracy": accuracy,
    "accuracy_after_thought": accuracy_after_thought,
    "boxed_format": boxed_format,
    "repo_rules": repo_rules,
}


def reward(name: str) -> Reward:
    """Return the reward of a name in `REWARDS`, or of `FILE.py:NAME`.

    Raises:
        UserError: There is no such reward.
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
    "golds_are_parsable",
    "keep_offenders",
    "explain",
    "Explanation",
    "Report",
]
