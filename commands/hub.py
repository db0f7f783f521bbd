"""The Hub: whether a push will be possible, and the push itself, after everything lies safely here."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from time import sleep
from typing import Literal, TypeVar

from huggingface_hub import CommitOperationAdd, HfApi, constants, get_session
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash

from commands.terminal.console import say
from errors import PushError, UserError, some_of
from evaluation.http import MOST_PATIENCE, seconds_of, within
from outgoing import without_secrets

Kind = Literal["model", "dataset"]
Content = Path | bytes
T = TypeVar("T")
WAITS = (2.0, 8.0, 30.0)
"""Seconds between tries of what may still succeed; each of the client's own requests is tried 6 times besides."""
SECONDS = 60.0
"""Of silence after which a request counts as failed; the client would wait for ever."""
PATIENCE = 900.0
"""Seconds of one try, beside the time of its bytes: an answer may drip, and the client waits as long as it is told."""
SLOWEST = 250_000
"""Bytes in a second below which a line is no use."""


def hub_id(name: str) -> str | None:
    """Return a model's or data set's name if it is one of the Hub's; None for a file or folder here."""
    return name if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) and not Path(name).exists() else None


def require_repository(repository: str, kind: Kind, *, private: bool | None = True, again: str | None = None) -> str:
    """Create the repository, or find it, before any work is done that shall go there; returns OWNER/NAME.

    Args:
        repository: Its name.
        kind: Of repository.
        private: What a new one is.
        again: The command that tries once more, where all is done but the push; None where nothing is yet.

    Raises:
        UserError: Nobody is logged in, or may not write there, or nobody answers.
        PushError: The same, where all is done but the push.
    """
    if constants.HF_HUB_OFFLINE:
        later = again or f"python cli.py push FOLDER --to {repository}"
        raise UserError(
            f"a push to {repository} was asked for, and HF_HUB_OFFLINE=1 keeps every command from the Hub. Unset it, "
            f"or leave the push out for now and make up for it with:\n    {later}"
        )
    try:
        return _persist(lambda: _writable(repository, kind, private))
    except Exception as error:
        told = (
            f"a push to {repository} was asked for, which must be a {kind} repository that you can write to: "
            f"{_told(error)} Log in with `hf auth login` and a token that may write, or name another OWNER/NAME."
        )
        if again:
            raise PushError(f"{told} Everything is saved here. Try again with:\n    {again}") from error
        raise UserError(f"{told} Or leave the push out.") from error


def _writable(repository: str, kind: Kind, private: bool | None) -> str:
    name = HfApi().create_repo(repository, repo_type=kind, private=private, exist_ok=True).repo_id
    # That one is also content with a repository that can only be read. Asking how a file would be sent is not.
    HfApi().preupload_lfs_files(name, [CommitOperationAdd("README.md", b"-")], repo_type=kind)
    return name


def upload(files: Mapping[str, Content], repository: str, kind: Kind, message: str, again: str, saved: Path) -> str:
    """Push files in one commit, all or none; what is there already in the same bytes is not sent again.

    Args:
        files: What each is there, by its path in the repository.
        repository: OWNER/NAME.
        kind: Of repository.
        message: Of the commit.
        again: The command that tries once more.
        saved: Where all of it lies here, for the message.

    Returns:
        Where they are.

    Raises:
        PushError: It could not be done, also not later on.
    """

    def commit() -> str:
        added = [CommitOperationAdd(path, content) for path, content in sorted(files.items())]
        _send(added, repository, kind, message)
        return f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repository}"

    size = sum(content.stat().st_size if isinstance(content, Path) else len(content) for content in files.values())
    try:
        return _persist(commit, size)
    except KeyboardInterrupt:
        say(f"\nnot pushed; everything is saved in {saved}. Push it with: {again}")
        raise
    except Exception as error:  # whatever it was, nothing is lost
        raise PushError(
            f"everything is saved in {saved}, but could not be pushed to {repository}: {_told(error)} Try again with:"
            f"\n    {again}"
        ) from error


def _send(added: list[CommitOperationAdd], repository: str, kind: Kind, message: str) -> None:
    """Commit files, and see that they are there.

    Raises:
        ValueError: They are not.
    """
    hub = HfApi()
    hub.preupload_lfs_files(repository, added, repo_type=kind, free_memory=False)
    # The client would leave these out of the commit and say nothing.
    if ignored := [file.path_in_repo for file in added if file._should_ignore]:
        raise ValueError(f"its .gitignore keeps out {some_of(ignored)}; take that out of the .gitignore there")
    commit = hub.create_commit(repository, added, commit_message=message, repo_type=kind).oid
    asked = [file.path_in_repo for file in added]
    found = hub.get_paths_info(repository, asked, revision=commit, repo_type=kind)
    there = {file.path: file for file in found if isinstance(file, RepoFile)}
    if lost := [file.path_in_repo for file in added if not _arrived(file, there.get(file.path_in_repo))]:
        raise ValueError(f"after commit {commit[:12]} it is not as it was sent: {some_of(lost)}")


def _arrived(sent: CommitOperationAdd, there: RepoFile | None) -> bool:
    """Whether a file there is the one that was sent; large ones have another hash."""
    if there is None or there.size != sent.upload_info.size:
        return False
    if there.lfs:
        return there.lfs.sha256 == sent.upload_info.sha256.hex()
    with sent.as_file() as file:
        return there.blob_id == git_hash(file.read())


def _persist(action: Callable[[], T], size: int = 0) -> T:
    """Try several times what may pass, each time no longer than `size` bytes may take."""
    limit = PATIENCE + size / SLOWEST
    for wait in WAITS:
        get_session().timeout = SECONDS
        try:
            return within(limit, action)
        except Exception as error:
            if not _may_pass(error):
                raise
            seconds = max(wait, _asked_to_wait(error))
            if seconds > MOST_PATIENCE:
                raise ValueError(f"{_told(error).rstrip('.')}, and it asks to wait {seconds:.0f} s") from error
            say(f"hub       {_told(error)} Trying again in {seconds:.0f} s")
        sleep(seconds)
    get_session().timeout = SECONDS
    return within(limit, action)


def _asked_to_wait(error: BaseException) -> float:
    """Seconds, by the answer's Retry-After; 0 without one."""
    error = _cause(error)
    return seconds_of(error.response.headers.get("Retry-After", "")) if isinstance(error, HfHubHTTPError) else 0.0


def _may_pass(error: BaseException) -> bool:
    """Whether another try could succeed: a busy or failing server, another writer, a lost connection; no refusal."""
    error = _cause(error)
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in (408, 409, 412, 429) or error.response.status_code >= 500
    # What took too long may still be under way.
    return not isinstance(error, ValueError | TypeError | TimeoutError)


def _cause(error: BaseException) -> BaseException:
    """The client hides why a large file could not be sent behind a RuntimeError."""
    return error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error


def _told(error: BaseException) -> str:
    error = _cause(error)
    first = next(iter(without_secrets(str(error)).strip().splitlines()), "") or type(error).__name__
    return first.rstrip(".") + "."
