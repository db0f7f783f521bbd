"""Everything a training command can be asked for; TRL's own dataclasses hold the rest."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trl import ModelConfig

import embedded
from data import DATASETS, PROMPTS
from data.knowledge import HINT_STYLES
from rewards import REWARDS
from trainers import METHODS, RolloutConfig


@dataclass
class TrainArguments:
    """What to train on; how is in the method's config."""

    method: str = field(metadata={"help": f"One of {', '.join(METHODS)}.", "choices": list(METHODS)})
    dataset_name: str = field(default="arithmetic", metadata={"help": f"{', '.join(DATASETS)}, a file or a Hub id"})
    dataset_config: str | None = field(default=None, metadata={"help": "Which part of it; default train."})
    dataset_split: str | None = field(default=None, metadata={"help": "Which part of it; default train."})
    problem_column: str | None = field(default=None, metadata={"help": "If not found by name."})
    answer_column: str | None = field(default=None, metadata={"help": "If not found by name."})
    max_problems: int | None = field(default=None, metadata={"help": "Use the first N problems only."})
    bad_golds: str = field(
        default="error",
        metadata={"help": "Answers that cannot be parsed: error, or drop the problem.", "choices": ["error", "drop"]},
    )
    prompt_style: str | None = field(
        default=None,
        metadata={
            "help": f"{', '.join(PROMPTS)}; default boxed.",
            "choices": list(PROMPTS),
        },
    )
    system_prompt: str | None = field(default=None, metadata={"help": "Replaces the style's system message."})
    hints: str = field(
        default="none",
        metadata={"help": "Knowledge points in training prompts: all, css, cbrs."},
    )
    hint_style: str = field(default="repo", metadata={"help": "How hints are worded.", "choices": list(HINT_STYLES)})
    max_prompt_length: int = field(default=1024, metadata={"help": "Longer prompts (tokens) are dropped, not cut."})
    reward_funcs: list[str] = field(
        default_factory=lambda: ["accuracy", "boxed_format"],
        metadata={"help": f"Out of {', '.join(REWARDS)}, or FILE.py:NAME; default: the first two."},
    )
    tools: str = field(
        default="none",
        metadata={"help": "python: the model may run code, walled in.", "choices": ["none", "python"]},
    )
    adapter: str | None = field(
        default=None,
        metadata={"help": "Go on with this adapter, a folder or Hub id; its base where no model is named."},
    )
    prompts_per_step: int | None = field(
        default=None, metadata={"help": "Per optimizer step; batch and accumulation then follow."}
    )
    eval_problems: int = field(default=200, metadata={"help": "Held out, measured before and after; 0 for none."})
    eval_dataset_name: str | None = field(default=None, metadata={"help": "Default: out of the training problems."})
    eval_dataset_split: str | None = field(default=None, metadata={"help": "Default: out of the training problems."})
    resume: str = field(
        default="auto",
        metadata={"help": "Go on with what the folder holds: auto, never, or a checkpoint."},
    )
    force: bool = field(default=False, metadata={"help": "Go on although settings or data differ."})
    sample_steps: int = field(
        default=20, metadata={"help": "A table of sampled completions every N steps; 0 for none."}
    )
    saved_prompts: int = field(
        default=2, metadata={"help": "Prompts per generation kept in completions/; -1 for all."}
    )
    watchdog_minutes: float = field(
        default=30.0, metadata={"help": "Without a finished micro step, until all stacks are written down; 0: never."}
    )
    allow_truncated: bool = field(
        default=False, metadata={"help": "Train even where no sample completion ends within the limit."}
    )


@dataclass
class Settings:
    """Everything a training command was asked for.

    Attributes:
        arguments: What to train on.
        trainer: How, for TRL; finished.
        model: How to load the model, for TRL.
        values: Every option's value as a recipe would give it, before TRL derives one from another.
        sources: Where each of them came from: `flag`, `recipes/x.yaml line 12`, `method lpro`, …
        notes: Lines that a person should read before the run starts.
    """

    arguments: TrainArguments
    trainer: RolloutConfig
    model: ModelConfig
    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def record(self, name: str, value: Any) -> None:
        """Note a value that follows from others."""
        self.values[name], self.sources[name] = value, "derived"

    def asked(self, name: str) -> bool:
        """Whether a person has set this option, and not to nothing."""
        source = self.sources[name]
        return self.values[name] is not None and (source == "flag" or " line " in source)

    @property
    def model_name(self) -> str:
        """Hub id or folder of the model."""
        assert self.model.model_name_or_path is not None, "parse() names the embedded model where none is given"
        return self.model.model_name_or_path

    @property
    def embedded(self) -> bool:
        """Whether the shipped arithmetic model is trained."""
        return Path(self.model_name).resolve() == embedded.MODEL

    @property
    def adapts(self) -> bool:
        """Whether an adapter is trained in place of the weights."""
        return self.model.use_peft or self.arguments.adapter is not None

    @property
    def max_new_tokens(self) -> int:
        """Longest completion, in tokens."""
        assert self.trainer.max_completion_length is not None, "_complete() refuses a run without"
        return self.trainer.max_completion_length
