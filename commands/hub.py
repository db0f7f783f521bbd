"""The Hub: whether a push will be possible, and the push itself, after everything lies safely here."""

from pathlib import Path
from time import sleep
from typing import Literal

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError

from errors import PushError, UserError

Kind = Literal["model", "dataset"]
WAITS = (2.0, 8.0, 30.0)
"""Seconds between tries of a push that may still succeed."""


def require_repository(repository: str, kind: Kind, *, private: bool | None = True) -> str:
    """Create the repository, or find it, before any work is done that shall go there; returns OWNER/NAME.

    Raises:
        UserError: Nobody is logged in, or may not write there.
    """
    try:
        return HfApi().create_repo(repository, repo_type=kind, private=private, exist_ok=True).repo_id
    except (HfHubHTTPError, HFValidationError, HTTPError, OSError) as error:
        raise UserError(
            f"a push to {repository} was asked for, which must be a {kind} repository that you can write to: "
            f"{_told(error)} Log in with `hf auth login`, name OWNER/NAME, or leave the push out."
        ) from error


def upload(folder: Path, repository: str, kind: Kind, message: str, again: str, patterns: list[str] | None) -> str:
    """Push files of a folder; one that is there already in the same bytes is not sent again.

    Args:
        folder: Whose files.
        repository: OWNER/NAME.
        kind: Of repository.
        message: Of the commit.
        again: The command that tries once more.
        patterns: Of the files; None for all.

    Returns:
        Where they are.

    Raises:
        PushError: It could not be done, also not later on.
    """
    for wait in (*WAITS, None):
        try:
            return str(
                HfApi().upload_folder(
                    repo_id=repository, repo_type=kind, folder_path=folder, allow_patterns=patterns,
                    commit_message=message,
                )
            )  # fmt: skip
        except (HfHubHTTPError, HTTPError, OSError) as error:
            if wait is None or not _may_pass(error):
                raise PushError(
                    f"everything is saved in {folder}, but could not be pushed to {repository}: {_told(error)} Try "
                    f"again with: {again}"
                ) from error
        sleep(wait)
    raise AssertionError("the last try returns or raises")


def _may_pass(error: Exception) -> bool:
    """Whether another try could succeed: a busy or failing server, a lost connection."""
    response = error.response if isinstance(error, HfHubHTTPError) else None
    return response is None or response.status_code in (408, 429) or response.status_code >= 500


def _told(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".") + "."
