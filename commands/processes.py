"""Whether the processes that were asked for are there and divide the work as was asked: launchers change it silently.

`accelerate launch` starts one process wherever it is told to use the CPU, whatever the number; a process that finds no
accelerator believes itself alone although its launcher has started others; and on the CPU accelerate trains without
FSDP and DeepSpeed whatever they were set to. Each is a run that seems to work, on less than was asked for.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import psutil
from accelerate import DistributedType, PartialState
from accelerate.commands.config.config_args import default_config_file, load_config_from_file
from accelerate.commands.launch import launch_command_parser

from errors import UserError
from trainers import RolloutConfig

ALONE = (DistributedType.NO, DistributedType.MULTI_CPU)
"""Where accelerate divides nothing: FSDP needs an accelerator and a launcher, DeepSpeed one of them."""


def require_processes(state: PartialState) -> None:
    """Refuse to go on with another number of processes than the launcher was asked for.

    Raises:
        UserError: Both numbers, and how as many are started.
    """
    if "LOCAL_RANK" in os.environ:
        wanted = int(os.environ.get("WORLD_SIZE", "1"))
        if wanted != state.num_processes:
            raise UserError(
                f"the launcher started {wanted} processes, but each of them is alone: no accelerator was found over "
                "which they could talk, and every one would do the whole work by itself. On the CPU leave --use_cpu "
                "false out (--ddp_backend gloo if it has to stay); otherwise see to it that torch finds the "
                "accelerators (python cli.py doctor)."
            )
        return
    parent = psutil.Process().parent()
    asked = asked_of_accelerate(parent.cmdline()) if parent else None
    if asked is not None and asked > state.num_processes:
        raise UserError(
            f"accelerate launch was asked for {asked} processes and started {state.num_processes}, as it always does "
            "on the CPU (--cpu, or use_cpu in its configuration). For as many on the CPU start torchrun "
            f"--nproc_per_node {asked} cli.py … in place of accelerate launch; for one add --num_processes 1."
        )


def require_strategy(state: PartialState, config: RolloutConfig) -> None:
    """Refuse to train undivided what was to be divided among processes, and what could not be saved as a model.

    Args:
        state: Of the processes.
        config: Finished.

    Raises:
        UserError: What was asked for, and what would become of it.
    """
    for strategy, option in (("FSDP", config.fsdp), ("DeepSpeed", config.deepspeed)):
        name = f"ACCELERATE_USE_{strategy.upper()}"
        if (option or os.environ.get(name, "").lower() in ("1", "true")) and state.distributed_type in ALONE:
            raise UserError(
                f"{strategy} was asked for (--{strategy.lower()}, or {name} as accelerate launch sets it), but this "
                "run is on the CPU or was started without a launcher. There accelerate would leave it out and say "
                "nothing, and every process would hold the whole model. Use it with accelerate launch on GPUs; "
                "accelerate_configs/cpu.yaml is for one process on the CPU, torchrun for several."
            )
    zero = config.deepspeed_plugin.deepspeed_config.get("zero_optimization", {}) if config.deepspeed_plugin else {}
    gathered = "stage3_gather_16bit_weights_on_model_save"
    if zero.get("stage") == 3 and not zero.get(gathered):
        raise UserError(
            f"ZeRO-3 without zero3_save_16bit_model (in DeepSpeed's own file {gathered}) would leave shards in final/ "
            "that nothing loads as a model. Set it to true, as in accelerate_configs/zero3.yaml."
        )
    if state.distributed_type not in ALONE and os.environ.get("FSDP_STATE_DICT_TYPE") == "SHARDED_STATE_DICT":
        raise UserError(
            "FSDP with fsdp_state_dict_type SHARDED_STATE_DICT would write no model into final/. Set it to "
            "FULL_STATE_DICT, as in accelerate_configs/fsdp2.yaml."
        )


def asked_of_accelerate(command: Sequence[str]) -> int | None:
    """How many processes a command line asks `accelerate launch` for; None where it says nothing of it, or is another.

    >>> asked_of_accelerate(["python", "/bin/accelerate", "launch", "--cpu", "--num_processes", "2", "cli.py"])
    2
    >>> asked_of_accelerate(["python", "cli.py", "train"])
    """
    words = _launch_words(command)
    if words is None:
        return None
    try:
        asked = launch_command_parser().parse_args(words)
        configured = asked.config_file or (Path(default_config_file).is_file() and not asked.cpu)
        if asked.num_processes is None and configured:
            asked.num_processes = load_config_from_file(asked.config_file).num_processes
    except (SystemExit, OSError, ValueError, AttributeError):
        return None  # accelerate itself has understood it, and a guess must not stop a run
    return asked.num_processes


def _launch_words(command: Sequence[str]) -> list[str] | None:
    """What follows `accelerate launch`, however it was spelt; None where there is no such thing."""
    for place, word in enumerate(command[:4]):
        name, following = Path(word).name, list(command[place + 1 :])
        if name in ("accelerate-launch", "accelerate.commands.launch"):
            return following
        if name in ("accelerate", "accelerate.commands.accelerate_cli") and following[:1] == ["launch"]:
            return following[1:]
    return None
