"""The seam: with its other layers `_rollout_*.py`, all that touches private parts of TRL's GRPOTrainer (1.16).

TRL turns rewards into advantages in the middle of one long method, without a hook. So this class remembers what went
in (the gathered rewards, the lengths), lets TRL do everything, and then replaces entries of the batch that TRL
returns: `advantages`, and for dropped groups `completion_mask` and `num_items_in_batch`. No TRL body is copied: every
option of TRL keeps working, and with neutral settings nothing is replaced at all.

Rows are in group order here (TRL shuffles later), and a group may lie on several processes, so statistics of groups
are taken on gathered tensors (N, ...) = all processes, then sliced back to this process's rows (B, ...).
"""

from typing import Any, cast

import torch
from accelerate.utils import gather_object
from torch import Tensor
from typing_extensions import override

from trainers._batch import drop_groups, hint_counts, replace_advantages, require_groups, weight_groups
from trainers._clock import PhaseClock
from trainers._config import RolloutConfig
from trainers._drawn import Drawn, GroupRewards, rewards_of, rows_of
from trainers._generation import group_metrics, hint_metrics, show_generation, watching
from trainers._resampling import Resampler, log_resampling, other_problems, require_resamplable
from trainers._reward_calls import checked
from trainers._rollout_passes import PassesTrainer
from trainers._rollout_resume import ResumableTrainer


class RolloutTrainer(PassesTrainer, ResumableTrainer):
    """TRL's GRPOTrainer with advantages from `group_advantages`; it keeps no state of its own between steps."""

    args: RolloutConfig
    _rewards: Tensor | None = None  # (N, F): every process's rewards, one column per reward function
    _lengths: Tensor | None = None  # (N,): generated tokens, EOS once, tool and environment tokens not
    _truncated: Tensor  # (N,): without an end token
    _drawn: Drawn | None = None  # what TRL is given in place of a generation of its own

    def __init__(self, model, reward_funcs=None, args=None, **kwargs):
        if not isinstance(args, RolloutConfig):
            raise TypeError(
                f"{type(self).__name__} needs its method's config as `args` (see METHODS in trainers/__init__.py); "
                f"found {type(args).__name__}."
            )
        super().__init__(model, reward_funcs, args, **kwargs)
        if args.zero_variance == "resample":
            require_resamplable(self)
        named = zip(self.reward_funcs, self.reward_func_names, strict=True)
        self.reward_funcs = [checked(func, name) for func, name in named]
        self._clock = PhaseClock()
        if self.is_fsdp_enabled:
            # Or a process whose completions have all ended would leave the others waiting for its shards.
            self.model._is_fsdp_managed_module = True  # type: ignore[union-attr]

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
        if self.args.epsilon_high_schedule:
            self.epsilon_high = self.args.epsilon_high_at(self.state.global_step, self.state.max_steps)
            self._metrics["train"]["epsilon_high"].append(self.epsilon_high)
        loss = super().training_step(model, inputs, num_items_in_batch)
        if self._step % self.current_gradient_accumulation_steps == 0:
            self.weigh_metrics()
            metrics = self._metrics["train"]
            for name, seconds in self._clock.take(metrics["step_time"][-1]).items():
                metrics[name].append(seconds)
        return loss

    @override
    def _generate(self, prompts):
        if self._drawn is not None:
            return self._drawn.output()
        with self._clock.phase("generate", self.mode == "train"):
            output = super()._generate(prompts)
        completion_ids, tool_mask = output[1], output[2]
        # From the ids: `mask_truncated_completions` later blanks the masks of truncated completions.
        own = tool_mask if tool_mask is not None else [[1] * len(ids) for ids in completion_ids]
        ends = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        facts = [[sum(mask), ids[-1] not in ends] for ids, mask in zip(completion_ids, own, strict=True)]
        gathered = self._rows.gather(torch.tensor(facts, device=self.accelerator.device))
        self._lengths, self._truncated = gathered[:, 0], gathered[:, 1].bool()
        self._sampled = (output[0], completion_ids, own)
        self.expect_passes()
        return output

    @override
    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        if self._drawn is not None:
            return self._drawn.rewards
        with self._clock.phase("reward", self.mode == "train"):
            self._rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        return self._rewards

    @override
    def _generate_and_score_completions(self, inputs):
        self._rewards = self._lengths = self._drawn = None
        with self._clock.phase("logprobs", self.mode == "train"):
            if self.mode == "train" and self.args.zero_variance == "resample":
                tried = self._resample(inputs)
                inputs = [row.inputs for row in cast(Drawn, self._drawn).rows]
            else:
                tried = []
            batch = super()._generate_and_score_completions(inputs)
            self._drawn = None
        if self._rewards is None or self._lengths is None:
            raise RuntimeError("trl did not call `_calculate_rewards` and `_generate`; this needs trl 1.16.")
        drawn = Drawn([], self._rewards, self._lengths, self._truncated, hint_counts(inputs, self._rows))
        group = self._by_group([drawn])
        whole = self._by_group(tried) if tried else group
        self._log_groups(whole)
        if tried:
            log_resampling(self._metrics["train"], group, whole, tried)

        rewards, size = group.total, group.total.size(1)
        drop = self.args.zero_variance != "keep" and self.mode == "train"
        advantages = self.group_advantages(rewards, group.lengths)
        if advantages is not None:
            require_groups(advantages, rewards, type(self).__name__)
            trained = advantages.where(group.signal.unsqueeze(1), 0.0) if drop else advantages
            replace_advantages(batch, self._logs["advantages"], trained, self._rows)
        if drop:
            drop_groups(batch, ~group.signal, size, self._rows)
        if self.args.token_norm == "group" and self.mode == "train":
            weight_groups(batch, size, self._rows)
        if self.mode == "train":
            show_generation(self, self._logs, inputs, group, self._truncated)
        return batch

    def _resample(self, inputs: Any) -> list[Drawn]:
        """Draw until every group has signal, for TRL to find in place of a generation; returns all that was drawn."""
        args, size = self.args, cast(int, self.num_generations)
        resampler = Resampler(self.accelerator, self._draw, self.reward_weights, size, args.max_generation_batches)
        used = gather_object([row["prompt"] for row in inputs])
        seed = args.data_seed if args.data_seed is not None else args.seed
        place = f"{seed} {self.state.global_step} {self._step % args.gradient_accumulation_steps}"
        drawn, tried = resampler.fill(list(inputs), other_problems(self.train_dataset, used, place))
        if not self._by_group([drawn]).signal.any():
            # With what is learned so far: more steps would find nothing.
            self._nothing_left = self.control.should_training_stop = True
        self._rewards, self._lengths, self._truncated = drawn.rewards, drawn.lengths, drawn.truncated
        self._sampled, self._drawn = drawn.sampled(), drawn
        self._reading, self._sharing = False, self._first_pass_is_old
        self._pending_extra_logs.update(drawn.extra())
        return tried

    def _draw(self, inputs: list[dict[str, Any]]) -> Drawn:
        """Completions of these rows with their rewards, before TRL pads them or takes log-probabilities."""
        prompts = [row["prompt"] for row in inputs]
        output = self._generate(prompts)
        self._reading = self._sharing = False  # no pass of TRL's comes before the rewards here
        rows = rows_of(inputs, output)
        rewards = self._calculate_rewards([row.inputs for row in rows], prompts, output[3], output[1])
        rows = [row.with_extra(self._pending_extra_logs, i) for i, row in enumerate(rows)]
        self._pending_extra_logs.clear()
        for callback in watching(self):
            callback.on_drawing()
        return Drawn(rows, rewards, cast(Tensor, self._lengths), self._truncated, hint_counts(inputs, self._rows))

    def _by_group(self, drawn: list[Drawn]) -> GroupRewards:
        """What these drawings were rewarded with."""
        size = self.num_generations if self.mode == "train" else self.num_generations_eval
        return rewards_of(drawn, self.reward_weights, size or 1, self.reward_func_names)

    def _log_groups(self, drawn: GroupRewards) -> None:
        metrics = self.group_metrics(drawn.columns, drawn.lengths, drawn.signal)
        if drawn.hinted is not None and "accuracy" in drawn.columns:
            metrics |= hint_metrics(drawn.columns["accuracy"], drawn.hinted)
        for name, value in metrics.items():
            self._metrics[self.mode][name].append(value)

    def group_metrics(self, columns: dict[str, Tensor], lengths: Tensor, signal: Tensor) -> dict[str, float]:
        """What is logged of a generation, to which a method may add. Rewards and lengths are (groups, group_size)."""
        return group_metrics(columns.get("accuracy"), lengths, signal)
