"""Rewards for the right final answer."""

from collections.abc import Callable, Sequence
from typing import Any

from rewards.custom import Completion, text_of
from rewards.verifier import verify_report


def accuracy(
    completions: Sequence[Completion],
    answer: Sequence[str],
    log_metric: Callable[[str, float], None] | None = None,
    **_: Any,
) -> list[float | None]:
    r"""Reward 1 for a last ``\boxed{}`` equivalent to the gold answer, 0 for any other text.

    LPRO's correctness term, and what every benchmark counts.

    Args:
        completions: N texts or message lists.
        answer: N gold answers, the data set's column of that name.
        log_metric: TRL's; takes how many of these texts could not be finished, as `reward/verify_timeouts`,
            `reward/verify_out_of_memory` and `reward/verify_errors`. TRL averages over calls and processes.

    Returns:
        N rewards; None where the gold cannot be read, which takes the row out of its group.

    >>> accuracy([r"\boxed{4}", r"\boxed{5}", "4"], answer=["4", "4", "4"])
    [1.0, 0.0, 0.0]
    """
    report = verify_report(answer, [text_of(completion) for completion in completions])
    if log_metric is not None:  # zeros, too: TRL divides by the processes that have logged the name
        log_metric("reward/verify_timeouts", float(report.timeouts))
        log_metric("reward/verify_out_of_memory", float(report.out_of_memory))
        log_metric("reward/verify_errors", float(report.errors))
    return report.verdicts


def accuracy_after_thought(
    completions: Sequence[Completion],
    answer: Sequence[str],
    log_metric: Callable[[str, float], None] | None = None,
    **_: Any,
) -> list[float | None]:
    r"""Reward 1 for the right answer after the last ``</think>``, 0 without that (KnowRL's reward).

    So an answer that stands only in a thought, or in one that was cut off, earns nothing.

    Args:
        completions: As `accuracy`.
        answer: As `accuracy`.
        log_metric: As `accuracy`.

    >>> accuracy_after_thought([r"<think>4</think> \boxed{4}", r"\boxed{4}", r"\boxed{4}</think>"], answer=["4"] * 3)
    [1.0, 0.0, 0.0]
    """
    texts = [text_of(completion) for completion in completions]
    return accuracy(
        [text.rpartition("</think>")[2] if "</think>" in text else "" for text in texts], answer, log_metric
    )
