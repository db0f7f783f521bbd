"""What came of a run: held-out results before and after, and problems that changed sides."""

from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from boxed import last_boxed
from commands.measured import measured_rows, share
from commands.terminal.output import QUIET, RIGHT, WRONG, Elided, brief
from runs.files import read_jsonl


def results(record: dict[str, Any]) -> RenderableType | None:
    """Before and after, and the paired change, with 95 % intervals; None before anything was measured."""
    before, after = (record.get(key) or {} for key in ("before", "after"))
    if not before and not after:
        return None
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=QUIET)
    table.add_column("")
    for title in ("before", "after", "change"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in measured_rows(record):
        table.add_row(row.name, row.before, row.after, row.change)
    if any(side.get("truncated") for side in (before, after)):
        table.add_row("cut off", *(share(side.get("truncated")) for side in (before, after)), "")
    return table


def flips(path: Path, each: int) -> list[RenderableType]:
    """How many held-out problems changed sides, and what was written before and after: what is wrong now comes first.

    Args:
        path: `held_out.jsonl`.
        each: Problems shown of each kind.
    """
    rows = [row for row in read_jsonl(path) if row.get("before") and row.get("after")]
    if not rows:
        return []
    kinds: dict[tuple[bool, bool], list[dict[str, Any]]] = {(True, False): [], (False, False): [], (False, True): []}
    for row in rows:
        was, now = (row[when].get("correct", 0) > 0.5 for when in ("before", "after"))
        kinds.setdefault((was, now), []).append(row)
    lost, never, learned = (len(members) for members in list(kinds.values())[:3])
    told = f"{learned} went from wrong to right, {lost} from right to wrong, {never} are wrong as before"
    parts: list[RenderableType] = [Text(f"of {len(rows)} problems {told}")]
    for (was, now), members in list(kinds.items())[:3]:
        mark = f"{'✓' if was else '✗'}→{'✓' if now else '✗'}"
        for row in members[:each]:
            parts += [Text(), Text.assemble((mark, f"bold {RIGHT if now else WRONG}"), *_answers(row))]
            parts.append(Elided(str(row.get("problem", "")), 2, 1, margin="│ "))
            parts += [
                Elided(f"{when}: {row[when]['text']}", 2, 1, margin="│ ")
                for when in ("before", "after")
                if row[when].get("text")
            ]
    return parts


def _answers(row: dict[str, Any]) -> tuple[str]:
    answers = [last_boxed(str(row[when].get("text", ""))) for when in ("before", "after")]
    before, after = ("no boxed answer" if answer is None else brief(answer) for answer in answers)
    return (f" gold {brief(row.get('answer', '–'))}; before {before}, after {after}",)
