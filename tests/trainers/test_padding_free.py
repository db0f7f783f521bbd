"""Passes without padding, sorted micro-batches, dropped rows, shared passes: TRL's gradient, in fewer tokens."""

import pytest
import torch
from accelerate import Accelerator
from peft import LoraConfig
from transformers import Gemma3TextConfig, GPT2Config, Qwen2Config
from trl import GRPOConfig, GRPOTrainer

from tests.trainers.runs import UNEVEN, apart, build, gradients
from trainers import METHODS, GRPOMethodConfig, GRPOMethodTrainer
from trainers.padding_free import (
    bucket_by_length,
    cheapest_split,
    layout_is_free,
    padding_free_batches,
    restored,
    token_counts,
)

LOSS_TYPES = ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]


def half_flat(completion_ids, **_):
    """Every second group's rewards are equal."""
    return [0.0 if i // 4 % 2 else float(sum(ids) % 5) for i, ids in enumerate(completion_ids)]


OPTIONS = {
    "entropy_bonus": {"entropy_coef": 0.05},
    "entropy_quantile": {"top_entropy_quantile": 0.5},
    "sequence_ratios": {"importance_sampling_level": "sequence"},
    "off_policy_mask": {"off_policy_mask_threshold": 0.01},
    "masked_truncation": {"mask_truncated_completions": True, "max_completion_length": 6},
    "idle_rows": {"reward_funcs": half_flat},
    "idle_rows_of_means": {"reward_funcs": half_flat, "loss_type": "grpo"},
    "idle_rows_with_kl": {"reward_funcs": half_flat, "beta": 0.1},
    "several_steps_per_generation": {"steps_per_generation": 8, "num_iterations": 1},
    "windows_across_generations": {"steps_per_generation": 2, "num_iterations": 3},
    "windows_out_of_step": {"steps_per_generation": 6, "num_iterations": 1},
    "multiples": {"pad_to_multiple_of": 8},
    "checkpointing": {"gradient_checkpointing": True},
    "one_micro_batch": {"gradient_accumulation_steps": 1, "per_device_train_batch_size": 16},
}


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_every_loss_has_trls_gradient(loss_type, tmp_path):
    options = {"loss_type": loss_type, "importance_sampling_level": "sequence" if loss_type == "luspo" else "token"}
    ours, _ = gradients(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, **options)
    theirs, _ = gradients(GRPOTrainer, GRPOConfig, tmp_path, **options)
    assert apart(ours, theirs) <= 1e-6


def test_in_float32_the_gradient_is_trls_but_for_rounding(tmp_path):
    options = {"dtype": torch.float32, "num_iterations": 1, "max_steps": 1, "reward_funcs": half_flat}
    ours, _ = gradients(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, **options)
    theirs, _ = gradients(GRPOTrainer, GRPOConfig, tmp_path, **options)
    assert 0 < apart(ours, theirs) <= 1e-6


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_has_trls_gradient(option, tmp_path):
    ours, _ = gradients(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, **OPTIONS[option])
    theirs, _ = gradients(GRPOTrainer, GRPOConfig, tmp_path, **OPTIONS[option])
    assert apart(ours, theirs) <= 1e-6


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"grpo"}))
def test_every_method_has_its_own_gradient(method, tmp_path):
    trainer, config = METHODS[method]
    options = {"reward_funcs": half_flat if method in ("lpro", "repo", "knowrl") else []}
    if method == "ttrl":
        options = {"reward_funcs": [half_flat], "external_weight": 1.0}  # texts without a box have no vote
    lean, _ = gradients(trainer, config, tmp_path, lean=True, **options)
    plain, _ = gradients(trainer, config, tmp_path, lean=False, **options)
    assert apart(lean, plain) <= 1e-6


def test_an_adapter_has_trls_gradient(tmp_path):
    """The reference is the model without its adapter, and shares its passes."""
    steps = {}
    for trainer, config in ((GRPOMethodTrainer, GRPOMethodConfig), (GRPOTrainer, GRPOConfig)):
        torch.manual_seed(0)
        lora = LoraConfig(r=4, lora_dropout=0.0, init_lora_weights=False)
        steps[trainer], _ = gradients(trainer, config, tmp_path, peft_config=lora, beta=0.1)
    assert apart(*steps.values()) <= 1e-6


def test_tool_tokens_have_trls_gradient(tmp_path, monkeypatch):
    """Every third token is a tool's."""
    generate = GRPOTrainer._generate

    def with_tools(self, prompts):
        output = list(generate(self, prompts))
        output[2] = [[int(t % 3 > 0 or t == 0) for t in range(len(ids))] for ids in output[1]]
        return tuple(output)

    monkeypatch.setattr(GRPOTrainer, "_generate", with_tools)
    ours, _ = gradients(GRPOMethodTrainer, GRPOMethodConfig, tmp_path)
    theirs, _ = gradients(GRPOTrainer, GRPOConfig, tmp_path)
    assert apart(ours, theirs) <= 1e-6


def test_metrics_are_means_over_tokens(tmp_path):
    """Sorting must not change what is logged: clipped shares and entropy are those of one large micro-batch."""
    logs = []
    for rows in (16, 2):
        options = {"per_device_train_batch_size": rows, "gradient_accumulation_steps": 16 // rows}
        _, trainer = gradients(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, **options)
        logs.append(trainer.state.log_history[1])
    for name in ("entropy", "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean"):
        assert logs[0][name] == pytest.approx(logs[1][name], abs=1e-5)
    assert logs[0]["clip_ratio/region_mean"] > 0


def test_idle_rows_and_padding_and_the_old_pass_are_spared(tmp_path):
    """Two iterations over 16 rows of which 8 are idle: every real token of the others twice, and nearly no other."""
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, half_flat, **UNEVEN)
    rows = [{"prompt": p} for p in ("1 =", "22 + 2 =") * 2 for _ in range(4)]
    trainer.current_gradient_accumulation_steps = 4
    trainer.model.train()
    passes = []

    def look(module, args, kwargs):
        if not kwargs["use_cache"]:  # as in generation
            passes.append(kwargs["input_ids"].numel())

    trainer.model.model.register_forward_pre_hook(look, with_kwargs=True)
    for _ in range(8):
        trainer.training_step(trainer.model, rows, None)
    prompts, completions = trainer.generation.prompt_ids, trainer.generation.completion_ids
    lengths = [len(prompt) + len(completion) for prompt, completion in zip(prompts, completions, strict=True)]
    real = sum(length for i, length in enumerate(lengths) if i // 4 % 2 == 0)
    whole = 8 * 4 * (max(map(len, prompts)) + max(map(len, completions)))
    assert 2 * real <= sum(passes) <= 2 * real * 1.3 < whole / 2
    assert len(passes) == 8


def test_rows_stay_whole_and_idle_ones_go_last():
    """Two steps of two micro-batches of two rows; every entry names its row, the advantage of row 2 is zero."""
    row, lengths = torch.arange(8.0), torch.tensor([1, 3, 5, 2, 1, 1, 4, 1])
    mask = (torch.arange(5) < lengths[:, None]).long()
    wide = {key: row[:, None].expand(8, 5) for key in ("completion_ids", "old_per_token_logps")}
    batch = {"prompt_ids": row[:, None], "prompt_mask": torch.ones(8, 1), "completion_mask": mask, **wide}
    batch |= {"advantages": row - 2, "importance_sampling_ratio": row[:, None], "num_items_in_batch": torch.tensor(18)}
    given = [{k: v[i : i + 2] if v.dim() else v for k, v in batch.items()} for i in range(0, 8, 2)]
    made = bucket_by_length(given, 2, drop_idle=True, accelerator=Accelerator(cpu=True))
    assert [b["prompt_ids"].flatten().tolist() for b in made] == [[1, 3], [0, 2], [6, 4], [5, 7]]
    for b in made:
        whose = b["prompt_ids"][:, 0]
        assert torch.equal(b["advantages"], whose - 2)
        assert all(torch.equal(b[key], whose[:, None].expand(2, 5)) for key in wide)
        assert torch.equal(b["importance_sampling_ratio"][:, 0], whose)
        assert b["num_items_in_batch"] == 18
        assert torch.equal(b["completion_mask"].sum(1), lengths[whose.long()] * (whose != 2))
    assert token_counts(made, Accelerator(cpu=True)) == [5, 1, 5, 2]


def test_where_nothing_trains_the_entropy_is_unknown(tmp_path):
    _, trainer = gradients(
        GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=lambda completion_ids, **_: [0.0] * 16
    )
    assert [row["entropy"] for row in trainer.state.log_history[:-1]] == [None, None]


def test_padding_free_batches_hold_every_token_in_its_place():
    torch.manual_seed(0)
    rows, border, width = 13, 9, 17
    before, after = torch.randint(1, 10, (rows,)), torch.randint(0, 18, (rows,))
    columns = torch.arange(border + width)
    attention = ((columns >= border - before[:, None]) & (columns < border + after[:, None])).long()
    ids = torch.arange(rows * (border + width)).view(rows, -1)
    for evenly in (True, False):
        made = padding_free_batches(attention, width, size=5, evenly=evenly)
        kept = [batch.take(ids)[:, -batch.kept :] for batch in made]
        expected = ids[:, border:] * attention[:, border:]
        masks = [batch.take(attention)[:, -batch.kept :] for batch in made]
        assert torch.equal(restored(made, [k * m for k, m in zip(kept, masks, strict=True)], rows, width), expected)
        assert sorted(torch.cat([batch.rows for batch in made]).tolist()) == after.nonzero().flatten().tolist()
        assert len(made) == 3 if evenly else len(made) <= 3
        assert all(
            torch.equal(batch.take(columns.expand(rows, -1)), batch.columns * (batch.columns < 26)) for batch in made
        )


def test_without_a_completion_one_token_is_passed():
    attention = torch.tensor([[0, 1, 1, 0], [1, 1, 0, 0]])
    attention[:, 2:] = 0
    (batch,) = padding_free_batches(attention, 2, size=2, evenly=False)
    assert batch.columns.tolist() == [[1, 2]]
    assert batch.take(attention).tolist() == [[1, 0]]


@pytest.mark.parametrize("lengths", [[9, 9, 9], [100, 1, 1, 1], [50, 40, 12, 11, 3, 2, 1]])
def test_the_cheapest_split_is_the_best_of_all(lengths):
    def cost(sizes):
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        parts = [size * lengths[start] for start, size in zip(starts, sizes, strict=True)]
        return sum(parts) + 10 * len(sizes) if max(parts) <= 120 else float("inf")

    def splits(n):
        return [[]] if n == 0 else [[first, *rest] for first in range(1, n + 1) for rest in splits(n - first)]

    assert cost(cheapest_split(lengths, 10, 120)) == min(cost(sizes) for sizes in splits(len(lengths)))


@pytest.mark.parametrize(
    ("config", "free"),
    [
        (Qwen2Config(), True),
        (Gemma3TextConfig(), True),
        (GPT2Config(), False),
        (Qwen2Config(rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}), False),
    ],
    ids=["rotary", "sliding windows", "learned positions", "rotary by length"],
)
def test_the_layout_is_free_where_only_distances_count(config, free):
    assert layout_is_free(config) == free
