"""Is the final answer right?"""

from collections.abc import Sequence
from typing import Any

from rewards._completions import Completion, text_of
from rewards._verifier import verify


def accuracy(completions: Sequence[Completion], answer: Sequence[str], **_: Any) -> list[float | None]:
    r"""Reward 1 for a last ``\boxed{}`` equivalent to the gold answer, 0 for any other text.

    LPRO's correctness term, and what every benchmark counts.

    Args:
        completions: N texts or message lists.
        answer: N gold answers, the data set's column of that name.

    Returns:
        N rewards; None where the gold cannot be read, which takes the row out of its group.

    >>> accuracy([r"\boxed{4}", r"\boxed{5}", "4"], answer=["4", "4", "4"])
    [1.0, 0.0, 0.0]
    """
    return verify(answer, [text_of(completion) for completion in completions])
