r"""Compare the last ``\boxed{}`` of a text with a gold answer, within limits of time and memory.

Training and evaluation call the same function, so a score and a reward cannot drift apart. It is called as
``verify(golds, texts)``: gold first, because the comparison is not symmetric. `rewards.rules` says what is equal; this
module says where that is decided. Equal strings and plain numbers are decided on the spot (`quick`). All other pairs
go, each different pair once, to processes that can be killed (`rewards.worker_pool`): no text can hang, crash or bloat
the caller, in whichever thread.

A judge that is broken fails on the answers of `warm_up.txt`, before the first verdict, and that is an error. A judge
that fails on a single text has read something that nobody thought of. No run should end for it, so it is logged,
counted and scored 0.0 like a text that meets a limit.
"""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

from boxed import last_boxed
from rewards.extract import Extraction, find_answer
from rewards.normalize import bare_gold, canonical
from rewards.rules import Algebra, NeedsAlgebra, equal, readable_gold
from rewards.worker_pool import Outcome, WorkerPool

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 5.0
"""For one answer, wall clock. Of 10,505 real completions the slowest took 0.3 s, and 0.7 s on a busy machine."""

MEMORY_BYTES = 1 << 30
"""For one answer."""

REMEMBERED = 65_536
"""Verdicts that are kept for the next call."""

QUICK_CHARS = 80
"""Of golds and answers that `quick` reads. In 12,000 completions of models eight answers were longer."""

KEPT_CHARS = 20_000
"""Of a text in a file of failures, from its end, where the answer stands."""

HARMLESS = ("x+1", "", "boxed")
"""An item that any working machine can judge."""

WARM_UP = [
    (answer, rf"\boxed{{{answer}+1}}")
    for answer in Path(__file__).with_name("warm_up.txt").read_text(encoding="utf-8").splitlines()
]
"""Pairs that the fork server judges before it forks a worker.

The parser learns as it reads (its prediction tables) and sympy imports parts of itself on first use. A process that
has read these reads what is new to it in half the time, and workers inherit what their fork server has learned.
"""


def verify(golds: Sequence[str], texts: Sequence[str], *, extraction: Extraction = "boxed") -> list[float | None]:
    r"""Compare the last box of each text with its gold answer.

    Args:
        golds: Short answers in LaTeX, bare (``\frac{1}{2}``) or already boxed.
        texts: As many completions. Only the last box counts; no box, an empty or an over-long one is a wrong answer.
        extraction: "lenient" for data sets that accept an answer without a box.

    Returns:
        1.0 for equivalent, 0.0 for not, None where the gold itself cannot be read. 0.0 also where the comparison met a
        limit or failed; `verify_report` counts how often.

    Raises:
        ValueError: The two sequences differ in length.
        TypeError: A gold or a text is not a string.
        UserError: The machine gives no process to compare in, and has not for some seconds.

    >>> verify(["0.5", "7"], [r"It is \boxed{\frac12}.", "It is 7."])
    [1.0, 0.0]
    """
    return verify_report(golds, texts, extraction=extraction).verdicts


def verify_report(golds: Sequence[str], texts: Sequence[str], *, extraction: Extraction = "boxed") -> "Report":
    """Do as `verify`, and count the texts that met a limit of time or memory, or made the judge fail."""
    return _verifier.report(golds, texts, extraction)


def golds_are_parsable(golds: Sequence[str]) -> list[bool]:
    """Tell of each gold whether it can be compared with anything, that is, whether `verify` gives a number for it."""
    return [verdict is not None for verdict in verify(golds, [""] * len(golds))]


def keep_offenders(path: Path, most: int = 20) -> None:
    """Append the first `most` pairs that meet a limit to a file, as lines of JSON: gold, text, reason, seconds."""
    _verifier.failures = VerifierFailures(path, most)


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
    pool = WorkerPool("rewards.judge:explain", workers=1, limit=LIMIT_SECONDS, memory=MEMORY_BYTES)
    try:
        (outcome,) = pool.run([(gold, text, extraction)])
    finally:
        pool.close()
    if outcome.status == "error":
        raise RuntimeError(f"explaining {text!r:.200} against {gold!r:.200} failed:\n{outcome.value}")
    if outcome.status == "ok":
        return Explanation(seconds=outcome.seconds, **outcome.value)
    return Explanation(gold, find_answer(text, extraction), outcome.seconds, outcome.status)


class Undecided(Enum):
    """The answer of `quick` to a pair that needs algebra, or is too long for it."""

    UNDECIDED = "undecided"


UNDECIDED: Final = Undecided.UNDECIDED


def quick(
    gold: str, text: str, *, extraction: Extraction = "boxed", readable: bool = False
) -> float | Undecided | None:
    r"""Decide a pair without algebra where the verdict is certain.

    This is cheap enough for the process that trains: sympy is not imported, and only short answers are read. Reading
    has no limit of time here, and takes time that grows with the square of the length or worse where a text is made to
    that end. The verdict is that of `rewards.judge.judge`, only sooner: both apply `rewards.rules`.

    Args:
        gold: The gold answer, as for `judge`.
        text: A whole completion, as for `judge`.
        extraction: As for `judge`.
        readable: The caller knows that this gold can be read, so equal strings and missing answers are decided too.

    Returns:
        What `judge` returns for the pair, or `UNDECIDED`.

    >>> quick("18", r"\boxed{18.0}"), quick("18", r"\boxed{17}"), quick("x+1", r"\boxed{1+x}")
    (1.0, 0.0, <Undecided.UNDECIDED: 'undecided'>)
    """
    bare, answer = bare_gold(gold), find_answer(text, extraction)
    if bare is None:
        return None
    if max(len(bare), len(answer or "")) > QUICK_CHARS:
        return UNDECIDED
    wanted = canonical(bare)
    if not wanted:
        return None
    try:
        if not readable and not readable_gold(wanted, Algebra()):
            return None
        given = canonical(answer) if answer else ""
        return 1.0 if given and equal(wanted, given, Algebra()) else 0.0
    except NeedsAlgebra:
        return UNDECIDED


@dataclass(frozen=True)
class Report:
    """The verdicts on N texts, and how many of them could not be finished.

    Attributes:
        verdicts: As `verify` returns them.
        timeouts: Texts that score 0.0 because checking them took longer than the pool's limit. Here and below also
            texts with None because that happened to their gold.
        out_of_memory: Texts that score 0.0 because checking them took more memory than the pool grants, or crashed.
        errors: Texts that score 0.0 because the judge raised an exception.
    """

    verdicts: list[float | None]
    timeouts: int
    out_of_memory: int
    errors: int


class Pair(NamedTuple):
    """What a verdict depends on. An `answer` of None stands for every text that gives none."""

    gold: str
    answer: str | None
    extraction: Extraction

    @property
    def alone(self) -> "Pair":
        """The gold with no answer, whose outcome tells whether the gold can be read."""
        return self._replace(answer=None)


class Verifier:
    """A pool of workers that judge, and the verdicts that are remembered.

    Args:
        pool: Runs ``judge(gold, text, extraction) -> float | None``, None for a gold that cannot be read.
    """

    def __init__(self, pool: WorkerPool):
        self.pool = pool
        self.failures = VerifierFailures()
        self._known: dict[Pair, float | None] = {}

    def report(self, golds: Sequence[str], texts: Sequence[str], extraction: Extraction = "boxed") -> Report:
        """Judge as `verify` does, and count what could not be finished."""
        if len(golds) != len(texts):
            raise ValueError(
                f"verify needs one gold for each text, got {len(golds)} golds and {len(texts)} texts; "
                "repeat the gold of a problem for each of its completions"
            )
        rows: list[float | Pair | None] = []
        pairs: dict[Pair, str] = {}  # with one of the texts
        for gold, text in zip(golds, texts, strict=True):
            # A remembered None is a gold that cannot be read.
            known = self._known.get(Pair(_string(gold, "gold"), None, extraction)) is not None
            verdict = quick(gold, _string(text, "text"), extraction=extraction, readable=known)
            if isinstance(verdict, Undecided):
                pair = Pair(gold, stated(text, extraction), extraction)
                pairs.setdefault(pair, text)
                rows.append(pair)
            else:
                rows.append(verdict)
        outcomes = self._outcomes({**{pair.alone: "" for pair in pairs}, **pairs})
        verdicts: list[float | None] = []
        statuses: Counter[str] = Counter()
        for row in rows:
            if not isinstance(row, Pair):
                verdicts.append(row)
                continue
            gold_alone = outcomes[row.alone]
            readable = gold_alone.status == "ok" and gold_alone.value is not None
            outcome = outcomes[row] if readable else gold_alone
            if outcome.status == "ok":
                verdicts.append(outcome.value)
            else:
                verdicts.append(0.0 if readable else None)
            statuses[outcome.status] += 1
        return Report(verdicts, statuses["timeout"], statuses["memory"] + statuses["died"], statuses["error"])

    def _outcomes(self, pairs: dict[Pair, str]) -> dict[Pair, Outcome]:
        """Return the outcome of each pair: as it is remembered, else from the pool."""
        known = {pair: Outcome("ok", self._known[pair], 0.0) for pair in pairs if pair in self._known}
        # Neighbours share a worker, and a worker remembers the golds that it has read.
        new = sorted(pairs.keys() - known.keys(), key=lambda pair: (pair.gold, pair.answer or ""))
        outcomes = self.pool.run([(pair.gold, _short(pair, pairs[pair]), pair.extraction) for pair in new])
        for pair, outcome in zip(new, outcomes, strict=True):
            if outcome.status == "ok":
                self._known[pair] = outcome.value
                continue
            self.failures.keep(pair.gold, pairs[pair], outcome)  # and not remembered: it may do on a less busy machine
            if outcome.status == "error":
                logger.warning("no verdict on %r against gold %r\n%s", pair.answer, pair.gold, outcome.value)
        for pair in list(self._known)[: len(self._known) - REMEMBERED]:
            self._known.pop(pair, None)
        fresh = dict(zip(new, outcomes, strict=True))
        self._refuse_a_starved_machine([outcome.status for pair, outcome in fresh.items() if not pair.answer])
        return {**known, **fresh}

    def _refuse_a_starved_machine(self, statuses: list[str]) -> None:
        """Tell golds that take too much from a machine that grants too little: there a harmless one fails, too.

        Args:
            statuses: Of the outcomes of golds that were read alone.
        """
        if not statuses or set(statuses) - {"memory", "died"}:
            return
        (harmless,) = self.pool.run([HARMLESS])
        if harmless.status in ("memory", "died"):
            raise RuntimeError(
                "the processes that check answers get too little memory to read any gold answer; look for a limit on "
                "it (ulimit -v, or that of a container) and raise it"
            )


def stated(text: str, extraction: Extraction = "boxed") -> str | None:
    """Return what equal texts share: the canonical answer, a long one as it stands, None for none."""
    answer = find_answer(text, extraction)
    if answer is None or len(answer) > QUICK_CHARS:
        return answer
    return canonical(answer) or None


def _short(pair: Pair, text: str) -> str:
    """Return a short text that gives the same answer: workers need not read the reasoning."""
    if pair.answer is None:
        return ""
    box = f"\\boxed{{{last_boxed(text)}}}"
    return box if stated(box, pair.extraction) == pair.answer else text


def _string(value: Any, name: str) -> str:
    """Refuse what is no string, which a parser would silently take for an unreadable answer."""
    if not isinstance(value, str):
        raise TypeError(f"a {name} must be a string, got {type(value).__name__} {value!r:.80}; convert it with str()")
    return value


class VerifierFailures:
    """The first texts whose checking met a limit or failed, kept in a file for whoever wants to read them.

    Args:
        path: JSON lines, appended to; its folder is made. None keeps nothing.
        most: Lines that this process may write.
    """

    def __init__(self, path: Path | None = None, most: int = 20):
        self.path, self.left = path, most

    def keep(self, gold: str, text: str, outcome: Outcome) -> None:
        """Append one failure, while there is room."""
        if self.path is None or self.left <= 0:
            return
        self.left -= 1
        line = {"gold": gold, "text": text[-KEPT_CHARS:], "reason": outcome.status, "seconds": outcome.seconds}
        with suppress(OSError):  # a full disk is no reason to end a run
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


_verifier = Verifier(WorkerPool("rewards.judge:judge", limit=LIMIT_SECONDS, memory=MEMORY_BYTES, examples=WARM_UP))
