"""What no dataclass checks: bounds of numbers, packages that an option needs."""

import argparse
import importlib.util
import json
import math
from pathlib import Path
from typing import Any

from commands.arguments.settings import Settings
from errors import UserError, some_of
from evaluation.vllm import require_vllm
from runs.checkpoints import damage

# name: (lowest, highest, whether the lowest itself is allowed)
BOUNDS: dict[str, tuple[float, float, bool]] = {
    "per_device_train_batch_size": (1, math.inf, True),
    "per_device_eval_batch_size": (1, math.inf, True),
    "gradient_accumulation_steps": (1, math.inf, True),
    "steps_per_generation": (1, math.inf, True),
    "generation_batch_size": (1, math.inf, True),
    "num_generations_eval": (1, math.inf, True),
    "num_generations": (2, math.inf, True),
    "num_iterations": (1, math.inf, True),
    "max_completion_length": (1, math.inf, True),
    "max_prompt_length": (1, math.inf, True),
    "max_problems": (1, math.inf, True),
    "eval_problems": (0, math.inf, True),
    "prompts_per_step": (1, math.inf, True),
    "sample_steps": (0, math.inf, True),
    "saved_prompts": (-1, math.inf, True),
    "watchdog_minutes": (0, math.inf, True),
    "num_train_epochs": (0, math.inf, False),
    "learning_rate": (0, 1, True),
    "temperature": (0, math.inf, False),
    "top_p": (0, 1, False),
    "vllm_gpu_memory_utilization": (0, 1, False),
    "vllm_tensor_parallel_size": (1, math.inf, True),
    "vllm_max_model_length": (1, math.inf, True),
    "vllm_server_port": (1, 65535, True),
    "vllm_group_port": (1, 65535, True),
    "vllm_importance_sampling_clip_max": (0, math.inf, False),
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
    if getattr(values, "eval_problems", None) == 1:
        raise UserError("--eval_problems 1 would be measured without an error; name 2 or more, or 0 for none.")
    if getattr(values, "max_steps", None) == 0:
        raise UserError("--max_steps 0 would train nothing; name a number of steps, or -1 for whole epochs.")
    for one, other in (("load_in_4bit", "load_in_8bit"), ("bf16", "fp16")):
        if getattr(values, one, None) is True and getattr(values, other, None) is True:
            raise UserError(f"--{one} and --{other} exclude each other; found both. Set one of them to false.")
    for name, value in vars(values).items():
        parts = value if isinstance(value, list) else [value]
        if any(isinstance(part, float) and not math.isfinite(part) for part in parts):
            raise UserError(f"--{name} takes finite numbers; found {some_of(parts)}.")
        if name.endswith("_kwargs") and value is not None and not _is_mapping(value):
            met = repr(value) if str(value).isalnum() else "something else"  # which may hold a token
            raise UserError(f"--{name} takes a mapping of names to values, or JSON of one; found {met}.")


def _is_mapping(value: Any) -> bool:
    """Whether it is one, or JSON of one."""
    if isinstance(value, dict):
        return True
    try:
        return isinstance(json.loads(value), dict)
    except (TypeError, ValueError):
        return False


def check_installed(settings: Settings) -> None:
    """Refuse options whose package is not there, or that need another option.

    Raises:
        UserError: What to install or add.
    """
    config, model = settings.trainer, settings.model
    if config.use_vllm:
        require_vllm("--use_vllm")
    if config.use_liger_kernel and importlib.util.find_spec("liger_kernel") is None:
        raise UserError(
            "--use_liger_kernel needs the package liger_kernel, which is not installed. Leave it out, or add it."
        )
    for option in ("load_in_4bit", "load_in_8bit"):
        if getattr(model, option) and not settings.adapts:
            raise UserError(
                f"--{option} freezes the weights, so something else must be trained: add --use_peft, or --adapter."
            )
    if config.eval_strategy != "no" and settings.arguments.eval_problems == 0:
        raise UserError(f"--eval_strategy {config.eval_strategy} needs held-out problems; found --eval_problems 0.")
    resume = config.resume_from_checkpoint
    if resume and (wrong := damage(Path(resume))):
        there = Path(resume).is_dir() and any(Path(resume).iterdir())
        raise UserError(
            f"--resume takes auto, never or a checkpoint-N that a run has written; {resume} "
            + (f"is not whole: {wrong}. Name an earlier one." if there else "is none.")
        )
