r"""Decide whether the answer that a text states equals the gold answer, and explain the verdict.

Everything here runs in the calling process and has no limits of time or memory: `rewards.verifier` runs it where it
can be killed. The gold comes first.
"""

from functools import lru_cache
from typing import Any

from typing_extensions import override

from rewards.algebra import SymPy, parsed
from rewards.extract import Extraction
from rewards.normalize import answer_of, gold_of
from rewards.rules import RULES, Comparison, equal, readable_gold, squeezed

SHOWN_CHARS = 200

_ALGEBRA = SymPy()


def judge(gold: str, text: str, extraction: Extraction = "boxed") -> float | None:
    r"""Compare the answer that a text states with the gold answer.

    Args:
        gold: A short answer in LaTeX, bare (``\frac{1}{2}``) or already boxed.
        text: A whole completion. Only its last box counts; no box, an empty or an over-long one is a wrong answer.
        extraction: Where the answer stands: "boxed", or "lenient" for data sets that accept one without a box.

    Returns:
        1.0 for equivalent, 0.0 for not, None where the gold itself cannot be read.

    >>> judge("0.5", r"It is \boxed{\frac12}."), judge("7", "It is 7.")
    (1.0, 0.0)
    """
    wanted = gold_of(gold)
    if wanted is None or not _readable(wanted):
        return None
    given = answer_of(text, extraction)
    return 1.0 if given is not None and equal(wanted, given, _ALGEBRA) else 0.0


@lru_cache(maxsize=16384)  # golds repeat, once per completion and epoch
def _readable(gold: str) -> bool:
    return readable_gold(gold, _ALGEBRA)


def explain(gold: str, text: str, extraction: Extraction = "boxed") -> dict[str, Any]:
    """Judge as `judge` does, and record which rule decides what.

    Returns:
        The fields of `rewards.verifier.Explanation` that are of the pair.
    """
    wanted, given = gold_of(gold), answer_of(text, extraction)
    trace = Trace()
    if wanted is not None and given is not None:
        trace.equal(wanted, given)
    return {
        "gold": wanted,
        "answer": given,
        "parsed_gold": _printed(wanted),
        "parsed_answer": _printed(given),
        "steps": trace.steps,
        "verdict": judge(gold, text, extraction),
    }


class Trace(Comparison):
    """A comparison that records which rule decides what.

    Attributes:
        steps: (depth, rule, gold, answer, verdict) of each decision, that on a whole before those on its parts.
    """

    def __init__(self) -> None:
        super().__init__(_ALGEBRA)
        self.steps: list[tuple[int, str, str, str, bool]] = []

    @override
    def equal(self, gold: str, given: str) -> bool:
        if squeezed(gold) == squeezed(given):
            self.steps.append((self.depth + 1, "letters: The two are written in the same way.", gold, given, True))
            return True
        return super().equal(gold, given)

    @override
    def by_rules(self, gold: str, given: str) -> bool:
        start = len(self.steps)
        for rule in RULES:
            verdict = rule(gold, given, self)
            if verdict is not None:
                title = f"{rule.__name__}: {(rule.__doc__ or '').splitlines()[0]}"
                self.steps.insert(start, (self.depth, title, gold, given, verdict))
                return verdict
            del self.steps[start:]  # the questions of a rule that has decided nothing
        return self.same_value(gold, given)

    @override
    def same_value(self, gold: str, given: str) -> bool:
        verdict = super().same_value(gold, given)
        title = "values: Two expressions are equal when their values are."
        self.steps.append((self.depth, title, gold, given, verdict))
        return verdict


def _printed(text: str | None) -> str | None:
    """Print a sympy object, which fails for integers of more than 4,300 digits."""
    expression = None if text is None else parsed(text)
    if expression is None:
        return None
    try:
        printed = str(expression)
    except ValueError:
        return f"{type(expression).__name__} with numbers of thousands of digits"
    return printed if len(printed) <= SHOWN_CHARS else printed[:SHOWN_CHARS] + " …"
