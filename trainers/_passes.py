"""Forward passes over the rows of a batch without the padding that TRL gives them, to the same log-probabilities.

TRL's rows are `padding prompt | completion padding`, with one border and one width for all. A part has some of them,
of like length, moved to the left and cut to its own longest. Every token keeps the position that it had, so rotary
embeddings are the same; rows without a completion token have no log-probability (TRL returns 0) and are left out.

Shapes: B rows of S columns, C of them after the border; b rows of W columns in a part, which returns K of them.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor

OVERHEAD = 256
"""Padding, in tokens, that one more pass must spare. On a CPU it costs less; on an accelerator this is an estimate."""


@dataclass(frozen=True)
class Part:
    """Rows of a batch for one forward pass.

    Attributes:
        rows: (b,) which rows.
        columns: (b, W) int64, where in the batch a token stands; from S on there is none.
        border: Of the batch: its first completion column.
        kept: K, columns at the end of a part in which all completions lie.
    """

    rows: Tensor
    columns: Tensor
    border: int
    kept: int

    def take(self, x: Tensor) -> Tensor:
        """Out of x (B, S) the part's (b, W); 0 where there is no token."""
        taken = x[self.rows].gather(1, self.columns.clamp(max=x.size(1) - 1))
        return taken.masked_fill(self.columns >= x.size(1), 0)

    def places(self, width: int) -> tuple[Tensor, Tensor]:
        """Where values (b, K) belong in a flat (B · width,), and (b, K) bool, which of them belong there."""
        column = self.columns[:, -self.kept :] - self.border
        belongs = (column >= 0) & (column < width)
        return (self.rows[:, None] * width + column)[belongs], belongs


def parts(attention: Tensor, width: int, *, size: int, evenly: bool, multiple: int = 1) -> list[Part]:
    """Parts that have every row with a completion, or one token where no row has one.

    Args:
        attention: (B, S), 1 for tokens.
        width: C.
        size: Rows that would be passed at once; no part is larger, in padded tokens, than so many rows of the batch.
        evenly: Make ⌈B / size⌉ parts whatever the lengths, for models that all processes must run equally often.
        multiple: That W is rounded up to.
    """
    rows, columns = attention.shape
    begins = attention.argmax(1)
    lengths = columns - attention.flip(1).argmax(1) - begins
    order = lengths.argsort(descending=True, stable=True)
    order = order[attention[order, columns - width :].any(1)]
    if evenly:
        chosen = order.tensor_split(ceil(rows / size))
    else:
        chosen = order.split(cheapest(lengths[order].tolist(), OVERHEAD, size * columns)) if len(order) else (order,)
    return [_part(some, begins, lengths, columns - width, multiple) for some in chosen]


def _part(rows: Tensor, begins: Tensor, lengths: Tensor, border: int, multiple: int) -> Part:
    if len(rows):
        width, before = lengths[rows].max().item(), (border - begins[rows]).min().item()
        width = multiple * ceil(width / multiple)
        return Part(rows, begins[rows, None] + torch.arange(width, device=rows.device), border, int(width - before))
    first = torch.zeros(1, dtype=torch.int64, device=rows.device)
    return Part(first, torch.arange(border - 1, border + 1, device=rows.device)[None], border, 1)


def cheapest(lengths: list[int], overhead: int, most: int) -> list[int]:
    """Sizes of consecutive parts that cost the fewest tokens, each as many as it has rows of its first one's length.

    Args:
        lengths: Descending.
        overhead: Tokens that every part costs besides.
        most: Tokens of a part, at least the greatest length.

    >>> cheapest([900, 100, 90, 80], 256, 10_000)
    [1, 3]
    """
    best: list[tuple[int, int]] = [(0, 0)]  # by rows: their cost, and where the last part begins
    for end in range(1, len(lengths) + 1):
        fits = (start for start in range(end) if (end - start) * lengths[start] <= most)
        best.append(min((best[start][0] + (end - start) * lengths[start] + overhead, start) for start in fits))
    sizes, end = [], len(lengths)
    while end:
        sizes.append(end - best[end][1])
        end = best[end][1]
    return sizes[::-1]


def restored(made: list[Part], values: list[Tensor], rows: int, width: int) -> Tensor:
    """(B, width) out of the parts' (b, K), with their gradient; 0 elsewhere."""
    placed = [part.places(width) for part in made]
    flat = torch.cat([value[belongs] for value, (_, belongs) in zip(values, placed, strict=True)])
    index = torch.cat([index for index, _ in placed])
    return flat.new_zeros(rows * width).scatter(0, index, flat).view(rows, width)


def layout_is_free(config: Any) -> bool:
    """Whether a token's logits depend on the tokens before it and their distances alone, not on where padding is.

    True for attention over text with rotary positions whose frequencies are fixed.
    """
    rope: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    kinds = {kind.get("rope_type") for kind in rope.values() if isinstance(kind, dict)} or {rope.get("rope_type")}
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    return (
        config.get_text_config() is config
        and kinds <= {"default", "linear", "llama3", "yarn"}
        and layers <= {"full_attention", "sliding_attention"}
    )


def draws(model: Any) -> bool:
    """Whether the model has dropout: two passes with the same weights then differ."""
    modules = any(isinstance(module, torch.nn.Dropout) and module.p > 0 for module in model.modules())
    return modules or getattr(model.config, "attention_dropout", 0) > 0
