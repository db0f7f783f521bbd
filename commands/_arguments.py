"""From the command line to checked settings. Precedence: flag over recipe over machine and model over method.

Fields are TRL's: every option of GRPOConfig and ModelConfig is a flag and a recipe key. Ours are in `TrainArguments`
and in the methods' configs.
"""

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import torch
import yaml
from trl import ModelConfig, TrlParser
from typing_extensions import override

import embedded
from commands._checks import check_bounds, check_installed, check_recipe
from commands._errors import UserError
from commands._settings import Settings, TrainArguments
from data import nearest
from rewards import REWARDS
from trainers import METHODS

RECIPES = Path(__file__).parents[1] / "recipes"
# The LPRO card's reward is correctness plus 0.1 for a well-formed box.
WEIGHTS = {"boxed_format": 0.1}


class _Parser(TrlParser):
    """TRL's parser with errors as one paragraph instead of a usage block of 190 options."""

    @override
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}.")

    @override
    def parse_known_args(self, args=None, namespace=None):
        values, rest = super().parse_known_args(args, namespace)
        check_bounds(values)
        return values, rest


def parse(argv: Sequence[str]) -> Settings:
    """Settings of `cli.py train`.

    Raises:
        UserError: Anything about flags or recipe that is wrong.
    """
    argv = [part for arg in argv for part in (arg.split("=", 1) if arg.startswith("--config=") else [arg])]
    path = _peek(argv, "config")
    recipe = _read_recipe(path)
    method = _peek(argv, "method") or recipe.get("method")
    if not isinstance(method, str) or method not in METHODS:
        met = f"found {method!r}{_did_you_mean(str(method), METHODS)}" if method else "none was given"
        raise UserError(f"--method is one of {', '.join(METHODS)}; {met}.")
    config_class = METHODS[method][1]
    parser = _Parser([TrainArguments, config_class, ModelConfig], allow_abbrev=False)  # type: ignore[list-item]
    check_recipe(parser, recipe, path)
    model = _peek(argv, "model_name_or_path") or recipe.get("model_name_or_path")
    parser.set_defaults_with_config(**_machine_defaults())
    if model is None or Path(model).resolve() == embedded.MODEL:
        shipped = _read_recipe(str(RECIPES / "embedded.yaml"))
        parser.set_defaults_with_config(model_name_or_path=str(embedded.MODEL), **shipped)
    try:
        *parsed, in_recipe, in_flags = parser.parse_args_and_config(
            argv, return_remaining_strings=True, separate_remaining_strings=True
        )
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise UserError(" ".join(str(error).split())) from error
    _refuse_unknown(parser, method, in_recipe, in_flags)
    settings = Settings(*parsed)
    _complete(settings)
    check_installed(settings)
    return settings


def _complete(settings: Settings) -> None:
    """Fill in what depends on several arguments, and check those that no dataclass checks."""
    arguments, config = settings.arguments, settings.trainer
    for name in arguments.reward_funcs:
        if name not in REWARDS:
            raise UserError(
                f"--reward_funcs takes names out of {', '.join(REWARDS)}; found {name!r}"
                f"{_did_you_mean(name, REWARDS)}."
            )
    if len(set(arguments.reward_funcs)) < len(arguments.reward_funcs):
        raise UserError(f"--reward_funcs takes each name once; found {' '.join(arguments.reward_funcs)}.")
    if config.max_completion_length is None:
        raise UserError("--max_completion_length needs a number of tokens; found none.")
    if config.reward_weights is None:
        config.reward_weights = [WEIGHTS.get(name, 1.0) for name in arguments.reward_funcs]
    if len(config.reward_weights) != len(arguments.reward_funcs):
        raise UserError(
            f"--reward_weights needs one number per reward function ({', '.join(arguments.reward_funcs)}); found "
            f"{config.reward_weights}."
        )
    arguments.prompt_style = arguments.prompt_style or ("plain" if settings.embedded else "boxed")


def _machine_defaults() -> dict[str, Any]:
    """What TRL's defaults, made for a recent GPU, need on this machine."""
    if not torch.accelerator.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true"):
        return {"use_cpu": True, "bf16": False, "dataloader_pin_memory": False}
    if torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False):
        return {"bf16": False, "fp16": True}
    return {}


def _read_recipe(path: str | None) -> dict[str, Any]:
    """A YAML mapping, or one paragraph on why it is none."""
    if path is None:
        return {}
    try:
        recipe = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError) as error:
        known = [str(file.relative_to(RECIPES.parent)) for file in sorted(RECIPES.glob("*.yaml"))]
        raise UserError(
            f"--config takes a recipe file; {path}: "
            f"{getattr(error, 'strerror', 'not a text file')}. Shipped recipes: {', '.join(known)}."
        ) from error
    except yaml.YAMLError as error:
        raise UserError(f"--config {path} is not valid YAML: {' '.join(str(error).split())}.") from error
    recipe = {} if recipe is None else recipe
    if not isinstance(recipe, dict) or not all(isinstance(key, str) for key in recipe):
        raise UserError(f"--config {path} must hold `option: value` lines; found {type(recipe).__name__}.")
    return recipe


def _peek(argv: Sequence[str], name: str) -> str | None:
    """The value of one flag before the rest can be parsed."""
    peeker = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    peeker.add_argument(f"--{name}", f"--{name.replace('_', '-')}", dest="value")
    try:
        return peeker.parse_known_args(argv)[0].value
    except argparse.ArgumentError as error:
        raise UserError(f"--{name} needs a value.") from error


def _refuse_unknown(parser: _Parser, method: str, in_recipe: Sequence[str], in_flags: Sequence[str]) -> None:
    """Stop at the first option that nobody knows, saying which was meant or whose it is."""
    known = [option for action in parser._actions for option in action.option_strings]
    for source, options in (("the recipe", in_recipe), ("the command line", in_flags)):
        if not options:
            continue
        option = next((o.split("=")[0] for o in options if o.startswith("--")), options[0])
        owners = [
            name
            for name, (_, config) in METHODS.items()
            if name != method and option.lstrip("-").replace("-", "_") in {f.name for f in fields(config)}
        ]
        hint = f"; it belongs to --method {' and '.join(owners)}" if owners else _did_you_mean(option, known)
        raise UserError(f"Option {option} in {source} is not known to --method {method}{hint}.")


def _did_you_mean(met: str, known: Iterable[str]) -> str:
    near = nearest(met, known)
    return f" (did you mean {near}?)" if near else ""
