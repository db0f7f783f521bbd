"""Options that do not go together, or have no effect without another one: refused before anything is loaded."""

from commands.arguments.settings import Settings
from errors import UserError, some_of


def check_pairs(settings: Settings) -> None:
    """Refuse what TRL would take and then fail on, hours later or never.

    Raises:
        UserError: The two options, and which to leave out.
    """
    config, model, arguments = settings.trainer, settings.model, settings.arguments
    bits = [option for option in ("load_in_4bit", "load_in_8bit") if getattr(model, option)]
    if bits and config.use_vllm:
        raise UserError(
            f"--{bits[0]} does not go with --use_vllm: vLLM would sample with other weights than those that are "
            f"trained. Leave --use_vllm out, or train with --use_peft on the whole weights without --{bits[0]}."
        )
    if arguments.tools == "python" and config.use_vllm:
        raise UserError("--tools python samples with transformers, not with --use_vllm; leave one of them out.")
    if config.use_cpu and config.use_vllm:
        raise UserError("--use_vllm needs a GPU, and this run is on the CPU; leave it out.")
    _refuse_idle(settings, "vllm_", "use_vllm", True)
    _refuse_idle(settings, "vllm_server_", "vllm_mode", "server")
    _refuse_idle(settings, "lora_", "use_peft", True)


def _refuse_idle(settings: Settings, prefix: str, switch: str, needed: bool | str) -> None:
    """Refuse options that were asked for and would be ignored; who has set the switch itself knows that."""
    if settings.values[switch] == needed or settings.asked(switch):
        return
    idle = sorted(name for name in settings.values if name.startswith(prefix) and settings.asked(name))
    if idle:
        named = some_of(f"--{name}" for name in idle)
        value = "" if needed is True else f" {needed}"
        raise UserError(f"{named} would have no effect without --{switch}{value}: add it, or leave {named} out.")
