"""What was asked of a run, with what, and how far it came."""

import time
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from commands.terminal.output import HEAD, QUIET, clean
from commands.terminal.table import duration
from runs.folder import RunFolder

QUIET_FOR = 300.0
"""Seconds without a word after which a run that no process here holds counts as killed; more where steps are long."""


def section(title: str, *parts: RenderableType) -> RenderableType:
    """Parts under a heading, with a blank line after them."""
    return Group(Rule(Text(clean(title), style=HEAD), align="left", style=QUIET), *parts, Text())


def asked(run: RunFolder, record: dict[str, Any], metrics: list[dict[str, Any]]) -> RenderableType:
    """The head of the story: method, model, data, batch, command, versions, machine, status."""
    status, way_on = _status(run, record, metrics)
    lines = {
        "asked": _method(record),
        "data": _data(record.get("data")),
        "batch": "\n".join(record.get("batch") or []),
        "command": record.get("command"),
        "made with": _made_with(record),
        "machine": _machine(record.get("hardware") or {}),
        "status": status,
    }
    grid = Table.grid(padding=(0, 2))
    for label, text in lines.items():
        if text:
            grid.add_row(Text(label, style=QUIET), Text(clean(text)))
    # one line however long, to be copied
    return section(str(run.path), grid, *([Text(clean(way_on), no_wrap=True, overflow="ignore")] if way_on else []))


def _status(run: RunFolder, record: dict[str, Any], metrics: list[dict[str, Any]]) -> tuple[str, str]:
    """How far the run came; and where it can go on from if it did not come to its end."""
    said, step, planned = str(record.get("status") or "status unknown"), last_step(metrics), record.get("steps")
    told = [f"step {step} of {planned}" if planned else f"step {step}"] if planned or step else []
    told += _when(record)
    killed = free = False
    if said == "running" and not run.is_written():
        silence, free = _silence(run), True
        killed = silence > _patience(metrics)
        guess = "probably killed: recorded as running, but" if killed else "running on another machine, or stopped:"
        said = f"{guess} nothing was written for {duration(silence)}"
    if not free and said not in ("interrupted", "failed"):
        return "; ".join([said, *told]), ""
    saved = run.last_checkpoint()
    way_on = (
        f"to go on: --output_dir {run.path} and the same settings" if saved else "no checkpoint was due (--save_steps)"
    )
    return "; ".join([said, *told]), way_on


def last_step(metrics: list[dict[str, Any]]) -> int:
    """The last optimizer step that was logged, 0 if none was."""
    return max((int(record.get("step", 0)) for record in metrics), default=0)


def _patience(metrics: list[dict[str, Any]]) -> float:
    """Seconds of silence that a run which goes on does not exceed."""
    seconds = [record["seconds"] for record in metrics[-2:] if "seconds" in record]
    return max(QUIET_FOR, 5 * (seconds[-1] - seconds[0])) if seconds else QUIET_FOR


def _silence(run: RunFolder) -> float:
    """Seconds since anything was written."""
    files = (run.run, run.metrics, run.held_out, *run.completions.glob("*.jsonl"), *run.checkpoints.glob("*"))
    return time.time() - max((path.stat().st_mtime for path in files if path.exists()), default=0.0)


def _method(record: dict[str, Any]) -> str:
    method, model, seed = (record.get(key) for key in ("method", "model", "seed"))
    what = " on ".join(str(part) for part in (method and str(method).upper(), model) if part)
    return ", ".join([*([what] if what else []), *([f"seed {seed}"] if seed is not None else [])])


def _when(record: dict[str, Any]) -> list[str]:
    """From when to when, in UTC; the day once."""
    times = [str(record[key])[:16].replace("T", " ") for key in ("started", "ended") if record.get(key)]
    if len(times) == 2 and times[0][:10] == times[1][:10]:
        times[1] = times[1][11:]
    return [f"{' to '.join(times)} UTC"] if times else []


def _machine(hardware: dict[str, Any]) -> str:
    parts = {key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in hardware.items()}
    parts |= {"memory_gb": f"{parts['memory_gb']} GB"} if "memory_gb" in parts else {}
    names = {"machine": "", "memory_gb": "memory "}
    return ", ".join(f"{names.get(key, f'{key} ')}{value}" for key, value in parts.items())


def _data(data: Any) -> str:
    if not isinstance(data, dict):
        return str(data or "")
    fingerprint = f" (sha256 {str(data['fingerprint'])[:12]})" if data.get("fingerprint") else ""
    counts = "".join(
        f", {data[key]} {word}" for key, word in (("problems", "problems"), ("held_out", "held out")) if data.get(key)
    )
    return f"{data.get('name', '')}{fingerprint}{counts}"


def _made_with(record: dict[str, Any]) -> str:
    parts = [f"{name} {version}" for name, version in (record.get("versions") or {}).items()]
    if record.get("commit"):
        parts.insert(0, f"commit {str(record['commit'])[:12]}{'+' if str(record['commit']).endswith('+') else ''}")
    return ", ".join(parts)
