"""Everything a training command can be asked for; TRL's own dataclasses hold the rest."""

from dataclasses import dataclass, field
from pathlib import Path

from trl import ModelConfig

import embedded
from data import PROMPTS
from rewards import REWARDS
from trainers import METHODS, RolloutConfig


@dataclass
class TrainArguments:
    """What to train on; how is in the method's config."""

    method: str = field(metadata={"help": f"One of {', '.join(METHODS)}.", "choices": list(METHODS)})
    dataset_name: str = field(
        default="arithmetic",
        metadata={"help": "arithmetic, math, math500, gsm8k, a .jsonl/.json/.csv/.parquet file, or a Hub id."},
    )
    dataset_config: str | None = field(default=None, metadata={"help": "Configuration of a Hub dataset."})
    dataset_split: str | None = field(default=None, metadata={"help": "Split to train on; default train."})
    problem_column: str | None = field(default=None, metadata={"help": "Column of the problem, if not found by name."})
    answer_column: str | None = field(default=None, metadata={"help": "Column of the answer, if not found by name."})
    max_problems: int | None = field(default=None, metadata={"help": "Use the first N problems only."})
    bad_golds: str = field(
        default="error",
        metadata={
            "help": "Answers that the verifier cannot parse: stop before training, or drop those problems.",
            "choices": ["error", "drop"],
        },
    )
    prompt_style: str | None = field(
        default=None,
        metadata={
            "help": f"Wording of the prompt: {', '.join(PROMPTS)}; default boxed, for the embedded model plain.",
            "choices": list(PROMPTS),
        },
    )
    system_prompt: str | None = field(default=None, metadata={"help": "Replaces the style's system message."})
    max_prompt_length: int = field(default=1024, metadata={"help": "Longer prompts (tokens) are dropped, not cut."})
    reward_funcs: list[str] = field(
        default_factory=lambda: ["accuracy", "boxed_format"],
        metadata={"help": f"Out of {', '.join(REWARDS)}; weights: --reward_weights, default 1, boxed_format 0.1."},
    )
    eval_problems: int = field(
        default=200, metadata={"help": "Held-out problems measured greedily before and after; 0 for none."}
    )
    eval_dataset_name: str | None = field(
        default=None, metadata={"help": "Where they come from; default: taken out of the training problems."}
    )
    eval_dataset_split: str | None = field(default=None, metadata={"help": "Split of it."})


@dataclass
class Settings:
    """Everything a training command was asked for."""

    arguments: TrainArguments
    trainer: RolloutConfig
    model: ModelConfig

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
    def max_new_tokens(self) -> int:
        """Longest completion, in tokens."""
        assert self.trainer.max_completion_length is not None, "_complete() refuses a run without"
        return self.trainer.max_completion_length
