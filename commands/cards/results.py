"""What was measured: the result in a line, tables with errors, and how many problems were trained on."""

from typing import Any

from commands.cards.parts import pictures
from commands.cards.subject import EVALUATIONS, Subject
from commands.measured import LEGEND, accuracy_of, measured_rows, share, turned
from evaluation.report import percent, title, with_interval
from pages import link, table, text
from runs.curves import CURVES

FIRST = ("reward", "accuracy", "length", "entropy")
"""Curves that a reader looks at."""


def measured(record: dict[str, Any]) -> bool:
    """Whether held-out problems were measured before and after."""
    return all(record.get(part) for part in ("before", "after", "change"))


def headline(subject: Subject) -> str:
    """The result in a sentence, "" without one."""
    record = subject.record
    if subject.part.startswith("as it was") or not measured(record):
        return ""
    before, after = (share(record[side]["accuracy"]) for side in ("before", "after"))
    count, change = record["before"]["problems"], measured_rows(record)[0].change
    counts = turned(record["change"]["accuracy"])
    return (
        f"**{before} → {after}** of {count:,} held-out problems right, greedy: {change} points, the 95 % interval "
        f"paired by problem{f' ({counts})' if counts else ''}."
    )


def held_out(subject: Subject) -> str:
    """Before and after training, with their 95 % intervals; "" where nothing was measured."""
    record = subject.record
    if not measured(record):
        return ""
    rows = [[row.title, row.before, row.after, row.change] for row in measured_rows(record)]
    if record["after"].get("truncated"):
        cut = [share(record[side].get("truncated")) for side in ("before", "after")]
        rows.append(["cut off", *cut, ""])
    told = (
        f"{record['before']['problems']:,} problems that training never saw, decoded greedily with at most "
        f"{(record.get('prompt') or {}).get('max_new_tokens', '?')} tokens; {LEGEND} over problems."
    )
    parts = [table(["held out", "before", "after", "change, 95 % interval"], rows), told, _overlap(record)]
    return "\n\n".join(part for part in parts if part)


def _overlap(record: dict[str, Any]) -> str:
    """How many held-out problems resemble one that was trained on."""
    found = record.get("overlap")
    if not found:
        return ""
    told = (
        f"Contamination: of these problems {found['exact']} equal a training problem and {found['near']} nearly do "
        "(the same mould with another name or number counts)"
    )
    if found.get("rest") and found["exact"] + found["near"]:
        rest = accuracy_of(found["rest"])
        was = found["rest"].get("before")  # not in the record of older runs
        start = "" if was is None else f", from {100 * was:.1f} %"
        return f"{told}; on the other {found['rest']['problems']:,} the trained model is at {rest}{start}."
    return f"{told}."


def benchmarks(subject: Subject) -> str:
    """The reports of `cli.py evaluate`, one row per benchmark; "" without any."""
    rows = [row for _, record in subject.evaluations for row in map(_row, record["results"])]
    if not rows:
        return ""
    head = [
        "benchmark",
        "score, 95 % interval",
        "problems",
        "protocol",
        "like a training problem",
        "score on the rest",
    ]
    files = [link(path.name, f"{EVALUATIONS}/{path.name}/report.md") for path, _ in subject.evaluations]
    shown = [(path.name, f"{EVALUATIONS}/{path.name}/report.png") for path, _ in subject.evaluations]
    there = [(name, file) for name, file in shown if (subject.run.path / file).is_file()]
    told = f"In brackets stands the 95 % interval, clustered by problem. Protocol in full: {', '.join(files)}."
    return "\n\n".join([table(head, rows), told, pictures(there)]).strip()


def _row(result: Any) -> list[str]:
    settings, overlap = result.get("settings") or {}, result.get("overlap")
    protocol = [f"{result['shots']}-shot", result["metric"], text(settings.get("prompt", ""))]
    protocol += [f"T = {settings['temperature']:g}"] if settings.get("temperature") else ["greedy"]
    protocol += ["Python"] if settings.get("tools") else []
    seen = f"{overlap['exact']} equal, {overlap['near']} nearly" if overlap else "not known"
    clean = result.get("clean_score")
    rest = f"{percent(clean)} % of {result.get('clean_problems')}" if clean is not None else "–"
    stamp = " (smoke test)" if result["smoke"] else ""
    return [
        text(title(result)) + stamp, with_interval(result, " %"), f"{result['problems']:,}",
        ", ".join(filter(None, protocol)), seen, rest,
    ]  # fmt: skip


def curves(subject: Subject) -> tuple[str, str]:
    """The curves that a reader looks at, and all others."""
    there = [
        (curve.name, curve.title, f"plots/{curve.name}.png")
        for curve in CURVES
        if (subject.run.plots / f"{curve.name}.png").exists()
    ]
    first = [(title, path) for name, title, path in there if name in FIRST]
    return pictures(first), pictures([(title, path) for name, title, path in there if name not in FIRST])
