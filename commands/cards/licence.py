"""Under which licence a model or a data set may be used: what a person says, or its source on the Hub."""

from typing import Any

from huggingface_hub import HfApi

from commands.hub import Kind
from errors import UserError, did_you_mean
from evaluation.http import within

SECONDS = 10.0
KEYS = ("license", "license_name", "license_link")
# As the Hub names them.
LICENCES = [
    "apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0",
    "bigcode-openrail-m", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd", "bsd-2-clause", "bsd-3-clause",
    "bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0",
    "etalab-2.0", "eupl-1.1", "eupl-1.2", "agpl-3.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1",
    "lgpl-3.0", "isc", "h-research", "intel-research", "lppl-1.3c", "ms-pl", "apple-ascl", "apple-amlr", "mpl-2.0",
    "odc-by", "odbl", "openrail++", "openmdw-1.0", "osl-3.0", "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib",
    "pddl", "lgpl-lr", "deepfloyd-if-license", "fair-noncommercial-research-license", "llama2", "llama3",
    "llama3.1", "llama3.2", "llama3.3", "llama4", "grok2-community", "gemma", "unknown", "other",
]  # fmt: skip


def check_licence(name: str | None) -> None:
    """Refuse a name that the Hub does not know.

    Raises:
        UserError: It does not.
    """
    if name is not None and name not in LICENCES:
        raise UserError(
            f"--license takes the Hub's name of a licence, such as apache-2.0, mit or other; found {name!r}."
            f"{did_you_mean(name, LICENCES)}"
        )


def licence_on_hub(name: str, kind: Kind) -> dict[str, Any]:
    """What the card of a model or data set on the Hub says of its licence; {} where it says or answers nothing."""
    try:
        info = within(SECONDS, lambda: HfApi().repo_info(name, repo_type=kind, timeout=SECONDS))
    except Exception:  # a card without it is better than no push
        return {}
    told = getattr(info, "card_data", None) or {}
    return {key: told.get(key) for key in KEYS if isinstance(told.get(key), str)}
