"""What this project relies on inside TRL. If one of these fails, TRL changed: mend `seam.py`, then move the pin.

Neutral settings must leave no trace: logs and final weights equal stock GRPOTrainer's bit for bit.
"""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from trl import GRPOConfig, GRPOTrainer

from tests.trainers.runs import Neutral, Recomputed, build, parity, same, trajectory
from trainers import GRPOMethodTrainer, RolloutConfig, RolloutTrainer

ROWS = [{"prompt": "1 + 1 ="}] * 4
LOSS_TYPES = ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]
# Everything that moves rollouts through TRL differently: accumulation, re-use, several steps per generation, eval.
MOVES = {
    "accumulation": {"gradient_accumulation_steps": 2},
    "reuse": {"num_iterations": 2, "max_steps": 4},
    "several_steps_per_generation": {"steps_per_generation": 2, "num_iterations": 2, "max_steps": 4},
    "eval": {"eval_strategy": "steps", "eval_steps": 1, "eval_on_start": True, "num_generations_eval": 2},
    "kl": {"beta": 0.1},
    "masked_truncation": {"mask_truncated_completions": True},
}


class Fixed(RolloutTrainer):
    """Advantages that no reward could give: the row number."""

    def group_advantages(self, rewards, lengths):
        return torch.arange(rewards.numel(), dtype=torch.float64).view(rewards.shape)


class Silent(RolloutTrainer):
    def group_advantages(self, rewards, lengths):
        return torch.zeros_like(rewards)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("_generate", ["self", "prompts"]),
        ("_calculate_rewards", ["self", "inputs", "prompts", "completions", "completion_ids_list"]),
        ("_generate_and_score_completions", ["self", "inputs"]),
        ("_compute_loss", ["self", "model", "inputs"]),
        ("_prepare_inputs", ["self", "generation_batch"]),
    ],
)
def test_methods_we_build_on_keep_their_signatures(method, parameters):
    assert list(inspect.signature(getattr(GRPOTrainer, method)).parameters) == parameters


def test_the_batch_holds_exactly_the_known_keys(tmp_path):
    batch = build(GRPOTrainer, GRPOConfig, tmp_path)._generate_and_score_completions(ROWS)
    keys = {"prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "advantages", "num_items_in_batch"}
    assert set(batch) == keys
    assert batch["advantages"].shape == (4,)
    assert batch["num_items_in_batch"] == batch["completion_mask"].sum()


@pytest.mark.parametrize("trainer", [GRPOMethodTrainer, Recomputed])
@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_neutral_settings_equal_trl_for_every_loss(trainer, loss_type, tmp_path):
    ours = trajectory(build(trainer, Neutral, tmp_path, loss_type=loss_type))
    theirs = trajectory(build(GRPOTrainer, GRPOConfig, tmp_path, loss_type=loss_type))
    assert same(ours, theirs)


@pytest.mark.parametrize("trainer", [GRPOMethodTrainer, Recomputed])
@pytest.mark.parametrize("move", MOVES)
def test_neutral_settings_equal_trl_however_rollouts_move(trainer, move, tmp_path):
    ours = trajectory(build(trainer, Neutral, tmp_path, **MOVES[move]))
    theirs = trajectory(build(GRPOTrainer, GRPOConfig, tmp_path, **MOVES[move]))
    assert same(ours, theirs)


def test_the_comparison_can_fail(tmp_path):
    ours = trajectory(build(Fixed, Neutral, tmp_path))
    theirs = trajectory(build(GRPOTrainer, GRPOConfig, tmp_path))
    assert not same(ours, theirs)


@pytest.mark.parametrize("factor", [1.01, (3 / 4) ** 0.5], ids=["scaled", "without Bessel's correction"])
def test_another_standard_deviation_in_trl_is_noticed(factor, tmp_path, monkeypatch):
    from trl.trainer import grpo_trainer

    real = grpo_trainer.nanstd
    monkeypatch.setattr(grpo_trainer, "nanstd", lambda *args, **kwargs: factor * real(*args, **kwargs))
    assert not same(
        trajectory(build(Recomputed, Neutral, tmp_path)), trajectory(build(GRPOTrainer, GRPOConfig, tmp_path))
    )


def test_the_loss_receives_exactly_our_advantages(tmp_path, monkeypatch):
    trainer = build(Fixed, RolloutConfig, tmp_path, gradient_accumulation_steps=2, max_steps=1)
    seen, compute_loss = [], trainer._compute_loss
    monkeypatch.setattr(
        trainer, "_compute_loss", lambda m, inputs: seen.append(inputs["advantages"]) or compute_loss(m, inputs)
    )
    trainer.train()
    assert torch.cat(seen).sort().values.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_the_completions_table_shows_our_advantages(tmp_path):
    trainer = build(Fixed, RolloutConfig, tmp_path, gradient_accumulation_steps=2)
    trainer._generate_and_score_completions(ROWS)  # half the table: TRL's own four rows must be gone
    assert list(trainer._logs["advantages"]) == [0, 1, 2, 3]
    for _ in range(2):  # a full table pushes out old rows, never ours
        trainer._generate_and_score_completions(ROWS * 2)
        assert list(trainer._logs["advantages"]) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_zero_advantages_leave_the_policy_unchanged(tmp_path):
    trainer = build(Silent, RolloutConfig, tmp_path, weight_decay=0.0)
    before = {name: p.clone() for name, p in trainer.model.named_parameters()}
    trainer.train()
    assert all(torch.equal(p, before[name]) for name, p in trainer.model.named_parameters())


def test_the_loss_takes_per_token_advantages(tmp_path):
    trainer = build(GRPOTrainer, GRPOConfig, tmp_path)
    batch = trainer._generate_and_score_completions(ROWS)
    trainer.current_gradient_accumulation_steps = 1
    per_row = trainer._compute_loss(trainer.model, batch)
    wide = batch["advantages"].unsqueeze(1).expand(batch["completion_ids"].shape)
    assert trainer._compute_loss(trainer.model, {**batch, "advantages": wide}).item() == per_row.item()


def test_rewards_and_lengths_are_one_entry_per_completion(tmp_path):
    trainer = build(RolloutTrainer, RolloutConfig, tmp_path, reward_funcs=[parity, parity])
    batch = trainer._generate_and_score_completions(ROWS)
    assert trainer.generation.rewards.shape == (4, 2)
    assert trainer.generation.lengths.tolist() == batch["completion_mask"].sum(1).tolist()


def test_advantages_of_the_wrong_shape_are_refused(tmp_path, monkeypatch):
    trainer = build(RolloutTrainer, RolloutConfig, tmp_path)
    monkeypatch.setattr(trainer, "group_advantages", lambda rewards, lengths: torch.zeros(3))
    with pytest.raises(ValueError, match=r"expected \(groups, group_size\) = \(1, 4\)"):
        trainer._generate_and_score_completions(ROWS)


def test_an_untested_trl_is_refused_at_import():
    code = "import trl; trl.__version__ = '1.17.0'; import trainers"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "trl>=1.16,<1.17; found 1.17.0" in run.stderr


def test_two_processes_see_the_same_contract(tmp_path):
    """Slicing and gathering can only go wrong with two ranks; a result file, not the exit code, is the verdict."""
    result = tmp_path / "result.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    run = subprocess.run(
        [*command, "-m", "tests.trainers.two_processes", str(result)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.exists(), run.stderr[-3000:]
    verdict = json.loads(result.read_text())
    assert verdict.pop("processes") == 2
    assert verdict == dict.fromkeys(verdict, True)
    assert len(verdict) == 14
