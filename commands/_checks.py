"""What no dataclass checks: values in a recipe, bounds of numbers, packages that an option needs."""

import argparse
import importlib.util
import math
import re
from pathlib import Path
from typing import Any

from transformers.integrations import get_available_reporting_integrations

from commands._errors import UserError
from commands._settings import Settings

# name: (lowest, highest, whether the lowest itself is allowed)
BOUNDS: dict[str, tuple[float, float, bool]] = {
    "per_device_train_batch_size": (1, math.inf, True),
    "per_device_eval_batch_size": (1, math.inf, True),
    "gradient_accumulation_steps": (1, math.inf, True),
    "steps_per_generation": (1, math.inf, True),
    "num_generations": (2, math.inf, True),
    "num_iterations": (1, math.inf, True),
    "max_completion_length": (1, math.inf, True),
    "max_prompt_length": (1, math.inf, True),
    "max_problems": (1, math.inf, True),
    "eval_problems": (0, math.inf, True),
    "num_train_epochs": (0, math.inf, False),
    "learning_rate": (0, 1, True),
    "temperature": (0, math.inf, False),
    "top_p": (0, 1, False),
    "epsilon": (0, math.inf, True),
    "beta": (0, math.inf, True),
}


def check_bounds(values: argparse.Namespace) -> None:
    """Refuse a number outside its range, before anything is derived from it.

    Raises:
        UserError: The first one met.
    """
    for name, (low, high, inclusive) in BOUNDS.items():
        value = getattr(values, name, None)
        if value is None:
            continue
        if not (low <= value if inclusive else low < value) or not value <= high:
            upper = f" and at most {high:g}" if high < math.inf else ""
            raise UserError(f"--{name} must be {'at least' if inclusive else 'above'} {low:g}{upper}; found {value}.")
    if getattr(values, "max_steps", None) == 0:
        raise UserError("--max_steps 0 would train nothing; name a number of steps, or -1 for whole epochs.")
    for weight in getattr(values, "reward_weights", None) or []:
        if not math.isfinite(weight):
            raise UserError(f"--reward_weights takes finite numbers; found {weight}.")


def check_recipe(parser: argparse.ArgumentParser, recipe: dict[str, Any], path: str | None) -> None:
    """Hold the values of a recipe to what the flags of the same name accept; argparse trusts defaults.

    Raises:
        UserError: Key, line and file of the first value that does not fit.
    """
    actions = {action.dest: action for action in parser._actions}
    for key, value in recipe.items():
        action = actions.get(key)
        if action is None or isinstance(value, dict) or (value is None and action.default is None):
            continue
        wrong = _misfit(parser, action, value)
        if wrong:
            lines = enumerate(Path(path or "").read_text().splitlines(), 1)
            line = next((number for number, text in lines if text.startswith(f"{key}:")), 0)
            raise UserError(f"{path}, line {line}: {key} {wrong}.")


def _misfit(parser: argparse.ArgumentParser, action: argparse.Action, value: Any) -> str | None:
    """Why this value cannot be the option's, in words that follow its name; None if it can."""
    if value is None:
        return "has no value; leave the line out for the default"
    if isinstance(value, list) != (action.nargs in ("+", "*")):
        return f"takes {'a list such as [a, b]' if action.nargs in ('+', '*') else 'one value'}; found {value!r}"
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, bool) and action.type in (int, float):
            return f"takes a number; found {str(part).lower()}"
        try:
            parser._check_value(action, parser._get_value(action, str(part)))
        except argparse.ArgumentError as error:
            return re.sub(r"^argument [^:]*: ", "", str(error)).strip(".")
    return None


def check_installed(settings: Settings) -> None:
    """Refuse options whose package is not there, or that need another option.

    Raises:
        UserError: What to install or add.
    """
    config, model = settings.trainer, settings.model
    known = get_available_reporting_integrations()
    for name in config.report_to or []:
        if name not in (*known, "none", "all"):
            raise UserError(f"--report_to {name} needs its package, which is not installed; here: {', '.join(known)}.")
    for option, package in (("use_vllm", "vllm"), ("use_liger_kernel", "liger_kernel")):
        if getattr(config, option, False) and importlib.util.find_spec(package) is None:
            raise UserError(
                f"--{option} needs the package {package}, which is not installed. Leave it out, or add it."
            )
    for option in ("load_in_4bit", "load_in_8bit"):
        if getattr(model, option) and not model.use_peft:
            raise UserError(f"--{option} freezes the weights, so something else must be trained: add --use_peft.")
    if config.eval_strategy != "no" and settings.arguments.eval_problems == 0:
        raise UserError(f"--eval_strategy {config.eval_strategy} needs held-out problems; found --eval_problems 0.")
    resume = config.resume_from_checkpoint
    if resume and not (Path(resume) / "trainer_state.json").is_file():
        raise UserError(
            f"--resume_from_checkpoint takes a folder checkpoint-N that a run has written; {resume} is none."
        )
