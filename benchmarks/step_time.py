"""How long the update phase takes: our trainer against trl.GRPOTrainer on the same recorded rollouts.

    python benchmarks/step_time.py                                    # the lengths of the LPRO card, then of KnowRL
    python benchmarks/step_time.py --spread equal --iterations 1      # nothing to spare but padding of prompts
    python benchmarks/step_time.py --same 0.25                        # a quarter of the groups has equal rewards

Question, put before the runs: on the lengths of LPRO, is our time at most 0.45 of TRL's, with a gradient within 1e-6
and 85 % real tokens? With four iterations per generation too? And on equal lengths, never more than 1.02?

Lengths are log-normal, cut at a limit: LPRO's have mean 268 of at most 2,048 tokens, as its card says (the shape is a
guess), KnowRL's mean 9,000 of at most 32,768. All are multiplied by a scale that a CPU can bear. The model is a random
Qwen2 whose output layer has 15 % of the weights that a token meets, as Qwen2.5-1.5B's. Every round makes one
generation's updates with each trainer, in turn; between optimizer steps the weights move (SGD), afterwards they are
put back. Tokens count once where a pass has no gradient, else three times. Time is the processor's, of one thread, so
that whatever else runs on the machine does not count.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from datasets import Dataset
from transformers import Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from benchmarks.self_certainty import measured
from tests import tiny
from trainers import GRPOMethodConfig, GRPOMethodTrainer

# median, σ of the logarithm, limit, in tokens; and the scale
SPREADS = {
    "lpro": (200, 0.8, 2048, 1 / 4),
    "knowrl": (7000, 0.75, 32768, 1 / 64),
    "equal": (268, 0.0, 2048, 1 / 4),
}
PROMPT = (90, 0.5, 400)


def lengths(spread: tuple[float, float, int], scale: float, rows: int, seed: int) -> list[int]:
    """So many lengths in tokens."""
    middle, sigma, limit = spread
    drawn = torch.randn(rows, generator=torch.Generator().manual_seed(seed)).mul(sigma).exp().mul(middle)
    return [max(2, round(scale * min(limit, x))) for x in drawn.tolist()]


class Tokens:
    """Counts what passes through a model."""

    def __init__(self, model: Any):
        self.real = self.passed = 0
        model.model.register_forward_pre_hook(self._look, with_kwargs=True)

    def _look(self, module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        weight = 3 if torch.is_grad_enabled() else 1
        self.real += weight * int(kwargs["attention_mask"].sum())
        self.passed += weight * kwargs["input_ids"].numel()


class Side:
    """A trainer on recorded rollouts.

    Attributes:
        tokens: Of all its cycles.
        gradients: Of each optimizer step of the last cycle, one vector each.
    """

    def __init__(
        self, trainer_class: Any, config_class: Any, folder: str, arguments: argparse.Namespace, **options: Any
    ):
        self.options = arguments
        torch.manual_seed(0)
        model = Qwen2ForCausalLM(
            Qwen2Config(
                hidden_size=128,
                intermediate_size=512,
                num_hidden_layers=4,
                num_attention_heads=4,
                num_key_value_heads=2,
                vocab_size=1312,
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=2,
            )
        )
        self.trainer = trainer_class(
            model=model,
            reward_funcs=[self._reward],
            args=config_class(
                output_dir=folder,
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
                per_device_train_batch_size=arguments.batch,
                gradient_accumulation_steps=arguments.completions // arguments.batch,
                num_generations=arguments.group,
                num_iterations=arguments.iterations,
                max_completion_length=4096,
                save_strategy="no",
                report_to="none",
                max_steps=1000,
                **options,
            ),
            train_dataset=Dataset.from_dict({"prompt": ["1" * size for size in lengths(PROMPT, 1 / 4, 64, 0)]}),
            processing_class=tiny.tokenizer(),
        )
        self.tokens, self.gradients = Tokens(model), list[torch.Tensor]()
        self._parameters = list(model.parameters())

    def _reward(self, completion_ids: list[list[int]], **_: Any) -> list[float]:
        flat = round(self.options.same * len(completion_ids) / self.options.group) * self.options.group
        return [0.0 if i < flat else float(ids[0] % 7) for i, ids in enumerate(completion_ids)]

    def record(self, seed: int) -> None:
        """Put completions in the place of sampling."""
        *spread, scale = SPREADS[self.options.spread]
        scale, rows = self.options.scale or scale, self.options.completions
        sizes = lengths(tuple(spread), scale, rows, seed)
        words = torch.Generator().manual_seed(seed)
        drawn = [torch.randint(3, 200, (size,), generator=words).tolist() for size in sizes]
        self.trainer._generate_single_turn = lambda *_: (drawn, None)
        prompts = lengths(PROMPT, scale, rows // self.options.group, seed + 1)
        self.rows = [{"prompt": "1" * size} for size in prompts for _ in range(self.options.group)]

    def cycle(self) -> None:
        """One generation's scoring and optimizer steps."""
        trainer, window = self.trainer, self.trainer.args.gradient_accumulation_steps
        before = [p.detach().clone() for p in self._parameters]
        trainer.model.train()
        trainer.current_gradient_accumulation_steps = window
        self.gradients.clear()
        for step in range(window * self.options.iterations):
            trainer.training_step(trainer.model, self.rows, None)
            if step % window == window - 1:
                self.gradients.append(torch.cat([p.grad.flatten() for p in self._parameters]))
                with torch.no_grad():
                    for p in self._parameters:
                        p -= 0.05 * p.grad
                trainer.model.zero_grad()
        with torch.no_grad():
            for p, old in zip(self._parameters, before, strict=True):
                p.copy_(old)


def compare(arguments: argparse.Namespace) -> None:
    """Alternate, then tell."""
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "trl": Side(GRPOTrainer, GRPOConfig, folder, arguments),
            "ours": Side(GRPOMethodTrainer, GRPOMethodConfig, folder, arguments),
        }
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        peaks: dict[str, list[float]] = {name: [] for name in sides}
        apart = [0.0]
        for turn in range(arguments.rounds + 1):
            for name in sorted(sides, reverse=bool(turn % 2)):
                sides[name].record(turn)
                torch.manual_seed(turn)  # of TRL's shuffle
                spent, peak = measured(sides[name].cycle, "cpu", time.process_time)
                if turn:  # the first is warm-up
                    seconds[name].append(spent)
                    peaks[name].append(peak)
            pairs = zip(sides["ours"].gradients, sides["trl"].gradients, strict=True)
            apart += [float((ours - theirs).abs().max()) for ours, theirs in pairs]
    ratios = [ours / theirs for ours, theirs in zip(seconds["ours"], seconds["trl"], strict=True)]
    tokens = {name: side.tokens for name, side in sides.items()}
    real = {name: count.real / count.passed for name, count in tokens.items()}
    largest = max(float(gradient.abs().max()) for gradient in sides["trl"].gradients)
    print(
        f"{arguments.spread}, {arguments.iterations} iteration(s), {arguments.same:.0%} idle: "
        f"time {median(ratios):.3f} × ({min(ratios):.3f}–{max(ratios):.3f}; trl {median(seconds['trl']):.1f} s), "
        f"tokens {tokens['ours'].passed / tokens['trl'].passed:.3f} ×, "
        f"real {real['ours']:.1%} (trl {real['trl']:.1%}), "
        f"peak {median(peaks['ours']):.0f} MB (trl {median(peaks['trl']):.0f}), "
        f"gradients apart by {max(apart):.1e} (largest entry {largest:.1e})",
        flush=True,
    )


def main() -> None:
    """One line for every spread and number of iterations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spread", nargs="+", choices=list(SPREADS), default=["lpro", "knowrl"])
    parser.add_argument("--iterations", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--same", type=float, default=0.0, help="share of groups with equal rewards")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--completions", type=int, default=32)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--scale", type=float, help="of lengths, in the place of the spread's own")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for spread in asked.spread:
        for iterations in asked.iterations:
            compare(argparse.Namespace(**{**vars(asked), "spread": spread, "iterations": iterations}))


if __name__ == "__main__":
    main()
