"""Sampling by a seed of each sample's own, so that its text does not depend on which others are drawn beside it."""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from transformers import LogitsProcessor
from typing_extensions import override


def sample_seed(seed: int, problem: str, index: int) -> int:
    """Return the seed of one sample, 63 bits.

    Args:
        seed: Of all of them.
        problem: What identifies the problem, wherever it stands in a data set.
        index: Which of its samples, from 0.
    """
    key = f"{seed}\n{problem}\n{index}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1


class SeededChoice(LogitsProcessor):
    """Draw each row's next token by inverting its distribution function at a uniform number of its own.

    The numbers of a row are a stream made of its seed alone. After this processor exactly one token is left, so greedy
    decoding takes it.

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
        upto = scores.double().softmax(dim=-1).cumsum(dim=-1)  # (B, V)
        drawn = self._uniform[:, self._step, None].to(upto.device) * upto[:, -1:]
        chosen = torch.searchsorted(upto, drawn, right=True).clamp_(max=scores.size(-1) - 1)
        self._step += 1
        return torch.full_like(scores, float("-inf")).scatter_(1, chosen, 0.0)
