r"""Is this answer equal to that one? The last ``\boxed{}`` of a text against a gold answer.

Training and evaluation ask the same function, so a score and a reward cannot drift apart. It is called as
``verify(golds, texts)``: gold first, because the comparison is not symmetric. What is equal, and by which rule, is the
matter of `rewards._judge`; here is where that runs. Equal strings and plain numbers are decided on the spot
(`rewards._normal.quick`). What is left goes, each different pair once, to processes that can be killed
(`rewards._pool`): no text can hang, crash or bloat the caller, in whichever thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rewards._examples import EXAMPLES
from rewards._extract import Extraction, find_answer
from rewards._offenders import Offenders
from rewards._pool import Pool
from rewards._verdicts import Report, Verifier

LIMIT_SECONDS = 5.0
"""For one answer, wall clock. Of 10,505 real completions the slowest took 0.3 s, and 0.7 s on a busy machine."""

MEMORY_BYTES = 1 << 30
"""For one answer."""

_verifier = Verifier(Pool("rewards._judge:judge", limit=LIMIT_SECONDS, memory=MEMORY_BYTES, examples=EXAMPLES))


def verify(golds: Sequence[str], texts: Sequence[str], *, extraction: Extraction = "boxed") -> list[float | None]:
    r"""Compare the last box of each text with its gold answer.

    Args:
        golds: Short answers in LaTeX, bare (``\frac{1}{2}``) or already boxed.
        texts: As many completions. Only the last box counts; no box, an empty or an over-long one is a wrong answer.
        extraction: "lenient" for data sets that accept an answer without a box.

    Returns:
        1.0 for equivalent, 0.0 for not, None where the gold itself cannot be read. 0.0 also where the comparison met a
        limit or failed; `verify_report` tells how often.

    Raises:
        ValueError: The two sequences differ in length.
        TypeError: A gold or a text is not a string.
        UserError: The machine gives no process to compare in, and has not for some seconds.

    >>> verify(["0.5", "7"], [r"It is \boxed{\frac12}.", "It is 7."])
    [1.0, 0.0]
    """
    return verify_report(golds, texts, extraction=extraction).verdicts


def verify_report(golds: Sequence[str], texts: Sequence[str], *, extraction: Extraction = "boxed") -> Report:
    """Do as `verify`, and tell how many texts met a limit of time or memory, or made the judge fail."""
    return _verifier.report(golds, texts, extraction)


def golds_are_parsable(golds: Sequence[str]) -> list[bool]:
    """Tell of each gold whether it can be compared with anything, that is, whether `verify` gives a number for it."""
    return _verifier.readable(golds)


def gold_is_parsable(gold: str) -> bool:
    """Tell it of one gold; many are faster together in `golds_are_parsable`."""
    return golds_are_parsable([gold])[0]


def keep_offenders(path: Path, most: int = 20) -> None:
    """Append the first `most` pairs that meet a limit to a file, as lines of JSON: gold, text, reason, seconds."""
    _verifier.offenders = Offenders(path, most)


@dataclass(frozen=True)
class Explanation:
    """How a verdict comes about.

    Attributes:
        gold: The gold with its typesetting undone, None if there is nothing to compare with; as it was given where the
            comparison was stopped.
        answer: Of the text likewise.
        seconds: What it took.
        limit: "timeout", "memory" or "died" where the comparison was stopped; all below is empty then.
        parsed_gold: What sympy makes of the gold as a whole, None where it is no single expression.
        parsed_answer: Of the answer likewise.
        steps: (depth, rule, gold, answer, verdict) of each decision, that on a whole before those on its parts.
        verdict: As `verify` gives it.
    """

    gold: str | None
    answer: str | None
    seconds: float
    limit: str | None = None
    parsed_gold: str | None = None
    parsed_answer: str | None = None
    steps: Sequence[tuple[int, str, str, str, bool]] = ()
    verdict: float | None = 0.0


def explain(gold: str, text: str, *, extraction: Extraction = "boxed") -> Explanation:
    """Say how the verdict on a text comes about; as safe as `verify`, and slower."""
    pool = Pool("rewards._explain:explain", workers=1, limit=LIMIT_SECONDS, memory=MEMORY_BYTES)
    try:
        (outcome,) = pool.run([(gold, text, extraction)])
    finally:
        pool.close()
    if outcome.status == "error":
        raise RuntimeError(f"explaining {text!r:.200} against {gold!r:.200} failed:\n{outcome.value}")
    if outcome.status == "ok":
        return Explanation(seconds=outcome.seconds, **outcome.value)
    return Explanation(gold, find_answer(text, extraction), outcome.seconds, outcome.status)
