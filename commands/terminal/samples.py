"""Sampled completions as a person reads them: a block per prompt, the best and the worst answer first.

Text of models and of data sets is shown as it is, never taken for markup or for control sequences of the terminal.
"""

import math
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.text import Text

from commands.terminal.output import HEAD, QUIET, RIGHT, WRONG, Elided, brief, clean

NARROW = 80  # columns that a line of numbers fits into


def select(records: Sequence[dict[str, Any]], limit: int | None) -> list[list[dict[str, Any]]]:
    """Choose completions of a generation, of each prompt the highest and the lowest advantage first.

    Prompts whose completions got different advantages come first: only they teach.

    Args:
        records: As `runs` describes them, of one generation.
        limit: How many completions in all, further inwards if need be; None for those two of each prompt.

    Returns:
        The chosen ones, grouped by prompt, highest advantage first.
    """
    groups: dict[Any, list[dict[str, Any]]] = {}
    for record in sorted(records, key=_advantage, reverse=True):
        groups.setdefault(record.get("group"), []).append(record)
    teaching = sorted(groups, key=lambda g: (_advantage(groups[g][0]) == _advantage(groups[g][-1]), g is None, g))
    ranked = [groups[g] for g in teaching]
    places = [(min(i, len(group) - 1 - i), rank, i) for rank, group in enumerate(ranked) for i in range(len(group))]
    chosen = {(rank, i) for depth, rank, i in sorted(places)[:limit] if limit is not None or depth == 0}
    kept = [[record for i, record in enumerate(group) if (rank, i) in chosen] for rank, group in enumerate(ranked)]
    return [group for group in kept if group]


def samples_table(records: Sequence[dict[str, Any]], *, limit: int | None) -> RenderableType:
    """Return a block for each prompt: problem, gold, and per completion its numbers and its text.

    Args:
        records: As `runs` describes them, of one generation.
        limit: How many completions in all, further inwards if need be; None for those two of each prompt.
    """
    parts: list[RenderableType] = []
    for members in select(records, limit):
        first = members[0]
        parts += [Text()] if parts else []
        title = f"step {clean(first.get('step', '–'))}, prompt {clean(first.get('group', '–'))}"
        parts += [
            Rule(Text(title, style=HEAD), align="left", style=QUIET),
            Elided(_problem(first.get("prompt")), 3, 3),
        ]
        if first.get("gold") is not None:
            parts.append(Text(f"gold {clean(first['gold'])}", style="bold"))
        for record in members:
            parts += [Text(), _numbers(record), Elided(_text(record.get("completion")), 2, 4, margin="│ ")]
    return Group(*parts)


def right(record: dict[str, Any]) -> bool | None:
    """Whether the answer was graded as right; None without a grade."""
    grade = record.get("rewards", {}).get("accuracy")
    return None if grade is None else grade > 0.5


def _numbers(record: dict[str, Any]) -> Text:
    """A line or two on a completion: grade, advantage, rewards, length, answer."""
    grade = right(record)
    mark, style = {True: ("✓ right", RIGHT), False: ("✗ wrong", WRONG), None: ("· not graded", QUIET)}[grade]
    rewards = ", ".join(f"{clean(name)} {_short(value)}" for name, value in record.get("rewards", {}).items())
    answer = record.get("answer")
    line = Text.assemble(
        (mark, f"bold {style}"),
        "  advantage ",
        (_signed(_advantage(record)), "bold"),
        f"  {clean(record.get('length', '–'))} tokens",
        *((", ", ("cut", f"bold {WRONG}")) if record.get("truncated") else ()),
        "  no boxed answer" if answer is None else f"  answer {brief(answer, 28)}",
    )
    total = f"reward {_short(record.get('reward'))} ({rewards})"
    return line.append(f"  {total}" if line.cell_len + cell_len(total) + 2 <= NARROW else f"\n  {total}")


def _problem(prompt: Any) -> str:
    """The text of a prompt; of messages the last one from the user."""
    if not isinstance(prompt, list):
        return str(prompt)
    asked = [message.get("content") for message in prompt if message.get("role") == "user"]
    return _text([{"content": asked[-1]}] if asked else prompt)


def _text(completion: Any) -> str:
    """Text of a completion; messages, where a model calls tools, one below the other."""
    if not isinstance(completion, list):
        return str(completion)
    return "\n".join(str(message.get("content") or message.get("tool_calls") or "") for message in completion)


def _advantage(record: dict[str, Any]) -> float:
    value = record.get("advantage")
    return 0.0 if value is None or math.isnan(value) else float(value)


def _signed(value: float) -> str:
    return f"{value:+.2f}" if abs(value) >= 0.095 or value == 0 else f"{value:+.2g}"


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
