"""What TRL hands to a reward, made into text."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Completion: TypeAlias = str | Sequence[Mapping[str, Any]]
"""A plain text, or the chat messages that one generation added."""


def text_of(completion: Completion) -> str:
    """Return the text to be judged: the last message of the assistant, so that a tool's output is never an answer.

    Args:
        completion: A text, or messages with `role` and `content`; a missing or None content (a bare tool call) is "".

    Raises:
        TypeError: The completion or a content is neither text nor messages.

    >>> text_of([{"role": "assistant", "content": "It is 4."}, {"role": "tool", "content": "5"}])
    'It is 4.'
    """
    if isinstance(completion, str):
        return completion
    if not isinstance(completion, Sequence) or not all(isinstance(message, Mapping) for message in completion):
        raise TypeError(
            "a completion must be a string or a list of chat messages {'role': ..., 'content': ...}, "
            f"met {type(completion).__name__} {completion!r:.80}"
        )
    messages = [message for message in completion if isinstance(message, Mapping)]
    for message in reversed(messages):
        if message.get("role", "assistant") == "assistant":
            return _content(message.get("content"))
    return ""


def _content(content: Any) -> str:
    """Return a message's text; content may also be None or a list of parts, of which those of type text count."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, Sequence) and all(isinstance(part, Mapping) for part in content):
        return "".join(str(part.get("text", "")) for part in content if part.get("type") == "text")
    raise TypeError(f"a message's content must be text, met {type(content).__name__} {content!r:.80}")
