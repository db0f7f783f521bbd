r"""The convention that problems and completions share: the final answer stands in the last ``\boxed{}``."""

import re

_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # an escaped brace is a character of the answer, not a delimiter
_UNBRACED_END = re.compile(r"\$|\\\)|\\\]|\n|\Z")


def last_boxed(text: str) -> str | None:
    r"""Return what the last ``\boxed{...}`` or ``\fbox{...}`` holds, in one pass over the text.

    Of nested boxes the innermost counts. Without braces (``\boxed 5$``) the box ends with its formula or line.

    Args:
        text: A whole completion.

    Returns:
        The content without surrounding blanks, `""` for an empty box, None without a box or where it never closes.

    >>> last_boxed(r"First \boxed{1}, or rather \boxed{\frac{1}{2}}.")
    '\\frac{1}{2}'
    """
    start = max(text.rfind(r"\boxed"), text.rfind(r"\fbox"))
    command = _BOX.match(text, start) if start >= 0 else None
    if command is None:
        return None
    begin = command.end()
    if text[begin : begin + 1] != "{":
        end = _UNBRACED_END.search(text, begin)
        return (text[begin : end.start()].strip().rstrip(".") or None) if end else None
    depth = 0
    for brace in _BRACE.finditer(text, begin):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return text[begin + 1 : brace.start()].strip()
    return None
