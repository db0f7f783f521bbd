"""What a card tells of: a model, the run that made it, and what is known of both."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from commands.sample_record import weights_mark
from runs.folder import RunFolder
from runs.public import without_paths

EVALUATIONS = "evaluations"
"""Folder in a run's, with the reports that its card shows."""
_SETTING = re.compile(r"^(?:# )?(\w+): (.+?) {2,}# (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Subject:
    """A model of a run.

    Attributes:
        run: Its folder.
        model: Folder of the model: the run's `final/`, one that its adapter was merged into, or a checkpoint.
        repository: OWNER/NAME that it is pushed to; None on the page that stays here.
    """

    run: RunFolder
    model: Path
    repository: str | None = None

    @cached_property
    def record(self) -> dict[str, Any]:
        """Of the run."""
        return self.run.read()

    @property
    def name(self) -> str:
        """Heads the page."""
        return (self.repository or self.run.path.resolve().name).rpartition("/")[2]

    @property
    def method(self) -> str:
        """A name in METHODS; "" in a record without one."""
        return str(self.record.get("method", ""))

    @property
    def there(self) -> bool:
        """Whether there is a model yet."""
        return self.adapter or (self.model / "config.json").is_file()

    @property
    def adapter(self) -> bool:
        """Whether it is an adapter, of no use without its base."""
        return (self.model / "adapter_config.json").is_file()

    @property
    def part(self) -> str:
        """What the model is within its run; "" for that which the run ended with."""
        if self.model.resolve() == self.run.final.resolve():
            return ""
        if (self.run.final / "adapter_config.json").is_file() and not self.adapter:
            return "its adapter merged into the base"
        return f"as it was at {self.model.name}"

    @property
    def base(self) -> dict[str, Any]:
        """The base: `hub_id` and `revision`, `license` and its kin; {} where nobody has noted it."""
        return self.record.get("base") or {}

    @property
    def base_name(self) -> str:
        """How the base is called in a sentence."""
        name = str(self.record.get("model", "a model"))
        return "the embedded arithmetic model" if name == "embedded" else Path(name).name if "/" in name else name

    @property
    def data(self) -> dict[str, Any]:
        """What was trained on."""
        return self.record.get("data") or {}

    @cached_property
    def evaluations(self) -> list[tuple[Path, dict[str, Any]]]:
        """Reports of this very model: folder and record of each."""
        found = []
        mark = weights_mark(str(self.model))
        for path in sorted((self.run.path / EVALUATIONS).glob("*/evaluation.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            if mark and record["question"].get("weights") == mark:
                found.append((path.parent, record))
        return found

    @cached_property
    def settings(self) -> list[tuple[str, str, str]]:
        """Option, value and source of every setting that is neither TRL's default nor ours."""
        text = self.run.config.read_text(encoding="utf-8") if self.run.config.is_file() else ""
        found = _SETTING.findall(text)
        return [(name, value, source) for name, value, source in found if source != "default" and value != "null"]

    def public(self, text: str) -> str:
        """A text about it with the names of local files and folders in place of their paths."""
        settings = [value for _, value, _ in self.settings]
        return without_paths(text, self.record, settings, [record for _, record in self.evaluations])
