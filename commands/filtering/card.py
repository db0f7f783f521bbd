"""The page of a filtered data set, for its folder and for the Hub."""

import shlex
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData

from commands.cards.parts import reproduced
from commands.hub import hub_id, require_repository, upload
from commands.sendable import files_to_send
from data import DATASETS, HUB_IDS
from pages import one_line, span, table, text
from runs.files import write_whole
from runs.folder import SampleFolder
from runs.public import without_paths

PUSHED = ["README.md", "counts.jsonl", "set_aside.jsonl", "learnable.jsonl", "learnable/*.parquet", "histogram.png"]


def push(folder: Path, repository: str) -> str:
    """Push the result; samples stay here. Returns where it is.

    Raises:
        UserError: A file is a link out of the folder, or the repository cannot be written to.
        PushError: It could not be done.
    """
    files = files_to_send(folder, PUSHED)
    again = shlex.join(["python", "cli.py", "push", str(folder), "--to", repository])
    repository = require_repository(repository, "dataset", again=again)
    return upload(files, repository, "dataset", "Problems in the learnable zone", again, folder)


def filtered_from(name: str) -> dict[str, Any] | None:
    """What filter-data found, if problems lie in its folder: data, model, zone and counts; None if they do not."""
    path = Path(name)
    for folder in (path, *path.parents[:2]) if path.exists() else ():
        record = SampleFolder(folder, "filter.json").read()
        if record.get("result"):
            asked = record["question"]
            facts = {"data": asked["data"], "model": _model(asked), "temperature": asked["temperature"]}
            return {**facts, "zone": record["zone"], "result": record["result"]}
    return None


def write_card(folder: SampleFolder, **licence: Any) -> None:
    """Write the page from the record.

    Args:
        folder: Of filter-data.
        licence: `license` and its kin, where they are known.
    """
    record = folder.read()
    template = "---\n{{ card_data }}\n---\n\n{{ text }}\n"
    page = "\n\n".join([_about(record), _counts(record), _made(record)])
    card = DatasetCard.from_template(_head(record, licence), template_str=template, text=page)
    write_whole(folder.path / "README.md", without_paths(card.content.rstrip(), record) + "\n")


def _head(record: dict[str, Any], licence: dict[str, Any]) -> DatasetCardData:
    """What the Hub reads: what it is, and which files are which."""
    asked, kept = record["question"], record["result"]["kept"]
    learnable = {"config_name": "learnable", "default": True, "data_files": "learnable/*.parquet"}
    source = HUB_IDS.get(asked["data"]) or (hub_id(asked["data"]) if asked["data"] not in DATASETS else None)
    known: dict[str, Any] = {"license": "apache-2.0"} if asked["data"] == "arithmetic" else licence  # this project's
    return DatasetCardData(
        pretty_name=one_line(f"{Path(asked['data']).name}, learnable for {Path(_model(asked)).name}"),
        language=["en"],
        task_categories=["text-generation"],
        size_categories=["n<1K" if kept < 1000 else "1K<n<10K" if kept < 10_000 else "10K<n<100K"],
        source_datasets=[source] if source else None,
        tags=["math", "reinforcement-learning", "difficulty"],
        configs=[*([learnable] if kept else []), {"config_name": "counts", "data_files": "counts.jsonl"}],
        **known,
    )


def _model(asked: dict[str, Any]) -> str:
    return "the embedded model" if asked["model"] == "embedded" else asked["model"]


def _about(record: dict[str, Any]) -> str:
    asked, zone, found = record["question"], record["zone"], record["result"]
    model = text(_model(asked))
    return (
        f"# {text(asked['data'])}, learnable for {model}\n\n"
        f"{found['kept']:,} of {found['problems']:,} problems: those that {model} solved {zone['low']} to "
        f"{zone['high']} times of {zone['samples']}. The zone is a statement about this model, this prompt, this "
        "temperature and this length: for another, sample again.\n\n![histogram](histogram.png)"
    )


def _counts(record: dict[str, Any]) -> str:
    found = record["result"]
    rows = [[right, f"{bar:,.0f}"] for right, bar in enumerate(found["histogram"])]
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
    aside = [f"* {count:,}: {text(reason)}" for reason, count in found["set_aside"].items()]
    parts = [table(["right answers", "problems"], rows), notes]
    parts += ["Set aside before sampling (`set_aside.jsonl`):", "\n".join(aside)] if aside else []
    return "\n\n".join(parts)


def _made(record: dict[str, Any]) -> str:
    asked = [[name, span(value)] for name, value in record["question"].items() if value is not None]
    return "\n\n".join(
        ["## How it was made", reproduced(record["command"], record), table(["asked for", "value"], asked)]
    )
