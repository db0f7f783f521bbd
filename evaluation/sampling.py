"""Completions of prompts: what is asked and what comes back.

Two files have engines: `evaluation.engine_transformers` runs everywhere, `evaluation.engine_vllm` where vLLM is there.
All take requests whose samples have seeds of their own; how far that makes a sample repeatable is each engine's
`repeatable`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from evaluation._seeded import sample_seed


class Request(NamedTuple):
    """One completion that is wanted: a rendered prompt, the seed of its sample, and a length below the usual one."""

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
        top_k: Most likely tokens; 0 for all.
        stop: Texts that end a completion, which keeps them.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()


class Completion(NamedTuple):
    """What a model wrote.

    Attributes:
        text: Without special tokens, and without the output of a tool: answers are taken from here.
        length: In tokens, with the end token.
        truncated: Whether it was cut at the longest length.
        transcript: With the output of tools, "" where there are none.
        calls: What came of each program: "ran", "failed" or "timed out".
    """

    text: str
    length: int
    truncated: bool
    transcript: str = ""
    calls: tuple[str, ...] = ()


class Engine(Protocol):
    """Something that completes prompts.

    Attributes:
        batch_size: Requests it works on at once: fewer leave it idle.
        repeatable: When the same request gives the same text, as a sentence for the record.
    """

    batch_size: int
    repeatable: str

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Complete requests, and return as many completions in their order."""
        ...


def prompt_ids(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    """Return the tokens of rendered prompts."""
    return tokenizer(list(prompts), add_special_tokens=adds_special_tokens(tokenizer))["input_ids"]


def adds_special_tokens(tokenizer: Any) -> bool:
    """Whether the tokenizer puts its own first token before a prompt; a chat template has written it already."""
    return getattr(tokenizer, "chat_template", None) is None


__all__ = ["Completion", "Engine", "Request", "Sampling", "adds_special_tokens", "prompt_ids", "sample_seed"]
