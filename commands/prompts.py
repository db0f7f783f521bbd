"""From problems to the prompts of a model, as far as its tokenizer and configuration tell."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from transformers import AutoConfig, AutoTokenizer

from commands.terminal.console import say
from data import as_text, build_prompts, drop_long, prompt_length
from errors import UserError


def say_block(label: str, lines: list[str]) -> None:
    """Lines under a label in the margin."""
    for line in lines:
        say(f"{label:9} {line}")
        label = ""


@dataclass(frozen=True)
class ModelFiles:
    """Where a model is, before its weights are loaded.

    Attributes:
        name: Hub id or folder.
        revision: On the Hub.
        trust_remote_code: Whether code that comes with it may run.
        option: What the user named it with.
    """

    name: str
    revision: str | None = None
    trust_remote_code: bool = False
    option: str = "--model_name_or_path"

    @contextmanager
    def opened(self) -> Iterator[dict[str, Any]]:
        """Arguments of `from_pretrained`; what goes wrong with the files is told like any other wrong argument."""
        if (Path(self.name) / "run.json").is_file():
            raise UserError(f"{self.option} {self.name} is a run's folder; the model it made is {self.name}/final.")
        try:
            yield {"revision": self.revision, "trust_remote_code": self.trust_remote_code}
        except (OSError, ValueError) as error:
            raise UserError(
                f"no model could be loaded from {self.option} {self.name}: "
                f"{str(error).splitlines()[0]} Name a Hub id (online, or already in the cache) or a local folder with "
                "config, weights and tokenizer."
            ) from error

    def tokenizer(self) -> Any:
        """The tokenizer, which costs little and is all that checking the data needs."""
        with self.opened() as arguments:
            return AutoTokenizer.from_pretrained(self.name, **arguments)

    def positions(self) -> int | None:
        """How many tokens the model knows at most, prompt and completion together."""
        with self.opened() as arguments:
            config = AutoConfig.from_pretrained(self.name, **arguments)
        return getattr(config.get_text_config(), "max_position_embeddings", None)

    def check_context(
        self, prompts: Sequence[Any], tokenizer: Any, completion: int, option: str, window: int | None = None
    ) -> None:
        """Hold prompt and completion to the positions that the model knows, and to vLLM's where it holds fewer.

        Args:
            prompts: Messages or texts.
            tokenizer: The model's.
            completion: Longest, in tokens.
            option: That sets it.
            window: Tokens that vLLM holds; None for all positions.

        Raises:
            UserError: The longest does not fit.
        """
        positions, whose = self.positions(), "the model's"
        if window is not None and (positions is None or window < positions):
            positions, whose = window, "vLLM's (--vllm_max_model_length, or --max-model-len of its server)"
        longest = max(prompt_length(prompt, tokenizer) for prompt in prompts)
        if positions is not None and longest + completion > positions:
            way_out = [f"{option} to {positions - longest}"] if longest < positions else []
            way_out += [f"--max_prompt_length to {positions - completion}"] if completion < positions else []
            raise UserError(
                f"the longest prompt ({longest} tokens) and {option} {completion} do not fit {whose} "
                f"{positions} positions. Lower {' or '.join(way_out) or option}."
            )


def worded(
    dataset: datasets.Dataset,
    tokenizer: Any,
    *,
    style: str,
    system: str | None,
    max_prompt_length: int,
    hints: str = "none",
    hint_style: str = "repo",
) -> tuple[datasets.Dataset, list[int]]:
    """Add the column `prompt` and leave out the rows in which it is too long; says what is worth knowing.

    Returns:
        The rows that stay, and the places in the source of those that went.
    """
    dataset = build_prompts(dataset, style, system=system, hints=hints, hint_style=hint_style)
    if tokenizer.chat_template is None:
        say("          the model has no chat template: prompts are plain text, Question: … Answer:")
        texts = [as_text(prompt) for prompt in dataset["prompt"]]
        dataset = dataset.remove_columns("prompt").add_column("prompt", texts)
    return drop_long(dataset, tokenizer, max_prompt_length)
