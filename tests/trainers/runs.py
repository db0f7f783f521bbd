"""Short GRPO runs on the tiny model, shared by the contract tests and the two-process script."""

from dataclasses import dataclass

import torch
from datasets import Dataset
from transformers import TrainerCallback

from tests import tiny
from trainers import GRPOMethodConfig, RolloutCallback, RolloutTrainer

PROMPTS = Dataset.from_dict({"prompt": ["1 + 1 =", "22 + 2 =", "3 + 4 =", "a b ="] * 2})


def parity(completion_ids, **_):
    """A reward that an untrained model already earns unevenly, with more than two values."""
    return [float(sum(ids) % 5) for ids in completion_ids]


@dataclass
class Neutral(GRPOMethodConfig):
    """All of ours off: what must equal TRL bit for bit."""

    lean: bool = False


class Recomputed(RolloutTrainer):
    """GRPO written through the seam: TRL's advantage expression on what the seam hands out."""

    def group_advantages(self, rewards, lengths):
        """σ is written out, with TRL's roundings but without its function, so that a change of that shows."""
        size, mean = rewards.size(1), rewards.nanmean(1, keepdim=True)
        bessel = torch.tensor(size / (size - 1)) if size > 1 else 0.0
        std = ((rewards - mean).square().nanmean(1, keepdim=True) * bessel).sqrt()
        return (rewards - mean) / (std + 1e-4)


def settings(path, **changes):
    """Arguments of a run that takes a few seconds on a CPU."""
    return {
        "output_dir": str(path),
        "per_device_train_batch_size": 4,
        "num_generations": 4,
        "max_completion_length": 8,
        "max_steps": 2,
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "seed": 7,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **changes,
    }


def build(trainer_class, config_class, path, reward_funcs=parity, tokenizer=None, peft_config=None, **changes):
    """A trainer of the class on a fresh tiny model."""
    tokenizer = tokenizer or tiny.tokenizer()
    model, config = tiny.model(tokenizer), config_class(**settings(path, **changes))
    if config.beta:  # the reference model is loaded from where the model came from
        model.save_pretrained(path)
        model = type(model).from_pretrained(path)
    return trainer_class(
        model=model,
        reward_funcs=reward_funcs,
        args=config,
        train_dataset=PROMPTS,
        eval_dataset=PROMPTS.select(range(4)),
        processing_class=tokenizer,
        peft_config=peft_config,
    )


def logged(trainer, *without):
    """What was logged, without times and keys with any of these words."""
    left_out = ("runtime", "per_second", "step_time", "time/", "flos", *without)
    return [{k: v for k, v in row.items() if not any(t in k for t in left_out)} for row in trainer.state.log_history]


def trajectory(trainer):
    """Train; everything TRL logged (without times) and the final weights."""
    trainer.train()
    return logged(trainer, "groups/"), {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


class Watch(RolloutCallback):
    """Keeps every generation."""

    def __init__(self):
        self.seen = []

    def on_generation(self, args, state, generation):
        self.seen.append(generation)


class Gradients(TrainerCallback):
    """Those of every optimizer step."""

    def __init__(self):
        self.steps = []

    def on_pre_optimizer_step(self, args, state, control, model, **kwargs):
        named = model.named_parameters()
        self.steps.append({name: p.grad.clone() for name, p in named if p.grad is not None})


# Two optimizer steps on each generation, of four micro-batches with completions of one to 16 tokens.
UNEVEN = {
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 4,
    "num_iterations": 2,
    "max_completion_length": 16,
    "optim": "sgd",
    "max_grad_norm": 0.0,
}


def gradients(trainer_class, config_class, path, dtype=torch.float64, **changes):
    """Train; the gradients of every step, and the trainer. A step makes rounding in float32 several times larger."""
    trainer, watch = build(trainer_class, config_class, path, **{**UNEVEN, **changes}), Gradients()
    trainer.model.to(dtype)
    trainer.add_callback(watch)
    trainer.train()
    return watch.steps, trainer


def apart(ours, theirs):
    """The largest difference of two runs' gradients, relative to the largest entry where that is above 1."""
    sizes = [max(g.abs().max().item() for g in step.values()) for step in theirs]
    assert min(sizes) > 1e-3, "the reference run learned nothing"
    return max(
        (step[name] - g).abs().max().item() / max(1.0, size)
        for step, other, size in zip(ours, theirs, sizes, strict=True)
        for name, g in other.items()
    )


def same(ours, theirs):
    """Whether two trajectories agree bit for bit; the reference must have learned something."""
    assert any(row.get("grad_norm", 0) > 0 for row in theirs[0]), "the reference run learned nothing"
    return ours[0] == theirs[0] and all(torch.equal(p, theirs[1][name]) for name, p in ours[1].items())
