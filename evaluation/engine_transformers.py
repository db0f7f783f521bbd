"""The engine that every machine has: `generate` of transformers."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from evaluation._seeded import SeededChoice
from evaluation.sampling import Completion, Request, Sampling, adds_special_tokens

# A checkpoint's own generation config must not leak into a measurement (Qwen2.5 ships repetition_penalty 1.05).
PLAIN = {
    "do_sample": False,
    "temperature": None,
    "top_k": None,
    "top_p": None,
    "num_beams": 1,
    "repetition_penalty": 1.0,
}


class TransformersEngine:
    """`generate` of a model in memory, in batches.

    Args:
        model: A causal language model, unwrapped.
        tokenizer: Its tokenizer, with a pad token.
        batch_size: Requests at once.
    """

    repeatable = (
        "A sample depends on its own seed, not on those beside it; in another batch its probabilities differ by "
        "rounding, which changes one token in about a million."
    )

    def __init__(self, model: Any, tokenizer: Any, batch_size: int = 64):
        self.model, self.tokenizer, self.batch_size = model, tokenizer, batch_size

    @torch.no_grad()
    def complete(
        self,
        requests: Sequence[Request],
        sampling: Sampling,
        progress: Callable[[int], object] = lambda done: None,
    ) -> list[Completion]:
        """Complete requests in batches of similar length.

        Args:
            requests: Prompts and seeds.
            sampling: How.
            progress: Called with the number of requests just finished.

        Returns:
            One completion per request, in their order.
        """
        order = sorted(range(len(requests)), key=lambda i: len(requests[i].prompt))
        results: dict[int, Completion] = {}
        training = self.model.training
        self.model.eval()
        try:
            for start in range(0, len(order), self.batch_size):
                chosen = order[start : start + self.batch_size]
                completed = self._batch([requests[i] for i in chosen], sampling)
                results |= dict(zip(chosen, completed, strict=True))
                progress(len(chosen))
        finally:
            self.model.train(training)
        return [results[i] for i in range(len(requests))]

    def _batch(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        inputs = self.tokenizer(
            [request.prompt for request in requests],
            return_tensors="pt",
            padding=True,
            padding_side="left",
            add_special_tokens=adds_special_tokens(self.tokenizer),
        )
        ends = end_ids(self.model, self.tokenizer)
        ids = self.model.generate(
            input_ids=inputs["input_ids"].to(self.model.device),
            attention_mask=inputs["attention_mask"].to(self.model.device),
            max_new_tokens=max(request.limit or sampling.max_new_tokens for request in requests),
            eos_token_id=ends,
            pad_token_id=self.tokenizer.pad_token_id,
            logits_processor=_chain(sampling, [request.seed for request in requests]),
            **({"stop_strings": list(sampling.stop), "tokenizer": self.tokenizer} if sampling.stop else {}),
            **PLAIN,
        )
        new = ids[:, inputs["input_ids"].size(1) :].tolist()
        return [self._completion(row[: r.limit], ends, sampling) for row, r in zip(new, requests, strict=True)]

    def _completion(self, ids: list[int], ends: Iterable[int], sampling: Sampling) -> Completion:
        stop = next((t + 1 for t, token in enumerate(ids) if token in ends), None)
        text = self.tokenizer.decode(ids[:stop], skip_special_tokens=True)
        if not any(mark in text for mark in sampling.stop):
            return Completion(text, stop or len(ids), truncated=stop is None)
        # Rows that met a stop text are filled up with pads, which may be a token that no row ends with.
        length = 1 + bisect_left(range(1, len(ids)), True, key=lambda n: self._stopped(ids[:n], sampling.stop))
        return Completion(text, length, truncated=False)

    def _stopped(self, ids: list[int], stop: Sequence[str]) -> bool:
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        return any(mark in text for mark in stop)


def _chain(sampling: Sampling, seeds: Sequence[int]) -> LogitsProcessorList:
    chain = LogitsProcessorList()
    if sampling.temperature == 0:
        return chain
    chain.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        chain.append(TopPLogitsWarper(sampling.top_p))
    chain.append(SeededChoice(seeds, sampling.max_new_tokens))
    return chain


def end_ids(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends a completion, as the trainer takes them: the model's and the tokenizer's."""
    declared = model.generation_config.eos_token_id
    ids = declared if isinstance(declared, list) else [declared]
    return sorted({i for i in [*ids, tokenizer.eos_token_id] if i is not None})
