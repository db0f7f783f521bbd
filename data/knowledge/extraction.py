"""What a teacher model is asked about knowledge points, and the reading of its replies.

The wording is ours: KnowRL's prompts are not public. The order is the published one: points are extracted from a
solution that was verified, each is judged for leakage, and one that fails is rewritten. Replies are read as language
models write them: JSON, in fences or not, or a numbered list.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from data.knowledge.records import format_point, split_point

Messages = list[dict[str, str]]

_GENERAL = (
    "A knowledge point is one mathematical fact, definition, theorem or technique that the solution cannot do "
    "without, stated so generally that it could stand in a textbook. It uses none of the problem's numbers, names or "
    "letters, no intermediate result, and it says neither the final answer nor which step to take next."
)

# What a judge is asked of each point: the key in its reply, and the question.
JUDGED = {
    "answer": "Does it state the final answer, in any form, or something from which the answer can be read off?",
    "numbers": "Does it use numbers that are particular to this problem or its solution?",
    "names": "Does it use names, objects or letters that are particular to this problem?",
    "intermediate": "Does it state a result that somebody would have to work out while solving this problem?",
    "step": "Does it say what to do in this problem, rather than what is true in general?",
}


def extract_prompt(problem: str, solution: str) -> Messages:
    """Ask for the knowledge points of a problem.

    Args:
        problem: The problem.
        solution: A worked solution whose answer was found to be right.

    Returns:
        Chat messages; `parse_points` reads the reply.
    """
    return _turn(
        f"Which knowledge does a student need for the problem below? {_GENERAL}",
        _block("Problem", problem),
        _block("Correct solution", solution),
        "List every point that the solution rests on, from two to ten, each only once and each a single idea. Leave "
        "out what any student knows. Reply with a JSON list and nothing else:",
        '[{"knowledge_point": "the fact itself, in one sentence", '
        '"key_considerations": "when it holds, and what is easily overlooked"}]',
        r"Inside JSON strings write every backslash of LaTeX twice, as in \\frac.",
    )


def judge_prompt(point: str, problem: str, answer: str) -> Messages:
    """Ask whether a point gives something of its problem away.

    Args:
        point: The knowledge point.
        problem: The problem it was extracted for.
        answer: Its gold answer.

    Returns:
        Chat messages; `parse_verdict` reads the reply.
    """
    questions = "\n".join(f"- {key}: {question}" for key, question in JUDGED.items())
    keys = ", ".join(f'"{key}": false' for key in JUDGED)
    return _turn(
        f"Judge whether a hint is general knowledge or gives part of a problem away. {_GENERAL}",
        _block("Problem", problem),
        _block("Final answer", answer),
        _block("Hint", _both(point)),
        f"Answer five questions about the hint with true or false:\n{questions}",
        f"If in doubt, the answer is true. Reply with one JSON object and nothing else:\n{{{keys}}}",
    )


def rewrite_prompt(point: str, problem: str, reasons: Iterable[object]) -> Messages:
    """Ask for a rewritten point, without what it gave away.

    Args:
        point: The knowledge point that failed.
        problem: The problem it was extracted for.
        reasons: What is wrong with it, such as the `Leak`s of `leaks` or the kinds of a verdict.

    Returns:
        Chat messages; `parse_points` reads the reply, of one point.
    """
    listed = "\n".join(f"- {reason}" for reason in reasons)
    return _turn(
        f"The hint below gives part of a problem away and must be put in general terms. {_GENERAL}",
        _block("Problem", problem),
        _block("Hint", _both(point)),
        f"What is wrong with it:\n{listed}",
        "State the knowledge behind the hint without any of this. If nothing general remains, reply with []. Else "
        "reply with a JSON list of one object and nothing else:",
        '[{"knowledge_point": "…", "key_considerations": "…"}]',
    )


def _turn(*parts: str) -> Messages:
    return [{"role": "user", "content": "\n\n".join(parts)}]


def _block(name: str, text: str) -> str:
    return f"## {name}\n{text.strip()}"


def _both(point: str) -> str:
    return "\n".join(part for part in split_point(point) if part)


# --- replies

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
# An empty list on a line of its own.
_NOTHING = re.compile(r"^\s*(?:```(?:json)?)?\s*\[\s*\]\s*(?:```)?\s*$", re.MULTILINE)
_ITEM = re.compile(r"^[ \t]*(?:\d+[.)]|[-*•])[ \t]+(?=\S)", re.MULTILINE)
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n(?!\s*\*\*Key)")


class ReplyError(ValueError):
    """A reply cannot be read: ask again, or leave the problem out."""


def parse_points(reply: str) -> list[str]:
    r"""Read knowledge points from a reply and put them in the released form.

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
            judged = {str(key).lower(): _truth(word) for key, word in value.items()}
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
    principle, considerations = _first_text(lowered, _PRINCIPLE), _first_text(lowered, _CONSIDERATIONS)
    if not principle:
        return []
    return [format_point(principle, considerations) if considerations else principle]


def _first_text(parts: dict[str, Any], keys: tuple[str, ...]) -> str:
    texts = (parts[key] for key in keys if key in parts)
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "")


def _listed(text: str) -> list[str]:
    """Return the items of a numbered or bulleted list, with the lines that belong to each."""
    items = _ITEM.split(text)[1:]
    items = [_PARAGRAPH_END.split(item)[0].strip() for item in items]  # what follows a blank line is no point
    return [item for item in items if len(item.split()) > 1]


def _released(item: str) -> str:
    principle, considerations = split_point(item)
    return format_point(principle, considerations) if considerations else principle


def _truth(word: Any) -> bool | None:
    words = {"true": True, "yes": True, "false": False, "no": False}
    return word if isinstance(word, bool) else words.get(str(word).strip().lower())
