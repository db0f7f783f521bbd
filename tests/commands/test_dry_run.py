"""`train --dry-run`: what it says, that nothing is left, and the memory estimate against sums done by hand."""

import re
from dataclasses import replace

import pytest
import torch
from peft import LoraConfig
from transformers import AutoConfig, AutoModelForCausalLM, Qwen2Config

import cli
import embedded
from commands.arguments import parse
from commands.training.memory import Shape, Work, estimate, size
from commands.training.memory_lines import shape_of, work_of

QWEN = Qwen2Config(  # Qwen2.5-1.5B
    vocab_size=151936,
    hidden_size=1536,
    intermediate_size=8960,
    num_hidden_layers=28,
    num_attention_heads=12,
    num_key_value_heads=2,
    tie_word_embeddings=True,
)
# Per layer: q and o 1536² each, k and v 1536·256 each, their biases 1536 + 2·256, gate, up and down 1536·8960 each,
# norms 2·1536; then one embedding 151936·1536 and the last norm 1536. Sum 1,543,714,304.
PARAMETERS = 1_543_714_304
SHAPE = Shape(PARAMETERS, PARAMETERS, 1536, 8960, 28, 256, 151936)
WORK = Work(4, 4, 8, 2, rows=8, sampled=32, tokens=2560, completion=2048, checkpointing=True)


def test_weights_are_counted_without_memory_for_them():
    assert shape_of(QWEN) == SHAPE


def test_full_training_of_a_1_5b_model():
    memory = estimate(SHAPE, WORK)
    assert memory.weights == 4 * PARAMETERS  # float32: 6.2 GB
    assert memory.gradients == 4 * PARAMETERS
    assert memory.optimizer == 8 * PARAMETERS  # AdamW's two states: 12.3 GB
    assert memory.cast == 2 * PARAMETERS  # bfloat16 under autocast
    assert memory.cache == 2 * 28 * 256 * 2 * 32 * 2560  # keys and values, layers, width, bytes, rows, tokens: 2.3 GB
    assert memory.head == 4096 * 32768 * 2 + 4 * 151936 * 1536  # a tile of logits, the head's gradient
    tokens = 8 * 2560
    inputs = 28 * tokens * 1536 * 4  # what checkpointing keeps of each layer, in float32: 3.5 GB
    one_layer = tokens * ((8 * 1536 + 2 * 256 + 4 * 8960) * 2 + 14 * 1536)  # again for one layer at a time: 2.4 GB
    assert memory.activations == inputs + one_layer
    assert memory.peak == 12 * PARAMETERS + 6 * PARAMETERS + memory.activations + memory.head


def test_without_checkpointing_every_layer_is_kept():
    kept = estimate(SHAPE, replace(WORK, checkpointing=False)).activations
    assert kept == 28 * 8 * 2560 * (
        (8 * 1536 + 2 * 256 + 4 * 8960) * 2 + 14 * 1536
    )  # 68 GB: why there is checkpointing


@pytest.mark.parametrize(("half", "autocast"), [(False, False), (False, True), (True, False)])
def test_activations_are_what_autograd_keeps(half, autocast):
    """Of a layer of a small Qwen2: the difference between 4 layers and 2, without weights and their casts."""

    def kept(layers):
        config = Qwen2Config(
            vocab_size=64,
            hidden_size=256,
            intermediate_size=1024,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=1,
        )
        model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").train()
        model = model.to(torch.bfloat16) if half else model
        weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
        seen = {}

        def pack(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                seen[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, or its place would be given away
            return tensor

        ids = torch.ones(2, 256, dtype=torch.long)
        with (
            torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
            torch.autocast("cpu", torch.bfloat16, enabled=autocast),
        ):
            model.model(input_ids=ids, attention_mask=torch.ones_like(ids))
        return sum(size for size, _ in seen.values())

    casts = 2 * (2 * 256 * 256 + 2 * 256 * 64 + 3 * 256 * 1024) if autocast else 0  # the matrices of a layer
    weight, compute = 2 if half else 4, 2 if half or autocast else 4
    work = Work(weight, weight, 8, compute, rows=2, sampled=0, tokens=256, completion=0, checkpointing=False)
    shape = Shape(10, 10, 256, 1024, layers=1, keys=64, vocabulary=64)
    assert (kept(4) - kept(2)) / 2 - casts == pytest.approx(estimate(shape, work).activations, rel=0.02)


def test_an_adapter_alone_has_gradients_and_states():
    """Rank 16 on q and v: 28 · 16 · (1536 + 1536 + 1536 + 256) weights."""
    shape = shape_of(QWEN, LoraConfig(r=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    adapter = 28 * 16 * (1536 + 1536 + 1536 + 256)
    assert shape.trained == adapter
    assert shape.weights == PARAMETERS + adapter
    memory = estimate(shape, WORK)
    assert (memory.gradients, memory.optimizer) == (4 * adapter, 8 * adapter)
    assert memory.head == 4096 * 32768 * 2  # the head itself is frozen


def test_the_larger_of_training_and_sampling_counts():
    work = Work(2, 2, 4, 2, rows=1, sampled=512, tokens=4096, completion=3072, checkpointing=True)
    memory = estimate(SHAPE, work)
    assert memory.cache > memory.gradients + memory.activations + memory.head
    assert memory.peak == memory.weights + memory.optimizer + memory.cache


def test_the_embedded_model_weighs_what_torch_says():
    model = AutoModelForCausalLM.from_pretrained(embedded.MODEL)
    bytes_of = sum(p.numel() * p.element_size() for p in model.parameters())
    shape = shape_of(AutoConfig.from_pretrained(embedded.MODEL))
    assert estimate(shape, work_of(parse(["--method", "grpo"]), 64)).weights == bytes_of


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], {"weight_bytes": 4, "state_bytes": 8, "reference": False}),
        (["--optim", "adamw_8bit"], {"state_bytes": 2}),
        (["--dtype", "bfloat16"], {"weight_bytes": 2, "state_bytes": 4, "compute_bytes": 2}),
        (["--beta", "0.1"], {"reference": True}),
        (["--beta", "0.1", "--use_peft"], {"reference": False}),
        (["--use_peft", "--dtype", "bfloat16"], {"weight_bytes": 4, "frozen_bytes": 2, "packed_bytes": None}),
        (["--use_peft", "--load_in_8bit"], {"weight_bytes": 2, "frozen_bytes": 4, "packed_bytes": 1}),
        (
            ["--use_peft", "--load_in_4bit", "--dtype", "bfloat16"],
            {"weight_bytes": 2, "frozen_bytes": 2, "packed_bytes": 0.5625},
        ),
        (["--max_completion_length", "100"], {"tokens": 164, "completion": 100}),
        (["--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "4"], {"rows": 4, "sampled": 16}),
    ],
)
def test_what_the_settings_say_of_memory(flags, expected):
    work = work_of(parse(["--method", "grpo", "--model_name_or_path", "some/model", *flags]), 64)
    assert {name: getattr(work, name) for name in expected} == expected


def test_a_dry_run_makes_a_step_and_leaves_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    monkeypatch.chdir(tmp_path)
    small = ["--per_device_train_batch_size", "16", "--max_completion_length", "64", "--max_steps", "6"]
    out = ["--output_dir", str(tmp_path / "mine"), "--save_steps", "1", "--save_strategy", "steps"]
    assert cli.main(["train", "--method", "lpro", "--dry-run", *small, *out, "--eval_problems", "4"]) == 0
    told = capsys.readouterr().out
    assert not list(tmp_path.iterdir()), "a folder was left behind"
    assert "6 steps = 3 generations" in told
    assert re.search(r"^memory +weights 0\.8 MB \+ optimizer 1\.5 MB", told, re.MULTILINE)  # 190,784 · 4 and · 8 bytes
    assert "a completion ends at <|im_end|> (2)" in told
    assert re.search(r"^samples +[1-4] of 4 completions", told, re.MULTILINE)
    assert "one generation took" in told
    assert "3 generations and 6 steps: about" in told


def test_a_dry_run_refuses_what_a_run_would_be_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    (tmp_path / "run.json").write_text('{"status": "finished"}')
    assert cli.main(["train", "--method", "grpo", "--dry-run", "--output_dir", str(tmp_path)]) == 2
    assert "holds the results of a finished run" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_sizes_have_a_unit():
    assert [size(n) for n in (760_000, 3.1e9, 123e9)] == ["0.8 MB", "3.1 GB", "123 GB"]
