"""Options that do not go together, or have no effect without another one: refused before anything is loaded."""

from typing import Any

from commands.arguments.settings import Settings
from errors import UserError, did_you_mean, some_of

CHOICES = {  # where TRL's type is any text
    "vllm_mode": ("colocate", "server"),
    "vllm_importance_sampling_mode": ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"),
}
ITS_OWN = {  # options of vLLM in the training process, and of a server
    "vllm_gpu_memory_utilization": "--gpu-memory-utilization",
    "vllm_tensor_parallel_size": "--tensor-parallel-size",
    "vllm_max_model_length": "--max-model-len",
    "vllm_enable_sleep_mode": "--enable-sleep-mode",
    "vllm_model_impl": "--model-impl",
}


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
    _refuse_idle(settings, "vllm_group_", "vllm_mode", "server")
    _refuse_idle(settings, "lora_", "use_peft", True)
    if config.use_vllm:
        _check_vllm(settings)
        settings.notes += truncation_notes(config)


def _check_vllm(settings: Settings) -> None:
    """Refuse what TRL would find out with the weights loaded, or at the first step."""
    config = settings.trainer
    for name, known in CHOICES.items():
        if getattr(config, name) not in known:
            met = repr(getattr(config, name))
            raise UserError(f"--{name} is one of {', '.join(known)}; found {met}.{did_you_mean(met, known)}")
    if config.vllm_mode == "server":
        idle = [name for name in ITS_OWN if _asked(settings, name)]
        if idle:
            raise UserError(
                f"--{idle[0]} has no effect with --vllm_mode server: give {ITS_OWN[idle[0]]} to the server itself, "
                "and leave it out here."
            )
        return
    size, processes = config.vllm_tensor_parallel_size, config.world_size
    if processes % size:
        raise UserError(
            f"--vllm_tensor_parallel_size must divide the number of processes, {processes}, which share their GPUs "
            f"with vLLM; found {size}. Name {some_of([n for n in range(1, processes + 1) if not processes % n])}."
        )


def truncation_notes(config: Any) -> list[str]:
    """What to know where vLLM samples from other probabilities than those that training computes."""
    neutral = {"top_p": (1.0,), "top_k": (0, -1), "min_p": (None, 0.0), "repetition_penalty": (1.0,)}
    cut = [
        f"--{name} {getattr(config, name)}" for name, values in neutral.items() if getattr(config, name) not in values
    ]
    if not cut or not config.vllm_importance_sampling_correction:
        return []
    return [
        f"warning: with {' '.join(cut)} vLLM samples from other probabilities than are",
        "trained: importance ratios leave 1, over a long answer by far (docs/vllm.md)",
    ]


def _refuse_idle(settings: Settings, prefix: str, switch: str, needed: bool | str) -> None:
    """Refuse options that were asked for and would be ignored; who has set the switch itself knows that."""
    if settings.values[switch] == needed or _asked(settings, switch):
        return
    idle = sorted(name for name in settings.values if name.startswith(prefix) and _asked(settings, name))
    if idle:
        named = some_of(f"--{name}" for name in idle)
        value = "" if needed is True else f" {needed}"
        raise UserError(f"{named} would have no effect without --{switch}{value}: add it, or leave {named} out.")


def _asked(settings: Settings, name: str) -> bool:
    """Whether a person has set this option, and not to nothing."""
    source = settings.sources[name]
    return settings.values[name] is not None and (source == "flag" or " line " in source)
