import datasets
import pytest

from data import PROMPTS, DataError, as_text, build_prompts, drop_long, prompt_length

INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."


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
