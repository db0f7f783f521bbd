"""Ask the teacher in rounds, all problems together, and put every reply on record as it comes."""

import hashlib
import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from commands.extracting.outcome import Outcome
from commands.extracting.points import MOST_POINTS, READ_AT_MOST, Ask, Work, work_on
from commands.extracting.pool import Task
from evaluation.engines import sample_seed
from evaluation.teachers import Messages, Question, Reply, Teacher
from runs.folder import SampleFolder

USUAL_POINTS = 6
"""Of a problem: 5.9 on average in the released data."""


class Key(NamedTuple):
    """What a reply is found by; a question in other words is another question."""

    id: str
    stage: str
    point: int
    attempt: int
    words: str


@dataclass(frozen=True)
class Asked:
    """A reply that was used, for the account."""

    stage: str
    reply: Reply


def expected_calls(tasks: Sequence[Task], options: Namespace) -> tuple[int, int]:
    """Return how many replies are usually needed, and how many at most."""
    unsolved = sum(task.solution is None for task in tasks)
    usual = unsolved + len(tasks) * (1 + (USUAL_POINTS if options.judge else 0))
    passes = 3 if options.judge else 1  # judged, written anew, judged again
    return usual, unsolved * options.tries + len(tasks) * READ_AT_MOST * (1 + passes * MOST_POINTS)


def work(
    tasks: Sequence[Task],
    options: Namespace,
    folder: SampleFolder,
    teacher: Teacher,
    report: Callable[[int, int, int], None],
) -> tuple[list[Outcome], list[Asked]]:
    """Work on all problems until each has come to its end.

    Args:
        tasks: The problems.
        options: Of the command.
        folder: Where replies are read and written.
        teacher: Who is asked for those that are not on record.
        report: Called with each reply: replies so far, those that are still wanted, problems that are done.

    Returns:
        What came of the problems, in their order, and the replies that it rests on.
    """
    recorded = read_replies(folder)
    outcomes: dict[str, Outcome] = {}
    used: list[Asked] = []
    pending: list[tuple[Task, Work, list[Ask]]] = []

    def advance(task: Task, doing: Work, replies: list[Reply] | None) -> None:
        try:
            asks = next(doing) if replies is None else doing.send(replies)
        except StopIteration as end:
            outcomes[task.id] = end.value
        else:
            pending.append((task, doing, asks))

    for task in tasks:
        advance(task, work_on(task, options.tries, options.judge), None)
    while pending:
        now, pending = pending, []
        wanted = {_key(task, ask): ask for task, _, asks in now for ask in asks}
        missing = {key: ask for key, ask in wanted.items() if key not in recorded}
        start = len(used) + len(wanted) - len(missing)
        for done, (key, reply) in enumerate(_replies(missing, options, teacher), 1):
            folder.append(0, [{**key._asdict(), **reply._asdict()}])
            recorded[key] = reply
            report(start + done, len(missing) - done, len(outcomes))
        for task, doing, asks in now:
            replies = [recorded[_key(task, ask)] for ask in asks]
            used += [Asked(ask.stage, reply) for ask, reply in zip(asks, replies, strict=True)]
            advance(task, doing, replies)
    return [outcomes[task.id] for task in tasks], used


def read_replies(folder: SampleFolder) -> dict[Key, Reply]:
    """The replies on record."""
    return {
        Key(*(record[name] for name in Key._fields)): Reply(*(record[name] for name in Reply._fields))
        for record in folder.read_samples()
    }


def fingerprint(messages: Messages | Sequence[Messages]) -> str:
    """Return 12 hex digits of the hash of messages."""
    return hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:12]


def _key(task: Task, ask: Ask) -> Key:
    return Key(task.id, ask.stage, ask.point, ask.attempt, fingerprint(ask.messages))


def _replies(missing: dict[Key, Ask], options: Namespace, teacher: Teacher) -> Iterator[tuple[Key, Reply]]:
    keys = list(missing)
    questions = [
        Question(missing[key].messages, sample_seed(options.seed, f"{key.id} {key.stage} {key.point}", key.attempt))
        for key in keys
    ]
    if questions:  # where all are on record, no model is loaded
        for place, reply in teacher.replies(questions, options.temperature, options.max_tokens):
            yield keys[place], reply
