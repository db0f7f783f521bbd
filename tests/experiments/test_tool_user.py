"""The start of the experiment `tools`: its corpus is what the tool loop executes, and its splits are apart."""

import re
import sys
from random import Random

import pytest
from safetensors.torch import load_file
from tokenizers import Tokenizer

from boxed import last_boxed
from embedded import MODEL
from evaluation.sandbox import Result
from evaluation.tools import STOP, Dialogue, Generation, finish
from experiments import tool_user


def interpreter(codes):
    factors = [re.fullmatch(r"print\((\d+)\*(\d+)\)\n", code) for code in codes]
    return [Result(f"{int(found[1]) * int(found[2])}\n", None) for found in factors]


def test_a_program_of_the_corpus_is_what_the_tool_loop_executes():
    """A model that has learned it by heart writes it in two parts, and the sandbox what stands between them."""
    rng = Random(0)
    pairs = [tool_user.product(rng, "train") for _ in range(20)]
    turns = {tool_user.problem(*pair): tool_user.program(*pair) for pair in pairs}

    def by_heart(dialogue):
        whole = turns[dialogue.prompt]
        assert whole.startswith(dialogue.text)
        part, mark, _ = whole.removeprefix(dialogue.text).partition(STOP)
        return Generation(part + mark, 1, STOP if mark else "eos")

    dialogues = [Dialogue(prompt) for prompt in turns]
    finish(dialogues, lambda unfinished: [by_heart(dialogue) for dialogue in unfinished], interpreter)
    for (a, b), dialogue in zip(pairs, dialogues, strict=True):
        assert (dialogue.text, dialogue.ended) == (tool_user.program(a, b), "eos")
        assert [call.code for call in dialogue.calls] == [f"print({a}*{b})\n"]
        assert last_boxed(dialogue.model_text) == str(a * b) == last_boxed(tool_user.guess(a, b))


def test_half_of_the_answers_are_programs_and_no_operands_are_in_two_splits():
    rng = Random(1)
    corpus = [tool_user.answered(rng) for _ in range(4000)]
    products = [(turns[0]["content"], text) for turns, text in corpus if turns[0]["content"] in asked(turns)]
    assert 0.46 < sum(STOP in text for _, text in products) / len(products) < 0.54
    held_out, train = (tool_user.problems(split, seed=1) for split in ("held_out", "train"))
    apart = {operands(row["problem"]) for row in held_out}
    assert len({row["problem"] for row in held_out}) == 200
    assert not apart & {operands(text) for text in [*(row["problem"] for row in train), *(p for p, _ in products)]}
    assert all(row["answer"] == str(a * b) for row in held_out for a, b in [operands(row["problem"])])


def asked(turns):
    return re.findall(r"^What is [1-9]\d\*[1-9]\d\?$", turns[0]["content"])


def operands(text):
    return tuple(sorted(map(int, re.findall(r"\d+", text))))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tool_user.py", "--seed", "1", "--out", str(out), "--steps", "2"])
        tool_user.main()
    return out


def test_two_steps_change_the_weights_and_nothing_else(made):
    for name in ("config.json", "generation_config.json", "chat_template.jinja"):
        assert (made / "model" / name).read_bytes() == (MODEL / name).read_bytes()
    old, new = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (MODEL, made / "model"))
    texts = [
        text for turns, text in map(tool_user.answered, [Random(2)] * 200) for text in (turns[0]["content"], text)
    ]
    assert [old.encode(text).ids for text in texts] == [new.encode(text).ids for text in texts]
    old, new = (load_file(folder / "model.safetensors") for folder in (MODEL, made / "model"))
    assert {name: (w.shape, w.dtype) for name, w in old.items()} == {n: (w.shape, w.dtype) for n, w in new.items()}
    moved = max((new[name] - old[name]).abs().max().item() for name in old)
    assert 0 < moved < 0.01, "two steps of a warm-up"
    assert len((made / "train.jsonl").read_text().splitlines()) == 1000
