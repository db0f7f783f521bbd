"""KnowRL against its equations, written down once more, and its schedule over a restart."""

import math

import pytest
import torch

from tests.trainers.runs import build, parity, trajectory
from trainers import KnowRLConfig, KnowRLTrainer

SMALL = {"num_generations": 4, "learning_rate": 1e-2}


def objective(new, old, advantages, mask, low, high, cap):
    """The clipped objective with a dual clip, token by token, and its mean over all tokens."""
    total, tokens = 0.0, 0
    for i, advantage in enumerate(advantages):
        for t, counts in enumerate(mask[i]):
            if not counts:
                continue
            ratio = math.exp(new[i][t] - old[i][t])
            clipped = min(ratio * advantage, min(max(ratio, 1 - low), 1 + high) * advantage)
            total += max(clipped, cap * advantage) if advantage < 0 else clipped
            tokens += 1
    return total / tokens


def test_the_loss_is_the_objective(tmp_path):
    trainer = build(KnowRLTrainer, KnowRLConfig, tmp_path, **SMALL)
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._generate_and_score_completions([{"prompt": "1 + 1 ="}] * 4)
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    attention = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    width = batch["completion_ids"].size(1)
    new = trainer._get_per_token_logps_and_entropies(trainer.model, ids, attention, width)[0].detach()
    # Old policies from far below to far above: ratios from 0.1 to 8 meet every branch.
    shift = torch.linspace(math.log(0.1), math.log(8), new.numel()).view(new.shape)[:, torch.randperm(width)]
    batch["old_per_token_logps"] = new - shift
    parts = (new.tolist(), batch["old_per_token_logps"].tolist(), batch["advantages"].tolist())
    expected = objective(*parts, batch["completion_mask"].tolist(), 0.2, 0.28, 3.0)
    assert trainer._compute_loss(trainer.model, batch).item() == pytest.approx(-expected, rel=1e-4)
    uncapped = objective(*parts, batch["completion_mask"].tolist(), 0.2, 0.28, 100.0)
    assert abs(uncapped - expected) > 1e-3, "no ratio met the dual clip"


def run(path, resume=None, schedule="0.5:0.01"):
    """Eight steps, four passes over each generation so that ratios leave 1 and are clipped."""
    trainer = build(
        KnowRLTrainer,
        KnowRLConfig,
        path,
        parity,
        **SMALL,
        num_iterations=4,
        max_steps=8,
        save_strategy="steps",
        save_steps=4,
        epsilon_high_schedule=schedule,
    )
    if resume is None:
        return trajectory(trainer)
    trainer.train(resume_from_checkpoint=resume)
    return trainer.state.log_history, {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


def test_the_step_of_epsilon_is_exact_after_a_restart(tmp_path):
    log, straight = run(tmp_path / "straight")
    values = [row["epsilon_high"] for row in log if "epsilon_high" in row]
    assert values == [0.28] * 4 + [0.01] * 4
    resumed_log, resumed = run(tmp_path / "resumed", resume=str(tmp_path / "straight" / "checkpoint-4"))
    assert [row["epsilon_high"] for row in resumed_log if "epsilon_high" in row][4:] == [0.01] * 4
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
    _, without = run(tmp_path / "without", schedule=None)
    assert not all(torch.equal(straight[name], without[name]) for name in straight), "the step changed nothing"
