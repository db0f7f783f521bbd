"""A protocol has what repeating a measurement needs, and changes with it."""

import hashlib
import json
from importlib.metadata import version

import pytest

from data import build_preset
from evaluation.benchmarks import Settings, load_benchmark
from evaluation.protocol import protocol

SETTINGS = Settings(shots=1, samples=2, temperature=0.7)


@pytest.fixture
def measured(tmp_path, tiny_tokenizer):
    path = tmp_path / "mine.jsonl"
    rows = [{"id": "a", "problem": "1+1?", "answer": "2"}, {"id": "b", "problem": "picture?", "answer": "???"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark = load_benchmark(str(path))

    def describe(preset="qwen-cot", **changes):
        prompts = build_preset(benchmark.dataset, preset, shots=1)["prompt"][:]
        given = {"model": "m", "tokenizer": tiny_tokenizer, "prompts": prompts, "benchmark": benchmark}
        return protocol(**{**given, "settings": SETTINGS, "engine": "transformers", **changes})

    return describe


def test_the_first_prompt_is_written_as_the_model_sees_it(measured, tiny_tokenizer):
    prompt = measured()["prompt"]
    assert prompt["first"].startswith("<|im_start|>system\nPlease reason step by step")
    assert prompt["first"].endswith("\n\n1+1?<|im_end|>\n<|im_start|>assistant\n")
    assert prompt["template_sha256"] == hashlib.sha256(tiny_tokenizer.chat_template.encode()).hexdigest()
    assert prompt["system"].startswith("Please reason")
    base = measured("base")["prompt"]
    assert base["first"].endswith("\n\nQuestion: 1+1?\nAnswer:")
    assert (base["templated"], base["system"]) == (False, None)


def test_everything_that_moves_a_score_is_in_it(measured, monkeypatch, tiny_tokenizer):
    monkeypatch.setenv("HF_TOKEN", "hf_thisIsASecret")
    found = measured(revision="abc", adapter="ad", seeds=[1, 2], sampling={"repetition_penalty": 1.0})
    assert found["model"] == {"name": "m", "revision": "abc", "adapter": "ad"}
    assert found["sampling"] == {
        "temperature": 0.7, "top_p": 1.0, "max_new_tokens": 2048, "samples": 2, "tools": False, "seeds": [1, 2],
        "repetition_penalty": 1.0,
    }  # fmt: skip
    assert found["engine"]["torch"] == version("torch")
    assert found["scoring"]["math-verify"] == version("math-verify")
    assert found["scoring"]["metric"] == "avg@2"
    assert (found["dataset"]["problems"], found["dataset"]["ungradable"]) == (1, ["b"])
    assert len(found["dataset"]["fingerprint"]) == 64
    assert "hf_thisIsASecret" not in json.dumps(found)
    monkeypatch.setattr(tiny_tokenizer, "chat_template", tiny_tokenizer.chat_template + " ")
    assert measured()["prompt"]["template_sha256"] != found["prompt"]["template_sha256"]


def test_an_unknown_engine_and_no_prompt_are_refused(measured):
    with pytest.raises(ValueError, match="one of transformers, vllm, met 'vlm'"):
        measured(engine="vlm")
    with pytest.raises(ValueError, match="found none"):
        measured(prompts=[])
