"""Run by `torch.distributed.run` with two ranks; rank 0 writes what held to the file named in argv."""

import json
import os
import sys
import tempfile

import torch
from trl import GRPOConfig, GRPOTrainer

from tests.trainers.runs import Recomputed, build, same, trajectory
from trainers import BaselineConfig, BaselineTrainer, LPROConfig, LPROTrainer, RolloutConfig, RolloutTrainer


class Fixed(RolloutTrainer):
    def group_advantages(self, rewards, lengths):
        return torch.arange(rewards.numel(), dtype=torch.float64).view(rewards.shape)


def delivered_rows(path):
    """Each rank gets its own half of the gathered advantages, in order."""
    trainer = build(Fixed, RolloutConfig, path)
    batch = trainer._generate_and_score_completions([{"prompt": "1 + 1 ="}] * 4)
    rank = trainer.accelerator.process_index
    return batch["advantages"].tolist() == [4 * rank + i for i in range(4)]


def group_loss_is_the_mean_of_group_means(path):
    """LPRO's on-policy loss on two ranks, −mean_g(Σ A·L / Σ L), with groups that lie across both ranks."""
    trainer = build(LPROTrainer, LPROConfig, path, per_device_train_batch_size=6, num_iterations=1)
    rank = trainer.accelerator.process_index
    rows = [{"prompt": p} for p in ("1 + 1 =", "22 + 2 =", "a =") for _ in range(4)]
    batch = trainer._generate_and_score_completions(rows[6 * rank :][:6])
    trainer.current_gradient_accumulation_steps = 1
    # DDP averages gradients over ranks, so the mean of the ranks' losses is the loss of the batch.
    loss = trainer.accelerator.gather(trainer._compute_loss(trainer.model, batch).detach()).mean().item()
    advantages = torch.tensor(list(trainer._logs["advantages"])[-12:], dtype=torch.float64).view(3, 4)
    lengths = trainer._lengths.view(3, 4).double()
    kept = advantages.abs().sum(1) > 0
    expected = -((advantages * lengths).sum(1) / lengths.sum(1))[kept].mean().item()
    return abs(loss - expected) < 1e-6


def main(result):
    """Every check runs on both ranks; a check holds when it holds on both."""
    with tempfile.TemporaryDirectory() as path:
        stock = trajectory(build(GRPOTrainer, GRPOConfig, path))
        split = {"num_generations": 8, "num_iterations": 2, "max_steps": 4}  # one group across both ranks
        stock_split = trajectory(build(GRPOTrainer, GRPOConfig, path, **split))
        checks = {
            "baseline equals trl": same(trajectory(build(BaselineTrainer, BaselineConfig, path)), stock),
            "recomputed equals trl": same(trajectory(build(Recomputed, BaselineConfig, path)), stock),
            "split groups equal trl": same(trajectory(build(Recomputed, BaselineConfig, path, **split)), stock_split),
            "comparison can fail": not same(trajectory(build(Fixed, BaselineConfig, path)), stock),
            "rows are delivered in order": delivered_rows(path),
            "group loss": group_loss_is_the_mean_of_group_means(path),
        }
        held = torch.tensor([float(v) for v in checks.values()])
        torch.distributed.all_reduce(held, torch.distributed.ReduceOp.MIN)
    if torch.distributed.get_rank() == 0:
        verdict = {"processes": torch.distributed.get_world_size()}
        verdict |= {name: bool(v) for name, v in zip(checks, held, strict=True)}
        with open(result, "w") as file:
            json.dump(verdict, file)
    torch.distributed.barrier()
    os._exit(0)  # gloo now and then aborts while the interpreter shuts down


if __name__ == "__main__":
    main(sys.argv[1])
