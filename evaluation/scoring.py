"""From completions to verdicts, strict and lenient side by side, and counts of what went wrong besides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from boxed import last_boxed
from evaluation._catalogue import Kind
from evaluation.choices import Extraction, grade_choices
from rewards import verify_report


class Item(NamedTuple):
    """One completion and what it is to be compared with.

    Attributes:
        gold: Normalised, as `load_benchmark` gives it.
        text: The completion: what the model wrote, without the output of its tools.
        kind: "math" or "choice".
        choices: The options, for "choice".
        truncated: Whether it was cut at the longest length.
    """

    gold: str
    text: str
    kind: Kind = "math"
    choices: Sequence[str] = ()
    truncated: bool = False


@dataclass(frozen=True)
class Scores:
    """Verdicts on N completions.

    Attributes:
        strict: By the last box alone: 1.0, 0.0, or None where the gold cannot be read.
        lenient: By the places that `docs/answers.md` lists; never instead of `strict`, only beside it.
        truncated: Completions that were cut.
        without_answer: Completions without a box.
        timeouts: Completions whose strict verdict is 0.0, or None, because the verifier met its limit of time.
        out_of_memory: Likewise, of memory.
        errors: Likewise, an exception in the verifier.
    """

    strict: list[float | None]
    lenient: list[float | None]
    truncated: int
    without_answer: int
    timeouts: int
    out_of_memory: int
    errors: int


def score(items: Sequence[Item]) -> Scores:
    r"""Score completions, of whichever kinds.

    Example:
        >>> scores = score([Item("4", "It is 4."), Item("B", r"\boxed{B}", "choice", ["3", "4"])])
        >>> scores.strict, scores.lenient, scores.without_answer
        ([0.0, 1.0], [1.0, 1.0], 1)
    """
    strict, limits = _verdicts(items, "boxed")
    lenient, _ = _verdicts(items, "lenient")
    return Scores(
        strict,
        lenient,
        truncated=sum(item.truncated for item in items),
        without_answer=sum(not last_boxed(item.text) for item in items),
        timeouts=limits[0],
        out_of_memory=limits[1],
        errors=limits[2],
    )


def _verdicts(items: Sequence[Item], extraction: Extraction) -> tuple[list[float | None], tuple[int, int, int]]:
    """Return the verdicts, and how often the verifier met a limit of time, of memory, or failed."""
    verdicts: list[float | None] = [None] * len(items)
    choice = [place for place, item in enumerate(items) if item.kind == "choice"]
    math = [place for place, item in enumerate(items) if item.kind == "math"]
    picked = [items[place] for place in choice]
    golds, texts, options = [i.gold for i in picked], [i.text for i in picked], [i.choices for i in picked]
    for place, verdict in zip(choice, grade_choices(golds, texts, options, extraction=extraction), strict=True):
        verdicts[place] = verdict
    report = verify_report([items[i].gold for i in math], [items[i].text for i in math], extraction=extraction)
    for place, found in zip(math, report.verdicts, strict=True):
        verdicts[place] = found
    return verdicts, (report.timeouts, report.out_of_memory, report.errors)
