r"""The only place where a prompt is worded.

A style is a function from a problem to chat messages; the model's own chat template makes text of them, or `as_text`
where it has none. The instruction of a style is also how the answer is found again: all but `plain` ask for a box.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import datasets

from data._hints import hinted_problems
from errors import DataError, did_you_mean

Messages: TypeAlias = list[dict[str, str]]

STEP_BY_STEP = r"Please reason step by step, and put your final answer within \boxed{}."

TOOLS = (
    "Please integrate natural language reasoning with programs to solve the problem above, and put your final answer "
    r"within \boxed{}."
)

# Word for word as published, misspellings included: the method's authors found the result to depend on it.
INTUITOR = (
    "You are a helpful AI Assistant, designed to provided well-reasoned and detailed responses. You FIRST think about "
    "the reasoning process step by step and then provide the user with the answer. Please enclose your final answer "
    r"in the box: \boxed{Your Answer}."
)


def boxed(problem: str) -> Messages:
    """Ask as Qwen2.5-Math is asked: the instruction as system message, the problem as the user's turn."""
    return [_message("system", STEP_BY_STEP), _message("user", problem)]


def plain(problem: str) -> Messages:
    """Give the problem alone, as the embedded model was taught."""
    return [_message("user", problem)]


def knowrl(problem: str) -> Messages:
    """Ask as KnowRL does: one turn of the user, the instruction after the problem."""
    return [_message("user", f"{problem}\n\n{STEP_BY_STEP}")]


def knowrl_card(problem: str) -> Messages:
    """Ask as the model card of KnowRL does: single line breaks, and hints as bullets."""
    return [_message("user", f"{problem}\n{STEP_BY_STEP}")]


def intuitor(problem: str) -> Messages:
    """Ask as Intuitor's 1.5B recipe does."""
    return [_message("system", INTUITOR), _message("user", problem)]


def tools(problem: str) -> Messages:
    """Ask as Qwen2.5-Math is asked to reason with programs."""
    return [_message("system", TOOLS), _message("user", problem)]


PROMPTS: dict[str, Callable[[str], Messages]] = {
    "boxed": boxed,
    "plain": plain,
    "knowrl": knowrl,
    "intuitor": intuitor,
    "tools": tools,
}


def build_prompts(
    dataset: datasets.Dataset,
    style: str = "boxed",
    *,
    system: str | None = None,
    hints: str = "none",
    hint_style: str = "repo",
) -> datasets.Dataset:
    """Add the column `prompt`, chat messages, made of the column `problem`, and with hints their `hint_count`.

    Args:
        dataset: With a column `problem`; a `prompt` it already has is replaced.
        style: A name in `PROMPTS`.
        system: Takes the place of the style's system message; "" takes it away.
        hints: Knowledge points after the problem, for training only: "none", "all" of the column `kp_list`, or those
            that a rule keeps, such as "css" (column `css_kept_kp_index`).
        hint_style: "repo", or "card" to word hints, and the style `knowrl` as a whole, as KnowRL's model card does.

    Raises:
        DataError: There is no such style, or hints are asked of a row that has none.
    """
    if style not in PROMPTS:
        raise DataError(f"a prompt style is one of {', '.join(PROMPTS)}, met {style!r}.{did_you_mean(style, PROMPTS)}")
    ask = knowrl_card if (style, hint_style) == ("knowrl", "card") else PROMPTS[style]
    problems, counts = hinted_problems(dataset, hints, hint_style)
    columns: dict[str, list[Any]] = {"prompt": [_with_system(ask(problem), system) for problem in problems]}
    if hints != "none":
        columns["hint_count"] = counts
    rest = dataset.remove_columns([name for name in columns if name in dataset.column_names])
    for name, column in columns.items():
        rest = rest.add_column(name, column)
    return rest


def as_text(messages: Sequence[dict[str, str]]) -> str:
    r"""Render messages for a model without a chat template, ready to be continued.

    >>> as_text(plain("What is 2+2?"))
    'Question: What is 2+2?\nAnswer:'
    """
    forms = {"user": "Question: {}\n", "assistant": "Answer: {}\n\n"}
    parts = [forms.get(message["role"], "{}\n\n").format(message["content"]) for message in messages]
    return "".join(parts) + "Answer:"


def drop_long(dataset: datasets.Dataset, tokenizer: Any, max_prompt_length: int) -> tuple[datasets.Dataset, list[int]]:
    """Leave out the rows whose prompt is too long. None is ever cut: half a problem has another answer.

    Args:
        dataset: With a column `prompt`, of messages or texts.
        tokenizer: The model's; its chat template renders the messages, `as_text` where it has none.
        max_prompt_length: In tokens of the rendered prompt, up to where the model begins to write.

    Returns:
        The rows that stay, and the places in the source of those that went (column `row` if there is one).

    Raises:
        ValueError: `max_prompt_length` is not positive.
        DataError: No row is short enough.
    """
    if max_prompt_length < 1:
        raise ValueError(f"max_prompt_length counts tokens, at least 1, met {max_prompt_length}; raise it")
    lengths = [prompt_length(prompt, tokenizer) for prompt in dataset["prompt"]]
    keep = [place for place, length in enumerate(lengths) if length <= max_prompt_length]
    if lengths and not keep:
        raise DataError(
            f"no prompt has at most {max_prompt_length} tokens: the shortest has {min(lengths)}. Raise "
            "--max_prompt_length, or choose a shorter prompt style or system message."
        )
    if len(keep) == len(lengths):
        return dataset, []
    rows = dataset["row"] if "row" in dataset.column_names else range(len(lengths))
    return dataset.select(keep), [row for row, length in zip(rows, lengths, strict=True) if length > max_prompt_length]


def render_prompt(prompt: str | Messages, tokenizer: Any) -> str:
    """Return the text that the model continues: by its chat template, or `as_text` where it has none."""
    if isinstance(prompt, str):
        return prompt
    if getattr(tokenizer, "chat_template", None) is None:
        return as_text(prompt)
    return tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)


def prompt_length(prompt: str | Messages, tokenizer: Any) -> int:
    """Count the tokens of a prompt as the model will see it, with the opening of its own turn."""
    # A chat template has written its special tokens already; a plain text still gets them.
    templated = not isinstance(prompt, str) and getattr(tokenizer, "chat_template", None) is not None
    text = render_prompt(prompt, tokenizer)
    return len(tokenizer(text, add_special_tokens=not templated, verbose=False)["input_ids"])


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _with_system(messages: Messages, system: str | None) -> Messages:
    if system is None:
        return messages
    rest = [message for message in messages if message["role"] != "system"]
    return [_message("system", system), *rest] if system else rest
