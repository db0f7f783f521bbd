"""What the authors' published code does instead of the equations, held against its formulas written out.

Each batch is one group, so that the mean over a group's tokens is the mean over the batch's.
"""

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.trainers.runs import build
from trainers import LPROConfig, LPROTrainer, REPOConfig, REPOTrainer
from trainers.advantages import length_penalized_advantages, rank_advantages

OFTEN = {"num_iterations": 2, "max_steps": 4, "learning_rate": 0.1, "published_code": True}


def logps_of(model, batch, temperature):
    """Log-probabilities of the completions' tokens, by the textbook."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    attention = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    positions = (attention.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        logits = model(ids, attention_mask=attention, position_ids=positions).logits[:, :-1] / temperature
    chosen = logits.log_softmax(-1).gather(2, ids[:, 1:, None]).squeeze(2)
    return chosen[:, -batch["completion_ids"].size(1) :]


def watched(trainer_class):
    """The trainer, which keeps (loss, log-probabilities, batch, rewards, lengths) of every micro-batch."""

    class Watched(trainer_class):
        seen = []

        def compute_loss(self, model, inputs, *args, **kwargs):
            now = logps_of(model, inputs, self.temperature)
            loss = super().compute_loss(model, inputs, *args, **kwargs)
            self.seen.append(
                (loss.item(), now, dict(inputs), self.generation.rewards.clone(), self.generation.lengths.clone())
            )
            return loss

    return Watched


def objective(ratio, advantages, mask, low, high, choose):
    """Σ over tokens of min or max of ρA and clip(ρ)A, as a mean of the group's tokens; one group."""
    a = advantages.view(-1, 1)
    terms = choose(ratio * a, ratio.clamp(1 - low, 1 + high) * a)
    return ((terms * mask).sum() / mask.sum()).item()


def test_repo_turns_the_trust_region_inside_out(tmp_path):
    trainer = build(watched(REPOTrainer), REPOConfig, tmp_path, **OFTEN)
    trainer.train()
    clipped = 0
    for loss, now, batch, rewards, _ in trainer.seen:
        mask = batch["completion_mask"].double()
        ratio = (now - batch["old_per_token_logps"]).exp().double()
        ranks = -batch["advantages"].double()  # of the batch's rows, which are in an order of their own
        assert sorted(ranks.tolist()) == pytest.approx(sorted(rank_advantages(rewards.view(1, -1))[0].tolist()))
        clipped += int((((ratio < 0.8) | (ratio > 1.2)) & (mask > 0)).sum())
        assert loss == pytest.approx(-objective(ratio, ranks, mask, 0.2, 0.2, torch.maximum), abs=2e-5)
    assert clipped > 0, "without a clipped token minimum and maximum are the same"


def test_lpro_takes_the_ratio_against_the_base_model(tmp_path):
    trainer = build(watched(LPROTrainer), LPROConfig, tmp_path, **OFTEN, length_penalty=0.1)
    base = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    trainer.train()
    apart = 0.0
    for loss, now, batch, rewards, lengths in trainer.seen:
        mask = batch["completion_mask"].double()
        frozen = logps_of(base, batch, trainer.temperature)
        advantages = batch["advantages"].double()
        told = length_penalized_advantages(rewards.view(1, -1), lengths.view(1, -1), penalty=0.1)[0]
        assert sorted(advantages.tolist()) == pytest.approx(sorted(told.tolist()), abs=1e-6)
        expected = -objective((now - frozen).exp().double(), advantages, mask, 0.2, 0.28, torch.minimum)
        assert loss == pytest.approx(expected, rel=1e-5, abs=2e-5)
        apart = max(apart, (frozen - batch["old_per_token_logps"]).abs().max().item())
    assert apart > 1e-2, "while base and sampling policy agree there is nothing to tell"
