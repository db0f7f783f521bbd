"""Claims about the shipped model.

Bounds are what a run needs of its starting point; the values measured (see `embedded/README.md`) are two to three
standard errors or more inside of them, so that another version of torch, which samples otherwise, passes as well.
"""

import logging
import warnings

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from data.arithmetic import FAMILIES, problems
from data.knowledge import with_hints
from data.prompts import STEP_BY_STEP
from embedded import MODEL
from embedded.calibration import accuracy, by_length, load, mean_tokens, sample, share

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model():
    return load(MODEL)


@pytest.fixture(scope="module")
def greedy(model):
    return sample(*model, problems(400, split="held_out", seed=0))


@pytest.fixture(scope="module")
def sampled(model):
    torch.manual_seed(0)
    return sample(*model, problems(200, split="held_out", seed=0), n=16)


def test_it_is_small_and_loads_offline_without_a_warning(caplog):
    assert sum(file.stat().st_size for file in MODEL.iterdir()) < 1_000_000
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        model = AutoModelForCausalLM.from_pretrained(MODEL, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(MODEL, local_files_only=True)
    assert caplog.records == []
    assert model.dtype == torch.float32
    assert model.num_parameters() < 200_000
    assert len(tokenizer) == model.config.vocab_size


def test_its_weights_are_the_same_in_bfloat16(model):
    for parameter in model[0].parameters():
        assert torch.equal(parameter, parameter.bfloat16().float())


def test_it_stops_by_itself_and_pads_with_another_token(model):
    language_model, tokenizer = model
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == "<|endoftext|>"
    assert language_model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert language_model.generation_config.pad_token_id == tokenizer.pad_token_id


def test_every_text_survives_the_tokenizer_and_digits_stand_alone(model):
    text = "Ünïcode 東京 12+345=357. \\boxed{357}\n"
    ids = model[1](text, add_special_tokens=False)["input_ids"]
    assert model[1].decode(ids) == text
    assert [model[1].decode([i]) for i in model[1]("345", add_special_tokens=False)["input_ids"]] == ["3", "4", "5"]


def test_greedy_decoding_solves_a_third_to_a_half(greedy):
    assert 0.30 < accuracy(greedy).mean < 0.60


def test_sampling_solves_a_third_to_a_half(sampled):
    assert 0.30 < accuracy(sampled).mean < 0.50


def test_most_problems_are_sometimes_solved_and_some_always_and_some_never(sampled):
    assert share(sampled, range(2, 6)) >= 0.6
    assert share(sampled, [0]) >= 0.02
    assert share(sampled, [8]) >= 0.02


def test_brevity_costs_no_accuracy(sampled):
    short, middle, long = by_length(sampled)
    assert abs(short.mean - long.mean) < 0.1  # each third has a standard error of .02
    assert abs(middle.mean - (short.mean + long.mean) / 2) < 0.1


def test_lengths_leave_room_on_both_sides_of_greedy_decoding(greedy, sampled):
    lengths = sorted(tokens for result in sampled for tokens in result.tokens)
    tenth, ninetieth = lengths[len(lengths) // 10], lengths[len(lengths) * 9 // 10]
    assert tenth + 8 < mean_tokens(greedy) < ninetieth - 8
    assert lengths[-1] < 128


def test_level_4_is_practically_never_solved_without_a_hint_and_mostly_with_one(model):
    rows = problems(60, split="held_out", seed=0, levels=[4])
    torch.manual_seed(0)
    assert accuracy(sample(*model, rows, n=4)).mean < 0.03  # 240 samples; measured 0.3 %
    hinted = [{**row, "problem": with_hints(row["problem"], [FAMILIES[row["family"]].hint])} for row in rows]
    assert accuracy(sample(*model, hinted)).mean > 0.5


def test_a_system_turn_does_not_change_what_it_can_do(model, greedy):
    rows = problems(200, split="held_out", seed=0)
    with_system = sample(*model, rows, turns=[{"role": "system", "content": STEP_BY_STEP}])
    assert accuracy(with_system).mean == pytest.approx(accuracy(greedy).mean, abs=0.12)
