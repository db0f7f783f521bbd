"""4-bit weights on a CPU: what measuring must not change, also on a CPU whose instructions this machine lacks."""

import bitsandbytes
import pytest
import torch
from transformers import AutoTokenizer

import commands.train
import embedded
from commands.arguments import parse
from commands.training.problems import prepare
from commands.training.run import choose_folder
from commands.training.trainer import built_or_refused

FOUR_BITS = [
    "--method", "grpo", "--use_peft", "--load_in_4bit", "--eval_problems", "4", "--max_problems", "16",
    "--max_completion_length", "8", "--per_device_train_batch_size", "16", "--disable_tqdm", "true",
]  # fmt: skip


def gradients(model):
    """Of the loss of one text, by name."""
    inputs = AutoTokenizer.from_pretrained(embedded.MODEL)("Compute 3+4.", return_tensors="pt")
    model.train()
    model.zero_grad()
    model(**inputs, labels=inputs["input_ids"]).loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.fixture
def everywhere(monkeypatch):
    """bitsandbytes believes that the CPU has avx512_bf16; only packing weights for inference depends on that here."""
    monkeypatch.setattr(bitsandbytes.nn.modules, "has_avx512bf16", lambda: True)


def test_measuring_leaves_the_gradient_of_4_bit_layers(everywhere, tmp_path):
    """An inference layout would stop the gradient at every layer, so the lower adapters would no longer learn."""
    settings = parse([*FOUR_BITS, "--output_dir", str(tmp_path / "run")])
    task = prepare(settings)
    trainer = built_or_refused(settings, task, choose_folder(settings))
    model = trainer.model
    with torch.no_grad():  # B of a new adapter is 0, and then A has no gradient
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.normal_(std=0.1)
    before = gradients(model)
    commands.train._measure(settings, trainer, task, "before")
    after = gradients(model)
    assert len(before) == 42  # A and B of seven linear layers in three blocks
    assert before.keys() == after.keys()
    assert all(before[name].abs().max() > 0 and torch.equal(before[name], after[name]) for name in before)
