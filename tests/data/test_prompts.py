"""Prompts are worded as published, worked examples are right and stand where each preset wants them, lengths count."""

import datasets
import pytest

from data import (
    PRESETS,
    PROMPTS,
    SHOTS,
    STOP_STRINGS,
    DataError,
    as_text,
    build_preset,
    build_prompts,
    drop_long,
    prompt_length,
    render_prompt,
)
from evaluation.scoring import grade_choices
from rewards import verify

INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."
TOOLS = (
    "Please integrate natural language reasoning with programs to solve the problem above, "
    "and put your final answer within \\boxed{}."
)


@pytest.fixture
def problems():
    return datasets.Dataset.from_dict({"problem": ["1+1?", "1+2?"], "answer": ["2", "3"], "row": [4, 9]})


def contents(style: str) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in PROMPTS[style]("1+1?")]


def test_boxed_is_the_format_of_qwen_math():
    assert contents("boxed") == [("system", INSTRUCTION), ("user", "1+1?")]


def test_plain_is_the_problem_alone():
    assert contents("plain") == [("user", "1+1?")]


def test_knowrl_puts_the_instruction_after_the_problem():
    assert contents("knowrl") == [("user", f"1+1?\n\n{INSTRUCTION}")]


def test_intuitor_keeps_the_published_wording():
    (system, text), user = contents("intuitor")
    assert (system, user) == ("system", ("user", "1+1?"))
    assert "designed to provided well-reasoned" in text
    assert text.endswith("Please enclose your final answer in the box: \\boxed{Your Answer}.")


def test_a_problem_with_braces_is_not_a_template():
    text = r"Let $\{x\} = {0}$, {name}%s."
    for style, prompt in PROMPTS.items():
        assert text in prompt(text)[-1]["content"], style
    assert text in as_text(PROMPTS["plain"](text))


def test_prompts_become_a_column_and_the_rest_stays(problems):
    result = build_prompts(problems)
    assert result["prompt"][1] == PROMPTS["boxed"]("1+2?")
    assert result["answer"][:] == ["2", "3"]
    assert build_prompts(result, "plain")["prompt"][0] == PROMPTS["plain"]("1+1?")  # replaces the first


def test_a_system_message_replaces_adds_or_goes(problems):
    assert build_prompts(problems, "boxed", system="S")["prompt"][0][0] == {"role": "system", "content": "S"}
    assert [m["role"] for m in build_prompts(problems, "knowrl", system="S")["prompt"][0]] == ["system", "user"]
    assert [m["role"] for m in build_prompts(problems, "boxed", system="")["prompt"][0]] == ["user"]


def test_an_unknown_style_gets_a_suggestion(problems):
    with pytest.raises(DataError, match=r"knowrl, intuitor, tools, met 'boxd'\. Did you mean 'boxed'"):
        build_prompts(problems, "boxd")


def test_text_for_a_model_without_a_template():
    assert as_text(PROMPTS["boxed"]("1+1?")) == f"{INSTRUCTION}\n\nQuestion: 1+1?\nAnswer:"
    turns = [("user", "1+1?"), ("assistant", "2"), ("user", "1+2?")]
    shots = [{"role": role, "content": content} for role, content in turns]
    assert as_text(shots) == "Question: 1+1?\nAnswer: 2\n\nQuestion: 1+2?\nAnswer:"


# The tiny tokenizer has one token per byte and one for each special token, so lengths can be counted by hand.
CHATML = (
    1 + len("user\n") + 4 + 1 + len("\n") + 1 + len("assistant\n")
)  # <|im_start|> user 1+1? <|im_end|> <|im_start|>


def test_length_counts_the_rendered_generation_prompt(tiny_tokenizer):
    assert prompt_length(PROMPTS["plain"]("1+1?"), tiny_tokenizer) == CHATML
    assert prompt_length("1+1?", tiny_tokenizer) == 4


def test_without_a_template_length_counts_the_plain_text(tiny_tokenizer, monkeypatch):
    monkeypatch.setattr(tiny_tokenizer, "chat_template", None)
    assert prompt_length(PROMPTS["plain"]("1+1?"), tiny_tokenizer) == len("Question: 1+1?\nAnswer:")


def test_a_long_prompt_is_dropped_whole_and_named_by_its_row(tiny_tokenizer):
    rows = {"problem": ["1+1?", "1" * 10_000, "1+11?", "22+2?"], "row": [4, 5, 6, 9]}
    prompts = build_prompts(datasets.Dataset.from_dict(rows), "plain")
    kept, dropped = drop_long(prompts, tiny_tokenizer, CHATML + 1)
    assert dropped == [5]
    assert kept["problem"][:] == ["1+1?", "1+11?", "22+2?"]
    kept, dropped = drop_long(prompts.remove_columns("row"), tiny_tokenizer, CHATML)
    assert dropped == [1, 2, 3]
    assert kept["prompt"][0] == PROMPTS["plain"]("1+1?")


def test_nothing_to_drop_changes_nothing(problems, tiny_tokenizer):
    prompts = build_prompts(problems, "plain")
    kept, dropped = drop_long(prompts, tiny_tokenizer, CHATML)
    assert dropped == []
    assert kept is prompts


def test_nothing_left_is_an_error(problems, tiny_tokenizer):
    with pytest.raises(DataError, match=f"the shortest has {CHATML}.*--max_prompt_length"):
        drop_long(build_prompts(problems, "plain"), tiny_tokenizer, CHATML - 1)
    with pytest.raises(ValueError, match="at least 1, met 0"):
        drop_long(build_prompts(problems, "plain"), tiny_tokenizer, 0)


# --- presets and worked examples

PAIRS = [("1+1?", "It is \\boxed{2}."), ("2+2?", "It is \\boxed{4}.")]


def test_the_bank_sizes_are_the_column_heads_of_the_cards():
    assert {name: len(bank) for name, bank in SHOTS.items()} == {
        "gsm8k": 8, "math": 4, "mmlu_stem": 4, "cmath": 6, "gaokao_cloze": 5, "gaokao_qa": 4,
    }  # fmt: skip


@pytest.mark.parametrize("bank", SHOTS)
def test_every_demonstration_ends_in_its_answer(bank):
    shots = SHOTS[bank]
    assert verify([shot.answer for shot in shots], [shot.solution for shot in shots]) == [1.0] * len(shots)
    for shot in shots:
        assert bool(shot.choices) == (bank in ("mmlu_stem", "gaokao_qa"))
    options = [shot.choices for shot in shots]
    if all(options):
        assert grade_choices([s.answer for s in shots], [s.solution for s in shots], options) == [1.0] * len(shots)
        letters = [shot.answer for shot in shots]
        assert len(set(letters)) == len(letters)  # a model that repeats one letter learns it from elsewhere


def test_demonstrations_are_chinese_where_the_benchmark_is():
    for bank, shots in SHOTS.items():
        chinese = [any("\u4e00" <= char <= "\u9fff" for char in shot.problem) for shot in shots]
        assert all(chinese) if bank in ("cmath", "gaokao_cloze", "gaokao_qa") else not any(chinese)


def test_qwen_puts_demonstrations_into_the_users_one_turn():
    asked = "1+1?\nIt is \\boxed{2}.\n\n2+2?\nIt is \\boxed{4}.\n\n3+3?"
    for preset, system in (("qwen-cot", INSTRUCTION), ("qwen-tir", TOOLS)):
        assert PRESETS[preset]("3+3?", PAIRS) == [
            {"role": "system", "content": system},
            {"role": "user", "content": asked},
        ]


def test_chatml_of_the_cards_is_rendered_word_for_word(tiny_tokenizer):
    for preset, system in (("qwen-cot", INSTRUCTION), ("qwen-tir", TOOLS)):
        assert render_prompt(PRESETS[preset]("3+3?", []), tiny_tokenizer) == (
            f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n3+3?<|im_end|>\n<|im_start|>assistant\n"
        )


def test_chat_takes_turns():
    messages = PRESETS["chat"]("3+3?", PAIRS[:1])
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert [message["content"] for message in messages[1:]] == [*PAIRS[0], "3+3?"]


def test_a_base_model_goes_on_with_a_plain_text_even_with_a_template(tiny_tokenizer):
    text = PRESETS["base"]("3+3?", PAIRS[:1])
    assert text == "Question: 1+1?\nAnswer: It is \\boxed{2}.\n\nQuestion: 3+3?\nAnswer:"
    assert render_prompt(text, tiny_tokenizer) == text
    assert text.count(STOP_STRINGS["base"][0]) == 1  # what the model would write next, too


def test_options_stand_below_their_problem_in_its_language():
    rows = {"problem": ["1+1?", "求和"], "choices": [["1", "2"], ["3", "4"]]}
    result = build_preset(datasets.Dataset.from_dict(rows), shots=1, shots_from="gaokao_qa")
    english, chinese = (messages[-1]["content"] for messages in result["prompt"])
    assert english.endswith("\n\n1+1?\nAnswer Choices: (A) 1 (B) 2")
    assert chinese.endswith("\n\n求和\n选项: (A) 3 (B) 4")
    assert chinese.startswith(f"{SHOTS['gaokao_qa'][0].problem}\n选项: (A) $\\{{0\\}}$ (B) ")


def test_what_is_not_there_is_refused():
    rows = datasets.Dataset.from_dict({"problem": ["1+1?"]})
    with pytest.raises(DataError, match="Did you mean 'qwen-cot'"):
        build_preset(rows, "qwen-cott")
    with pytest.raises(DataError, match="between 0 and the 4 demonstrations that there are for math, met 5"):
        build_preset(rows, shots=5)
    with pytest.raises(DataError, match="met 'gsm'"):
        build_preset(rows, shots_from="gsm")
