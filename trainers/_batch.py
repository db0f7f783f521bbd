"""Changes to the batch that TRL returns, made alike on all processes.

B rows are this process's, N those of all in the order of the processes; a group may lie on several.
"""

from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from trainers.advantages import group_token_scale


class Rows:
    """From this process's rows of a tensor to those of all, and back."""

    def __init__(self, accelerator: Accelerator):
        self._accelerator, self.device = accelerator, accelerator.device

    def gather(self, x: Tensor) -> Tensor:
        """Rows of every process, in TRL's order."""
        return self._accelerator.gather(x)

    def local(self, x: Tensor) -> Tensor:
        """This process's rows of a gathered tensor."""
        rows = len(x) // self._accelerator.num_processes
        return x[self._accelerator.process_index * rows :][:rows]

    def gather_ragged(self, x: Tensor, padding: int = 0, *, left: bool = False) -> Tensor:
        """Rows of every process, padded to the widest; on the left if asked."""
        even = self._accelerator.pad_across_processes(x, 1, padding, pad_first=left) if x.dim() > 1 else x
        return self._accelerator.gather(even)

    def dealt(self, order: Tensor) -> Tensor:
        """This process's share of an order of all rows, dealt out to and fro."""
        hands = order.view(-1, self._accelerator.num_processes).clone()
        hands[1::2] = hands[1::2].flip(1)
        return hands[:, self._accelerator.process_index]


def hint_counts(inputs: Any, rows: Rows) -> Tensor | None:
    """How many hints each prompt has (N,); None where the problems have no such column."""
    if "hint_count" not in inputs[0]:
        return None
    return rows.gather(torch.tensor([row["hint_count"] for row in inputs], device=rows.device))


def require_groups(advantages: Tensor, rewards: Tensor, method: str) -> None:
    """Raise unless a method's advantages have the shape of its rewards, (groups, group_size)."""
    if advantages.shape != rewards.shape:
        raise ValueError(
            f"{method}.group_advantages returned shape {tuple(advantages.shape)}; expected (groups, group_size) = "
            f"{tuple(rewards.shape)}."
        )


def replace_advantages(batch: dict[str, Any], log: Any, advantages: Tensor, rows: Rows) -> None:
    """Put advantages (groups, group_size) into the batch, and in the place of those that TRL has logged.

    Args:
        batch: With `advantages` (B,).
        log: TRL's deque, which keeps the newest generation batch.
        advantages: Of all processes.
        rows: Of this process.
    """
    flat = advantages.flatten().to(batch["advantages"])
    batch["advantages"] = rows.local(flat)
    for _ in range(min(len(flat), len(log))):
        log.pop()
    log.extend(flat.tolist())


def drop_groups(batch: dict[str, Any], dropped: Tensor, group_size: int, rows: Rows) -> None:
    """Blank the completion masks of dropped groups (groups,), and count the tokens that are left."""
    kept = rows.local((~dropped).repeat_interleave(group_size)).to(batch["completion_mask"])
    batch["completion_mask"] = batch["completion_mask"] * kept.unsqueeze(1)
    batch["num_items_in_batch"] = rows.gather(loss_tokens(batch)).sum()


def weight_groups(batch: dict[str, Any], group_size: int, rows: Rows) -> None:
    """Scale advantages so that TRL's mean over tokens becomes the mean over groups of token means."""
    scale = group_token_scale(rows.gather(loss_tokens(batch)).cpu().view(-1, group_size))
    weights = rows.local(scale.expand(-1, group_size).flatten())
    batch["advantages"] = (batch["advantages"].cpu() * weights).to(batch["advantages"])


def loss_tokens(batch: dict[str, Any]) -> Tensor:
    """Tokens of each local completion that count in the loss, (B,)."""
    mask = batch["completion_mask"]
    return (mask * batch["tool_mask"] if "tool_mask" in batch else mask).sum(1)
