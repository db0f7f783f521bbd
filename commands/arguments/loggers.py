"""Where metrics go besides the run folder: a missing package is told at once, and nobody is asked to log in."""

import netrc
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlparse

from transformers.integrations import get_available_reporting_integrations

from errors import UserError, did_you_mean

LOGGERS = ("tensorboard", "trackio", "wandb")
# Any of these settles how W&B is used; otherwise it would ask for an account at the first step.
_WANDB_DECIDED = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE")


def check_loggers(names: Sequence[str]) -> list[str]:
    """Refuse what is not there; keep W&B offline where nobody is logged in.

    Returns:
        What a person should know.

    Raises:
        UserError: What to install, or which name was meant.
    """
    installed = get_available_reporting_integrations()
    for name in names:
        if name in LOGGERS and name not in installed:
            raise UserError(
                f"--report_to {name} needs its package: pip install {name}. Without it the run folder still gets "
                "metrics and plots."
            )
        if name not in installed:
            raise UserError(f"--report_to takes {', '.join(LOGGERS)}; found {name!r}.{did_you_mean(name, LOGGERS)}")
    if "wandb" in names and not any(map(os.environ.get, _WANDB_DECIDED)) and not _in_netrc():
        os.environ["WANDB_MODE"] = "offline"
        return ["Nobody is logged in to wandb, so it stays on this machine; wandb sync uploads it later."]
    return []


def _in_netrc() -> bool:
    """Whether `wandb login` has left a key."""
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    given = os.environ.get("NETRC")
    for path in [Path(given)] if given else [Path("~/.netrc").expanduser(), Path("~/_netrc").expanduser()]:
        try:
            if netrc.netrc(path).authenticators(host):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False
