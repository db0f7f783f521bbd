"""How a verdict comes about, for a person to read. Runs where it can be killed, as judging does."""

from typing import Any

from typing_extensions import override

from rewards._algebra import SymPy, parsed
from rewards._compare import _RULES, Comparison, squeezed
from rewards._extract import Extraction
from rewards._judge import judge
from rewards._normal import answer_of, gold_of

SHOWN_CHARS = 200


def explain(gold: str, text: str, extraction: Extraction = "boxed") -> dict[str, Any]:
    """Judge as `rewards._judge.judge` does, and keep a record.

    Returns:
        The fields of `rewards._verifier.Explanation` that are of the pair.
    """
    wanted, given = gold_of(gold), answer_of(text, extraction)
    trace = Trace()
    if wanted is not None and given is not None:
        trace.equal(wanted, given)
    return {
        "gold": wanted,
        "answer": given,
        "parsed_gold": _parsed(wanted),
        "parsed_answer": _parsed(given),
        "steps": trace.steps,
        "verdict": judge(gold, text, extraction),
    }


class Trace(Comparison):
    """A comparison that records who decided what."""

    def __init__(self) -> None:
        super().__init__(RecordingSymPy(self))
        self.steps: list[tuple[int, str, str, str, bool]] = []

    @override
    def equal(self, gold: str, given: str) -> bool:
        if squeezed(gold) == squeezed(given):
            self.record(1, "letters: The two are written in the same way.", gold, given, True)
            return True
        return super().equal(gold, given)

    @override
    def _by_rules(self, gold: str, given: str) -> bool:
        start = len(self.steps)
        for rule in _RULES:
            verdict = rule(gold, given, self)
            if verdict is not None:
                told = f"{rule.__name__}: {(rule.__doc__ or '').splitlines()[0]}"
                self.steps.insert(start, (self._depth, told, gold, given, verdict))
                return verdict
            del self.steps[start:]  # what a rule asked that has decided nothing
        return self.same_value(gold, given)

    def record(self, deeper: int, told: str, gold: str, given: str, verdict: bool) -> None:
        """Add a step."""
        self.steps.append((self._depth + deeper, told, gold, given, verdict))


class RecordingSymPy(SymPy):
    """The algebra, recorded where it decides alone."""

    def __init__(self, trace: Trace):
        self.trace = trace

    @override
    def same_value(self, gold: str, given: str) -> bool:
        verdict = super().same_value(gold, given)
        self.trace.record(0, "values: Two expressions are equal when their values are.", gold, given, verdict)
        return verdict


def _parsed(text: str | None) -> str | None:
    """Print a sympy object, which fails for integers of more than 4,300 digits."""
    found = None if text is None else parsed(text)
    if found is None:
        return None
    try:
        printed = str(found)
    except ValueError:
        return f"{type(found).__name__} with numbers of thousands of digits"
    return printed if len(printed) <= SHOWN_CHARS else printed[:SHOWN_CHARS] + " …"
