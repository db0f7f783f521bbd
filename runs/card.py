"""A run on one page: `README.md` of its folder."""

from typing import Any

from runs.curves import CURVES
from runs.folder import RunFolder, write_whole
from runs.measured import measured_rows


def write_card(run: RunFolder) -> None:
    """Write the page from `run.json` and the plots that are there."""
    record = run.read()
    parts = [_head(record), _results(record), _asked(record), _curves(run), _made_with(record)]
    write_whole(run.readme, "\n\n".join(part for part in parts if part) + "\n")


def _head(run: dict[str, Any]) -> str:
    data = run.get("data", {})
    method, model = str(run.get("method", "a run")).upper(), run.get("model", "a model")
    source = f"{data.get('name', 'problems')} ({data.get('problems', 0):,} problems)"
    status = {"running": "was going on when this page was written", "interrupted": "was interrupted"}
    told = status.get(str(run.get("status")), str(run.get("status", "")))
    early = f" It ended {run['ended_early']}." if "ended_early" in run else ""
    early += " It trained nothing: its weights are those it began with." if run.get("trained") is False else ""
    return f"# {method} on {model}\n\nTrained on {source}, seed {run.get('seed')}. The run {told}.{early}"


def _results(run: dict[str, Any]) -> str:
    if not all(run.get(part) for part in ("before", "after", "change")):
        return ""
    rows = ["| held out, greedy | before | after | change, 95 % interval |", "|---|---|---|---|"]
    rows += [f"| {row.title} | {row.before} | {row.after} | {row.change} |" for row in measured_rows(run)]
    problems = run["before"]["problems"]
    return f"{problems} problems that training never saw; ± is one standard error.\n\n" + "\n".join(rows)


def _asked(run: dict[str, Any]) -> str:
    if "command" not in run:
        return ""
    return (
        f"## What was asked\n\n```\n{run['command']}\n```\n\n"
        "Again, in a folder of its own: `accelerate launch cli.py train --config config.yaml`, or as a story: "
        "`python cli.py show` with this folder."
    )


def _curves(run: RunFolder) -> str:
    there = [curve for curve in CURVES if (run.plots / f"{curve.name}.png").exists()]
    if not there:
        return ""
    pictures = "\n\n".join(f"![{curve.title}](plots/{curve.name}.png)" for curve in there)
    return f"## Curves\n\n{pictures}"


def _made_with(run: dict[str, Any]) -> str:
    lines = [f"* {name}: {run[name]}" for name in ("commit", "started", "ended", "training_seconds") if name in run]
    lines += [f"* {name}: {value}" for name, value in run.get("hardware", {}).items()]
    lines += [f"* {name} {value}" for name, value in run.get("versions", {}).items()]
    return "## Made with\n\n" + "\n".join(lines) if lines else ""
