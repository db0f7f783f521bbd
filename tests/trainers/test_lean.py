"""Passes without padding, sorted micro-batches, dropped rows, shared passes: TRL's gradient, in less time."""

import pytest
import torch
from peft import LoraConfig
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from tests.trainers.runs import build, parity
from trainers import METHODS, BaselineConfig, BaselineTrainer

LOSS_TYPES = ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"]
SIZES = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4, "max_completion_length": 24}
SGD = {"optim": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0}


class Gradients(TrainerCallback):
    """Those of every optimizer step, unclipped."""

    def __init__(self):
        self.steps = []

    def on_pre_optimizer_step(self, args, state, control, model, **kwargs):
        named = model.named_parameters()
        self.steps.append({n: p.grad.clone() for n, p in named if p.grad is not None})


def gradients(trainer_class, config_class, path, **changes):
    trainer = build(trainer_class, config_class, path, **{**SIZES, **SGD, **changes})
    watch = Gradients()
    trainer.add_callback(watch)
    trainer.train()
    return watch.steps, trainer


def difference(ours, theirs):
    """The largest anywhere; the reference must have learned something."""
    assert len(ours) == len(theirs)
    assert all(max(g.abs().max() for g in step.values()) > 1e-3 for step in theirs)
    return max(
        (step[n] - g).abs().max().item() for step, other in zip(ours, theirs, strict=True) for n, g in other.items()
    )


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_every_loss_has_trls_gradient(loss_type, tmp_path):
    options = {"loss_type": loss_type, "num_iterations": 2, "max_steps": 2}
    ours, _ = gradients(BaselineTrainer, BaselineConfig, tmp_path, **options)
    theirs, _ = gradients(GRPOTrainer, GRPOConfig, tmp_path, **options)
    assert difference(ours, theirs) <= 1e-6
