"""How a benchmark's problem is put to a model: with or without demonstrations, as chat or as plain text.

`data._prompts` words what is asked; here is where demonstrations go. A model that was trained to follow instructions
gets them in the user's one turn, as Qwen2.5-Math is measured, or (`chat`) as turns of their own; a base model (`base`)
gets a plain text to go on with, whether it has a chat template or not.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import datasets

from data._hints import hinted_problems
from data._prompts import PROMPTS, Messages, as_text
from data._shots import SHOTS, Shot
from errors import DataError, did_you_mean

Prompt: TypeAlias = str | Messages
Shots: TypeAlias = Sequence[tuple[str, str]]
"""Pairs of a problem, its choices rendered, and its solution."""

STOP_STRINGS: dict[str, tuple[str, ...]] = {"base": ("\n\nQuestion:",)}
"""Where a completion ends beside the model's end token: a base model goes on with a problem of its own."""


def _one_turn(style: str) -> Callable[[str, Shots], Messages]:
    """Put demonstrations before the problem, in the same turn."""

    def prompt(problem: str, shots: Shots) -> Messages:
        parts = [f"{question}\n{solution}" for question, solution in shots]
        return PROMPTS[style]("\n\n".join([*parts, problem]))

    return prompt


def _chat(problem: str, shots: Shots) -> Prompt:
    *before, asked = PROMPTS["boxed"](problem)
    return [*before, *_turns(shots), asked]


def _base(problem: str, shots: Shots) -> Prompt:
    return as_text([*_turns(shots), {"role": "user", "content": problem}])


def _turns(shots: Shots) -> Messages:
    turns = [(("user", question), ("assistant", solution)) for question, solution in shots]
    return [{"role": role, "content": content} for pair in turns for role, content in pair]


PRESETS: dict[str, Callable[[str, Shots], Prompt]] = {
    "qwen-cot": _one_turn("boxed"),
    "qwen-tir": _one_turn("tools"),
    "knowrl": _one_turn("knowrl"),
    "plain": _one_turn("plain"),
    "chat": _chat,
    "base": _base,
}


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


def build_preset(
    dataset: datasets.Dataset,
    preset: str = "qwen-cot",
    *,
    shots: int = 0,
    shots_from: str = "math",
    hints: str = "none",
) -> datasets.Dataset:
    """Add the column `prompt`: messages, or with `base` texts.

    Args:
        dataset: With a column `problem` and perhaps `choices`, which are then put below the problem.
        preset: A name in `PRESETS`.
        shots: Demonstrations before each problem, the first of their bank.
        shots_from: A name in `SHOTS`.
        hints: Knowledge points after the problem, as `build_prompts` takes them.

    Raises:
        DataError: There is no such preset or bank, the bank has not so many, or there are no such hints.
    """
    if preset not in PRESETS:
        raise DataError(f"a preset is one of {', '.join(PRESETS)}, met {preset!r}.{did_you_mean(preset, PRESETS)}")
    chosen = [(with_choices(shot.problem, shot.choices), shot.solution) for shot in _first(shots, shots_from)]
    problems, _ = hinted_problems(dataset, hints)
    choices = dataset["choices"] if "choices" in dataset.column_names else [[]] * len(problems)
    asked = [with_choices(problem, options or ()) for problem, options in zip(problems, choices, strict=True)]
    prompts = [PRESETS[preset](question, chosen) for question in asked]
    rest = dataset.remove_columns("prompt") if "prompt" in dataset.column_names else dataset
    return rest.add_column("prompt", prompts)


def _first(shots: int, bank: str) -> list[Shot]:
    if bank not in SHOTS:
        raise DataError(
            f"demonstrations come from one of {', '.join(SHOTS)}, met {bank!r}.{did_you_mean(bank, SHOTS)}"
        )
    if not 0 <= shots <= len(SHOTS[bank]):
        raise DataError(
            f"--shots is between 0 and the {len(SHOTS[bank])} demonstrations that there are for {bank}, met {shots}"
        )
    return SHOTS[bank][:shots]
