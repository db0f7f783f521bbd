"""The help of `cli.py train`: a screen of what is often changed, or everything."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, fields
from itertools import groupby

from trl import ModelConfig

from commands.arguments.groups import GROUPS, group_of
from commands.arguments.settings import TrainArguments
from commands.method_text import equation, headline, source
from trainers import METHODS, RolloutConfig

WIDTH = 100
_GROUP, _NAME = 13, 19  # columns before an option, and before its text
# TRL's options that most runs change.
OFTEN = {
    "model": "model_name_or_path use_peft load_in_4bit adapter",
    "method": "length_penalty num_iterations epsilon epsilon_high beta token_norm zero_variance reward_weights "
    "external_weight",
    "generation": "group_size max_completion_length temperature top_p use_vllm",
    "optimisation": "learning_rate per_device_train_batch_size gradient_accumulation_steps max_steps "
    "num_train_epochs seed",
    "logging": "output_dir logging_steps save_steps report_to",
    "hub": "push_to_hub hub_model_id",
}
SELDOM = {
    "adapter", "system_prompt", "hint_style", "saved_prompts", "resume", "force", "watchdog_minutes",
    "allow_truncated",
}  # fmt: skip  # of ours; for --help-all
_TRL_NAMES = {"group_size": "num_generations"}


def train_help(everything: bool = False) -> str:
    """Usage, methods and options by group, under 40 lines of 100 columns; with `everything` all that TRL has."""
    return "\n".join(
        [
            "usage: accelerate launch cli.py train --method METHOD [--config RECIPE.yaml] [--OPTION VALUE ...]",
            "example: accelerate launch cli.py train --method lpro --lambda 0.2 --prompts_per_step 16",
            *method_lines(),
            "options, as flags or as lines of the recipe, with their defaults in brackets",
            *(line for group in GROUPS for line in _group_lines(group)),
            "--dry-run tries all up to one step; --print-config shows all settings; --help-all has TRL's options",
            *(_all_lines() if everything else []),
        ]
    )


def method_lines() -> list[str]:
    """The methods, each with its formula (its headline where it states none) and source, out of its docstring."""
    lines = ["--method is one of"]
    for name in METHODS:
        formula = (equation(name) or headline(name)).splitlines()[0]
        lines.append(f"  {name:<10}{re.split(' {2,}', formula)[0]}   {source(name)}".rstrip())
    return lines


def _group_lines(group: str) -> Iterator[str]:
    """Our options with their help, one to a line where it fits, and TRL's by name."""
    ours = [
        option
        for option in fields(TrainArguments)
        if group_of(option.name) == group and option.name != "method" and option.name not in SELDOM
    ]
    entries = []
    for text, alike in groupby(ours, key=lambda option: option.metadata["help"]):  # neighbours that share a text
        same = list(alike)
        names = ", ".join(f"--{option.name}" for option in same)
        entries.append(f"{names:<{_NAME}}  {text}{_default(same[0])}")
    often = [f"--{name}{_defaults(name)}" for name in OFTEN.get(group, "").split()]
    lines = [line for entry in entries for line in _filled(entry, " " * (_NAME + 2))] + _filled(", ".join(often))
    yield from (f"{group if i == 0 else '':<{_GROUP}}{line}" for i, line in enumerate(lines))


def _filled(text: str, indent: str = "") -> list[str]:
    # An option and its default stay on one line.
    whole = re.sub(r" (?=\[)|(?<=;) ", "\u00a0", text)
    lines = textwrap.wrap(whole, WIDTH - _GROUP, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines]


def _default(option: Field) -> str:
    """What the help text does not say already."""
    told = "default" in option.metadata["help"] or option.default in (None, MISSING)
    return "" if told else f" [{option.default}]"


def _defaults(name: str) -> str:
    """TRL's default of an option, and those of the methods that have another: `[8; lpro repo 4]`."""
    met = {
        method: option.default
        for method, (_, config) in METHODS.items()
        for option in fields(config)
        if option.name == _TRL_NAMES.get(name, name)
    }
    base = next((o.default for o in _trl_fields() if o.name == _TRL_NAMES.get(name, name)), None)
    others = {method: value for method, value in met.items() if value != base}
    shown = [] if base in (None, MISSING) else [str(base)]
    for value in dict.fromkeys(others.values()):
        shown.append(f"{' '.join(method for method, theirs in others.items() if theirs == value)} {value}")
    return f" [{'; '.join(shown)}]" if shown else ""


def _trl_fields() -> Iterable[Field]:
    return (*fields(RolloutConfig), *fields(ModelConfig))


def _all_lines() -> Iterator[str]:
    """The methods' options and TRL's by group, with the default and the first sentence of their help."""
    ours = {option.name for option in fields(TrainArguments)} - SELDOM
    options = {option.name: option for option in fields(TrainArguments)}
    options |= {option.name: option for _, config in METHODS.values() for option in fields(config)}
    options |= {option.name: option for option in _trl_fields()}
    for group in GROUPS:
        yield f"\n{group}: the methods' options and TRL's"
        for option in sorted(options.values(), key=lambda option: option.name):
            if group_of(option.name) == group and option.name not in ours:
                text = " ".join((option.metadata.get("help") or "").split())
                sentence = re.split(r"(?<=[.!?]) (?=[A-Z`])", text)[0]
                shown = "" if option.default in (None, MISSING) else f" [{option.default}]"
                yield textwrap.fill(
                    f"--{option.name}{shown}  {sentence}", WIDTH, initial_indent="  ", subsequent_indent=" " * 6
                )
