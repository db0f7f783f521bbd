"""One prompt as the model will see it."""

import textwrap
from typing import Any

from data import prompt_length, render_prompt
from outgoing import clean

WIDTH, LINES = 86, 12


def example_lines(row: dict[str, Any], tokenizer: Any) -> list[str]:
    """Lines for the terminal: a row's prompt up to where the model begins to write, and its gold answer.

    A long prompt loses its middle: what matters is how it opens and how it ends.

    Args:
        row: With `prompt` and `answer`.
        tokenizer: The model's.
    """
    text = clean(render_prompt(row["prompt"], tokenizer))
    wrapped = [part for line in text.split("\n") for part in textwrap.wrap(line, WIDTH) or [""]]
    if len(wrapped) > LINES:
        left_out = len(wrapped) - LINES + 1
        wrapped = [*wrapped[: LINES // 2], f"[… {left_out} lines …]", *wrapped[left_out + LINES // 2 :]]
    shown = ["│ " + line for line in wrapped]
    tokens = prompt_length(row["prompt"], tokenizer)
    return [f"row {row.get('row', 0)}, {tokens} tokens; the model goes on from its end; gold {row['answer']}", *shown]
