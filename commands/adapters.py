"""What an adapter is: a folder or a repository of the Hub that PEFT has written, and the model that it belongs on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import PeftConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import find_adapter_config_file

import embedded
from errors import UserError
from runs.folder import RunFolder


@dataclass(frozen=True)
class Adapter:
    """An adapter by its files, of which none holds weights of the base.

    Attributes:
        path: Folder or Hub id.
        base: Hub id or folder of the model that it was trained on.
        revision: Of the base on the Hub.
        config: PEFT's.
    """

    path: str
    base: str
    revision: str | None
    config: PeftConfig

    def tokenizer(self, **arguments: Any) -> Any:
        """The tokenizer that was saved with it, or else its base's."""
        known = {name: value for name, value in arguments.items() if name != "revision"}
        try:
            return AutoTokenizer.from_pretrained(self.path, **arguments)
        except (OSError, ValueError):
            return AutoTokenizer.from_pretrained(self.base, revision=self.revision, **known)

    def on_base(self, dtype: Any = "auto", **arguments: Any) -> Any:
        """Its base in whole weights, in memory, with the adapter on it."""
        model = AutoModelForCausalLM.from_pretrained(self.base, revision=self.revision, dtype=dtype, **arguments)
        return PeftModel.from_pretrained(model, self.path)


def is_adapter(name: str, revision: str | None = None) -> bool:
    """Whether a folder or a repository of the Hub holds an adapter; a whole model is none."""
    return find_adapter_config_file(name, revision=revision) is not None


def read_adapter(name: str, option: str = "--adapter") -> Adapter:
    """Read what an adapter says of itself.

    Args:
        name: A folder, a run's folder, or a Hub id.
        option: What the user named it with.

    Raises:
        UserError: It is none.
    """
    run = RunFolder(name)
    path = str(run.final) if run.run.is_file() else name
    try:
        config = PeftConfig.from_pretrained(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        whole = f" {path} is a whole model, which --model_name_or_path takes." if _is_whole(path) else ""
        raise UserError(
            f"{option} takes an adapter, which has an adapter_config.json: the folder of a run with --use_peft, its "
            f"final/, or a Hub id; {path} has none.{whole}"
        ) from error
    base = str(config.base_model_name_or_path)
    if not Path(base).exists() and Path(base).parts[-2:] == embedded.MODEL.parts[-2:]:
        base = str(embedded.MODEL)  # of a clone that lies elsewhere
    return Adapter(path, base, config.revision, config)


def _is_whole(path: str) -> bool:
    return (Path(path) / "config.json").is_file()
