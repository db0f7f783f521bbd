"""Self-certainty read off the hidden states is the definition; whatever the head, and at no gradient."""

import math

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import (
    Cohere2Config,
    Cohere2ForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from trl.trainer.utils import add_fused_lm_head

from trainers.certainty import Head, PolicyReader, logit_scale
from trainers.padding_free import own_tokens, padded, trl_passes_first

SIZES = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "initializer_range": 0.3,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
COMPLETION = 7


def kl_from_uniform(logits):
    """The definition, Σ_v (1/V) log((1/V) / p_v), in float64."""
    p = logits.double().softmax(-1)
    v = p.size(-1)
    return ((1 / v) * (math.log(1 / v) - p.log())).sum(-1)


def model_of(kind, dtype=torch.float32):
    torch.manual_seed(3)
    if kind == "gemma":  # capped logits
        model = Gemma2ForCausalLM(Gemma2Config(**SIZES, head_dim=16, final_logit_softcapping=2.0))
    elif kind == "cohere":  # scaled logits
        model = Cohere2ForCausalLM(Cohere2Config(**SIZES, logit_scale=0.25))
    else:
        model = Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=kind != "untied"))
    if kind == "bias":
        model.lm_head.bias = nn.Parameter(torch.randn(SIZES["vocab_size"]))
    return model.to(dtype).eval()


def read(model, temperature=0.9, sampling=0.9, after=False, chunks=2):
    """What a reader makes of TRL's fused passes over a ragged batch, and the ids and mask."""
    torch.manual_seed(5)
    prompts = [[5, 6, 7], [8], [9, 10], [11, 12, 13, 14]]
    completions = [torch.randint(3, 300, (n,)).tolist() for n in (7, 3, 5, 1)]
    ids, attention, width = padded(prompts, completions, 0, torch.device("cpu"))
    mask = own_tokens([[1] * len(c) for c in completions], width, torch.device("cpu"))
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    add_fused_lm_head(base, temperature=sampling, outputs=("log_probs", "entropy"))
    reader = PolicyReader(model, ids, mask, temperature=temperature, sampling_temperature=sampling, after=after)
    outputs = []
    with torch.no_grad(), reader.reading():
        for rows in torch.arange(len(ids)).chunk(chunks):
            labels = ids[rows].masked_fill(attention[rows] == 0, -100)
            labels[:, :-width] = -100
            outputs.append(
                model(input_ids=ids[rows], attention_mask=attention[rows], labels=labels, fused_lm_head=True)
            )
    tokens = reader.tokens(*(torch.cat([o[name][:, -width:] for o in outputs]) for name in ("log_probs", "entropy")))
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=attention).logits
    return tokens, logits, width, reader


def rounding(logits):
    """What a sum of products of this size may be off by in float32, some dozens of them one after the other."""
    return 32 * torch.finfo(torch.float32).eps * logits.abs().max().item()


@pytest.mark.parametrize("kind", ["tied", "untied", "bias", "cohere", "gemma"])
@pytest.mark.parametrize("temperature", [0.9, 1.0])
def test_what_is_read_is_the_definition(kind, temperature):
    """At the sampling temperature by dot products, else or with capped logits by chunks of logits."""
    tokens, logits, width, reader = read(model_of(kind), temperature)
    assert reader.fused == (kind != "gemma" and temperature == 0.9)
    expected = kl_from_uniform(logits[:, -width - 1 : -1].double() / temperature)
    assert tokens.certainty[tokens.mask].double() == pytest.approx(expected[tokens.mask], abs=rounding(logits))
    assert not tokens.certainty[~tokens.mask].any()
    assert tokens.certainty[tokens.mask].min() > 0
    probs = (logits[:, -width - 1 : -1].double() / 0.9).softmax(-1)
    assert tokens.entropy[tokens.mask].double() == pytest.approx(
        -(probs * probs.log()).sum(-1)[tokens.mask], abs=rounding(logits)
    )


@pytest.mark.parametrize("kind", ["tied", "untied"])
def test_an_adapter_changes_what_is_read(kind):
    model = get_peft_model(model_of(kind), LoraConfig(r=4, target_modules=["q_proj", "up_proj"]))
    before = read(model)[0].certainty
    for name, p in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(p, std=0.5)
    tokens, logits, width, _ = read(model)
    expected = kl_from_uniform(logits[:, -width - 1 : -1].double() / 0.9)
    assert tokens.certainty[tokens.mask].double() == pytest.approx(expected[tokens.mask], abs=rounding(logits))
    assert (tokens.certainty - before).abs().max() > 0.1


def test_in_bfloat16_the_error_is_two_thousandths_and_not_three_hundredths():
    """Because the target's logit is rounded as the head rounds it; else log p and it would not belong together."""
    model = model_of("untied", torch.bfloat16)
    tokens, logits, width, _ = read(model)
    expected = kl_from_uniform(logits[:, -width - 1 : -1].double() / 0.9)[tokens.mask]
    error = (tokens.certainty[tokens.mask].double() - expected).abs()
    assert error.mean() < 2e-3
    head = Head(model.lm_head.weight.float(), None, 1.0, None, torch.float32)
    exact = Head(model.lm_head.weight, None, 1.0, None, torch.bfloat16)
    hidden, targets = 4 * torch.randn(200, 32).bfloat16(), torch.randint(0, 300, (200,))
    rounding = head.spread(hidden, targets, head.means()) - exact.spread(hidden, targets, exact.means())
    assert rounding.abs().mean() > 3e-3, "rounding is not there to be followed"


def test_after_is_the_distribution_behind_the_last_token():
    tokens, logits, width, _ = read(model_of("tied"), temperature=1.0, sampling=1.0, after=True)
    places = logits.size(1) - width + tokens.mask.sum(1) - 1
    expected = kl_from_uniform(logits[torch.arange(4), places].double())
    assert tokens.after.double() == pytest.approx(expected, abs=rounding(logits))


def test_the_number_of_passes_changes_nothing():
    one, four = read(model_of("tied"), chunks=1)[0], read(model_of("tied"), chunks=4)[0]
    assert torch.allclose(one.certainty, four.certainty, atol=1e-6)


def test_uniform_logits_have_no_certainty_and_a_shift_changes_none():
    hidden = torch.randn(5, 8)
    flat = Head(torch.zeros(50, 8), None, 1.0, None, torch.float32)
    assert flat.certainty(hidden, 1.0).abs().max() < 1e-6
    weight = torch.randn(50, 8)
    plain = Head(weight, None, 1.0, None, torch.float32)
    shifted = Head(weight, torch.full((50,), 3.0), 1.0, None, torch.float32)
    assert plain.certainty(hidden, 1.0) == pytest.approx(shifted.certainty(hidden, 1.0), abs=1e-5)
    targets = torch.randint(0, 50, (5,))
    assert plain.spread(hidden, targets, plain.means()) == pytest.approx(
        shifted.spread(hidden, targets, shifted.means()), abs=1e-5
    )


def test_nothing_that_is_read_has_a_gradient():
    model = model_of("tied").train()
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    ids = torch.randint(3, 300, (2, 9))
    reader = PolicyReader(model, ids, torch.ones(2, 4, dtype=torch.bool), temperature=1.0, sampling_temperature=1.0)
    with reader.reading():  # with gradients enabled around it
        output = model(input_ids=ids, labels=ids, fused_lm_head=True)
    tokens = reader.tokens(output.log_probs[:, -4:].detach(), output.entropy[:, -4:].detach())
    assert output.log_probs.requires_grad
    assert not tokens.certainty.requires_grad


def test_the_hook_goes_with_the_pass():
    model = model_of("tied")
    read(model)
    assert not model.base_model._forward_hooks


def test_the_scale_of_logits_is_found_under_every_name():
    class Config:
        model_type = "x"

        def __init__(self, **values):
            self.__dict__.update(values)

    assert logit_scale(Config()) == 1.0
    assert logit_scale(Config(logit_scale=0.25)) == 0.25
    assert logit_scale(Config(logit_scale=None, lm_head_multiplier=0.5)) == 0.5
    assert logit_scale(Config(logits_scaling=8.0)) == 0.125
    hyperclovax = Config(logits_scaling=8.0)
    hyperclovax.model_type = "hyperclovax"
    assert logit_scale(hyperclovax) == 8.0


@pytest.mark.parametrize(
    ("accumulation", "per_generation", "iterations", "vllm", "masked", "first"),
    [
        (1, 1, 1, False, False, False),
        (1, 1, 2, False, False, True),
        (4, 4, 1, False, False, False),
        (2, 4, 1, False, False, True),
        (1, 1, 1, True, False, True),
        (1, 1, 2, False, True, False),
    ],
)
def test_whether_trl_passes_first(accumulation, per_generation, iterations, vllm, masked, first):
    class Args:
        gradient_accumulation_steps, steps_per_generation, num_iterations = accumulation, per_generation, iterations
        use_vllm, vllm_importance_sampling_correction, mask_truncated_completions = vllm, True, masked

    assert trl_passes_first(Args) == first
