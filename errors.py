"""What a user can mend, and how it is told: one paragraph with the rule, what was met, and the way out."""

import difflib
import errno
import io
import os
import pickle
import re
import stat
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from outgoing import tellable, traceback_of

KEPT = 10
"""Tracebacks of defects that stay on disk."""
# What safetensors (Rust) and torch (C++) say in place of an OSError.
_FULL = re.compile(r"No space left on device|Disk quota exceeded|PytorchStreamWriter failed|unexpected pos \d+ vs \d+")
_BROKEN = re.compile(r"Weights only load failed|PytorchStreamReader failed|Error while deserializing header")
_PATH_NAMES = ("path", "file", "filename", "f", "checkpoint_file", "folder", "save_directory", "output_dir")
"""Of arguments that hold what is read or written, in this project, torch, safetensors and transformers."""


class UserError(Exception):
    """A wrong argument, recipe, model or data set: told without a traceback, exit code 2."""

    exit_code = 2


class DataError(UserError, ValueError):
    """A data set cannot be used as it is."""


class RewardError(UserError, ValueError):
    """A reward function that is not this project's failed, or returned what is no reward."""


class PushError(UserError):
    """Everything is saved here, but the Hub did not take it: exit code 3."""

    exit_code = 3


def nearest(met: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known name most like the one met, None where none is near."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(met.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[near[0]] if near else None


def did_you_mean(met: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'arithmetic'?"`, or "" where nothing is near.

    >>> did_you_mean("arithmatic", ["math", "arithmetic"])
    " Did you mean 'arithmetic'?"
    """
    near = nearest(met, known)
    return f" Did you mean {near!r}?" if near else ""


def some_of(names: Iterable[object], limit: int = 12) -> str:
    """Return the names joined by commas, at most `limit` of them, and how many were left out.

    >>> some_of([1, 2, 3], limit=2)
    '1, 2 and 1 more'
    """
    listed = [str(name) for name in names]
    rest = len(listed) - limit
    return ", ".join(listed[:limit]) + (f" and {rest} more" if rest > 0 else "")


def told(error: BaseException) -> tuple[int, str]:
    """Return the exit code of what ended a command, and the paragraph that is told of it, without secrets."""
    if isinstance(error, UserError):
        return error.exit_code, tellable(str(error))
    if isinstance(error, KeyboardInterrupt):
        return 130, "interrupted."
    first = (tellable(str(error)).strip().splitlines() or [""])[0].rstrip(".")
    chain = list(_chain(error))
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which not every command imports
        return 2, (
            f"the device has too little memory: {first}. Lower --per_device_train_batch_size (accumulation makes up "
            "for it) or --max_completion_length, keep --gradient_checkpointing, or train with --use_peft; train "
            "--dry-run estimates what is needed."
        )
    full = next((met for met in chain if is_full(met)), None)
    if full is not None:
        return 2, (
            f"{_path_of(full, error) or 'a file'} could not be written: the disk is full, or your share of it is used "
            f"up ({type(error).__name__}: {first}). Free some space there; the same command then goes on from what "
            "was saved whole (train: with --output_dir and the run's folder)."
        )
    broken = next((met for met in chain if _is_broken_weights(met)), None)
    if broken is not None:
        return 2, (
            f"{_path_of(broken, error) or 'a file'} cannot be read as weights: it is broken, or no checkpoint "
            f"({type(error).__name__}{f': {first}' if first else ''}). Copy it here anew, or remove it."
        )
    kept = _keep(traceback_of(error))
    where = (
        f"Where it happened is in {kept}; --debug shows it at once." if kept else "--debug shows where it happened."
    )
    return 1, (
        f"{type(error).__name__}{f': {first}' if first else ''}{_place(error)}. This is a defect of the toolkit, not "
        f"of your settings. {where}"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that led to it."""
    met: set[int] = set()
    while error is not None and id(error) not in met:
        met.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def is_full(error: BaseException) -> bool:
    """Whether a write failed because a disk or a quota is full; safetensors and torch say so in words only."""
    number = error.errno if isinstance(error, OSError) else None
    return number in (errno.ENOSPC, errno.EDQUOT) or bool(_FULL.search(str(error)))


def _is_broken_weights(error: BaseException) -> bool:
    if isinstance(error, EOFError | pickle.UnpicklingError):  # of an empty file torch says no more than that
        frames = traceback.extract_tb(error.__traceback__)
        return bool(frames) and "torch" in Path(frames[-1].filename).parts
    return bool(_BROKEN.search(str(error)))


def _path_of(*errors: BaseException) -> str | None:
    """The file or folder that an error is about: as it says, else by the innermost call that has one that is there."""
    for error in errors:
        if isinstance(error, OSError) and error.filename:
            return str(error.filename)
        for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
            for name in _PATH_NAMES:
                value = frame.f_locals.get(name)
                value = getattr(value, "name", None) if isinstance(value, io.IOBase) else value
                if isinstance(value, str | Path) and os.path.exists(value):
                    return str(value)
    return None


def _keep(text: str) -> Path | None:
    """Write a traceback beside the newest of this user, which nobody else may read; None where it cannot be."""
    try:
        folder = Path(tempfile.gettempdir(), f"group-relative-math-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            return None  # another's folder or link: the place is open to all
        for old in sorted(folder.glob("traceback-*.txt"))[: 1 - KEPT]:
            old.unlink(missing_ok=True)
        now = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        descriptor, name = tempfile.mkstemp(".txt", f"traceback-{now}-", folder)
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return Path(name)
    except OSError:
        return None


def _place(error: BaseException) -> str:
    """The last line of this project that it came through."""
    root = Path(__file__).parent
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(root)]
    ours = [f for f in frames if "site-packages" not in f.filename]
    return f" ({Path(ours[-1].filename).relative_to(root)}, line {ours[-1].lineno})" if ours else ""


def without_debug(argv: Sequence[str]) -> tuple[list[str], bool]:
    """Take the bare flag `--debug` out of a command line; with a value behind it, it is an option of transformers.

    >>> without_debug(["train", "--debug", "--seed", "1"]), without_debug(["--debug", "train"])
    ((['train', '--seed', '1'], True), (['train'], True))
    >>> without_debug(["train", "--debug", "underflow_overflow"]), without_debug([])
    ((['train', '--debug', 'underflow_overflow'], False), ([], False))
    """
    bare = [
        part == "--debug" and (i in (0, len(argv) - 1) or argv[i + 1].startswith("--")) for i, part in enumerate(argv)
    ]
    return [part for part, taken in zip(argv, bare, strict=True) if not taken], any(bare)
