"""What a user can mend, and how it is told: one paragraph with the rule, what was met, and the way out."""

import difflib
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path


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
    """Return the exit code of what ended a command, and the paragraph that is told of it."""
    if isinstance(error, UserError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return 130, "interrupted."
    first = (str(error).strip().splitlines() or [""])[0]
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which not every command imports
        return 2, (
            f"the device has too little memory: {first} Lower --per_device_train_batch_size (accumulation makes up "
            "for it) or --max_completion_length, keep --gradient_checkpointing, or train with --use_peft; train "
            "--dry-run estimates what is needed."
        )
    with tempfile.NamedTemporaryFile("w", prefix="traceback-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return 1, (
        f"{type(error).__name__}{f': {first}' if first else ''}{_place(error)}. This is a defect of the toolkit, not "
        f"of your settings. Where it happened is in {file.name}; --debug shows it at once."
    )


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
