"""What cards are made of: tables, code, pictures, and their head."""

from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; a bar within a cell would end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```"


def folded(summary: str, text: str) -> str:
    """Text behind a line that a reader may open; Markdown inside needs the blank lines."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def pictures(files: Sequence[tuple[str, str]]) -> str:
    """Two pictures to a row, (title, path) each."""
    cells = [f"![{title}]({path})" for title, path in files]
    rows = [cells[i : i + 2] + [""] * (len(cells[i : i + 2]) == 1) for i in range(0, len(cells), 2)]
    return table(["", ""], rows) if rows else ""


def reproduced(command: str, record: Mapping[str, Any]) -> str:
    """The command line, and what it ran with."""
    made = [f"commit {str(record['commit'])[:12]}"] if record.get("commit") else []
    made += [f"{name} {version}" for name, version in (record.get("versions") or {}).items()]
    return "\n\n".join([code(command, "bash"), *([" · ".join(made) + "."] if made else [])])


def repository_link(name: str, kind: str = "") -> str:
    """A name on the Hub as a link to its page; kind is `datasets/` for a data set."""
    return f"[{name}](https://huggingface.co/{kind}{name})"
