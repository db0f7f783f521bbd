"""The seam: the only file that touches private parts of TRL's GRPOTrainer (1.16).

TRL turns rewards into advantages in the middle of one long method, without a hook. So this class remembers what went
in (the gathered rewards, the lengths), lets TRL do everything, and then replaces entries of the batch that TRL
returns: `advantages`, and for dropped groups `completion_mask` and `num_items_in_batch`. No TRL body is copied: every
option of TRL keeps working, and with neutral settings nothing is replaced at all.

Rows are in group order here (TRL shuffles later), and a group may lie on several processes, so statistics of groups
are taken on gathered tensors (N, ...) = all processes, then sliced back to this process's rows (B, ...).
"""

from typing import Any, Literal

import torch
import trl
from packaging.version import Version
from torch import Tensor
from trl import GRPOTrainer
from typing_extensions import override

from trainers._config import RolloutConfig
from trainers._finite import finite
from trainers.advantages import group_token_scale, has_spread

if not Version("1.16") <= Version(trl.__version__) < Version("1.17"):
    raise ImportError(
        f"This project overrides private methods of trl and was tested with trl>=1.16,<1.17; found {trl.__version__}. "
        "Install the tested versions with `pip install -c constraints.txt -e .`."
    )


class RolloutTrainer(GRPOTrainer):
    """TRL's GRPOTrainer with advantages from `group_advantages`; everything else is TRL's.

    State between steps: none of its own, so a restart loses nothing.
    """

    args: RolloutConfig
    _rewards: Tensor | None = None  # (N, F): every process's rewards, one column per reward function
    _lengths: Tensor | None = None  # (N,): generated tokens, EOS once, tool and environment tokens not

    def __init__(self, model, reward_funcs=None, args=None, **kwargs):
        if not isinstance(args, RolloutConfig):
            raise TypeError(
                f"{type(self).__name__} needs its method's config as `args` (see METHODS in trainers/__init__.py); "
                f"found {type(args).__name__}."
            )
        super().__init__(model, reward_funcs, args, **kwargs)
        named = zip(self.reward_funcs, self.reward_func_names, strict=True)
        self.reward_funcs = [finite(func, name) for func, name in named]

    def group_advantages(self, rewards: Tensor, lengths: Tensor) -> Tensor | None:
        """The method: advantages of every completion from its group's rewards and lengths.

        Args:
            rewards: (groups, group_size) float32, the weighted sum of the reward functions; NaN = unscorable.
            lengths: (groups, group_size) int64, generated tokens.

        Returns:
            (groups, group_size), or None to keep those that TRL computed.
        """
        return None

    @property
    def mode(self) -> Literal["train", "eval"]:
        """The key under which TRL files metrics now."""
        return "train" if self.model.training else "eval"  # type: ignore[union-attr]

    @override
    def _generate(self, prompts):
        output = super()._generate(prompts)
        completion_ids, tool_mask = output[1], output[2]
        # From the ids: `mask_truncated_completions` later blanks the masks of truncated completions.
        lengths = [sum(mask) for mask in tool_mask] if tool_mask is not None else [len(ids) for ids in completion_ids]
        self._lengths = self._gather(torch.tensor(lengths, device=self.accelerator.device))
        return output

    @override
    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        self._rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        return self._rewards

    @override
    def _generate_and_score_completions(self, inputs):
        self._rewards = self._lengths = None
        batch = super()._generate_and_score_completions(inputs)
        if self._rewards is None or self._lengths is None:
            raise RuntimeError("trl did not call `_calculate_rewards` and `_generate`; this needs trl>=1.16,<1.17.")
        group_size = self.num_generations if self.mode == "train" else self.num_generations_eval
        # A few numbers per completion: float64 is to be had on the CPU whatever the accelerator.
        lengths = self._lengths.cpu().view(-1, group_size)
        rewards = self._total_rewards(self._rewards.cpu()).view(-1, group_size)
        signal = has_spread(rewards)
        self._log_groups(self._rewards.cpu(), lengths, signal)

        drop = self.args.zero_variance == "drop" and self.mode == "train"
        advantages = self.group_advantages(rewards, lengths)
        if advantages is not None:
            if advantages.shape != rewards.shape:
                raise ValueError(
                    f"{type(self).__name__}.group_advantages returned shape {tuple(advantages.shape)}; expected "
                    f"(groups, group_size) = {tuple(rewards.shape)}."
                )
            self._replace_advantages(batch, advantages.where(signal.unsqueeze(1), 0.0) if drop else advantages)
        if drop:
            self._drop_groups(batch, ~signal, group_size)
        if self.args.token_norm == "group" and self.mode == "train":
            self._weight_groups(batch, group_size)
        return batch

    def _total_rewards(self, rewards: Tensor) -> Tensor:
        """Weighted sum (N,) over reward functions, as TRL forms it; NaN where every function said None."""
        total = (rewards * self.reward_weights.to(rewards.device)).nansum(1)
        return total.masked_fill(rewards.isnan().all(1), torch.nan)

    def _replace_advantages(self, batch: dict[str, Any], advantages: Tensor) -> None:
        """Put advantages (groups, group_size) into the batch and in the place of those that TRL has logged."""
        flat = advantages.flatten().to(batch["advantages"])
        batch["advantages"] = self._local(flat)
        log: Any = self._logs["advantages"]  # a deque that keeps the newest generation batch
        for _ in range(min(len(flat), len(log))):
            log.pop()
        log.extend(flat.tolist())

    def _drop_groups(self, batch: dict[str, Any], dropped: Tensor, group_size: int) -> None:
        """Blank the completion masks of dropped groups (groups,), and count the tokens that are left."""
        kept = self._local((~dropped).repeat_interleave(group_size)).to(batch["completion_mask"])
        batch["completion_mask"] = batch["completion_mask"] * kept.unsqueeze(1)
        batch["num_items_in_batch"] = self._gather(_loss_tokens(batch)).sum()

    def _weight_groups(self, batch: dict[str, Any], group_size: int) -> None:
        """Scale advantages so that TRL's mean over tokens becomes the mean over groups of token means."""
        scale = group_token_scale(self._gather(_loss_tokens(batch)).cpu().view(-1, group_size))
        rows = self._local(scale.expand(-1, group_size).flatten())
        batch["advantages"] = (batch["advantages"].cpu() * rows).to(batch["advantages"])

    def _log_groups(self, rewards: Tensor, lengths: Tensor, signal: Tensor) -> None:
        """What users ask of a run: which groups can teach, and how long right and wrong answers are."""
        metrics = self._metrics[self.mode]
        metrics["groups/effective"].append(signal.double().mean().item())
        if "accuracy" not in self.reward_func_names:
            return
        accuracy = rewards[:, self.reward_func_names.index("accuracy")].view(lengths.shape)
        correct, wrong = accuracy > 0.5, accuracy <= 0.5  # NaN, an answer that could not be graded, is neither
        metrics["groups/all_correct"].append(correct.all(1).double().mean().item())
        metrics["groups/all_wrong"].append(wrong.all(1).double().mean().item())
        for name, rows in (("correct", correct), ("incorrect", wrong)):
            metrics[f"completions/mean_length_{name}"].append(lengths[rows].double().mean().item())

    def _gather(self, x: Tensor) -> Tensor:
        """Rows of every process, in TRL's order."""
        return self.accelerator.gather(x)

    def _local(self, x: Tensor) -> Tensor:
        """This process's rows of a gathered tensor."""
        rows = len(x) // self.accelerator.num_processes
        return x[self.accelerator.process_index * rows :][:rows]


def _loss_tokens(batch: dict[str, Any]) -> Tensor:
    """Tokens of each local completion that count in the loss, (B,)."""
    mask = batch["completion_mask"]
    return (mask * batch["tool_mask"] if "tool_mask" in batch else mask).sum(1)
