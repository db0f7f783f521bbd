"""From outcomes to files: the problems with their points, what a person should look at, the account."""

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from commands.extracting.outcome import Outcome, Point
from commands.extracting.pool import Pool
from commands.extracting.work import Asked
from pages import table, text
from runs.files import write_lines, write_whole
from runs.folder import Folder

FATES = {"at once": "passed at once", "rewritten": "passed when rewritten", "dropped": "dropped"}


def write(outcomes: Sequence[Outcome], pool: Pool, account: dict[str, Any], folder: Folder) -> None:
    """Write all of it, each file whole or not at all."""
    write_lines(folder.path / "knowledge.jsonl", map(released, outcomes))
    write_lines(folder.path / "review.jsonl", [*pool.set_aside, *(line for one in outcomes for line in review(one))])
    write_whole(folder.path / "report.json", json.dumps(account, indent=1, ensure_ascii=False) + "\n")
    write_whole(folder.path / "report.md", report_page(account))


def released(outcome: Outcome) -> dict[str, Any]:
    """A problem's row in the released columns; one without a verified solution keeps what it came with."""
    task = outcome.task
    rest = {name: cell for name, cell in task.row.items() if name not in ("problem", "answer", "solution", "row")}
    by = None if outcome.solution is None else "source" if task.solution else "teacher"
    return {
        "problem": task.problem,
        "answer": task.answer,
        "solution": outcome.solution or task.given,
        "solution_by": by,
        "kp_list": outcome.kept,
        **rest,
    }


def review(outcome: Outcome) -> Iterable[dict[str, Any]]:
    """What a person should look at: a problem without points to extract, and each point that was dropped."""
    where = {"row": outcome.task.row["row"], "problem": outcome.task.problem}
    if outcome.failed:
        yield {**where, "point": None, "reasons": [outcome.failed]}
    for point in outcome.points:
        if point.kept is None:
            yield {
                **where,
                "point": point.text,
                "reasons": [str(reason) for reason in point.reasons],
                "rewritten": point.rewritten,
                "reasons_after": [str(reason) for reason in point.reasons_after],
            }


def fate(point: Point) -> str:
    """A key of `FATES`."""
    return "dropped" if point.kept is None else "rewritten" if point.reasons else "at once"


def account_of(outcomes: Sequence[Outcome], asked: Sequence[Asked], pool: Pool, options: Namespace) -> dict[str, Any]:
    """Count what came of problems and points, and what it took."""
    points = [point for outcome in outcomes for point in outcome.points]
    fates = Counter(map(fate, points))
    dropped = [point.reasons_after or point.reasons for point in points if point.kept is None]
    numbers = Counter(len(outcome.kept) for outcome in outcomes)
    given = sum(outcome.task.solution is not None for outcome in outcomes)
    solved = sum(outcome.solution is not None for outcome in outcomes)
    return {
        "problems": len(outcomes),
        "set_aside": len(pool.set_aside),
        "solutions": {"source": given, "teacher": solved - given, "none": len(outcomes) - solved},
        "unreadable": sum(bool(outcome.failed and outcome.solution) for outcome in outcomes),
        "without_points": numbers[0],
        "points": {"extracted": len(points), **{name: fates[name] for name in FATES}},
        "first_objections": _kinds(point.reasons for point in points),
        "dropped_by": _kinds(dropped),
        "points_per_problem": {str(number): numbers[number] for number in range(max(numbers, default=0) + 1)},
        "calls": dict(sorted(Counter(one.stage for one in asked).items())),
        "tokens": {
            "prompt": _tokens(one.reply.prompt_tokens for one in asked),
            "completion": _tokens(one.reply.completion_tokens for one in asked),
        },
        "teacher": options.model,
        "judge": options.judge,
    }


def _kinds(lists: Iterable[Iterable[Any]]) -> dict[str, int]:
    """How many points each kind of reason speaks against; a point may have several."""
    found = Counter(kind for reasons in lists for kind in {reason.kind for reason in reasons})
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _tokens(counts: Iterable[int | None]) -> int | None:
    told = [count for count in counts if count is not None]
    return sum(told) if told else None


def report_page(account: dict[str, Any]) -> str:
    """The account as a page of Markdown."""
    points, solutions = account["points"], account["solutions"]
    lines = [
        "# Knowledge points",
        "",
        f"Teacher: {text(account['teacher'])}. {account['problems']:,} problems, {account['set_aside']:,} set aside.",
        f"Data: {text(account['dataset'])}, fingerprint {account['fingerprint'][:16]}. Prompts: {account['prompts']}.",
        "",
        f"Solutions with the right answer: {solutions['source']:,} of the source, {solutions['teacher']:,} of the "
        f"teacher; {solutions['none']:,} problems have none.",
        "",
        *_table("point", "number", {"extracted": points["extracted"], **{FATES[f]: points[f] for f in FATES}}),
        *_table("spoke against points at first", "points", account["first_objections"]),
        *_table("dropped because of", "points", account["dropped_by"]),
        *_table("points of a problem", "problems", account["points_per_problem"]),
        *_table("calls", "replies", account["calls"]),
    ]
    told = [f"{count:,} of {side}s" for side, count in account["tokens"].items() if count is not None]
    lines += [f"Tokens: {', '.join(told)}."] if told else []
    return "\n".join(lines).rstrip() + "\n"


def _table(left: str, right: str, rows: dict[str, int]) -> list[str]:
    if not rows:
        return []
    return [table([left, right], [[text(name), f"{count:,}"] for name, count in rows.items()]), ""]
