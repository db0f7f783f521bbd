"""The page of a filtered data set, for its folder and for the Hub."""

from pathlib import Path
from typing import Any

from commands.hub import upload
from runs.folder import write_whole
from runs.samples import SampleFolder

PUSHED = ["README.md", "counts.jsonl", "set_aside.jsonl", "learnable.jsonl", "learnable/*.parquet", "histogram.png"]


def push(folder: Path, repository: str) -> str:
    """Push the result; samples stay here. Returns where it is.

    Raises:
        PushError: It could not be done.
    """
    again = f"python cli.py push {folder} --to {repository}"
    return upload(folder, repository, "dataset", "Problems in the learnable zone", again, PUSHED)


def write_card(folder: SampleFolder) -> None:
    """Write the page from the record."""
    record = folder.read()
    write_whole(
        folder.path / "README.md", "\n\n".join([_head(), _about(record), _counts(record), _made(record)]) + "\n"
    )


def _head() -> str:
    """What the Hub reads: which files are which."""
    return "\n".join(
        [
            "---",
            "configs:",
            "- config_name: learnable",
            "  default: true",
            "  data_files: learnable/*.parquet",
            "- config_name: counts",
            "  data_files: counts.jsonl",
            "---",
        ]
    )


def _about(record: dict[str, Any]) -> str:
    asked, zone, found = record["question"], record["zone"], record["result"]
    model = "the embedded model" if asked["model"] == "embedded" else asked["model"]
    return (
        f"# {asked['data']}, learnable for {model}\n\n"
        f"{found['kept']:,} of {found['problems']:,} problems: those that {model} solved {zone['low']} to "
        f"{zone['high']} times of {zone['samples']}. The zone is a statement about this model, this prompt, this "
        "temperature and this length: for another, sample again.\n\n![histogram](histogram.png)"
    )


def _counts(record: dict[str, Any]) -> str:
    found = record["result"]
    rows = ["| right answers | problems |", "|---|---|"]
    rows += [f"| {right} | {bar:,.0f} |" for right, bar in enumerate(found["histogram"])]
    notes = (
        f"{found['samples']:,} solutions were sampled; {found['samples_saved']:.1%} were not needed to know on which "
        "side of the zone a problem lies, so single bars inside each of the three groups are expected numbers. "
        f"{found['truncated']:,} solutions were cut off, {found['without_answer']:,} had no answer in a box. "
        "`counts.jsonl` has every problem; other thresholds can be set from it."
    )
    if found["given_up"]:
        notes += (
            f" {found['given_up']:,} problems were given up as unlikely; {found['expected_missed']:.1f} learnable "
            "ones are expected to be missed."
        )
    aside = [f"* {count:,}: {reason}" for reason, count in found["set_aside"].items()]
    return "\n".join(
        [*rows, "", notes, *(["", "Set aside before sampling (`set_aside.jsonl`):", "", *aside] if aside else [])]
    )


def _made(record: dict[str, Any]) -> str:
    lines = [f"* {name}: {value}" for name, value in record["question"].items() if value is not None]
    lines += [f"* {name} {version}" for name, version in record.get("versions", {}).items()]
    return f"## How it was made\n\n```\n{record['command']}\n```\n\n" + "\n".join(lines)
