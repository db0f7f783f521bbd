"""From the command line to checked settings. Precedence: flag over recipe over machine and model over method.

Fields are TRL's: every option of GRPOConfig and ModelConfig is a flag and a recipe key. Ours are in `TrainArguments`
and in the methods' configs.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers.trainer_utils import SaveStrategy

import embedded
from commands.adapters import Adapter, is_adapter, read_adapter
from commands.arguments.adapter import settle_adapter
from commands.arguments.checks import check_installed
from commands.arguments.help import method_lines
from commands.arguments.loggers import check_loggers
from commands.arguments.pairs import check_pairs
from commands.arguments.parser import Parser
from commands.arguments.recipe import RECIPES, Recipe, read_recipe
from commands.arguments.settings import Settings
from commands.terminal.console import say
from errors import UserError, did_you_mean
from rewards import REWARDS, reward
from trainers import METHODS

# The LPRO card's reward is correctness plus 0.1 for a well-formed box.
WEIGHTS = {"boxed_format": 0.1}
PRINT_CONFIG = {"--print_config", "--print-config"}  # what to do with the settings, not one of them


def parse(argv: Sequence[str]) -> Settings:
    """Settings of `cli.py train`.

    Raises:
        UserError: Anything about flags or recipe that is wrong.
    """
    argv = [part for arg in argv for part in (arg.split("=", 1) if arg.startswith("--config=") else [arg])]
    argv = [arg for arg in argv if arg not in PRINT_CONFIG]
    recipe = read_recipe(_peek(argv, "config"))
    parser = Parser(_method(argv, recipe))
    machine = _machine_defaults()
    parser.add_layer(machine, dict.fromkeys(machine, "this machine"))
    model = _peek(argv, "model_name_or_path") or recipe.values.get("model_name_or_path")
    adapter = _adapter(argv, recipe)
    if model is None and adapter is not None:
        model = adapter.base
        base = {"model_name_or_path": model, **({"model_revision": adapter.revision} if adapter.revision else {})}
        parser.add_layer(base, dict.fromkeys(base, "adapter"))
    if model is None or Path(str(model)).resolve() == embedded.MODEL:
        shipped = _shipped(parser.method, argv, recipe, adapts=adapter is not None or _new_adapter(argv, recipe))
        parser.add_layer(shipped, dict.fromkeys(shipped, "embedded recipe"))
    elif Path(str(model)).is_dir() and is_adapter(str(model)):
        raise UserError(
            f"--model_name_or_path {model} is an adapter. Go on with it by --adapter {model}, or make a whole model "
            f"of it first: python cli.py merge {model}."
        )
    parser.add_recipe(recipe)
    try:
        *parsed, _, in_flags = parser.parse_args_and_config(
            argv, return_remaining_strings=True, separate_remaining_strings=True
        )
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise UserError(" ".join(str(error).split())) from error
    parser.refuse_unknown(in_flags)
    settings = Settings(*parsed)
    settings.values, settings.sources = parser.values, parser.sources
    _complete(settings)
    settle_adapter(settings, adapter)
    check_pairs(settings)
    check_installed(settings)
    settings.notes += check_loggers(settings.trainer.report_to or [])
    return settings


def _method(argv: Sequence[str], recipe: Recipe) -> str:
    """The method's name. `--method` without one lists them: to a person an answer, to a script an error."""
    if "--method" in argv[-1:]:
        say("\n".join(method_lines()))
    method = _peek(argv, "method") or recipe.values.get("method")
    if not isinstance(method, str) or method not in METHODS:
        met = f"found {method!r}.{did_you_mean(str(method), METHODS)}" if method else "none was given."
        raise UserError(f"--method is one of {', '.join(METHODS)}; {met}")
    return method


def _shipped(method: str, argv: Sequence[str], recipe: Recipe, *, adapts: bool) -> dict[str, Any]:
    """What the embedded model is trained with."""
    shipped = {"model_name_or_path": str(embedded.MODEL), **read_recipe(str(RECIPES / "embedded.yaml")).values}
    own = RECIPES / f"embedded-{method}.yaml"  # with its data: of no use for other problems
    if own.is_file() and not (_peek(argv, "dataset_name") or recipe.values.get("dataset_name")):
        shipped |= read_recipe(str(own)).values
    if adapts:
        shipped |= read_recipe(str(RECIPES / "embedded-lora.yaml")).values
        del shipped["use_peft"]  # asked for by who wants a new one
    return shipped


def _adapter(argv: Sequence[str], recipe: Recipe) -> Adapter | None:
    """The adapter that shall go on, read before its base can be known."""
    name = _peek(argv, "adapter") or recipe.values.get("adapter")
    return read_adapter(name) if isinstance(name, str) else None


def _new_adapter(argv: Sequence[str], recipe: Recipe) -> bool:
    flag = _peek(argv, "use_peft", bare="true")
    return recipe.values.get("use_peft") is True if flag is None else flag.lower() in ("true", "t", "yes", "y", "1")


def _complete(settings: Settings) -> None:
    """Fill in what depends on several arguments, and check those that no dataclass checks."""
    arguments, config = settings.arguments, settings.trainer
    for name in arguments.reward_funcs:
        reward(name)
    if len(set(arguments.reward_funcs)) < len(arguments.reward_funcs):
        raise UserError(f"--reward_funcs takes each name once; found {' '.join(arguments.reward_funcs)}.")
    if arguments.resume not in ("auto", "never"):
        if config.resume_from_checkpoint not in (None, arguments.resume):
            raise UserError("--resume and --resume_from_checkpoint name two checkpoints; give one of them.")
        config.resume_from_checkpoint = arguments.resume
    if not arguments.reward_funcs and config.needs_answers:
        raise UserError(f"--reward_funcs is empty, so nothing would be learned; name some of {', '.join(REWARDS)}.")
    asked = {
        name: settings.sources[name] not in ("TRL", "embedded recipe") for name in ("save_steps", "save_strategy")
    }
    if asked["save_steps"] and not asked["save_strategy"]:
        config.save_strategy = SaveStrategy.STEPS
        settings.record("save_strategy", "steps")
    if config.max_completion_length is None:
        raise UserError("--max_completion_length needs a number of tokens; found none.")
    if config.reward_weights is None:
        config.reward_weights = [WEIGHTS.get(name, 1.0) for name in arguments.reward_funcs]
        settings.record("reward_weights", config.reward_weights)
    if len(config.reward_weights) != len(arguments.reward_funcs):
        raise UserError(
            f"--reward_weights needs one number per reward function ({', '.join(arguments.reward_funcs)}); found "
            f"{config.reward_weights}."
        )
    if arguments.prompt_style is None:
        usual = "tools" if arguments.tools == "python" else "boxed"
        arguments.prompt_style = "plain" if settings.embedded else usual
        settings.record("prompt_style", arguments.prompt_style)


def _machine_defaults() -> dict[str, Any]:
    """What TRL's defaults, made for a recent GPU, need on this machine."""
    if not torch.accelerator.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true"):
        return {"use_cpu": True, "bf16": False, "dataloader_pin_memory": False}
    if torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False):
        return {"bf16": False, "fp16": True}
    return {}


def _peek(argv: Sequence[str], name: str, bare: str | None = None) -> str | None:
    """The value of one flag before the rest can be parsed; `bare` is that of a flag that needs none."""
    peeker = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    nargs = {"nargs": "?", "const": bare} if bare else {}
    peeker.add_argument(f"--{name}", f"--{name.replace('_', '-')}", dest="value", **nargs)  # type: ignore[arg-type]
    try:
        return peeker.parse_known_args(argv)[0].value
    except argparse.ArgumentError as error:
        raise UserError(f"--{name} needs a value.") from error
