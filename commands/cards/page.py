"""The page of a run, `README.md` of its folder, and the same page as the card of a repository."""

import re
from pathlib import Path

from huggingface_hub import ModelCard

from commands.cards import results, training
from commands.cards.metadata import metadata
from commands.cards.parts import folded, repository_link, reproduced
from commands.cards.subject import Subject
from commands.cards.usage import usage
from pages import block, link, text
from runs.files import write_whole
from runs.folder import RunFolder
from trainers import METHODS

TEMPLATE = Path(__file__).with_name("model_card.md")
TRL = """\
@software{vonwerra2020trl,
  title  = {TRL: Transformers Reinforcement Learning},
  author = {Leandro von Werra and others},
  url    = {https://github.com/huggingface/trl},
  year   = {2020}
}"""


def write_card(run: RunFolder, repository: str | None = None) -> None:
    """Write the page of a run, whatever of its record is there."""
    write_whole(run.readme, card(Subject(run, run.final, repository)))


def card(subject: Subject) -> str:
    """The page."""
    first, others = results.curves(subject)
    page = ModelCard.from_template(
        metadata(subject),
        template_path=str(TEMPLATE),
        name=text(subject.name),
        headline=results.headline(subject),
        summary=_summary(subject),
        held_out=results.held_out(subject) if not subject.part.startswith("as it was") else "",
        benchmarks=results.benchmarks(subject),
        curves=first,
        usage=usage(subject),
        method=training.method(subject),
        data=training.data(subject),
        machine=training.machine(subject),
        rewards=training.rewards(subject),
        settings=training.settings(subject),
        more_curves=folded("More curves", others) if others else "",
        again=_again(subject),
        limits=training.limits(subject),
        licence=_licence(subject),
        citation=_citation(subject),
    ).content
    return re.sub(r"\n{3,}", "\n\n", subject.public(page)).strip() + "\n"


def _summary(subject: Subject) -> str:
    """What it is, in two sentences."""
    record, base = subject.record, subject.base
    name = repository_link(base["hub_id"]) if base.get("hub_id") else text(subject.base_name)
    revision = f" (revision {text(base['revision'])})" if base.get("hub_id") and base.get("revision") else ""
    kind = "An adapter for" if subject.adapter else "A version of"
    told = f"{kind} {name}{revision}, trained by {text(subject.method.upper()) or 'reinforcement learning'}"
    told += f" on {subject.data.get('problems', 0):,} problems of {text(subject.data.get('name', 'a data set'))}"
    told += f" for {record['steps']:,} optimizer steps" if record.get("steps") else ""
    told += f"; {text(subject.part)}." if subject.part else "."
    status = {"running": "was going on when this page was written", "interrupted": "was interrupted"}
    ended = status.get(str(record.get("status")), str(record.get("status", "")))
    told += f" The run {ended}." if ended != "finished" and ended else ""
    told += f" It ended {record['ended_early']}." if "ended_early" in record else ""
    return told + (" **It trained nothing.**" if record.get("trained") is False else "")


def _again(subject: Subject) -> str:
    """How to make it once more."""
    if "command" not in subject.record:
        return "How it was made is not on record."
    return (
        f"{reproduced(subject.record['command'], subject.record)}\n\n"
        "`accelerate launch cli.py train --config config.yaml` has every setting of it; seed "
        f"{subject.record.get('seed')}. `run.json` is its record, with the fingerprint of the data and what may "
        "differ on another machine."
    )


def _licence(subject: Subject) -> str:
    licence = subject.base.get("license")
    if not licence:
        return "The licence of the base is not known here; find out before you use the model."
    named = subject.base.get("license_name") or licence
    address = subject.base.get("license_link")
    return f"Licence: {link(named, address) if address else text(named)}."


def _citation(subject: Subject) -> str:
    paper = training.paper_of(subject.method).get("citation") if subject.method in METHODS else None
    return "\n\n".join(block(entry, "bibtex") for entry in (paper, TRL) if entry)
