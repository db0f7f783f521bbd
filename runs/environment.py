"""What a run was made with: commit, command, versions, machine. Never the environment, never a token."""

import os
import platform
import re
import shlex
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from outgoing import without_secrets

PACKAGES = ("trl", "transformers", "torch", "accelerate", "datasets", "peft", "math-verify", "bitsandbytes", "vllm")


def describe(argv: Sequence[str], *, processes: int) -> dict[str, Any]:
    """Return what belongs into `run.json` whatever the run does.

    Args:
        argv: The command line, from `cli.py` on.
        processes: How many take part.
    """
    return {
        "command": shlex.join(shown_command(argv)),
        "commit": commit(Path(__file__).parents[1]),
        "versions": {"python": platform.python_version()} | {n: v for n in PACKAGES if (v := _version(n))},
        "hardware": hardware(processes),
    }


def shown_command(argv: Sequence[str]) -> list[str]:
    """Put `…` in place of the values of options such as --hub_token, and of secrets in other words.

    >>> shown_command(["train", "--hub_token", "hf_abcdefghijk", "--api_key=x", "--seed", "1"])
    ['train', '--hub_token', '…', '--api_key=…', '--seed', '1']
    """
    hidden: list[str] = []
    for i, part in enumerate(argv):
        option, equals, _ = part.partition("=")
        follows = i > 0 and _takes_secret(argv[i - 1])
        if follows and not part.startswith("--"):
            hidden.append("…")
        elif equals and _takes_secret(option):
            hidden.append(f"{option}=…")
        else:
            hidden.append(without_secrets(part))
    return hidden


def _takes_secret(option: str) -> bool:
    """Whether an option's value is a secret: --hub_token is, --token_norm and --max_tokens are not."""
    name = option.lstrip("-").replace("-", "_").lower()
    return option.startswith("--") and bool(re.search(r"(^|_)(token|secret|password|api_?key|key)$", name))


def commit(root: Path) -> str | None:
    """The commit of the clone, with `+` after it where files were changed; None outside a clone."""
    try:
        git = ["git", "-C", str(root)]
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def hardware(processes: int) -> dict[str, Any]:
    """Processors, memory in GB, and accelerators by name."""
    import torch

    found: dict[str, Any] = {
        "machine": f"{platform.system()} {platform.machine()}",
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processes": processes,
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_gb"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    if torch.cuda.is_available():
        found["accelerators"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
