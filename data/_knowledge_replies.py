"""Reading a teacher's replies: JSON as language models write it, or a numbered list."""

import json
import re
from collections.abc import Iterator
from typing import Any

from data._knowledge_prompts import JUDGED
from data._knowledge_records import format_point, split_point

_PRINCIPLE = ("knowledge_point", "knowledge point", "point", "principle", "statement", "name")
_CONSIDERATIONS = ("key_considerations", "key considerations", "considerations", "conditions", "caveats")
_LISTS = ("knowledge_points", "points", "items", "result")

_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_STRING = r'"(?:\\.|[^"\\])*"'
_TRAILING_COMMA = re.compile(rf"({_STRING})|,(?=\s*[\]}}])", re.DOTALL)
_BACKSLASH = re.compile(r"\\(\\|.)", re.DOTALL)
# LaTeX commands whose beginning is an escape of JSON: \frac would be read as a form feed and "rac".
_COMMANDS = re.compile(
    r"(?:begin|beta|bar|big|binom|bmod|boxed|bullet|bot|bigcup|bigcap|frac|forall|flat|ne|neq|nu|nabla|not|neg|nmid|notin|"
    r"right|rho|rangle|rceil|rfloor|rm|root|times|theta|tan|tau|text|tfrac|to|top|triangle|tilde|u[a-z]+)(?![a-z])"
)
_NOTHING = re.compile(
    r"^\s*(?:```(?:json)?)?\s*\[\s*\]\s*(?:```)?\s*$", re.MULTILINE
)  # an empty list on a line of its own
_ITEM = re.compile(r"^[ \t]*(?:\d+[.)]|[-*•])[ \t]+(?=\S)", re.MULTILINE)
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n(?!\s*\*\*Key)")


class ReplyError(ValueError):
    """A reply cannot be read: ask again, or leave the problem out."""


def parse_points(reply: str) -> list[str]:
    r"""Read knowledge points from a reply, in the released form.

    JSON is looked for anywhere, in fences or not, with trailing commas and LaTeX's single backslashes; else a numbered
    or bulleted list is read.

    Args:
        reply: All that the teacher wrote; thoughts in `<think>` are skipped.

    Returns:
        The points; none only where the reply is an empty list, with words around it or not.

    Raises:
        ReplyError: There are none, or some were begun and cannot be read, as in a reply that was cut off.

    >>> parse_points('Sure: ```json\n[{"knowledge_point": "A.", "key_considerations": "B."},]\n```')
    ['**Knowledge Point**: A.\n   **Key Considerations**: B.']
    """
    text = without_thoughts(reply)
    found = [point for value in _values(text) for point in _points_in(value)]
    begun = len(re.findall(r'"knowledge[_ ]points?"\s*:\s*"', text, re.IGNORECASE))
    if begun > len(found):
        raise ReplyError(
            f"{begun} knowledge points were begun but {len(found)} can be read: the JSON is cut off or broken. The "
            f"reply ends in {reply[-60:]!r}. Allow more tokens, or ask again."
        )
    found = found or [_released(item) for item in _listed(text)]
    if not found and _NOTHING.search(text):
        return []
    if not found:
        raise ReplyError(
            f"a reply must hold knowledge points, a JSON list or a numbered one, but none was found in "
            f"{reply[:80]!r}. Ask again, or leave the problem out."
        )
    return found


def parse_verdict(reply: str) -> tuple[str, ...]:
    """Read a judge's verdict on a point.

    Returns:
        The kinds of leakage that it found, of `JUDGED`; () if the point is general.

    Raises:
        ReplyError: The reply has no object with a true or false for every question.

    >>> parse_verdict('{"answer": false, "numbers": "yes", "names": false, "intermediate": false, "step": false,}')
    ('numbers',)
    """
    wanted = set(JUDGED)
    for value in _values(without_thoughts(reply)):
        if isinstance(value, dict) and wanted <= {str(key).lower() for key in value}:
            judged = {str(key).lower(): _truth(told) for key, told in value.items()}
            unclear = [key for key in JUDGED if judged[key] is None]
            if unclear:
                raise ReplyError(f"a verdict is true or false, but {', '.join(unclear)} in {reply[:120]!r} is neither")
            return tuple(key for key in JUDGED if judged[key])
    raise ReplyError(
        f"a verdict must be a JSON object with {', '.join(JUDGED)}, but none was found in {reply[:80]!r}. Ask again."
    )


def without_thoughts(reply: str) -> str:
    """Return what a reply says after its thoughts in `<think>`.

    Raises:
        ReplyError: It ends within them.
    """
    text = _THOUGHT.sub("", reply)
    if "<think>" in text:
        raise ReplyError(
            "the reply ends within its thoughts, <think> without an end. Allow more tokens, or ask again."
        )
    return text.rsplit("</think>", 1)[-1]  # some chat templates open the thoughts in the prompt


def _values(text: str) -> Iterator[Any]:
    """Yield the JSON lists and objects in a text, outermost only."""
    text = _TRAILING_COMMA.sub(lambda match: match[1] or "", _BACKSLASH.sub(_escaped, text))
    decoder = json.JSONDecoder(strict=False)  # a line break within a string is no reason to ask again
    place = 0
    while (opening := re.compile(r"[\[{]").search(text, place)) is not None:
        try:
            value, place = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            place = opening.end()
            continue
        yield value


def _escaped(match: re.Match[str]) -> str:
    sign, rest = match[1], match.string[match.start() + 1 : match.start() + 12]
    if sign in '"\\/' or re.match(r"u[\da-fA-F]{4}", rest):
        return match[0]
    command = _COMMANDS.match(rest)
    return f"\\{match[0]}" if command or sign not in "bfnrt" else match[0]


def _points_in(value: Any) -> list[str]:
    """Return the points in a JSON value; other lists and objects, such as an interval in the text, hold none."""
    if isinstance(value, list):
        if value and all(isinstance(item, str) and len(item.split()) > 1 for item in value):
            return [_released(item) for item in value]
        return [point for item in value if isinstance(item, dict) for point in _points_in(item)]
    lowered = {str(key).lower(): part for key, part in value.items()} if isinstance(value, dict) else {}
    for key in _LISTS:
        if isinstance(lowered.get(key), list):
            return _points_in(lowered[key])
    principle, considerations = _first(lowered, _PRINCIPLE), _first(lowered, _CONSIDERATIONS)
    if not principle:
        return []
    return [format_point(principle, considerations) if considerations else principle]


def _first(parts: dict[str, Any], keys: tuple[str, ...]) -> str:
    told = (parts[key] for key in keys if key in parts)
    return next((text.strip() for text in told if isinstance(text, str) and text.strip()), "")


def _listed(text: str) -> list[str]:
    """Return the items of a numbered or bulleted list, with the lines that belong to each."""
    items = _ITEM.split(text)[1:]
    items = [_PARAGRAPH_END.split(item)[0].strip() for item in items]  # what follows a blank line is no point
    return [item for item in items if len(item.split()) > 1]


def _released(item: str) -> str:
    principle, considerations = split_point(item)
    return format_point(principle, considerations) if considerations else principle


def _truth(told: Any) -> bool | None:
    words = {"true": True, "yes": True, "false": False, "no": False}
    return told if isinstance(told, bool) else words.get(str(told).strip().lower())
