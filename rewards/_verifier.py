r"""Is this answer equal to that one? The last ``\boxed{}`` of a text against a gold answer, by math-verify.

Training and evaluation ask the same function, so a score and a reward cannot drift apart. It is called as
``verify(golds, texts)``: gold first, because the comparison is not symmetric.

Limits of time are math-verify's own alarms (SIGALRM). They work in the main thread only and are switched off in any
other one; one long computation in C is interrupted when it returns, not before; and an alarm that the caller has set
is lost. Worker processes that can be killed come behind this same function later; its callers will not notice.
"""

import logging
import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from latex2sympy2_extended import NormalizationConfig
from math_verify import LatexExtractionConfig
from math_verify import parse as mv_parse
from math_verify import verify as mv_verify
from math_verify.errors import TimeoutException

from boxed import last_boxed

logger = logging.getLogger(__name__)

MAX_ANSWER_CHARS = 1000
"""Longer answers are not read: no gold comes near it, and hostile ones grow with their length."""

TIMEOUT_SECONDS = 2
"""For reading one answer, and again for comparing one pair. A whole number: ``signal.alarm`` knows no fractions."""

_LAST_STOP = re.compile(r"(?<![\\.])(?:\.{1,2}|[,;])\Z")  # but not the dots of 0.333... or the \; that is a space
_SPACES = re.compile(r"(?:\s|~|\\[,;:!\s])+\Z")
_THOUSANDS = re.compile(r"(?<=\d),\\!(?=\d{3})")  # 29,\!322,\!216
_BARE_FRACTION = re.compile(r"\\frac\s*(\\pi|\d)\s*(\\pi|\d)(?![a-zA-Z\d{])")  # \frac\pi 2


def _extraction(*, units: bool) -> list[LatexExtractionConfig]:
    """Return math-verify's default reading of LaTeX, with or without its removal of units."""
    rules = NormalizationConfig(
        basic_latex=True, units=units, malformed_operators=True, nits=True, boxed="last", equations=False
    )
    return [LatexExtractionConfig(boxed_match_priority=0, normalization_config=rules)]


# The removal of units takes the letter off `a + b + c` (Celsius) and `\sin^2 t` (tons), and nothing readable is left.
_READINGS = (_extraction(units=True), _extraction(units=False))


def verify(golds: Sequence[str], texts: Sequence[str]) -> list[float | None]:
    r"""Compare the last box of each text with its gold answer.

    Args:
        golds: Short answers in LaTeX, bare (``\frac{1}{2}``) or already boxed.
        texts: As many completions. Only the last box counts; no box, an empty or an over-long one is a wrong answer.

    Returns:
        1.0 for equivalent, 0.0 for not, None where the gold itself cannot be read.

    Raises:
        ValueError: The two sequences differ in length.
        TypeError: A gold or a text is not a string.

    >>> verify(["0.5", "7"], [r"It is \boxed{\frac12}.", "It is 7."])
    [1.0, 0.0]
    """
    if len(golds) != len(texts):
        raise ValueError(
            f"verify needs one gold for each text, met {len(golds)} golds and {len(texts)} texts; "
            "repeat the gold of a problem for each of its completions"
        )
    return [_verdict(gold, text) for gold, text in zip(golds, texts, strict=True)]


def gold_is_parsable(gold: str) -> bool:
    """Tell whether this gold can be compared with anything, that is, whether `verify` returns a number for it."""
    return bool(_parsed_gold(_canonical(_unboxed(_string(gold, "gold")))))


def _verdict(gold: str, text: str) -> float | None:
    wanted = _canonical(_unboxed(_string(gold, "gold")))
    parsed_gold = _parsed_gold(wanted)
    if not parsed_gold:
        return None
    box = last_boxed(_string(text, "text"))
    if not box or len(box) > MAX_ANSWER_CHARS:
        return 0.0
    answer = _canonical(box)
    return 1.0 if answer == wanted or _equivalent(parsed_gold, _parsed(answer)) else 0.0


def _string(value: Any, name: str) -> str:
    """Refuse what is no string, which math-verify would silently take for an unreadable answer."""
    if not isinstance(value, str):
        raise TypeError(f"a {name} must be a string, met {type(value).__name__} {value!r:.80}; convert it with str()")
    return value


def _unboxed(gold: str) -> str:
    r"""Return the content of a gold that comes in its box (``\boxed{236}``), and any other gold as it is."""
    inner = last_boxed(gold)
    return gold if inner is None else inner


def _canonical(answer: str) -> str:
    r"""Undo differences of typesetting alone, so that equal strings are equal answers.

    >>> _canonical(r"$\dfrac\pi 2.$"), _canonical(r"29,\!322")
    ('\\frac{\\pi}{2}', '29322')
    """
    answer = _SPACES.sub("", _LAST_STOP.sub("", answer.strip()))
    if re.fullmatch(r"\$[^$]+(?<!\\)\$", answer):
        answer = _SPACES.sub("", _LAST_STOP.sub("", answer[1:-1].strip()))
    answer = re.sub(r"\\[dtc]frac(?![a-zA-Z])", r"\\frac", answer)
    return _BARE_FRACTION.sub(r"\\frac{\1}{\2}", _THOUSANDS.sub("", answer))


@lru_cache(maxsize=16384)  # golds repeat, once per completion and epoch; answers hardly do
def _parsed_gold(gold: str) -> tuple[Any, ...]:
    return _parsed(gold) if 0 < len(gold) <= MAX_ANSWER_CHARS else ()


def _parsed(answer: str) -> tuple[Any, ...]:
    """Read one answer into sympy objects, none where it cannot be read.

    Nothing may turn these objects into text: an integer of more than 4,300 digits raises when it is printed.
    """
    for extraction in _READINGS:
        try:
            parsed = mv_parse(
                f"\\boxed{{{answer}}}",
                extraction,
                extraction_mode="first_match",
                parsing_timeout=_timeout(),
                raise_on_error=True,  # or a timeout would look like an answer worth a second reading
            )
        # Only library code runs in here. On text that a model wrote sympy raises every kind of error there is, and
        # the alarm is no `Exception`.
        except (Exception, TimeoutException):
            logger.debug("an answer of %d characters could not be read", len(answer), exc_info=True)
            return ()
        expressions = tuple(p for p in parsed if not isinstance(p, str))  # a string is the text it failed to read
        if expressions:
            return expressions
    return ()


def _equivalent(gold: tuple[Any, ...], answer: tuple[Any, ...]) -> bool:
    try:
        return bool(mv_verify(list(gold), list(answer), timeout_seconds=_timeout()))
    # As above. The library answers False to its own timeouts, but the alarm may ring as it stops waiting for it.
    except (Exception, TimeoutException):
        logger.debug("a comparison failed", exc_info=True)
        return False


def _timeout() -> int | None:
    """Seconds for math-verify's alarm, None in a thread where Python cannot set one."""
    return TIMEOUT_SECONDS if threading.current_thread() is threading.main_thread() else None
