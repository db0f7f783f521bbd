"""What training an adapter changes in the settings, and what an adapter that goes on leaves open."""

from dataclasses import fields
from pathlib import Path

from trl import ModelConfig

from commands.adapters import Adapter
from commands.arguments.settings import Settings
from errors import UserError, some_of

# Every linear layer, where PEFT would take q and v alone. Without dropout, which would be drawn anew in each pass: the
# probabilities that are trained would not be those of the completions' sampling.
NEW = {"lora_target_modules": "all-linear", "lora_dropout": 0.0}
FASTER = 10
"""How much higher the learning rate is than a method's for whole weights."""
_OWN = {option.name for option in fields(ModelConfig) if "lora" in option.name or "dora" in option.name} | {"use_peft"}


def settle_adapter(settings: Settings, adapter: Adapter | None) -> None:
    """Fill in what an adapter needs and nobody has asked for; check one that goes on.

    Args:
        settings: Of a run; set here.
        adapter: That goes on; None for a new one, or none.

    Raises:
        UserError: Options that an adapter has already, or another model than its base.
    """
    if adapter is not None:
        _check(settings, adapter)
    elif settings.model.use_peft:
        for name, value in NEW.items():
            if settings.sources[name] == "TRL":
                setattr(settings.model, name, value)
                settings.record(name, value)
    if settings.adapts and settings.sources["learning_rate"] in ("TRL", f"method {settings.arguments.method}"):
        settings.trainer.learning_rate *= FASTER
        settings.record("learning_rate", settings.trainer.learning_rate)


def _check(settings: Settings, adapter: Adapter) -> None:
    """Hold the settings to an adapter that is there already."""
    idle = sorted(name for name in _OWN if settings.asked(name) and settings.values[name] is not False)
    if idle:
        named = some_of(f"--{name}" for name in idle)
        raise UserError(
            f"{named} would have no effect: --adapter {settings.arguments.adapter} is an adapter already, with its "
            f"own rank and layers. Leave {named} out to go on with it, or --adapter for a new one."
        )
    named, base = settings.model_name, adapter.base
    if not _alike(named, base) and not settings.arguments.force:
        raise UserError(
            f"--adapter {settings.arguments.adapter} was trained on {base}, and belongs on no other weights; found "
            f"--model_name_or_path {named}. Leave that out to go on with its own base, or give --force true where "
            "both are the same model."
        )


def _alike(one: str, other: str) -> bool:
    """Whether two names may be of one model: the same place, or the same last name in another."""
    return Path(one).resolve() == Path(other).resolve() or one.rstrip("/").split("/")[-1] == Path(other).name
