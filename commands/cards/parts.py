"""What cards are made of beside text, code and tables: pictures, what is folded, how it was made."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pages import block, link, table, text


def folded(summary: str, content: str) -> str:
    """Markdown behind a line that a reader may open; it needs the blank lines."""
    return f"<details>\n<summary>{summary}</summary>\n\n{content}\n\n</details>"


def pictures(files: Sequence[tuple[str, str]]) -> str:
    """Two pictures to a row, (title, path) each."""
    cells = [f"![{text(title)}]({quote(path)})" for title, path in files]
    rows = [cells[i : i + 2] + [""] * (len(cells[i : i + 2]) == 1) for i in range(0, len(cells), 2)]
    return table(["", ""], rows) if rows else ""


def reproduced(command: str, record: Mapping[str, Any]) -> str:
    """The command line, and what it ran with."""
    made = [f"commit {str(record['commit'])[:12]}"] if record.get("commit") else []
    made += [f"{name} {version}" for name, version in (record.get("versions") or {}).items()]
    return "\n\n".join([block(command, "bash"), *([" · ".join(made) + "."] if made else [])])


def repository_link(name: str, kind: str = "") -> str:
    """A name on the Hub as a link to its page; kind is `datasets/` for a data set."""
    return link(name, f"https://huggingface.co/{kind}{name}")
