"""How a model was made: method, problems, prompt, rewards, settings, machine; and what it is not good for."""

import inspect
from typing import Any

from trl import GRPOTrainer

from commands.arguments.groups import BESIDE
from commands.arguments.settings import TrainArguments
from commands.cards.parts import folded, repository_link
from commands.cards.results import measured
from commands.cards.subject import Subject
from commands.method_text import difference, equation, headline
from pages import block, span, table, text
from rewards import REWARDS
from trainers import METHODS

ELSEWHERE = {"model_name_or_path", "reward_weights", "hub_token", "per_device_eval_batch_size"}
"""Settings that the page tells in another place, or that change nothing."""


def method(subject: Subject) -> str:
    """Name, equation, paper, and how it differs."""
    if subject.method not in METHODS:
        return ""
    paper = paper_of(subject.method)
    where = f"https://arxiv.org/abs/{paper['id']}" if "id" in paper else ""
    title = f"*{paper['title']}*" if "title" in paper and not where else f"[{paper.get('title', '')}]({where})"
    name = headline(subject.method) + (f": {title}." if paper else ".")
    found = equation(subject.method)
    parts = [name, block(found) if found else "", difference(subject.method)]
    return "\n\n".join(part for part in parts if part)


def paper_of(name: str) -> dict[str, str]:
    """Title, citation and perhaps arXiv id of a method's paper; {} for one that names none and inherits TRL's."""
    paper = METHODS[name][0]._paper
    return {} if paper is GRPOTrainer._paper and name != "grpo" else paper


def data(subject: Subject) -> str:
    """What was trained on, whether it was filtered, and how a problem is put."""
    found, asked = subject.data, subject.record.get("prompt") or {}
    name = str(found.get("name", "problems"))
    told = f"{found.get('problems', 0):,} problems of "
    told += repository_link(found["hub_id"], "datasets/") if found.get("hub_id") else span(name)
    if found.get("fingerprint"):
        told += f" (sha256 of all problems and answers {found['fingerprint'][:12]})"
    parts = [told + ".", _zone(found.get("filtered")), _prompt(asked)]
    return "\n\n".join(part for part in parts if part)


def _zone(filtered: dict[str, Any] | None) -> str:
    if not filtered:
        return ""
    zone, found = filtered["zone"], filtered["result"]
    return (
        f"Chosen by `cli.py filter-data` as learnable: {found['kept']:,} of {found['problems']:,} problems of "
        f"{span(filtered['data'])}, those that {text(filtered['model'])} solved {zone['low']} to {zone['high']} times "
        f"of {zone['samples']} at temperature {filtered['temperature']:g} ({found['too_hard']:,} were too hard, "
        f"{found['too_easy']:,} too easy)."
    )


def _prompt(asked: dict[str, Any]) -> str:
    if not asked:
        return ""
    system = next((m["content"] for m in asked["messages"] if m["role"] == "system"), None)
    told = f"Prompt style {span(asked['style'])}, "
    told += "worded by the model's own chat template" if asked["template"] else "as plain text, without a template"
    told += f". System message:\n\n{block(system)}" if system else ", without a system message."
    hints = asked.get("hints", "none")
    if hints != "none":
        told += (
            f"\n\nTraining prompts had knowledge points as hints ({span(hints)}); it is asked and measured without."
        )
    return told


def rewards(subject: Subject) -> str:
    """Each reward with its weight and what it pays for."""
    trainer: Any = METHODS[subject.method][0] if subject.method in METHODS else None
    known = {**REWARDS, **({trainer.own_reward: getattr(trainer, trainer.own_reward)} if _own(trainer) else {})}
    rows = [
        [span(name), f"{weight:g}", (inspect.getdoc(known[name]) or "").partition("\n")[0] if name in known else ""]
        for name, weight in (subject.record.get("rewards") or {}).items()
    ]
    return table(["reward", "weight", "what it is"], rows) if rows else ""


def _own(trainer: Any) -> bool:
    return hasattr(trainer, "own_reward")


def settings(subject: Subject) -> str:
    """Every setting that is not a default, with where it came from."""
    own = TrainArguments.__dataclass_fields__.keys()
    rows = [
        [span(name), span(value), text(source)]
        for name, value, source in subject.settings
        if name not in BESIDE | own and name not in ELSEWHERE
    ]
    if not rows:
        return ""
    return folded(f"The {len(rows)} settings that are not TRL's defaults", table(["setting", "value", "from"], rows))


def machine(subject: Subject) -> str:
    """On what, and how long."""
    record = subject.record
    found = record.get("hardware") or {}
    if not found:
        return ""
    accelerators = found.get("accelerators") or []
    where = ", ".join(f"{accelerators.count(name)} × {name}" for name in dict.fromkeys(accelerators))
    where = where or f"the CPU ({found.get('cpus', '?')} cores)"
    processes = found.get("processes", 1)
    share = f" in {processes} processes" if processes > 1 else ""
    seconds = record.get("training_seconds")
    took = f"took {seconds / 60:,.1f} min" if seconds else "was made"
    memory = f", {found['memory_gb']} GB of memory" if "memory_gb" in found else ""
    return f"Training {took} on {where}{share}, {found.get('machine', '')}{memory}."


def limits(subject: Subject) -> str:
    """What a user must not expect."""
    record, lines = subject.record, []
    if record.get("trained") is False:
        lines.append("This run changed no weights: the model is its base, bit for bit.")
    if record.get("model") == "embedded":
        lines.append(
            "The base knows small sums in set wordings and nothing else, and much of what it knows was planted. The "
            "model shows that training works, not what the method does to reasoning."
        )
    if measured(record):
        lines.append(
            "One run with one seed: the errors above are those of a finite number of problems, not those of training "
            "it anew. Held-out problems are of the same source as those that were trained on."
        )
    if not subject.evaluations:
        lines.append("It was not measured on any benchmark.")
    if subject.method in METHODS and _own(METHODS[subject.method][0]):
        lines.append("It was rewarded by what it says itself, which can grow without its answers getting better.")
    if (record.get("after") or {}).get("truncated", 0) > 0.01:
        lines.append("Some answers do not end within the limit they were trained with.")
    if "repo_rules" in (record.get("rewards") or {}):
        lines.append("The reward `repo_rules` is easy to earn without solving anything.")
    lines.append(
        "Trained for mathematics with a short final answer in `\\boxed{}`, and for nothing else. What its base says "
        "wrongly or should not say, it may say as well; a right answer does not make its derivation right."
    )
    return "\n".join(f"* {line}" for line in lines)
