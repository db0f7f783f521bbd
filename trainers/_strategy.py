"""How a run divides weights, gradients and optimizer states among its processes."""

import os
from typing import Any


def strategy_of(args: Any) -> str:
    """`whole`, where every process has all of it; else `zero1`, `zero2`, `zero3`, `fsdp1` or `fsdp2`.

    Args:
        args: Of the trainer, finished.
    """
    if args.deepspeed_plugin is not None:
        return f"zero{args.deepspeed_plugin.zero_stage}"
    if args.fsdp:
        return f"fsdp{(args.fsdp_config or {}).get('version', 2)}"
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("1", "true"):
        return f"fsdp{os.environ.get('FSDP_VERSION', '1')}"
    return "whole"
