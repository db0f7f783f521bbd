"""Build the embedded model from nothing: `python -m embedded.build`.

It trains a byte-level BPE tokenizer on the corpus, warm-starts a tiny Qwen2 on worked solutions whose operands belong
to the train split, writes both to `embedded/model/`, and prints the calibration. `--report-only` prints that
of the existing model.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from data.arithmetic_corpus import drill, example
from embedded import MODEL
from embedded.calibration import report

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VOCABULARY = 768  # an upper limit: the corpus has fewer words than that
BATCH = 32
POOL = 16 * BATCH  # examples sorted by length together, so that a batch has little padding
TYPICAL_TOKENS = 55  # of a completion: a constant divisor, since a mean per batch would over-weight short answers
LEARNING_RATE = 3e-3
WARM_UP = 50  # steps


def build_tokenizer(rng: Random) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer of the corpus's words, in which every digit is a token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    examples = [example(rng) for _ in range(6000)]
    texts = [text for turns, solution in examples for text in (*(turn["content"] for turn in turns), solution)]
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, "user\n", "assistant\n", "system\n", "Practice."], trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        model_max_length=512,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """Return an untrained Qwen2 of about 190,000 parameters: for a fixed CPU time, more steps beat more width."""
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=192,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen2ForCausalLM(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


Draw = Callable[[Random, float], tuple[list[dict[str, str]], str]]
"""An example, the turns of its prompt and its solution, for a share of training that is done."""


def drill_or_example(rng: Random, done: float) -> tuple[list[dict[str, str]], str]:
    """Return an example; sums emerge late and all rests on them, so most are drills at first, and few at the end."""
    return drill(rng) if rng.random() < 0.65 - 0.45 * done else example(rng)


def batches(
    tokenizer: PreTrainedTokenizerFast, rng: Random, steps: int, draw: Draw = drill_or_example
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield ids and labels (B, T) of fresh examples; labels are -100 outside the completion."""
    pool: list[list[tuple[list[int], list[int]]]] = []
    for step in range(steps):
        if not pool:
            pairs = [draw(rng, step / steps) for _ in range(POOL)]
            prompts = [tokenizer.apply_chat_template(p, tokenize=False, add_generation_prompt=True) for p, _ in pairs]
            prompt_ids = tokenizer(prompts, add_special_tokens=False)["input_ids"]
            solution_ids = tokenizer([solution for _, solution in pairs], add_special_tokens=False)["input_ids"]
            rows = [(p, [*s, tokenizer.eos_token_id]) for p, s in zip(prompt_ids, solution_ids, strict=True)]
            rows.sort(key=lambda row: len(row[0]) + len(row[1]))
            pool = [rows[i : i + BATCH] for i in range(0, POOL, BATCH)]
            rng.shuffle(pool)
        yield _collate(pool.pop(), tokenizer.pad_token_id)


def _collate(rows: list[tuple[list[int], list[int]]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    # Padded on the right: with causal attention no mask is needed.
    width = max(len(prompt) + len(solution) for prompt, solution in rows)
    ids = torch.full((len(rows), width), pad)
    labels = torch.full_like(ids, -100)
    for i, (prompt, solution) in enumerate(rows):
        ids[i, : len(prompt) + len(solution)] = torch.tensor(prompt + solution)
        labels[i, len(prompt) : len(prompt) + len(solution)] = torch.tensor(solution)
    return ids, labels


def warm_start(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, rng: Random, steps: int, draw: Draw = drill_or_example
) -> None:
    """Train the model on the corpus, with a cosine schedule, and round its weights to bfloat16."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    model.train()
    running = 0.0
    for step, (ids, labels) in enumerate(batches(tokenizer, rng, steps, draw)):
        rate = min(1, (step + 1) / WARM_UP) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * rate
        targets = labels[:, 1:]
        kept = targets != -100
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1][kept]
        total = torch.nn.functional.cross_entropy(model.lm_head(hidden), targets[kept], reduction="sum")
        optimizer.zero_grad(set_to_none=True)
        (total / (BATCH * TYPICAL_TOKENS)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running += total.item() / kept.sum().item()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}/{steps}  loss {running / 100:.4f}  CPU {time.process_time():.0f} s", flush=True)
            running = 0.0
    for parameter in model.parameters():  # the same model whether it is loaded in float32 or in bfloat16
        parameter.data = parameter.data.bfloat16().float()


def build(out: Path, steps: int, seed: int) -> None:
    """Build tokenizer and model, and write them to a folder, over what is there."""
    torch.manual_seed(seed)
    rng = Random(seed)
    tokenizer = build_tokenizer(rng)
    model = build_model(tokenizer)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens", flush=True)
    warm_start(model, tokenizer, rng, steps)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    print(f"{out}: {sum(file.stat().st_size for file in out.iterdir()):,} bytes", flush=True)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report-only", action="store_true", help="print the calibration of the model that is there")
    parser.add_argument("--out", type=Path, default=MODEL, help="folder of the model")
    parser.add_argument("--steps", type=int, default=4000, help="steps of the warm start")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)  # two threads are slower than one on a model this small
    if not args.report_only:
        build(args.out, args.steps, args.seed)
    print(report(args.out))


if __name__ == "__main__":
    main()
