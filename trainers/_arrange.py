"""Which rows make up a micro-batch: TRL draws them at random, here those of like length come together.

Rows change places within one optimizer step only, where the loss is their sum whatever the micro-batches; over all
processes, so that each has the same work. Every micro-batch keeps its number of rows.
"""

from math import nan
from typing import Any

import torch
from torch import Tensor
from trl.trainer.utils import split_tensor_dict

from trainers._batch import Rows, loss_tokens

BY_TOKENS = ("entropy", "kl")
"""Metrics that TRL takes as a mean over the tokens of a micro-batch, then over micro-batches."""
BY_TOKENS_OR_SEQUENCES = ("clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean", "cispo_clip_ratio")
"""Those that are a mean over sequences with `--importance_sampling_level sequence`."""

PADDING = {"tool_mask": 1, "importance_sampling_ratio": 1}
"""What TRL has after the end of a completion, where that is not 0."""


def arranged(batches: list[dict[str, Any]], together: int, drop: bool, rows: Rows) -> list[dict[str, Any]]:
    """The same rows, in as many micro-batches of as many rows; the longest first, empty ones last.

    Args:
        batches: TRL's micro-batches of one generation, of tensors alone.
        together: How many neighbours always share an optimizer step.
        drop: Whether to empty rows whose advantage is zero.
        rows: Of this process; all of them take part.
    """
    steps = [_joined(batches[start : start + together]) for start in range(0, len(batches), together)]
    return [batch for step in steps for batch in split_tensor_dict(_dealt(step, drop, rows), together)]


def _joined(batches: list[dict[str, Any]]) -> dict[str, Any]:
    """One batch of all rows; what is not per row is the same in each."""
    return {
        key: torch.cat([batch[key] for batch in batches]) if isinstance(value, Tensor) and value.dim() else value
        for key, value in batches[0].items()
    }


def _dealt(batch: dict[str, Any], drop: bool, rows: Rows) -> dict[str, Any]:
    """This process's rows out of those of all, dealt by length."""
    if drop:
        moves = (batch["advantages"] != 0).view(len(batch["advantages"]), -1).any(1, keepdim=True)
        batch = {**batch, "completion_mask": batch["completion_mask"] * moves}
    filled = batch["completion_mask"].any(1)
    lengths = (batch["prompt_mask"].sum(1) + batch["completion_mask"].sum(1)) * filled
    mine = rows.dealt(rows.gather(lengths).argsort(descending=True, stable=True))
    whole = {
        key: rows.gather_ragged(value, PADDING.get(key, 0), left=key.startswith("prompt_"))
        for key, value in batch.items()
        if isinstance(value, Tensor) and value.dim()
    }
    return {**batch, **{key: value[mine] for key, value in whole.items()}}


def token_counts(batches: list[dict[str, Any]], rows: Rows) -> list[int]:
    """Tokens of all processes in the loss of each micro-batch."""
    counts = torch.stack([loss_tokens(batch).sum() for batch in batches])
    return rows.gather(counts).view(-1, len(counts)).sum(0).tolist()


def weigh(metrics: dict[str, list[float]], tokens: list[int], sequences: bool) -> None:
    """Turn the newest entries, one per micro-batch, into their mean over tokens, which sorting leaves alone.

    Args:
        metrics: TRL's, which it averages when they are logged; NaN has no value.
        tokens: In the loss of each micro-batch; may be empty.
        sequences: Whether ratios are of sequences.
    """
    for name in BY_TOKENS if sequences else BY_TOKENS + BY_TOKENS_OR_SEQUENCES:
        if tokens and name in metrics:
            newest = zip(metrics[name][-len(tokens) :], tokens, strict=True)
            total = sum(value * weight for value, weight in newest)
            metrics[name][-len(tokens) :] = [total / sum(tokens) if sum(tokens) else nan] * len(tokens)
