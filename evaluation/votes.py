"""Which of a problem's completions give the same answer, and what most of them say."""

from collections.abc import Sequence
from itertools import combinations

from boxed import last_boxed
from rewards import verify


def answer_groups(texts: Sequence[Sequence[str]]) -> list[list[int | None]]:
    r"""Number the different answers of each problem, equivalent ones alike.

    Args:
        texts: (problems, n), completions; their last boxes are compared by the verifier, in the order they first come.

    Returns:
        (problems, n): 0 for the answer that comes first, 1 for the next different one, …; None without a box. An
        answer that the verifier cannot read is equal only to the same text.

    >>> answer_groups([[r"\boxed{\frac12}", "none", r"\boxed{3}", r"\boxed{0.5}"]])
    [[0, None, 1, 0]]
    """
    boxes = [[last_boxed(text) or None for text in row] for row in texts]
    distinct = [list(dict.fromkeys(box for box in row if box is not None)) for row in boxes]
    pairs = [(i, a, b) for i, row in enumerate(distinct) for a, b in combinations(row, 2)]
    verdicts = verify([a for _, a, _ in pairs], [f"\\boxed{{{b}}}" for _, _, b in pairs])
    same = {pair for pair, verdict in zip(pairs, verdicts, strict=True) if verdict == 1.0}
    return [_numbered(i, row, distinct[i], same) for i, row in enumerate(boxes)]


def _numbered(
    problem: int, boxes: Sequence[str | None], distinct: Sequence[str], same: set[tuple[int, str, str]]
) -> list[int | None]:
    first: list[str] = []
    numbers: dict[str, int] = {}
    for box in distinct:
        found = next((n for n, one in enumerate(first) if (problem, one, box) in same), None)
        if found is None:
            first.append(box)
        numbers[box] = len(first) - 1 if found is None else found
    return [None if box is None else numbers[box] for box in boxes]
