"""What a training run found, to the terminal and to its folder."""

import dataclasses
import math
from typing import Any

from commands.measured import LEGEND, measured_rows, turned
from commands.terminal.console import say
from commands.training.problems import Task
from evaluation.contamination import clean_score, find_overlap
from evaluation.held_out import Measurement, compare
from runs.files import append_jsonl
from runs.folder import RunFolder


def report(run: RunFolder, task: Task, seconds: float, before: Measurement | None, after: Measurement | None) -> None:
    """Results to the terminal, to `run.json` and, problem by problem, to `held_out.jsonl`."""
    found: dict[str, Any] = {"training_seconds": round(seconds, 1)}
    if before is not None and after is not None and task.held_out is not None:
        change = compare(before, after)
        found |= {"before": before.summary(), "after": after.summary()}
        found["overlap"], alike = _overlap(task, before, after)
        found["change"] = {name: dataclasses.asdict(difference) for name, difference in change.items()}
        columns = (task.held_out["problem"], task.held_out["answer"], alike, before.rows(), after.rows())
        names = ("problem", "answer", "like_training", "before", "after")
        run.held_out.unlink(missing_ok=True)
        append_jsonl(run.held_out, (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)))
        _say_results(found)
    run.update(**found)
    say(f"trained in {seconds:.0f} s; model in {run.final}")


def _overlap(task: Task, before: Measurement, after: Measurement) -> tuple[dict[str, Any], list[str | None]]:
    """How many held-out problems are like one that was trained on, and how the model does on the rest.

    Returns:
        For the record; and for each held-out problem "equal", "near" (`evaluation/contamination.py` says what that is)
        or None.
    """
    assert task.held_out is not None, "it was measured on them"
    ids = [str(place) for place in range(len(task.held_out))]
    matches = find_overlap(task.train["problem"], task.held_out["problem"])
    was, now = (clean_score(ids, [[right] for right in side.correct], matches) for side in (before, after))
    found = {match.benchmark_id: "equal" if match.exact else "near" for match in matches}
    exact = sum(match.exact for match in matches)
    rest = None
    if was and now:
        rest = {**now[0].entries("accuracy"), "problems": now[1], "before": was[0].mean}
    return {"exact": exact, "near": len(matches) - exact, "rest": rest}, [found.get(place) for place in ids]


def _say_results(found: dict[str, Any]) -> None:
    """Before, after and paired change, with 95 % intervals."""
    before, after = found["before"], found["after"]
    say(f"\nheld out: {before['problems']} problems, greedy; {LEGEND}")
    say(f"{'':14}{'before':>22}{'after':>22}{'change':>24}")
    for row in measured_rows(found):
        say(f"{row.name:14}{row.before:>22}{row.after:>22}{row.change:>24}")
    for title, name in (("cut off", "truncated"), ("ran Python", "with_code")):
        if not math.isclose(after.get(name, 0), 0):
            say(f"{title:14}{before[name]:>22.1%}{after[name]:>22.1%}")
    say(f"{'problems':14}{turned(found['change']['accuracy'])}")
    overlap = found["overlap"]
    if overlap["exact"] + overlap["near"]:
        rest = overlap["rest"]
        told = f"; on the {rest['problems']} others {rest['before']:.1%} → {rest['accuracy']:.1%}" if rest else ""
        say(f"{overlap['exact']} of these problems equal a training problem and {overlap['near']} nearly do{told}")
