r"""The final answer inside a gold text: GSM8K's `#### 18`, a solution's last ``\boxed{}``, or the text itself."""

from typing import Any

from boxed import last_boxed


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
        return last_boxed(text) or ""
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
