"""Presets put problems as the seeds' cards do; demonstrations are right, and stand where each preset wants them."""

import datasets
import pytest

from data import PRESETS, SHOTS, STOP_STRINGS, DataError, build_preset, render_prompt
from evaluation.choices import grade_choices
from rewards import verify

BOX = "Please reason step by step, and put your final answer within \\boxed{}."
TOOLS = (
    "Please integrate natural language reasoning with programs to solve the problem above, "
    "and put your final answer within \\boxed{}."
)
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
    for preset, system in (("qwen-cot", BOX), ("qwen-tir", TOOLS)):
        assert PRESETS[preset]("3+3?", PAIRS) == [
            {"role": "system", "content": system},
            {"role": "user", "content": asked},
        ]


def test_chatml_of_the_cards_is_rendered_word_for_word(tiny_tokenizer):
    for preset, system in (("qwen-cot", BOX), ("qwen-tir", TOOLS)):
        assert render_prompt(PRESETS[preset]("3+3?", []), tiny_tokenizer) == (
            f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n3+3?<|im_end|>\n<|im_start|>assistant\n"
        )


def test_knowrl_asks_after_the_problem():
    assert PRESETS["knowrl"]("3+3?", []) == [{"role": "user", "content": f"3+3?\n\n{BOX}"}]


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
