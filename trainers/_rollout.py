"""The seam: with `_rollout_passes` the only file that touches private parts of TRL's GRPOTrainer (1.16).

TRL turns rewards into advantages in the middle of one long method, without a hook. So this class remembers what went
in (the gathered rewards, the lengths), lets TRL do everything, and then replaces entries of the batch that TRL
returns: `advantages`, and for dropped groups `completion_mask` and `num_items_in_batch`. No TRL body is copied: every
option of TRL keeps working, and with neutral settings nothing is replaced at all.

Rows are in group order here (TRL shuffles later), and a group may lie on several processes, so statistics of groups
are taken on gathered tensors (N, ...) = all processes, then sliced back to this process's rows (B, ...).
"""

from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor
from typing_extensions import override

from trainers._batch import drop_groups, replace_advantages, weight_groups
from trainers._clock import PhaseClock
from trainers._config import RolloutConfig
from trainers._finite import finite
from trainers._generation import Generation, RolloutCallback, group_metrics, total_reward
from trainers._rollout_passes import PassesTrainer
from trainers.advantages import has_spread


class RolloutTrainer(PassesTrainer):
    """TRL's GRPOTrainer with advantages from `group_advantages`; everything else is TRL's.

    State between steps: none of its own, so a restart loses nothing.
    """

    args: RolloutConfig
    _rewards: Tensor | None = None  # (N, F): every process's rewards, one column per reward function
    _lengths: Tensor | None = None  # (N,): generated tokens, EOS once, tool and environment tokens not
    _truncated: Tensor  # (N,): without an end token

    def __init__(self, model, reward_funcs=None, args=None, **kwargs):
        if not isinstance(args, RolloutConfig):
            raise TypeError(
                f"{type(self).__name__} needs its method's config as `args` (see METHODS in trainers/__init__.py); "
                f"found {type(args).__name__}."
            )
        super().__init__(model, reward_funcs, args, **kwargs)
        named = zip(self.reward_funcs, self.reward_func_names, strict=True)
        self.reward_funcs = [finite(func, name) for func, name in named]
        self._clock = PhaseClock()

    def group_advantages(self, rewards: Tensor, lengths: Tensor) -> Tensor | None:
        """The method: advantages of every completion from its group's rewards and lengths.

        Args:
            rewards: (groups, group_size) float32, the weighted sum of the reward functions; NaN = unscorable.
            lengths: (groups, group_size) int64, generated tokens.

        Returns:
            (groups, group_size), or None to keep those that TRL computed.
        """
        return None

    @override
    def training_step(self, model, inputs, num_items_in_batch=None):
        loss = super().training_step(model, inputs, num_items_in_batch)
        if self._step % self.current_gradient_accumulation_steps == 0:
            self.weigh_metrics()
            metrics = self._metrics["train"]
            for name, seconds in self._clock.take(metrics["step_time"][-1]).items():
                metrics[name].append(seconds)
        return loss

    @override
    def _generate(self, prompts):
        with self._clock.phase("generate", self.mode == "train"):
            output = super()._generate(prompts)
        completion_ids, tool_mask = output[1], output[2]
        # From the ids: `mask_truncated_completions` later blanks the masks of truncated completions.
        lengths = [sum(mask) for mask in tool_mask] if tool_mask is not None else [len(ids) for ids in completion_ids]
        ends = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        cut = [ids[-1] not in ends for ids in completion_ids]
        gathered = self._rows.gather(torch.tensor([lengths, cut], device=self.accelerator.device).T.contiguous())
        self._lengths, self._truncated = gathered[:, 0], gathered[:, 1].bool()
        self._sampled = (output[0], completion_ids, tool_mask or [[1] * len(ids) for ids in completion_ids])
        self.expect_passes()
        return output

    @override
    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        with self._clock.phase("reward", self.mode == "train"):
            self._rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        return self._rewards

    @override
    def _generate_and_score_completions(self, inputs):
        self._rewards = self._lengths = None
        with self._clock.phase("logprobs", self.mode == "train"):
            batch = super()._generate_and_score_completions(inputs)
        if self._rewards is None or self._lengths is None:
            raise RuntimeError("trl did not call `_calculate_rewards` and `_generate`; this needs trl 1.16.")
        group_size = self.num_generations if self.mode == "train" else self.num_generations_eval
        # A few numbers per completion: float64 is to be had on the CPU whatever the accelerator.
        lengths = self._lengths.cpu().view(-1, group_size)
        columns = self._rewards.cpu()
        rewards = total_reward(columns, self.reward_weights.cpu()).view(-1, group_size)
        signal = has_spread(rewards)
        named = {name: columns[:, i].view(lengths.shape) for i, name in enumerate(self.reward_func_names)}
        for name, value in self.group_metrics(named, lengths, signal).items():
            self._metrics[self.mode][name].append(value)

        drop = self.args.zero_variance == "drop" and self.mode == "train"
        advantages = self.group_advantages(rewards, lengths)
        if advantages is not None:
            if advantages.shape != rewards.shape:
                raise ValueError(
                    f"{type(self).__name__}.group_advantages returned shape {tuple(advantages.shape)}; expected "
                    f"(groups, group_size) = {tuple(rewards.shape)}."
                )
            trained = advantages.where(signal.unsqueeze(1), 0.0) if drop else advantages
            replace_advantages(batch, self._logs["advantages"], trained, self._rows)
        if drop:
            drop_groups(batch, ~signal, group_size, self._rows)
        if self.args.token_norm == "group" and self.mode == "train":
            weight_groups(batch, group_size, self._rows)
        if self.mode == "train":
            self._show_callbacks(inputs, named, rewards, lengths)
        return batch

    def _show_callbacks(self, inputs: Any, columns: dict[str, Tensor], rewards: Tensor, lengths: Tensor) -> None:
        """Hand the generation to callbacks that look at completions; every process has the same ones."""
        watching = [c for c in self.callback_handler.callbacks if isinstance(c, RolloutCallback)]
        if not watching:
            return
        golds = gather_object([row.get("answer") for row in inputs])
        generation = Generation.of(self.state, self._logs, golds, columns, rewards, lengths, self._truncated)
        for callback in watching:
            callback.on_generation(self.args, self.state, generation)

    def group_metrics(self, columns: dict[str, Tensor], lengths: Tensor, signal: Tensor) -> dict[str, float]:
        """What is logged of a generation, to which a method may add. Rewards and lengths are (groups, group_size)."""
        return group_metrics(columns.get("accuracy"), lengths, signal)
