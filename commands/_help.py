"""The help of `cli.py train`: our options in full, TRL's 190 by reference."""

import inspect
import textwrap
from dataclasses import MISSING, fields

from commands._settings import TrainArguments
from trainers import METHODS

OFTEN_CHANGED = (
    "--learning_rate --num_generations --per_device_train_batch_size --gradient_accumulation_steps --num_iterations "
    "--max_completion_length --temperature --epsilon --epsilon_high --beta --token_norm --zero_variance "
    "--length_penalty (lpro; or --lambda) --max_steps --num_train_epochs --seed --output_dir --use_peft"
)


def train_help() -> str:
    """Usage, methods and options, under 40 lines of 100 columns."""
    methods = [
        f"  {name:<22}{(inspect.getdoc(inspect.getmodule(trainer)) or '').splitlines()[0]}"
        for name, (trainer, _) in METHODS.items()
    ]
    options = [
        textwrap.fill(
            f"{field.metadata['help']}{_default(field)}",
            100,
            initial_indent=f"  --{field.name:<20}",
            subsequent_indent=" " * 24,
        )
        for field in fields(TrainArguments)
        if field.name != "method"
    ]
    often = textwrap.fill(OFTEN_CHANGED, 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(
        [
            "usage: accelerate launch cli.py train --method METHOD [--config RECIPE.yaml] [options]",
            "example: accelerate launch cli.py train --method lpro --lambda 0.2",
            "",
            "methods",
            *methods,
            "options",
            *options,
            "and every field of TRL's GRPOConfig and ModelConfig, as a flag or a key of the recipe, such as",
            often,
        ]
    )


def _default(field) -> str:
    """What the help text does not say already."""
    told = "default" in field.metadata["help"] or field.default in (None, MISSING)
    return "" if told else f" Default {field.default}."
