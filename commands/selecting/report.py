"""The page about a selection: its tables, how it was made, and what they can be taken for."""

from typing import Any

from commands.selecting.display import notes, tables
from pages import block, table, text
from runs.files import write_whole
from runs.folder import SampleFolder

ABOUT = """\
Accuracy is the mean over problems of the share of right samples, with its 95 % interval over problems. \
"none correct" is the share of problems that no sample solves."""
JOINT = """\
Points each harmless to remove alone, removed together: how often that is worse than removing one of them, and by how \
much then. Both are read off the samples that found the points harmless, which flatters single removals."""


def write_report(summary: dict[str, Any], folder: SampleFolder) -> None:
    """Write the page from the record and the summary."""
    record = folder.read()
    asked = record["question"]
    model = "the embedded model" if asked["model"] == "embedded" else asked["model"]
    rules, kept, *joint = (table(head, cells) for head, *cells in tables(summary))
    parts = [
        f"# Knowledge points of {text(asked['data'])}, selected for {text(model)}",
        f"{summary['problems']:,} problems, {summary['samples']} samples with each subset. {ABOUT}",
        rules,
        "![accuracy against number of points](accuracy.png)",
        "\n".join(f"* {' '.join(note.split())}" for note in notes(summary)),
        "How many of a problem's points are kept:",
        kept,
        *([JOINT, *joint] if joint else []),
        "## How it was made",
        block(record["command"]),
        "\n".join(f"* {name}: {text(value)}" for name, value in asked.items() if value is not None),
    ]
    write_whole(folder.path / "report.md", "\n\n".join(parts) + "\n")
