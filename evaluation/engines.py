"""Engines complete prompts: transformers everywhere, vLLM in this process, or a vLLM server somewhere.

Every request carries the seed of its own sample, so that its text does not depend on which others are sampled beside
it; how far that makes a sample repeatable is each engine's `repeatable`.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from typing_extensions import override

from errors import UserError
from evaluation.http import ask_json
from evaluation.vllm import answered, plain_url, require_vllm, served_models


class Request(NamedTuple):
    """A completion that is wanted: a rendered prompt, the seed of its sample, and a limit below the usual length."""

    prompt: str
    seed: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class Sampling:
    """How to decode.

    Attributes:
        max_new_tokens: Longest completion, in tokens.
        temperature: 0 decodes greedily.
        top_p: Smallest set of tokens with this probability; 1 for all.
        top_k: Number of most likely tokens; 0 for all.
        stop: Texts that end a completion and stay in it.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()


class Completion(NamedTuple):
    """What a model wrote.

    Attributes:
        text: The model's own text, without special tokens and without tool output: answers are taken from here.
        length: In tokens, with the end token.
        truncated: Whether the completion reached the longest length.
        transcript: The text with tool output, "" where there is none.
        calls: The end of each program: "ran", "failed" or "timed out".
    """

    text: str
    length: int
    truncated: bool
    transcript: str = ""
    calls: tuple[str, ...] = ()


class Engine(Protocol):
    """Completes prompts.

    Attributes:
        batch_size: Requests that the engine works on at once: fewer leave it idle.
        repeatable: When the same request gives the same text, as a sentence for the record.
    """

    batch_size: int
    repeatable: str

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Return one completion per request, in their order."""
        ...


def sample_seed(seed: int, problem: str, index: int) -> int:
    """Return the seed of one sample, 63 bits.

    Args:
        seed: The seed of the whole run.
        problem: The identity of the problem, wherever it stands in a data set.
        index: The number of the sample among those of the problem, from 0.
    """
    key = f"{seed}\n{problem}\n{index}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1


def prompt_ids(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    """Return the tokens of rendered prompts."""
    return tokenizer(list(prompts), add_special_tokens=adds_special_tokens(tokenizer))["input_ids"]


def adds_special_tokens(tokenizer: Any) -> bool:
    """Whether the tokenizer puts its own first token before a prompt; a chat template has written it already."""
    return getattr(tokenizer, "chat_template", None) is None


# transformers --------------------------------------------------------------------------------------------------------

# A checkpoint's own generation config must not leak into a measurement (Qwen2.5 ships repetition_penalty 1.05).
PLAIN = {
    "do_sample": False,
    "temperature": None,
    "top_k": None,
    "top_p": None,
    "num_beams": 1,
    "repetition_penalty": 1.0,
}


class SeededChoice(LogitsProcessor):
    """Draw each row's next token by inverting its distribution function at a uniform number of its own.

    The numbers of a row come from its seed alone. After this processor exactly one token is left, so greedy decoding
    takes it.

    Args:
        seeds: One per row.
        max_new_tokens: Numbers to prepare per row.
    """

    def __init__(self, seeds: Sequence[int], max_new_tokens: int):
        streams = [np.random.Generator(np.random.Philox(seed)).random(max_new_tokens) for seed in seeds]
        self._uniform = torch.from_numpy(np.stack(streams))  # (B, T), float64 in [0, 1)
        self._step = 0

    @override
    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        # float64: in float32 a sum over 150,000 tokens is off by more than many of their probabilities.
        cumulative = scores.double().softmax(dim=-1).cumsum(dim=-1)  # (B, V)
        point = self._uniform[:, self._step, None].to(cumulative.device) * cumulative[:, -1:]
        chosen = torch.searchsorted(cumulative, point, right=True).clamp_(max=scores.size(-1) - 1)
        self._step += 1
        return torch.full_like(scores, float("-inf")).scatter_(1, chosen, 0.0)


class TransformersEngine:
    """Runs `generate` of a model in memory, in batches.

    Args:
        model: A causal language model, unwrapped.
        tokenizer: The model's tokenizer, with a pad token.
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
            sampling: How to decode.
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
            logits_processor=_processors(sampling, [request.seed for request in requests]),
            **({"stop_strings": list(sampling.stop), "tokenizer": self.tokenizer} if sampling.stop else {}),
            **PLAIN,
        )
        new = ids[:, inputs["input_ids"].size(1) :].tolist()
        return [self._completion(row[: r.limit], ends, sampling) for row, r in zip(new, requests, strict=True)]

    def _completion(self, ids: list[int], ends: Iterable[int], sampling: Sampling) -> Completion:
        end = next((t + 1 for t, token in enumerate(ids) if token in ends), None)
        text = self.tokenizer.decode(ids[:end], skip_special_tokens=True)
        if not any(mark in text for mark in sampling.stop):
            return Completion(text, end or len(ids), truncated=end is None)

        def stopped(length: int) -> bool:
            text = self.tokenizer.decode(ids[:length], skip_special_tokens=True)
            return any(mark in text for mark in sampling.stop)

        # Rows that reached a stop text are filled up with pads, which may be a token that no row ends with.
        return Completion(text, 1 + bisect_left(range(1, len(ids)), True, key=stopped), truncated=False)


def _processors(sampling: Sampling, seeds: Sequence[int]) -> LogitsProcessorList:
    processors = LogitsProcessorList()
    if sampling.temperature == 0:
        return processors
    processors.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        processors.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    processors.append(SeededChoice(seeds, sampling.max_new_tokens))
    return processors


def end_ids(model: Any, tokenizer: Any) -> list[int]:
    """Return every token that ends a completion, as the trainer takes them: the model's and the tokenizer's."""
    declared = model.generation_config.eos_token_id
    ids = declared if isinstance(declared, list) else [declared]
    return sorted({i for i in [*ids, tokenizer.eos_token_id] if i is not None})


# vLLM ----------------------------------------------------------------------------------------------------------------

AT_ONCE = 256
"""Requests that vLLM gets at once; it schedules them itself."""


class VLLMEngine:
    """Runs vLLM's offline engine in this process.

    Args:
        model: Hub id or folder.
        tokenizer: The model's tokenizer.
        batch_size: Requests given to vLLM at once.
        settings: Arguments of `vllm.LLM`: revision, dtype, …

    Raises:
        UserError: vLLM is not installed, or in a version that TRL does not work with.
    """

    repeatable = (
        "Samples have seeds of their own, but vLLM's probabilities depend on the batch a request happens to run in: a "
        "repetition gives mostly, not always, the same texts."
    )

    def __init__(self, model: str, tokenizer: Any, batch_size: int = AT_ONCE, **settings: Any):
        require_vllm("--engine vllm", "leave it out, or start a server elsewhere and name it with --server")
        import vllm

        self.batch_size, self._tokenizer = batch_size, tokenizer
        self._vllm, self._llm = vllm, vllm.LLM(model=model, **settings)

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Complete requests; vLLM forms the batches."""
        parameters = [
            self._vllm.SamplingParams(
                max_tokens=request.limit or sampling.max_new_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                top_k=sampling.top_k or -1,
                stop=list(sampling.stop) or None,
                include_stop_str_in_output=True,
                seed=request.seed,
            )
            for request in requests
        ]
        ids = prompt_ids(self._tokenizer, [request.prompt for request in requests])
        prompts = [{"prompt_token_ids": row} for row in ids]
        outputs = [output.outputs[0] for output in self._llm.generate(prompts, parameters, use_tqdm=False)]
        return [Completion(made.text, len(made.token_ids), made.finish_reason == "length") for made in outputs]


class ServerEngine:
    """Asks a vLLM server by the completions protocol of OpenAI.

    Args:
        url: Address of the server, without a path: `http://localhost:8000`.
        model: The model as the server calls it.
        tokenizer: The model's tokenizer.
        batch_size: Requests under way at once.

    Raises:
        UserError: The server does not answer, or serves other models.
    """

    repeatable = VLLMEngine.repeatable
    patience = 3600.0
    """Seconds that one completion may take."""

    def __init__(self, url: str, model: str, tokenizer: Any, batch_size: int = AT_ONCE):
        self._url, self._model, self.batch_size = plain_url(url), model, batch_size
        self._tokenizer = tokenizer
        complaint = f"--server {url} must be a running vLLM server (vllm serve {model})"
        way_out = "Start it, or leave --server out."
        served = [entry["id"] for entry in answered(complaint, way_out, partial(served_models, self._url))]
        if model not in served:
            raise UserError(f"--server {url} serves {', '.join(served)}; found --model {model}. Name one of these.")

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Complete requests, many at a time; the answers are in the order of the requests."""
        ids = prompt_ids(self._tokenizer, [request.prompt for request in requests])
        with ThreadPoolExecutor(self.batch_size) as threads:
            return list(threads.map(self._completion, ids, requests, repeat(sampling)))

    def _completion(self, ids: list[int], request: Request, sampling: Sampling) -> Completion:
        body = {
            "model": self._model,
            "prompt": ids,
            "max_tokens": request.limit or sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,
            "stop": list(sampling.stop) or None,
            "include_stop_str_in_output": True,
            "seed": request.seed,
            # The server would take what is left out from the checkpoint's own generation config.
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "min_p": 0.0,
        }
        try:
            answer = ask_json(f"{self._url}/v1/completions", body, timeout=self.patience)
            choice = answer["choices"][0]
            length = answer["usage"]["completion_tokens"]
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise UserError(
                f"the server at {self._url} did not complete a prompt: {error}. What was sampled is kept; give the "
                "same command again once it answers."
            ) from error
        return Completion(choice["text"], length, choice["finish_reason"] == "length")
