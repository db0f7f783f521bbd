"""What is asked about one problem, in which order, and what becomes of each point: a function of the replies alone.

`work_on` yields questions and is sent the replies. It neither knows where they come from nor keeps anything, so that
replies on record lead to the same end as fresh ones.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import NamedTuple, TypeVar

from commands.extracting.outcome import Outcome, Point
from commands.extracting.pool import Task
from data import PROMPTS
from data.knowledge import (
    JUDGED,
    Leak,
    ReplyError,
    duplicates,
    extract_prompt,
    formulas,
    judge_prompt,
    leaks,
    parse_points,
    parse_verdict,
    rewrite_prompt,
    without_thoughts,
)
from evaluation.teachers import Messages, Reply
from rewards import verify

READ_AT_MOST = 2
"""Times that a question is asked whose reply cannot be read."""
MOST_POINTS = 10
"""Of a problem, as the teacher is asked; further ones are dropped."""

T = TypeVar("T")


class Ask(NamedTuple):
    """A question about a problem: stage, place of the point, which attempt, and its words."""

    stage: str
    point: int
    attempt: int
    messages: Messages


Work = Generator[list[Ask], list[Reply], Outcome]


def work_on(task: Task, tries: int, judged: bool) -> Work:
    """Ask for a solution if need be, extract points, check them, have them judged and rewritten.

    Args:
        task: The problem.
        tries: Solutions that are asked for at most.
        judged: Whether the teacher judges points too.
    """
    outcome = Outcome(task, task.solution)
    if outcome.solution is None:
        outcome.solution = yield from _solve(task, tries)
    if outcome.solution is None:
        outcome.failed = f"no solution with the right answer in {tries} tries"
        return outcome
    found = (yield from _ask("extract", {0: extract_prompt(task.problem, outcome.solution)}, parse_points))[0]
    if isinstance(found, ReplyError):
        outcome.failed = f"the reply cannot be read: {found}"
        return outcome
    outcome.points = [Point(text) for text in found]
    for point in outcome.points[MOST_POINTS:]:
        point.object(Leak("too many", f"more than {MOST_POINTS} points"))
    texts = {place: point.text for place, point in enumerate(outcome.points[:MOST_POINTS])}
    for place, reasons in (yield from _objections("judge", texts, outcome, judged)).items():
        outcome.points[place].reasons = reasons
    yield from _rewrite(outcome, judged)
    _drop_duplicates(outcome.points)
    return outcome


def _solve(task: Task, tries: int) -> Generator[list[Ask], list[Reply], str | None]:
    for attempt in range(tries):
        (reply,) = yield [Ask("solve", 0, attempt, PROMPTS["knowrl"](task.problem))]
        solution = _read(reply, without_thoughts)
        if isinstance(solution, str) and verify([task.answer], [solution]) == [1.0]:
            return solution.strip()
    return None


def _objections(
    stage: str, texts: Mapping[int, str], outcome: Outcome, judged: bool
) -> Generator[list[Ask], list[Reply], dict[int, list[Leak]]]:
    """What speaks against points: the checks, and of those that pass them the judge."""
    task = outcome.task
    equal = _equal(task.answer, texts.values())
    found = {
        place: leaks(text, task.problem, task.answer, outcome.solution, equal=equal) for place, text in texts.items()
    }
    asked = {place: judge_prompt(texts[place], task.problem, task.answer) for place in found if not found[place]}
    verdicts = (yield from _ask(stage, asked, parse_verdict)) if judged else {}
    for place, verdict in verdicts.items():
        if isinstance(verdict, ReplyError):
            found[place] = [Leak("verdict unreadable", str(verdict))]
        else:
            found[place] = [Leak(f"judged {kind}", JUDGED[kind]) for kind in verdict]
    return found


def _equal(answer: str, texts: Iterable[str]) -> Callable[[str, str], bool]:
    """Return what tells whether a formula equals the answer; those of the texts are compared at once, side by side."""
    met = list({formula for text in texts for formula in formulas(text)})
    verdicts = dict(zip(met, verify([answer] * len(met), [f"\\boxed{{{one}}}" for one in met]), strict=True))

    def equal(gold: str, formula: str) -> bool:
        if formula not in verdicts:
            (verdicts[formula],) = verify([gold], [f"\\boxed{{{formula}}}"])
        return verdicts[formula] == 1.0

    return equal


def _rewrite(outcome: Outcome, judged: bool) -> Generator[list[Ask], list[Reply], None]:
    """Have what failed written anew, once, and check that likewise."""
    no_use = {"too many", "verdict unreadable"}
    failed = {
        place: point
        for place, point in enumerate(outcome.points)
        if point.reasons and point.reasons[0].kind not in no_use
    }
    asked = {place: rewrite_prompt(p.text, outcome.task.problem, p.reasons) for place, p in failed.items()}
    for place, reply in (yield from _ask("rewrite", asked, parse_points)).items():
        if isinstance(reply, ReplyError):
            failed[place].reasons_after = [Leak("rewriting unreadable", str(reply))]
        elif not reply:
            failed[place].reasons_after = [Leak("nothing general", "nothing remained when it was rewritten")]
        else:
            failed[place].rewritten = reply[0]
    texts = {place: point.rewritten for place, point in failed.items() if point.rewritten}
    for place, reasons in (yield from _objections("judge again", texts, outcome, judged)).items():
        failed[place].reasons_after = reasons


def _drop_duplicates(points: Iterable[Point]) -> None:
    """Of points that say the same keep one, rather one that passed at once."""
    kept = sorted((point for point in points if point.kept), key=lambda point: bool(point.reasons))
    for first, second in duplicates([point.kept or "" for point in kept]):
        if kept[first].kept and kept[second].kept:
            kept[second].object(Leak("duplicate", f"says the same as {kept[first].kept!r}"))


def _ask(
    stage: str, questions: Mapping[int, Messages], parse: Callable[[str], T]
) -> Generator[list[Ask], list[Reply], dict[int, T | ReplyError]]:
    """Ask about several points at once, and once more where a reply cannot be read."""
    found: dict[int, T | ReplyError] = {place: ReplyError("not asked") for place in questions}
    for attempt in range(READ_AT_MOST):
        open_ones = [place for place in questions if isinstance(found[place], ReplyError)]
        if not open_ones:
            break
        replies = yield [Ask(stage, place, attempt, questions[place]) for place in open_ones]
        found |= {place: _read(reply, parse) for place, reply in zip(open_ones, replies, strict=True)}
    return found


def _read(reply: Reply, parse: Callable[[str], T]) -> T | ReplyError:
    if reply.refused:
        return ReplyError(f"the teacher refused the question: {reply.refused}")
    try:
        return parse(reply.text)
    except ReplyError as error:
        return error
