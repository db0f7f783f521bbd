"""Golds and texts in, verdicts out: what is decided on the spot, what is asked of a pool, and what is remembered.

A judge that is broken fails on the examples of `rewards._examples`, before the first verdict, and that is an error.
One that fails on a single text has met something that nobody thought of; no run should end for it, so it is told,
counted and scored 0.0 like a text that meets a limit.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from boxed import last_boxed
from rewards._batch import Outcome
from rewards._normal import Extraction, Undecided, quick, stated
from rewards._offenders import Offenders
from rewards._pool import Pool

logger = logging.getLogger(__name__)

REMEMBERED = 65_536
"""Verdicts that are kept for the next call."""

HARMLESS = ("x+1", "", "boxed")
"""An item that any working machine can judge."""


class Pair(NamedTuple):
    """What a verdict depends on. An `answer` of None stands for every text that gives none."""

    gold: str
    answer: str | None
    extraction: Extraction


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


class Verifier:
    """A pool that judges, and what it has learned.

    Args:
        pool: Runs ``judge(gold, text, extraction) -> float | None``, None for a gold that cannot be read.
    """

    def __init__(self, pool: Pool):
        self.pool = pool
        self.offenders = Offenders()
        self._known: dict[Pair, float | None] = {}

    def report(self, golds: Sequence[str], texts: Sequence[str], extraction: Extraction = "boxed") -> Report:
        """Judge as `verify` does, and tell what could not be finished."""
        if len(golds) != len(texts):
            raise ValueError(
                f"verify needs one gold for each text, met {len(golds)} golds and {len(texts)} texts; "
                "repeat the gold of a problem for each of its completions"
            )
        asked: dict[Pair, str] = {}  # with one of the texts
        quick_or_pair = [self._begin(*row, extraction, asked) for row in zip(golds, texts, strict=True)]
        outcomes = self._outcomes(asked)
        failures = [_failure(pair, outcomes) for pair in quick_or_pair if isinstance(pair, Pair)]
        failed = [status for status in failures if status is not None]
        verdicts = [self._verdict(pair, outcomes) if isinstance(pair, Pair) else pair for pair in quick_or_pair]
        timeouts, errors = failed.count("timeout"), failed.count("error")
        return Report(verdicts, timeouts, len(failed) - timeouts - errors, errors)

    def readable(self, golds: Sequence[str]) -> list[bool]:
        """Tell of each gold whether it can be read, within the limits."""
        asked: dict[Pair, str] = {}
        quick_or_pair = [self._begin(gold, "", "boxed", asked) for gold in golds]
        outcomes = self._outcomes(asked)
        return [
            self._can_read(pair, outcomes) if isinstance(pair, Pair) else pair is not None for pair in quick_or_pair
        ]

    def _begin(self, gold: str, text: str, extraction: Extraction, asked: dict[Pair, str]) -> float | Pair | None:
        """Return the verdict, or else the pair to be asked for."""
        known = self._known.get(Pair(_string(gold, "gold"), None, extraction)) is not None
        verdict = quick(gold, _string(text, "text"), extraction=extraction, readable=known)
        if not isinstance(verdict, Undecided):
            return verdict
        pair = Pair(gold, stated(text, extraction), extraction)
        asked.setdefault(pair, text)
        return pair

    def _outcomes(self, asked: dict[Pair, str]) -> dict[Pair, Outcome]:
        """Return the outcome of each pair, and of each of their golds with no answer."""
        asked = {**{_gold_alone(pair): "" for pair in asked}, **asked}
        known = {pair: Outcome("ok", self._known[pair], 0.0) for pair in asked if pair in self._known}
        # Neighbours share a worker, and a worker remembers the golds that it has read.
        new = sorted(asked.keys() - known.keys(), key=lambda pair: (pair.gold, pair.answer or ""))
        found = self.pool.run([(pair.gold, _short(pair, asked[pair]), pair.extraction) for pair in new])
        for pair, outcome in zip(new, found, strict=True):
            if outcome.status == "ok":
                self._known[pair] = outcome.value
                continue
            self.offenders.keep(
                pair.gold, asked[pair], outcome
            )  # and not remembered: it may do on a less busy machine
            if outcome.status == "error":
                logger.warning("no verdict on %r against gold %r\n%s", pair.answer, pair.gold, outcome.value)
        self._forget_the_oldest()
        self._refuse_a_starved_machine(
            [outcome.status for pair, outcome in zip(new, found, strict=True) if not pair.answer]
        )
        return {**known, **dict(zip(new, found, strict=True))}

    def _refuse_a_starved_machine(self, alone: list[str]) -> None:
        """Tell golds that take too much from a machine that grants too little: there a harmless one fails, too."""
        if not alone or set(alone) - {"memory", "died"}:
            return
        (harmless,) = self.pool.run([HARMLESS])
        if harmless.status in ("memory", "died"):
            raise RuntimeError(
                "the processes that check answers get too little memory to read any gold answer; look for a limit on "
                "it (ulimit -v, or that of a container) and raise it"
            )

    def _can_read(self, pair: Pair, outcomes: dict[Pair, Outcome]) -> bool:
        outcome = outcomes[_gold_alone(pair)]
        return outcome.status == "ok" and outcome.value is not None

    def _verdict(self, pair: Pair, outcomes: dict[Pair, Outcome]) -> float | None:
        if not self._can_read(pair, outcomes):
            return None
        return outcomes[pair].value if outcomes[pair].status == "ok" else 0.0

    def _forget_the_oldest(self) -> None:
        for pair in list(self._known)[: len(self._known) - REMEMBERED]:
            self._known.pop(pair, None)


def _failure(pair: Pair, outcomes: dict[Pair, Outcome]) -> str | None:
    """Return what kept a text, or already its gold, from being judged; None if it was judged or cannot be read."""
    alone = outcomes[_gold_alone(pair)]
    if alone.status != "ok":
        return alone.status
    return None if alone.value is None or outcomes[pair].status == "ok" else outcomes[pair].status


def _gold_alone(pair: Pair) -> Pair:
    return pair._replace(answer=None)


def _short(pair: Pair, text: str) -> str:
    """Return a short text that gives the same answer: workers need not read the reasoning."""
    if pair.answer is None:
        return ""
    box = f"\\boxed{{{last_boxed(text)}}}"
    return box if stated(box, pair.extraction) == pair.answer else text


def _string(value: Any, name: str) -> str:
    """Refuse what is no string, which a parser would silently take for an unreadable answer."""
    if not isinstance(value, str):
        raise TypeError(f"a {name} must be a string, met {type(value).__name__} {value!r:.80}; convert it with str()")
    return value
