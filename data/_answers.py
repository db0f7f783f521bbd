r"""The final answer inside a gold text: GSM8K's `#### 18`, a solution's last ``\boxed{}``, or the text itself."""

import re
from typing import Any

_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_UNBRACED_END = re.compile(r"\$|\\\)|\\\]|\n|\Z")


def is_worked(text: str) -> bool:
    """Tell whether a gold is a whole solution that marks its answer, rather than the answer."""
    return "####" in text or "\\boxed" in text or "\\fbox" in text


def final_answer(text: str, *, worked: bool) -> str:
    r"""Return the short answer that a gold text states.

    Args:
        text: A gold: `#### 1,234`, a solution with boxes, or a short answer.
        worked: The column holds worked solutions, so a text without a mark states no answer.

    Returns:
        The answer, "" where there is none.

    >>> final_answer("She has 2 * 617 = 1234.\n#### 1,234", worked=True)
    '1234'
    >>> final_answer(r"Thus $x = \boxed{\frac{1}{2}}$.", worked=True), final_answer("1/2", worked=False)
    ('\\frac{1}{2}', '1/2')
    """
    if "####" in text:
        return text.rsplit("####", 1)[1].strip().replace(",", "")
    if is_worked(text):
        return _last_boxed(text) or ""
    return "" if worked else text.strip()


def cell_text(value: Any) -> str:
    """Return a cell as text: None and NaN are "", 18.0 is "18", and the parts of a list are joined by commas.

    >>> cell_text(18.0), cell_text(["1", 2]), cell_text(None)
    ('18', '1, 2', '')
    """
    if value is None or value != value:  # only NaN, an empty cell of a table, differs from itself
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(cell_text(part) for part in value)
    return str(value)


def _last_boxed(text: str) -> str | None:
    """Return what the last box holds, as `rewards.last_boxed` does; a test holds the two together."""
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
