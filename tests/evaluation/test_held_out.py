"""Greedy measurement on a real tiny model, and scoring by the reward of training."""

import pytest
import torch
from datasets import Dataset

from evaluation import held_out
from evaluation.engines import Completion, Request, Sampling, TransformersEngine
from evaluation.held_out import compare, measure
from evaluation.sandbox import Result


def complete(model, tokenizer, prompts, *, max_new_tokens, batch_size=64, **progress):
    engine = TransformersEngine(model, tokenizer, batch_size)
    return engine.complete([Request(prompt) for prompt in prompts], Sampling(max_new_tokens), **progress)


PROMPTS = ["a", "a longer prompt", "b", "the longest prompt of them all", "c"]


def by_hand(model, tokenizer, prompt, limit):
    """Greedy decoding, one token and one whole forward pass at a time, without padding or cache."""
    ends = {*model.generation_config.eos_token_id, tokenizer.eos_token_id}
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    new = []
    while len(new) < limit:
        logits = model(torch.tensor([ids + new]), use_cache=False).logits[0, -1]
        new.append(int(logits.argmax()))
        if new[-1] in ends:
            break
    return Completion(tokenizer.decode(new, skip_special_tokens=True), len(new), new[-1] not in ends)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_batches_decode_what_single_prompts_decode_by_hand(batch_size, tiny_model, tiny_tokenizer):
    tiny_model.eval()
    expected = [by_hand(tiny_model, tiny_tokenizer, prompt, 12) for prompt in PROMPTS]
    assert len({completion.length for completion in expected}) > 1
    found = complete(tiny_model, tiny_tokenizer, PROMPTS, max_new_tokens=12, batch_size=batch_size)
    assert found == expected


def test_the_checkpoints_own_generation_settings_do_not_leak_in(tiny_model, tiny_tokenizer):
    plain = complete(tiny_model, tiny_tokenizer, PROMPTS, max_new_tokens=12)
    tiny_model.generation_config.update(repetition_penalty=3.0, do_sample=True, temperature=5.0, top_k=3)
    assert complete(tiny_model, tiny_tokenizer, PROMPTS, max_new_tokens=12) == plain


def test_a_model_without_a_chat_template_gets_the_special_tokens_it_was_trained_with(tiny_model):
    """TRL tokenizes plain prompts with the tokenizer's own first token; a template has written it already."""
    from tokenizers.processors import TemplateProcessing

    from tests import tiny

    problems = Dataset.from_dict({"problem": PROMPTS, "answer": list("12345")})
    texts = {}
    for template in (None, tiny.CHATML):
        tokenizer = tiny.tokenizer()
        tokenizer.chat_template = template
        first = ("<|endoftext|>", tokenizer.convert_tokens_to_ids("<|endoftext|>"))
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{first[0]} $A", special_tokens=[first]
        )
        texts[template] = measure(tiny_model, tokenizer, problems, PROMPTS, max_new_tokens=6).texts
        wanted = [f"<|endoftext|>{p}" if template is None else p for p in PROMPTS]
        tokenizer.chat_template = tiny.CHATML  # from here on nothing is added
        assert texts[template] == [c.text for c in complete(tiny_model, tokenizer, wanted, max_new_tokens=6)]
    assert texts[None] != texts[tiny.CHATML]


def test_training_mode_and_random_state_are_left_as_they_were(tiny_model, tiny_tokenizer):
    tiny_model.train()
    state = torch.get_rng_state()
    complete(tiny_model, tiny_tokenizer, PROMPTS, max_new_tokens=4)
    assert tiny_model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_progress_counts_every_prompt(tiny_model, tiny_tokenizer):
    done = []
    complete(tiny_model, tiny_tokenizer, PROMPTS, max_new_tokens=2, batch_size=2, progress=done.append)
    assert done == [2, 2, 1]


def test_the_embedded_model_is_scored_problem_by_problem():
    """Every verdict equals a plain comparison of the last box; the answers are integers."""
    import re

    from transformers import AutoModelForCausalLM, AutoTokenizer

    import embedded
    from data import build_prompts, load_problems, render_prompt

    model = AutoModelForCausalLM.from_pretrained(embedded.MODEL)
    tokenizer = AutoTokenizer.from_pretrained(embedded.MODEL)
    problems = load_problems("arithmetic", split="held_out").dataset.select(range(40))
    prompts = [render_prompt(p, tokenizer) for p in build_prompts(problems, "plain")["prompt"]]
    result = measure(model, tokenizer, problems, prompts, max_new_tokens=160)
    boxes = [re.findall(r"\\boxed\{(\d+)\}", text) for text in result.texts]
    by_eye = [float(bool(box) and box[-1] == gold) for box, gold in zip(boxes, problems["answer"], strict=True)]
    assert result.correct == by_eye
    assert 0 < sum(result.correct) < 40
    assert result.summary()["mean_length"] == sum(result.lengths) / 40
    nothing = compare(result, result)
    assert (nothing["accuracy"].mean, nothing["length"].mean) == (0, 0)


def test_processes_share_the_problems_in_equal_parts(tiny_model, tiny_tokenizer):
    """As sharded weights need it, so one problem is solved twice; here one after the other, without gathering."""
    problems = Dataset.from_dict({"problem": PROMPTS, "answer": list("12345")})
    settings = {"max_new_tokens": 6}
    whole = measure(tiny_model, tiny_tokenizer, problems, PROMPTS, **settings)
    halves = [measure(tiny_model, tiny_tokenizer, problems, PROMPTS, share=(rank, 2), **settings) for rank in (0, 1)]
    for half, places in zip(halves, ([0, 2, 4], [0, 1, 3]), strict=True):
        assert half.texts == [whole.texts[place] for place in places]


class Interpreter:
    """A sandbox that prints 42 whatever is run."""

    def map(self, codes):
        return [Result("42\n", None) for _ in codes]


class Scripted:
    """An engine for prompts that are what the model writes, but for its second turn."""

    repeatable, batch_size = "yes", 2

    def __init__(self, _, tokenizer, __):
        self.tokenizer = tokenizer

    def complete(self, requests, sampling, progress=lambda done: None):
        assert len(requests) <= self.batch_size or not sampling.stop
        progress(len(requests))
        turns = ["\\boxed{42}" if "```output\n" in r.prompt else r.prompt for r in requests]
        return [Completion(text, 3, truncated=False) for text in turns]


PROGRAM = "```python\nprint(6*7)\n```\n```output"
WRITTEN = [PROGRAM, "\\boxed{41}", PROGRAM, "\\boxed{42}", PROGRAM]


def test_what_may_run_python_in_training_may_run_it_when_measured(tiny_tokenizer, monkeypatch):
    monkeypatch.setattr(held_out, "TransformersEngine", Scripted)
    problems, done = Dataset.from_dict({"answer": ["42", "42", "42", "42", "7"]}), []
    tools = {"sandbox": Interpreter(), "batch_size": 2, "progress": done.append}
    found = measure(None, tiny_tokenizer, problems, WRITTEN, max_new_tokens=400, **tools)
    assert found.correct == [1, 0, 1, 1, 0], "the answer is the box of the second turn"
    assert found.texts[0] == f"{PROGRAM}\n42\n```\n\\boxed{{42}}"
    assert [row["programs"] for row in found.rows()] == [1, 0, 1, 0, 1]
    assert found.summary()["with_code"] == 0.6
    assert sum(done) == 5
    without = measure(None, tiny_tokenizer, problems, WRITTEN, max_new_tokens=400)
    assert without.correct == [0, 0, 0, 1, 0]
    assert "with_code" not in without.summary()
