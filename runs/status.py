"""How a command that owns a folder ends, written into its record whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from runs.folder import Folder


@contextmanager
def status_kept(folder: Folder, at_end: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Record whether what follows finished, was interrupted or failed, then give the folder back.

    Args:
        folder: Claimed by this process.
        at_end: Called once the status is written, before the folder is given back.
    """
    status = "failed"
    try:
        yield
        status = "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        try:
            folder.update(status=status, ended=now())
            at_end()
        except OSError:  # a full disk, most likely: what ended the command is told, not this
            if status == "finished":
                raise
        finally:
            folder.release()


def now() -> str:
    """The time for a record, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
