r"""The only place where a prompt is worded: the registry of styles, the building of prompts, and their lengths.

A style is a function from a problem, and perhaps worked examples before it, to chat messages; the model's own chat
template makes text of them, or `as_text` where it has none. The instruction of a style is also how the answer is found
again: all but `plain` ask for a box.

To add a style: an entry in `PROMPTS`, which training and sampling take. `PRESETS` are the names by which `evaluate`
takes a style: those of Qwen2.5-Math's evaluation, and two layouts for worked examples.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import datasets

from data.knowledge.hints import hinted_problems
from data.shots import SHOTS
from errors import DataError, did_you_mean

Messages: TypeAlias = list[dict[str, str]]
Prompt: TypeAlias = str | Messages
Shots: TypeAlias = Sequence[tuple[str, str]]
"""Pairs of a problem, its choices rendered, and its solution."""

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


class Style:
    """A way to put a problem: an instruction before it as system message, or after it in the user's turn.

    Worked examples stand before the problem in the same turn, as Qwen2.5-Math is measured.
    """

    def __init__(self, *, system: str = "", after: str = "") -> None:
        """Take the instructions, "" for none."""
        self.system, self.after = system, after

    def __call__(self, problem: str, shots: Shots = ()) -> Messages:
        """Return the messages that ask for an answer to the problem."""
        examples = [f"{question}\n{solution}" for question, solution in shots]
        user = {"role": "user", "content": "\n\n".join([*examples, problem]) + self.after}
        return [{"role": "system", "content": self.system}, user] if self.system else [user]


PROMPTS: dict[str, Style] = {
    "boxed": Style(system=STEP_BY_STEP),  # as Qwen2.5-Math is asked
    "plain": Style(),  # the problem alone, as the embedded model was taught
    "knowrl": Style(after=f"\n\n{STEP_BY_STEP}"),  # as KnowRL's code asks
    "intuitor": Style(system=INTUITOR),  # as Intuitor's 1.5B recipe asks
    "tools": Style(system=TOOLS),  # as Qwen2.5-Math is asked to reason with programs
}
_KNOWRL_CARD = Style(after=f"\n{STEP_BY_STEP}")  # as KnowRL's model card asks, with its hints as bullets


def _chat(problem: str, shots: Shots) -> Messages:
    """Give worked examples as turns of their own."""
    system, user = PROMPTS["boxed"](problem)
    return [system, *_turns(shots), user]


def _base(problem: str, shots: Shots) -> str:
    """Give a base model a plain text to go on with, whether it has a chat template or not."""
    return as_text([*_turns(shots), {"role": "user", "content": problem}])


def _turns(shots: Shots) -> Messages:
    turns = [(("user", question), ("assistant", solution)) for question, solution in shots]
    return [{"role": role, "content": content} for pair in turns for role, content in pair]


PRESETS: dict[str, Callable[[str, Shots], Prompt]] = {
    "qwen-cot": PROMPTS["boxed"],
    "qwen-tir": PROMPTS["tools"],
    "knowrl": PROMPTS["knowrl"],
    "plain": PROMPTS["plain"],
    "chat": _chat,
    "base": _base,
}

STOP_STRINGS: dict[str, tuple[str, ...]] = {"base": ("\n\nQuestion:",)}
"""Where a completion ends beside the model's end token: a base model goes on with a problem of its own."""


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
    ask = _KNOWRL_CARD if (style, hint_style) == ("knowrl", "card") else PROMPTS[style]
    problems, counts = hinted_problems(dataset, hints, hint_style)
    prompts = [ask(problem) for problem in problems]
    if system is not None:
        before = [{"role": "system", "content": system}] if system else []
        prompts = [[*before, *(turn for turn in prompt if turn["role"] != "system")] for prompt in prompts]
    columns: dict[str, list[Any]] = {"prompt": prompts}
    if hints != "none":
        columns["hint_count"] = counts
    return _with_columns(dataset, columns)


def build_preset(
    dataset: datasets.Dataset,
    preset: str = "qwen-cot",
    *,
    shots: int = 0,
    shots_from: str = "math",
    hints: str = "none",
) -> datasets.Dataset:
    """Add the column `prompt` as `evaluate` asks: messages, or with `base` texts.

    Args:
        dataset: With a column `problem` and perhaps `choices`, which are then put below the problem.
        preset: A name in `PRESETS`.
        shots: Number of worked examples before each problem, the first of their bank.
        shots_from: A name in `SHOTS`.
        hints: Knowledge points after the problem, as `build_prompts` takes them.

    Raises:
        DataError: There is no such preset or bank, the bank has not so many, or there are no such hints.
    """
    if preset not in PRESETS:
        raise DataError(f"a preset is one of {', '.join(PRESETS)}, met {preset!r}.{did_you_mean(preset, PRESETS)}")
    if shots_from not in SHOTS:
        raise DataError(
            f"demonstrations come from one of {', '.join(SHOTS)}, met {shots_from!r}.{did_you_mean(shots_from, SHOTS)}"
        )
    bank = SHOTS[shots_from]
    if not 0 <= shots <= len(bank):
        raise DataError(
            f"--shots is between 0 and the {len(bank)} demonstrations that there are for {shots_from}, met {shots}"
        )
    examples = [(with_choices(shot.problem, shot.choices), shot.solution) for shot in bank[:shots]]
    problems, _ = hinted_problems(dataset, hints)
    choices = dataset["choices"] if "choices" in dataset.column_names else [[]] * len(problems)
    questions = [with_choices(problem, options or ()) for problem, options in zip(problems, choices, strict=True)]
    return _with_columns(dataset, {"prompt": [PRESETS[preset](question, examples) for question in questions]})


def _with_columns(dataset: datasets.Dataset, columns: dict[str, list[Any]]) -> datasets.Dataset:
    """Add columns in the place of those of the same names."""
    dataset = dataset.remove_columns([name for name in columns if name in dataset.column_names])
    for name, column in columns.items():
        dataset = dataset.add_column(name, column)
    return dataset


def with_choices(problem: str, choices: Sequence[str]) -> str:
    r"""Put the options below a problem as Qwen2.5-Math is asked, in Chinese below a Chinese problem.

    >>> with_choices("1+1?", ["1", "2"])
    '1+1?\nAnswer Choices: (A) 1 (B) 2'
    """
    if not choices:
        return problem
    head = "选项" if any("\u4e00" <= char <= "\u9fff" for char in problem) else "Answer Choices"
    options = " ".join(f"({chr(ord('A') + place)}) {text}" for place, text in enumerate(choices))
    return f"{problem}\n{head}: {options}"


def as_text(messages: Sequence[dict[str, str]]) -> str:
    r"""Render messages for a model without a chat template, ready to be continued.

    >>> as_text(PROMPTS["plain"]("What is 2+2?"))
    'Question: What is 2+2?\nAnswer:'
    """
    forms = {"user": "Question: {}\n", "assistant": "Answer: {}\n\n"}
    turns = [forms.get(message["role"], "{}\n\n").format(message["content"]) for message in messages]
    return "".join(turns) + "Answer:"


def render_prompt(prompt: Prompt, tokenizer: Any) -> str:
    """Return the text that the model continues: by its chat template, or `as_text` where it has none."""
    if isinstance(prompt, str):
        return prompt
    if getattr(tokenizer, "chat_template", None) is None:
        return as_text(prompt)
    return tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)


def prompt_length(prompt: Prompt, tokenizer: Any) -> int:
    """Count the tokens of a prompt as the model will see it, with the opening of its own turn."""
    # A chat template has written its special tokens already; a plain text still gets them.
    templated = not isinstance(prompt, str) and getattr(tokenizer, "chat_template", None) is not None
    text = render_prompt(prompt, tokenizer)
    return len(tokenizer(text, add_special_tokens=not templated, verbose=False)["input_ids"])


def drop_long(dataset: datasets.Dataset, tokenizer: Any, max_prompt_length: int) -> tuple[datasets.Dataset, list[int]]:
    """Leave out the rows whose prompt is too long. No prompt is ever truncated: half a problem has another answer.

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
