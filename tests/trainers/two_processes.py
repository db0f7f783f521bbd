"""Run by `torch.distributed.run` with two ranks; rank 0 writes what held to the file named in argv."""

import json
import math
import os
import sys
import tempfile

import torch
from trl import GRPOConfig, GRPOTrainer

from tests.trainers.runs import UNEVEN, Neutral, Recomputed, Watch, apart, build, gradients, same, trajectory
from trainers import (
    GRPOMethodConfig,
    GRPOMethodTrainer,
    LPROConfig,
    LPROTrainer,
    RolloutConfig,
    RolloutTrainer,
)
from trainers.intuitor import IntuitorConfig, IntuitorTrainer
from trainers.ttrl import TTRLConfig, TTRLTrainer


def mostly_flat(completion_ids, **_):
    """Only the second rank's rewards differ, so only its groups train."""
    rank = torch.distributed.get_rank()
    return [rank * float(sum(ids) % 5) for ids in completion_ids]


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
    lengths = trainer.generation.lengths.view(3, 4).double()
    kept = advantages.abs().sum(1) > 0
    expected = -((advantages * lengths).sum(1) / lengths.sum(1))[kept].mean().item()
    return abs(loss - expected) < 1e-6


def callbacks_see_every_process(path):
    """All rows in group order on both ranks, each with its own problem's gold."""
    trainer, watch = build(GRPOMethodTrainer, GRPOMethodConfig, path), Watch()
    trainer.add_callback(watch)
    rank = trainer.accelerator.process_index
    rows = [{"prompt": p, "answer": p[:1]} for p in ("1 + 1 =", "22 + 2 =") for _ in range(4)]
    trainer._generate_and_score_completions(rows[4 * rank :][:4])
    seen = watch.seen[-1]
    ordered = seen.prompts == [row["prompt"] for row in rows] and seen.golds == [row["answer"] for row in rows]
    return ordered and len(seen.completions) == len(seen.lengths) == len(seen.truncated) == len(seen.advantages) == 8


def certainty_is_each_ranks_own(path):
    """Self-certainty by its definition on this rank's rows, whichever rank a group begins on."""
    trainer = build(IntuitorTrainer, IntuitorConfig, path, reward_funcs=[], num_iterations=2, beta=0.0)
    rows = [{"prompt": p} for p in ("1 + 1 =", "22 + 2 =") for _ in range(4)]
    rank = trainer.accelerator.process_index
    trainer._generate_and_score_completions(rows[4 * rank :][:4])
    model = trainer.accelerator.unwrap_model(trainer.model)
    state = trainer.generation
    for i, (prompt, completion) in enumerate(zip(state.prompt_ids, state.completion_ids, strict=True)):
        with torch.no_grad():
            logits = (
                model(input_ids=torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].double() / 0.9
            )
        u = (logits.logsumexp(-1) - logits.mean(-1) - math.log(logits.size(-1))).mean().item()
        if abs(u - trainer.generation.rewards[4 * rank + i, 0].item()) > 1e-5:
            return False
    return True


def a_vote_counts_both_ranks(path):
    """A group of eight, four on each rank: 1 wins with five votes, though 2 leads on the second rank."""
    trainer = build(TTRLTrainer, TTRLConfig, path, reward_funcs=[], num_generations=8)
    answers = [["1", "1", "1", "2"], ["2", "1", "2", "1"]][trainer.accelerator.process_index]
    votes = trainer.majority([rf"\boxed{{{answer}}}" for answer in answers])
    return votes == [float(answer == "1") for answer in answers]


def good_only(prompts, completion_ids, **_):
    """Rewards that differ within a group for one prompt only."""
    rows = enumerate(zip(prompts, completion_ids, strict=True))
    return [len(ids) + i % 2 / 2 if prompt == "a b =" else 0.0 for i, (prompt, ids) in rows]


def resampled(path, size, rows):
    """What two ranks train on after dynamic sampling: prompts, and whether each row's parts belong together."""
    trainer, watch = (
        build(
            GRPOMethodTrainer,
            GRPOMethodConfig,
            path,
            reward_funcs=good_only,
            num_generations=size,
            per_device_train_batch_size=len(rows) // 2,
            zero_variance="resample",
        ),
        Watch(),
    )
    trainer.add_callback(watch)
    here = len(rows) // 2
    rank = trainer.accelerator.process_index
    batch = trainer._generate_and_score_completions([{"prompt": p} for p in rows[here * rank :][:here]])
    seen, decode = watch.seen[-1], trainer.processing_class.decode
    for i in range(here):
        ids = batch["prompt_ids"][i][batch["prompt_mask"][i].bool()]
        row = rank * here + i
        if decode(ids) != seen.prompts[row] or batch["completion_mask"][i].sum() != seen.lengths[row]:
            return None
    signal = all(len(set(seen.reward[g : g + size])) > 1 for g in range(0, len(rows), size))
    return seen.prompts if signal else None


def one_rank_runs_dry(path):
    """All groups of the second rank lack signal, then all of both; a group of 12 lies on both."""
    dry = resampled(path, 4, ["a b ="] * 8 + ["1 + 1 ="] * 8)
    both = resampled(path, 4, ["1 + 1 ="] * 16)
    across = resampled(path, 12, ["1 + 1 ="] * 12)
    same_again = resampled(path, 4, ["1 + 1 ="] * 16)
    return dry == ["a b ="] * 16 and across == ["a b ="] * 12 and both == same_again == ["a b ="] * 16


def exhausted_on_both(path):
    """Nothing has signal: both ranks stop after one step."""
    trainer = build(
        GRPOMethodTrainer,
        GRPOMethodConfig,
        path,
        reward_funcs=lambda completion_ids, **_: [0.0] * len(completion_ids),
        zero_variance="resample",
        max_generation_batches=2,
    )
    trainer.train()
    return trainer.state.global_step == 1


def lean_apart(path, **options):
    """How far lean gradients are from TRL's, with groups that lie on both ranks, and rows that change ranks."""
    options = {"num_generations": 16, "num_iterations": 2, **UNEVEN, **options}
    ours, _ = gradients(GRPOMethodTrainer, GRPOMethodConfig, path, **options)
    theirs, _ = gradients(GRPOTrainer, GRPOConfig, path, **options)
    return apart(ours, theirs)


def main(result):
    """Every check runs on both ranks; a check holds when it holds on both."""
    with tempfile.TemporaryDirectory() as path:
        stock = trajectory(build(GRPOTrainer, GRPOConfig, path))
        split = {"num_generations": 8, "num_iterations": 2, "max_steps": 4}  # one group across both ranks
        stock_split = trajectory(build(GRPOTrainer, GRPOConfig, path, **split))
        checks = {
            "baseline equals trl": same(trajectory(build(GRPOMethodTrainer, Neutral, path)), stock),
            "recomputed equals trl": same(trajectory(build(Recomputed, Neutral, path)), stock),
            "split groups equal trl": same(trajectory(build(Recomputed, Neutral, path, **split)), stock_split),
            "comparison can fail": not same(trajectory(build(Fixed, Neutral, path)), stock),
            "rows are delivered in order": delivered_rows(path),
            "group loss": group_loss_is_the_mean_of_group_means(path),
            "callbacks see every process": callbacks_see_every_process(path),
            "certainty is each rank's own": certainty_is_each_ranks_own(path),
            "a vote counts both ranks": a_vote_counts_both_ranks(path),
            "one rank runs dry": one_rank_runs_dry(path),
            "exhausted on both": exhausted_on_both(path),
            "lean gradient": lean_apart(path) <= 1e-6,
            "lean gradient of means over rows": lean_apart(path, loss_type="grpo") <= 1e-6,
            "lean gradient with idle rows": lean_apart(path, reward_funcs=mostly_flat) <= 1e-6,
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
