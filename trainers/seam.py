"""The seam: how a method's advantages get into TRL's GRPOTrainer (1.16), and rewards and lengths out of it.

TRL turns rewards into advantages in the middle of one long method, without a hook. So this class remembers what went
in (the gathered rewards, the lengths), lets TRL do everything, and then replaces entries of the batch that TRL
returns: `advantages`, and for dropped groups `completion_mask` and `num_items_in_batch`. No TRL body is copied: every
option of TRL keeps working, and with neutral settings nothing is replaced at all. Only this class and its two layers,
`padding_free` and `resume`, override private methods of TRL; docs/seam.md shows one step with all of them.

Rows are in group order here (TRL shuffles later), and a group may lie on several processes, so statistics of groups
are taken on gathered tensors (N, ...) = all processes, then sliced back to this process's rows (B, ...).
"""

import math
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from inspect import unwrap
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor
from trl.trainer.utils import is_async_callable
from typing_extensions import override

from errors import RewardError
from outgoing import tellable
from trainers.advantages import group_token_scale
from trainers.config import RolloutConfig
from trainers.generation import (
    GenerationState,
    GroupRewards,
    NextPass,
    Rollout,
    group_rewards,
    rollout_callbacks,
    rollout_rows,
    show_generation,
)
from trainers.padding_free import PaddingFreeTrainer, loss_tokens
from trainers.resampling import Resampler, log_resampling, other_problems, require_resamplable
from trainers.resume import ResumableTrainer


class RolloutTrainer(PaddingFreeTrainer, ResumableTrainer):
    """TRL's GRPOTrainer with advantages from `group_advantages`; it keeps no state of its own between steps.

    Attributes:
        title: What the method is, in one line, for help and model cards.
        source: Its paper or model card, in a few words.
        equation: Its equations as text.
        difference: How it differs from the method it is nearest to.
    """

    title: ClassVar[str] = ""
    source: ClassVar[str] = ""
    equation: ClassVar[str] = ""
    difference: ClassVar[str] = ""
    args: RolloutConfig

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
        """Return the method's advantages of every completion from its group's rewards and lengths.

        Args:
            rewards: (groups, group_size) float32, the weighted sum of the reward functions; NaN = unscorable.
            lengths: (groups, group_size) int64, generated tokens.

        Returns:
            (groups, group_size), or None to keep those that TRL computed.
        """
        return None

    def group_metrics(self, columns: dict[str, Tensor], lengths: Tensor, signal: Tensor) -> dict[str, float]:
        """Return what is logged of a generation, see `GroupRewards` for the arguments; a method may add to it."""
        return group_metrics(columns.get("accuracy"), lengths, signal)

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
    def _generate_and_score_completions(self, inputs):
        """Let TRL sample, reward and score a generation, then put the method's advantages into its batch.

        `group` has the rewards of the completions that are trained on; `whole` those of all that were sampled, which
        are more where dynamic sampling (`tried`) replaced groups without signal, and which metrics are taken of.
        """
        self.generation = GenerationState()  # the one place where a generation begins and the last one is dropped
        training = self.mode == "train"
        with self._clock.phase("logprobs", training):
            if training and self.args.zero_variance == "resample":
                rollout, tried = self._resample(inputs)
                inputs = [row.inputs for row in rollout.rows]
            else:
                tried = []
            batch = super()._generate_and_score_completions(inputs)
        rewards, lengths, truncated = self.generation.rewards, self.generation.lengths, self.generation.truncated
        if rewards is None or lengths is None or truncated is None:
            raise RuntimeError("trl did not call `_calculate_rewards` and `_generate`; this needs trl 1.16.")
        group = self._group_rewards([Rollout([], rewards, lengths, truncated, self._hint_counts(inputs))])
        whole = self._group_rewards(tried) if tried else group
        metrics = self.group_metrics(whole.columns, whole.lengths, whole.signal)
        if whole.hinted is not None and "accuracy" in whole.columns:
            metrics |= hint_metrics(whole.columns["accuracy"], whole.hinted)
        for name, value in metrics.items():
            self._metrics[self.mode][name].append(value)
        if tried:
            log_resampling(self._metrics["train"], group, whole, tried)

        drop = self.args.zero_variance != "keep" and training
        advantages = self.group_advantages(group.total, group.lengths)
        if advantages is not None:
            if advantages.shape != group.total.shape:
                raise ValueError(
                    f"{type(self).__name__}.group_advantages returned shape {tuple(advantages.shape)}; expected "
                    f"(groups, group_size) = {tuple(group.total.shape)}."
                )
            trained = advantages.where(group.signal.unsqueeze(1), 0.0) if drop else advantages
            replace_advantages(batch, self._logs["advantages"], trained, self.accelerator)
        if drop:
            drop_groups(batch, ~group.signal, group.total.size(1), self.accelerator)
        if self.args.token_norm == "group" and training:
            weight_groups(batch, group.total.size(1), self.accelerator)
        if training:
            show_generation(self, self._logs, inputs, group, truncated)
        return batch

    @override
    def _generate(self, prompts):
        state = self.generation
        if state.rollout is not None:
            return state.rollout.output()
        with self._clock.phase("generate", self.mode == "train"):
            output = super()._generate(prompts)
        state.prompt_ids, state.completion_ids, tool_mask = output[:3]
        # From the ids: `mask_truncated_completions` later blanks the masks of truncated completions.
        state.own = tool_mask if tool_mask is not None else [[1] * len(ids) for ids in state.completion_ids]
        ends = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        pairs = zip(state.completion_ids, state.own, strict=True)
        facts = torch.tensor([[sum(own), ids[-1] not in ends] for ids, own in pairs], device=self.accelerator.device)
        gathered = self.accelerator.gather(facts)
        state.lengths, state.truncated = gathered[:, 0], gathered[:, 1].bool()
        state.policy_tokens, state.next_pass = None, self.use_of_first_pass()
        return output

    @override
    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        state = self.generation
        if state.rollout is not None:
            return state.rollout.rewards
        with self._clock.phase("reward", self.mode == "train"):
            state.rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        return state.rewards

    def _resample(self, inputs: Any) -> tuple[Rollout, list[Rollout]]:
        """Sample until every group has signal, for TRL to get in place of sampling itself.

        Returns:
            The rollout that is trained on, and all that were sampled for it.
        """
        args, size = self.args, cast(int, self.num_generations)
        resampler = Resampler(
            self.accelerator, self._sample_rollout, self.reward_weights, size, args.max_generation_batches
        )
        used = gather_object([row["prompt"] for row in inputs])
        seed = args.data_seed if args.data_seed is not None else args.seed
        place = f"{seed} {self.state.global_step} {self._step % args.gradient_accumulation_steps}"
        rollout, tried = resampler.fill(list(inputs), other_problems(self.train_dataset, used, place))
        if not self._group_rewards([rollout]).signal.any():
            # With what is learned so far: more steps would find nothing.
            self._nothing_left = self.control.should_training_stop = True
        state = self.generation
        state.rollout, state.rewards = rollout, rollout.rewards
        state.lengths, state.truncated = rollout.lengths, rollout.truncated
        state.prompt_ids, state.completion_ids = rollout.output()[:2]
        state.own = rollout.own()
        state.next_pass = self.use_of_first_pass(rewarded=True)
        self._pending_extra_logs.update(rollout.extra())
        return rollout, tried

    def _sample_rollout(self, inputs: list[dict[str, Any]]) -> Rollout:
        """Return completions of these rows with their rewards, before TRL pads them or takes log-probabilities."""
        prompts, state = [row["prompt"] for row in inputs], self.generation
        output = self._generate(prompts)
        state.next_pass = NextPass.ORDINARY  # no pass of TRL's comes before the rewards here
        rows = rollout_rows(inputs, output)
        rewards = self._calculate_rewards([row.inputs for row in rows], prompts, output[3], output[1])
        logged = self._pending_extra_logs
        rows = [row._replace(extra={name: column[i] for name, column in logged.items()}) for i, row in enumerate(rows)]
        self._pending_extra_logs.clear()
        for callback in rollout_callbacks(self):
            callback.on_rollout()
        lengths, truncated = cast(Tensor, state.lengths), cast(Tensor, state.truncated)
        return Rollout(rows, rewards, lengths, truncated, self._hint_counts(inputs))

    def _hint_counts(self, inputs: Any) -> Tensor | None:
        """Return how many hints each prompt has (N,); None where the problems have no such column."""
        if "hint_count" not in inputs[0]:
            return None
        counts = torch.tensor([row["hint_count"] for row in inputs], device=self.accelerator.device)
        return self.accelerator.gather(counts)

    def _group_rewards(self, rollouts: list[Rollout]) -> GroupRewards:
        size = self.num_generations if self.mode == "train" else self.num_generations_eval
        return group_rewards(rollouts, self.reward_weights, size or 1, self.reward_func_names)


# --- the batch that TRL returns, changed alike on all processes ----------------------------------------------------


def local_rows(x: Tensor, accelerator: Accelerator) -> Tensor:
    """Return this process's rows of a gathered tensor."""
    rows = len(x) // accelerator.num_processes
    return x[accelerator.process_index * rows :][:rows]


def replace_advantages(batch: dict[str, Any], log: Any, advantages: Tensor, accelerator: Accelerator) -> None:
    """Put advantages (groups, group_size) into the batch, and in the place of those at the end of TRL's log."""
    flat = advantages.flatten().to(batch["advantages"])
    batch["advantages"] = local_rows(flat, accelerator)
    for _ in range(min(len(flat), len(log))):
        log.pop()
    log.extend(flat.tolist())


def drop_groups(batch: dict[str, Any], dropped: Tensor, group_size: int, accelerator: Accelerator) -> None:
    """Blank the completion masks of dropped groups (groups,), and count the tokens that are left."""
    kept = local_rows((~dropped).repeat_interleave(group_size), accelerator).to(batch["completion_mask"])
    batch["completion_mask"] = batch["completion_mask"] * kept.unsqueeze(1)
    batch["num_items_in_batch"] = accelerator.gather(loss_tokens(batch)).sum()


def weight_groups(batch: dict[str, Any], group_size: int, accelerator: Accelerator) -> None:
    """Scale advantages so that TRL's mean over tokens becomes the mean over groups of token means."""
    scale = group_token_scale(accelerator.gather(loss_tokens(batch)).cpu().view(-1, group_size))
    weights = local_rows(scale.expand(-1, group_size).flatten(), accelerator)
    batch["advantages"] = (batch["advantages"].cpu() * weights).to(batch["advantages"])


# --- metrics -------------------------------------------------------------------------------------------------------


def group_metrics(accuracy: Tensor | None, lengths: Tensor, signal: Tensor) -> dict[str, float]:
    """Return which share of groups can teach, and how long right and wrong answers are.

    Args:
        accuracy: (groups, group_size), 1 right, 0 wrong, NaN could not be graded, which is neither; None without it.
        lengths: (groups, group_size), generated tokens.
        signal: (groups,), whether rewards differ.

    Returns:
        Means over groups, or over completions for lengths; NaN where there is none.
    """
    metrics = {"groups/effective": signal.double().mean().item()}
    if accuracy is None:
        return metrics
    correct, wrong = accuracy > 0.5, accuracy <= 0.5
    for name, kind, rows in (("all_correct", "correct", correct), ("all_wrong", "incorrect", wrong)):
        metrics[f"groups/{name}"] = rows.all(1).double().mean().item()
        metrics[f"completions/mean_length_{kind}"] = lengths[rows].double().mean().item()
    return metrics


def hint_metrics(accuracy: Tensor, hinted: Tensor) -> dict[str, float]:
    """Return the accuracy with and without hints in the prompt, and in which share of groups no answer is right.

    Args:
        accuracy: (groups, group_size).
        hinted: (groups,), whether the prompt has hints.

    Returns:
        Means; NaN where there is no such group.
    """
    metrics = {}
    for name, rows in (("with", accuracy[hinted]), ("without", accuracy[~hinted])):
        metrics[f"hints/accuracy_{name}"] = rows.double().nanmean().item()
        metrics[f"hints/all_wrong_{name}"] = (rows <= 0.5).all(1).double().mean().item()
    return metrics


PHASES = ("generate", "reward", "logprobs")
"""Phases of a generation; what is left of a step is `train`: forward and backward passes over its completions."""


class PhaseClock:
    """Seconds of each phase within the optimizer step in progress."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(PHASES, 0.0)

    @contextmanager
    def phase(self, name: str, counted: bool = True) -> Iterator[None]:
        """Count the time inside the context under a phase, without phases within; measuring is no part of a step."""
        others, started = sum(self._seconds.values()), time.perf_counter()
        yield
        if counted:
            within = sum(self._seconds.values()) - others
            self._seconds[name] += time.perf_counter() - started - within

    def take(self, step_seconds: float) -> dict[str, float]:
        """Return `time/<phase>` of a finished step of so many seconds, `time/train` with them, and start anew."""
        taken = {f"time/{phase}": seconds for phase, seconds in self._seconds.items()}
        taken["time/train"] = step_seconds - sum(self._seconds.values())
        self._seconds = dict.fromkeys(PHASES, 0.0)
        return taken


# --- calls of reward functions -------------------------------------------------------------------------------------

LARGEST_REWARD = torch.finfo(torch.float32).max
"""The largest reward: TRL keeps rewards in float32."""


def checked(reward_func: Any, name: str) -> Any:
    """Return the reward function so that a wrong result or an error in it stops the run and says where it came from.

    TRL reads NaN as None ("not applicable") and an infinite reward as a group without signal: both would train on
    nothing without a word. Reward models (modules) are left as they are.

    Args:
        reward_func: A function, a coroutine function, or an object that is called like either.
        name: The name under which TRL logs it.

    Raises:
        RewardError: From the returned function, when it is called.
    """
    if isinstance(reward_func, torch.nn.Module):
        return reward_func

    if is_async_callable(reward_func):

        async def checked_async(**kwargs):
            try:
                rewards = await reward_func(**kwargs)
            except Exception as error:
                if _shipped(reward_func):
                    raise
                raise _failed(reward_func, name, error, kwargs) from error
            return _require_rewards(reward_func, name, rewards, kwargs)

        return checked_async

    def checked_sync(**kwargs):
        try:
            rewards = reward_func(**kwargs)
        except Exception as error:
            if _shipped(reward_func):
                raise
            raise _failed(reward_func, name, error, kwargs) from error
        return _require_rewards(reward_func, name, rewards, kwargs)

    return checked_sync


def _shipped(func: Any) -> bool:
    """Whether the function is this project's, so that an error in it is a defect of the project."""
    return (getattr(func, "__module__", None) or "").partition(".")[0] in ("rewards", "trainers")


def _failed(func: Any, name: str, error: Exception, kwargs: Mapping[str, Any]) -> RewardError:
    file, line = _place(func, error)
    first = (tellable(str(error)).strip().splitlines() or [""])[0]
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return RewardError(
        f"the reward function {name} ({file}, line {line}){_when(kwargs)} failed on {len(kwargs['completions'])} "
        f"completions with {what.rstrip('.')}. What it is given, and what it must return, is in docs/rewards.md; "
        "--debug shows the whole traceback."
    )


def _require_rewards(func: Any, name: str, rewards: Any, kwargs: Mapping[str, Any]) -> list[float | None]:
    """Return `rewards` as a list, or raise naming the function, its file, the row and the completion."""
    file, line = _place(func)
    wanted = (
        "A reward returns a list, or an array or tensor of one dimension, with one number for each completion, in "
        "order; None where it does not apply, nothing infinite in float32 and no NaN."
    )
    completions = kwargs["completions"]
    returned = f"the reward function {name} ({file}, line {line}){_when(kwargs)} returned"
    listed = rewards.tolist() if hasattr(rewards, "tolist") else rewards  # arrays and tensors
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes | bytearray | memoryview):
        raise RewardError(f"{returned} {_shown(rewards)}. {wanted}")
    if len(listed) != len(completions):
        raise RewardError(f"{returned} {len(listed)} values for {len(completions)} completions. {wanted}")
    numbers = [None if reward is None else _number(reward) for reward in listed]
    for i, number in enumerate(numbers):
        if number is not None and not abs(number) <= LARGEST_REWARD:  # NaN compares as False, too
            raise RewardError(
                f"{returned} {_shown(listed[i])} for completion {i} of this batch: {str(completions[i])[:200]!r}. "
                f"{wanted}"
            )
    return numbers


def _number(reward: Any) -> float:
    """Return a reward as a float; NaN where it is no number. Text is none, whatever is written in it."""
    try:
        return math.nan if isinstance(reward, str | bytes | bytearray) else float(reward)
    except Exception:  # of what types there may be, only they know what they raise
        return math.nan


def _place(func: Any, error: Exception | None = None) -> tuple[str, int | str]:
    """Return file and line of a reward: where the error passed it last, else where it is defined."""
    while isinstance(func, partial):
        func = func.func
    code = getattr(unwrap(func), "__code__", None) or getattr(type(func).__call__, "__code__", None)
    file = code.co_filename if code else "?"
    frames = traceback.extract_tb(error.__traceback__)[1:] if error else []  # the first is the call
    own = [frame for frame in frames if frame.filename == file]
    line = (own[-1].lineno if own else code.co_firstlineno if code else "?") or "?"
    return Path(file).name, line


def _when(kwargs: Mapping[str, Any]) -> str:
    step = getattr(kwargs.get("trainer_state"), "global_step", 0)
    return f" after step {step}" if step else ""


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        return f"{type(value).__name__} {value!r:.60}"
    except Exception:  # an object whose repr fails, a number of more digits than Python writes
        return f"{type(value).__name__} without a repr"
