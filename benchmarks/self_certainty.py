"""What self-certainty costs: a training step of Intuitor against one of GRPO, and against full logits.

    python benchmarks/self_certainty.py --pairs 10                        # CPU, a small model with a wide vocabulary
    python benchmarks/self_certainty.py --device cuda --size 1.5b         # a Qwen2-1.5B shape with random weights

Question, put before the runs: with two iterations per generation, where TRL runs the policy over all completions
anyway, is an Intuitor step at most 1.03 times a GRPO step with the same shapes, and its peak memory within 1 %? And
what does the published way cost, a pass with logits of vocabulary width?

Every round makes one generation-and-two-steps cycle with each trainer, in turn, on the same recorded completions; the
ratios are medians over rounds. Peak memory is that of the process on the CPU (Linux), of the allocator on CUDA.
"""

import argparse
import gc
import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from datasets import Dataset
from transformers import Qwen2Config, Qwen2ForCausalLM

from tests import tiny
from trainers import METHODS, RolloutTrainer

SIZES = {
    "small": {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 8, "vocab_size": 32_000},
    "1.5b": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "vocab_size": 151_936},
}
HEADS = {"small": (4, 2), "1.5b": (12, 2)}


def published_certainty(trainer: RolloutTrainer) -> list[float]:
    """The authors' way: one more pass, logits of the whole vocabulary for all tokens of a micro-batch."""
    prompts, completions = trainer.generation.prompt_ids, trainer.generation.completion_ids
    size, values = trainer.args.per_device_train_batch_size, []
    for start in range(0, len(prompts), size):
        rows = range(start, min(start + size, len(prompts)))
        width = max(len(completions[i]) for i in rows)
        ids = torch.tensor([prompts[i] + completions[i] + [0] * (width - len(completions[i])) for i in rows])
        with torch.no_grad(), trainer.accelerator.autocast():
            logits = trainer.model(input_ids=ids.to(trainer.accelerator.device)).logits[:, -width - 1 : -1]
            kl = logits.logsumexp(-1) - logits.mean(-1) - math.log(logits.size(-1))
        values += [kl[n, : len(completions[i])].float().mean().item() for n, i in enumerate(rows)]
    return values


def trainer_of(kind: str, arguments: argparse.Namespace, folder: str) -> RolloutTrainer:
    """A trainer on random weights whose generation is replaced by recorded completions of one length."""
    tokenizer = tiny.tokenizer()
    heads, groups = HEADS[arguments.size]
    shape = {**SIZES[arguments.size], "num_attention_heads": heads, "num_key_value_heads": groups}
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(**shape, tie_word_embeddings=True, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    )
    cuda = arguments.device == "cuda"
    trainer_class, config_class = METHODS["grpo" if kind == "grpo" else "intuitor"]
    config = config_class(
        output_dir=folder,
        use_cpu=not cuda,
        bf16=cuda,
        per_device_train_batch_size=arguments.batch,
        gradient_accumulation_steps=arguments.completions // arguments.batch,
        num_generations=8,
        num_iterations=2,
        beta=0.0,
        max_completion_length=arguments.length,
        gradient_checkpointing=cuda,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_steps=1000,
        max_steps=2 * arguments.pairs + 4,
    )
    trainer = trainer_class(
        model=model.bfloat16() if cuda else model,
        reward_funcs=[spread] if kind == "grpo" else [],
        args=config,
        train_dataset=Dataset.from_dict({"prompt": ["1 + 1 = "] * 64}),
        processing_class=tokenizer,
    )
    generator = torch.Generator().manual_seed(1)
    recorded = torch.randint(3, 200, (arguments.completions, arguments.length), generator=generator).tolist()
    trainer._generate_single_turn = lambda ids, *_: (recorded, None)
    if kind == "published":
        trainer.reads_policy = False
        trainer.reward_funcs = [lambda **_: published_certainty(trainer)]
    return trainer


def spread(completion_ids: list[list[int]], **_: Any) -> list[float]:
    """A reward that costs nothing and differs within groups."""
    return [float(ids[0] % 7) for ids in completion_ids]


def cycle(trainer: RolloutTrainer) -> None:
    """One generation's scoring, and two optimizer steps' worth of forward and backward passes on it."""
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = trainer.args.gradient_accumulation_steps
    rows = [{"prompt": "1 + 1 = "}] * (trainer.args.per_device_train_batch_size * trainer.args.steps_per_generation)
    for _ in range(2 * trainer.args.gradient_accumulation_steps):
        trainer.training_step(trainer.model, rows)
    trainer.model.zero_grad()


def measured(
    run: Callable[[], None], device: str, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float]:
    """Seconds, and MB at the peak."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    else:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    started = clock()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
        return clock() - started, torch.cuda.max_memory_allocated() / 1e6
    seconds = clock() - started
    status = Path("/proc/self/status").read_text()
    return seconds, int(status.split("VmHWM:")[1].split()[0]) / 1e3


def main() -> None:
    """Alternate, then tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--completions", type=int, default=16)
    parser.add_argument("--length", type=int, default=256)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trainers = {kind: trainer_of(kind, arguments, folder) for kind in ("grpo", "intuitor", "published")}
        seconds: dict[str, list[float]] = {kind: [] for kind in trainers}
        peaks: dict[str, list[float]] = {kind: [] for kind in trainers}
        for turn in range(arguments.pairs + 1):
            kinds = list(trainers)
            for kind in kinds[turn % 3 :] + kinds[: turn % 3]:
                spent, peak = measured(lambda kind=kind: cycle(trainers[kind]), arguments.device)
                if turn:  # the first is warm-up
                    seconds[kind].append(spent)
                    peaks[kind].append(peak)
    for kind, spent in seconds.items():
        ratio = median(s / g for s, g in zip(spent, seconds["grpo"], strict=True))
        print(
            f"{kind:10} median {median(spent):7.3f} s a cycle, {ratio:.3f} × grpo; peak {median(peaks[kind]):.0f} MB, "
            f"{median(peaks[kind]) / median(peaks['grpo']):.3f} ×"
        )


if __name__ == "__main__":
    main()
