"""Completions of prompts by a model in memory."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

# A checkpoint's own generation config must not leak into a measurement (Qwen2.5 ships repetition_penalty 1.05).
GREEDY = {"do_sample": False, "temperature": None, "top_k": None, "top_p": None}
SAMPLE = {"do_sample": True, "top_k": 0, "top_p": 1.0}
PLAIN = {"num_beams": 1, "repetition_penalty": 1.0}


class Completion(NamedTuple):
    """What a model wrote: text without special tokens, length in tokens with the end token, and if it was cut."""

    text: str
    length: int
    truncated: bool


@torch.no_grad()
def complete(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    batch_size: int = 64,
    special_tokens: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> list[Completion]:
    """Complete prompts in batches of similar length.

    Args:
        model: A causal language model with `generate`.
        tokenizer: Its tokenizer, with a pad token.
        prompts: Rendered texts.
        max_new_tokens: Longest completion, in tokens.
        temperature: 0 decodes greedily; else sampling from the whole vocabulary.
        batch_size: Prompts at once.
        special_tokens: Whether the tokenizer adds its own (a first token, say), which a chat template has written.
        progress: Called with the number of prompts just finished.

    Returns:
        One completion per prompt, in their order.
    """
    sampling = {**SAMPLE, "temperature": temperature} if temperature else GREEDY
    ends = _end_ids(model, tokenizer)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    results: list[Completion | None] = [None] * len(prompts)
    training = model.training
    model.eval()
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        texts = [prompts[i] for i in chosen]
        inputs = tokenizer(
            texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=special_tokens
        )
        ids = model.generate(
            input_ids=inputs["input_ids"].to(model.device),
            attention_mask=inputs["attention_mask"].to(model.device),
            max_new_tokens=max_new_tokens,
            eos_token_id=ends,
            pad_token_id=tokenizer.pad_token_id,
            **PLAIN,
            **sampling,
        )
        for i, row in zip(chosen, ids[:, inputs["input_ids"].size(1) :].tolist(), strict=True):
            results[i] = _completion(row, ends, tokenizer)
        progress(len(chosen))
    model.train(training)
    return [result for result in results if result is not None]


def _completion(ids: list[int], ends: list[int], tokenizer: Any) -> Completion:
    stop = next((t + 1 for t, token in enumerate(ids) if token in ends), None)
    text = tokenizer.decode(ids[:stop], skip_special_tokens=True)
    return Completion(text, stop or len(ids), truncated=stop is None)


def _end_ids(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends a completion, as the trainer takes them: the model's and the tokenizer's."""
    declared = model.generation_config.eos_token_id
    ids = declared if isinstance(declared, list) else [declared]
    return sorted({i for i in [*ids, tokenizer.eos_token_id] if i is not None})
