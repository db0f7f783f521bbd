"""What a user can mend, and how it is told: one paragraph with the rule, what was met, and the way out."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A wrong argument, recipe, model or data set: told without a traceback, exit code 2."""

    exit_code = 2


class DataError(UserError, ValueError):
    """A data set cannot be used as it is."""


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
