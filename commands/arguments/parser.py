"""TRL's parser, with other names for options, errors of one paragraph, and a memory of where each value came from."""

import argparse
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, NoReturn, get_type_hints

from trl import GRPOConfig, ModelConfig, TrlParser
from typing_extensions import override

from commands.arguments.checks import check_bounds
from commands.arguments.recipe import Recipe, as_listed
from commands.arguments.settings import TrainArguments
from commands.arguments.settle import settle_batch
from errors import UserError, nearest, some_of
from trainers import METHODS

# Of TRL's options; ours name theirs in the field's metadata.
ALIASES = {"--num_generations": ["--group_size", "--group-size"]}
_UNSET = object()


class Parser(TrlParser):
    """The options of one method.

    Attributes:
        layers: From weak to strong, what each source of values sets: option → where that is.
        values: After parsing: every option's value, before TRL derives one from another.
        sources: After parsing: where each came from.
    """

    def __init__(self, method: str) -> None:
        config = METHODS[method][1]
        super().__init__([TrainArguments, config, ModelConfig], allow_abbrev=False, add_help=False)  # type: ignore[list-item]
        self.method = method
        hints = {**get_type_hints(config), **get_type_hints(ModelConfig)}  # the parser has changed the fields' types
        self._mappings = {name for name, hint in hints.items() if "dict" in str(hint)}
        trl = {f.name: f for kind in (GRPOConfig, ModelConfig) for f in fields(kind)}
        ours = {f.name for f in fields(TrainArguments)}
        options = {action.dest for action in self._actions}
        differing = {f.name for f in fields(config) if f.name not in trl or f.default != trl[f.name].default}
        self.layers = [
            {name: "default" if name in ours else "TRL" for name in options},
            dict.fromkeys(differing, f"method {method}"),
        ]
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}

    @override
    def add_argument(self, *names: Any, **options: Any) -> Any:
        if names[0] == "--report_to":
            options |= {"nargs": "+"}  # TRL's flag takes one
        return super().add_argument(*names, *ALIASES.get(names[0], ()), **options)

    @override
    def error(self, message: str) -> NoReturn:
        argument = re.match(r"argument (\S+): ", message)
        if argument:  # its names once, with underscores
            names = _spelt(argument[1].split("/"))
            message = f"{' or '.join(names)}: {message[argument.end() :]}"
        raise UserError(f"{message.rstrip('.')}.")

    def option(self, name: str) -> argparse.Action | None:
        """The option that a flag or a recipe's key means, by any of its names."""
        return self._option_string_actions.get("--" + name.lstrip("-").replace("-", "_"))

    def add_layer(self, values: dict[str, Any], sources: dict[str, str]) -> None:
        """Set defaults that are stronger than those before."""
        self.set_defaults_with_config(**values)
        self.layers.append(sources)

    def add_recipe(self, recipe: Recipe) -> None:
        """Hold a recipe to what the flags of the same names accept; `--config` then sets its values.

        Raises:
            UserError: File, line and key of the first that does not fit.
        """
        sources: dict[str, str] = {}
        for key, value in recipe.values.items():
            action = self.option(key)
            if key == "env":
                continue
            if action is None or isinstance(action, argparse._StoreFalseAction):
                raise UserError(f"{recipe.place(key)}: {key} is not known to --method {self.method}{self._hint(key)}")
            wrong = self._misfit(action, as_listed(action, value))
            if wrong:
                raise UserError(f"{recipe.place(key)}: {key} {wrong}.")
            if action.dest in sources and any(
                recipe.values[other] != value for other in recipe.values if self.option(other) is action
            ):
                raise UserError(f"{recipe.place(key)}: {_twice(action)}; keep one of the lines.")
            sources[action.dest] = recipe.source(key)
        self.layers.append(sources)

    @override
    def set_defaults_with_config(self, **values: Any) -> list[str]:
        """Aliases are keys too."""
        defaults = {}
        for key, value in values.items():
            action = self.option(key)
            defaults[action.dest if action else key] = as_listed(action, value) if action else value
        return super().set_defaults_with_config(**defaults)

    @override
    def parse_known_args(self, args=None, namespace=None):
        """Parse, derive the batch, and remember where all values came from."""
        values, rest = super().parse_known_args(args, namespace)
        probe = argparse.Namespace(**{action.dest: _UNSET for action in self._actions})
        given, _ = super().parse_known_args(args, probe)
        self._refuse_two_names(args)
        layers = [*self.layers, {name: "flag" for name, value in vars(given).items() if value is not _UNSET}]
        check_bounds(values)
        levels = {name: level for level, layer in enumerate(layers) for name in layer}
        derived = settle_batch(values, levels, int(os.environ.get("WORLD_SIZE", "1")))
        self.sources = {name: source for layer in layers for name, source in layer.items()}
        self.sources |= dict.fromkeys(derived, "derived")
        self.values = {name: value for name, value in vars(values).items() if name != "hub_token"}
        return values, rest

    def refuse_unknown(self, rest: Sequence[str]) -> None:
        """Stop at the first flag that nobody knows, saying which was meant or whose it is."""
        if rest:
            option = next((part.split("=")[0] for part in rest if part.startswith("--")), rest[0])
            raise UserError(f"Option {option} is not known to --method {self.method}{self._hint(option)}")

    def _refuse_two_names(self, args: Sequence[str]) -> None:
        """One option by two names and with two values has no meaning; by one name the last wins, as elsewhere."""
        met: dict[argparse.Action, dict[str, str]] = {}
        for part, following in zip(args, [*args[1:], ""], strict=False):
            name, equals, value = part.partition("=")
            action = self.option(name) if name.startswith("--") else None
            if action is not None:
                met.setdefault(action, {})[name.replace("-", "_")] = value if equals else following
        for action, values in met.items():
            if len(values) > 1 and len(set(values.values())) > 1:
                raise UserError(f"{_twice(action)}; found {' and '.join(values.values())}. Keep one of them.")

    def _misfit(self, action: argparse.Action, value: Any) -> str | None:
        """Why this value cannot be the option's, in words that follow its name; None if it can."""
        several = action.nargs in ("+", "*")
        if isinstance(value, dict):
            return None if action.dest in self._mappings else f"takes no mapping; found one of {some_of(value)}"
        if value is None:
            optional = action.default is None or (not self._refused(action, "none") and action.type is not str)
            return None if optional else "has no value; leave the line out for the default"
        if isinstance(value, list) != several:
            return f"takes {'a list such as [a, b]' if several else 'one value'}; found {value!r}"
        for part in value if several else [value]:
            if isinstance(part, bool) and action.type in (int, float):
                return f"takes a number; found {str(part).lower()}"
            if isinstance(part, bool) and action.type is str and action.dest != "scale_rewards":  # TRL's takes both
                return f"takes a text; found {str(part).lower()}. Put it into quotes"
            wrong = self._refused(action, str(part))
            if wrong:
                return wrong
        return None

    def _refused(self, action: argparse.Action, text: str) -> str | None:
        """What argparse has against a value."""
        try:
            self._check_value(action, self._get_value(action, text))
        except argparse.ArgumentError as error:
            return re.sub(r"^argument [^:]*: ", "", str(error)).strip(".")
        return None

    def _hint(self, name: str) -> str:
        """Whose option it is, or which was meant, to end a sentence."""
        word = name.lstrip("-").replace("-", "_")
        owners = [method for method, (_, config) in METHODS.items() if word in _names(config)]
        if owners and self.method not in owners:
            return f"; it belongs to --method {' and '.join(owners)}."
        known = {option[2:]: "" for option in self._option_string_actions if "-" not in option[2:]}
        for method, (_, config) in METHODS.items():
            known |= {theirs: f" of --method {method}" for theirs in _names(config) if theirs not in known}
        dashes = "--" if name.startswith("-") else ""
        near = nearest(word, known)
        return f". Did you mean {dashes + near!r}{known[near]}?" if near else "."


def _names(config: type) -> Iterable[str]:
    """Fields and their aliases."""
    for option in fields(config):
        yield option.name
        yield from (alias.lstrip("-") for alias in option.metadata.get("aliases", ()))


def _spelt(options: Iterable[str]) -> list[str]:
    """Each name once, with underscores."""
    return list(dict.fromkeys("--" + option.lstrip("-").replace("-", "_") for option in options))


def _twice(action: argparse.Action) -> str:
    return f"{' and '.join(_spelt(action.option_strings))} are the same option"
