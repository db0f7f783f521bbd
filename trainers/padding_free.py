"""The seam's part about forward passes: micro-batches by length, passes without padding, no pass twice.

TRL's rows are `padding prompt | completion padding`, with one border and one width for all rows of a generation. With
`--lean` (the default) three things spare tokens, each only where it leaves the gradient as it is but for rounding:

* *Length bucketing*: rows of like length share a micro-batch (`bucket_by_length`), on all processes alike.
* *Padding-free batches*: TRL asks one method for the log-probabilities of a padded batch, in training, for old
  log-probabilities and for the reference. It is answered from batches without that padding
  (`padding_free_batches`), each of them a call of TRL's own method.
* *A skipped pass*: while the weights are still those that sampled, the first training pass returns the old
  log-probabilities, so TRL's own pass for them is skipped.

The same override reads certainty and entropy off a pass for methods that want them (`policy_tokens`).

Shapes: B rows of S columns, C of them after the border; b rows of W columns in a padding-free batch, whose last K
columns hold its completions.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil, gcd, nan
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor
from torch.nn.functional import pad
from trl import GRPOTrainer
from trl.models.utils import disable_gradient_checkpointing
from trl.trainer.utils import pad as trl_pad
from trl.trainer.utils import split_tensor_dict
from typing_extensions import override

from trainers.certainty import PolicyReader, PolicyTokens
from trainers.config import RolloutConfig
from trainers.generation import GenerationState, NextPass

WHOLE = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
"""Where every process has the whole model and may run it as often as it likes."""

BATCH_OVERHEAD = 256
"""Padding, in tokens, that one more pass must spare. On a CPU it costs less; on an accelerator this is an estimate."""

TOKEN_MEANS = ("entropy", "kl")
"""Metrics that TRL takes as a mean over the tokens of a micro-batch, then over micro-batches."""
RATIO_MEANS = ("clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean", "cispo_clip_ratio")
"""Metrics that are a mean over tokens too, but over sequences with `--importance_sampling_level sequence`."""

PADDING = {"tool_mask": 1, "importance_sampling_ratio": 1}
"""What TRL has after the end of a completion, where that is not 0."""


class PaddingFreeTrainer(GRPOTrainer):
    """TRL's GRPOTrainer, whose passes over completions leave out padding, and can be read."""

    args: RolloutConfig
    generation: GenerationState
    reads_policy: bool | Literal["late"] = False  # for methods that call `policy_tokens`
    _buffered_inputs: Any  # TRL's micro-batches of the newest training generation; evaluations leave them alone
    _buffered_tokens: list[int] | None = None  # tokens in the loss of each of them, where they were bucketed

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.generation = GenerationState()  # a resumed run trains on a restored buffer before it generates
        self._inputs: dict[str, Any] = {}  # the micro-batch that is trained on
        self._step_tokens: list[int] = []  # tokens in the loss of each micro-batch of this optimizer step so far

    @property
    def mode(self) -> Literal["train", "eval"]:
        """The key under which TRL files metrics now."""
        return "train" if self.model.training else "eval"  # type: ignore[union-attr]

    @override
    def _prepare_inputs(self, generation_batch):
        before = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        if self.mode == "eval":
            return inputs
        if self._buffered_inputs is not before:
            self._buffered_tokens = None
            if self._order_is_free:
                # Neighbours in the buffer share an optimizer step whenever their number divides both cycles.
                per_step = gcd(self.args.gradient_accumulation_steps, len(self._buffered_inputs))
                self._buffered_inputs = bucket_by_length(
                    self._buffered_inputs, per_step, drop_idle=self.beta == 0.0, accelerator=self.accelerator
                )
                self._buffered_tokens = token_counts(self._buffered_inputs, self.accelerator)
        index = self._step % len(self._buffered_inputs)
        self._inputs = self._buffered_inputs[index]
        if self._buffered_tokens is not None:
            self._step_tokens.append(self._buffered_tokens[index])
        return self._inputs

    @property
    def _order_is_free(self) -> bool:
        """Whether the loss of an optimizer step is a sum over rows, whatever micro-batches they are in."""
        a_micro_batch_has_its_own_mean = (
            self.loss_type == "bnpo"
            or self._entropy_bonus_enabled
            or self.top_entropy_quantile < 1.0
            or self.aux_loss_enabled
        )
        return self.args.lean and not a_micro_batch_has_its_own_mean and not self._is_vlm

    def weigh_metrics(self) -> None:
        """Turn metrics of the finished optimizer step, one per micro-batch, into means over all its tokens.

        Bucketing leaves these means alone. TRL averages metrics when they are logged; NaN has no value there.
        """
        metrics, tokens = self._metrics["train"], self._step_tokens
        names = TOKEN_MEANS if self.importance_sampling_level == "sequence" else TOKEN_MEANS + RATIO_MEANS
        for name in names:
            if tokens and name in metrics:
                newest = zip(metrics[name][-len(tokens) :], tokens, strict=True)
                total = sum(value * weight for value, weight in newest)
                metrics[name][-len(tokens) :] = [total / sum(tokens) if sum(tokens) else nan] * len(tokens)
        self._step_tokens.clear()

    def use_of_first_pass(self, *, rewarded: bool = False) -> NextPass:
        """Return what TRL's first pass over new completions is for; it comes before rewards, unless they are known."""
        if not rewarded and self.reads_policy is True and trl_passes_first(self.args):
            return NextPass.READ
        return NextPass.SKIP if self._training_gives_old_logprobs else NextPass.ORDINARY

    @cached_property
    def _training_gives_old_logprobs(self) -> bool:
        """Whether the weights are still those that sampled when a micro-batch is first trained on."""
        corrected = self.use_vllm and self.vllm_importance_sampling_correction
        in_one_step = self.args.gradient_accumulation_steps % (self.args.steps_per_generation or 1) == 0
        wanted = self.args.lean and needs_old_logprobs(self.args) and not corrected and in_one_step
        return wanted and not has_dropout(self.model)

    def policy_tokens(self) -> PolicyTokens:
        """Return what the policy that sampled says of this process's tokens: read off TRL's pass, or off one more.

        To be called from a reward function, by a method that sets `reads_policy`.
        """
        state = self.generation
        if state.policy_tokens is None:
            ids, attention, width = padded(
                state.prompt_ids, state.completion_ids, self._tokenizer.pad_token_id, self.accelerator.device
            )
            size, state.next_pass = getattr(self.args, f"per_device_{self.mode}_batch_size"), NextPass.READ
            checkpointing: Any = self.args.gradient_checkpointing_kwargs
            with (
                torch.no_grad(),
                disable_gradient_checkpointing(self.model, checkpointing),  # type: ignore[arg-type]
                self.scorer() as model,
            ):
                self._get_per_token_logps_and_entropies(model, ids, attention, width, size)
        assert state.policy_tokens is not None
        return state.policy_tokens

    def scorer(self) -> AbstractContextManager[Any]:
        """Return the model that completions are scored by; with another than the policy, `reads_policy` is "late"."""
        return nullcontext(self.model)

    def certainty_options(self) -> dict[str, Any]:
        """Return options of `PolicyReader`; a method may want another temperature, or the token after the last."""
        sampling, float32_head = self.temperature, self.args.cast_lm_head_to_fp32
        return {"temperature": sampling, "sampling_temperature": sampling, "float32_head": float32_head}

    @override
    def _get_per_token_logps_and_entropies(
        self, model, input_ids, attention_mask, logits_to_keep, batch_size=None, compute_entropy=False, **kwargs
    ):
        state = self.generation
        use, state.next_pass = state.next_pass, NextPass.ORDINARY
        if use is NextPass.SKIP:
            return None, None, None
        own = own_tokens(state.own, logits_to_keep, input_ids.device) if use is NextPass.READ else None
        batch = (input_ids, attention_mask, logits_to_keep)
        plain = not any(value is not None and value is not False for value in kwargs.values())
        passed = self._padding_free_pass if self.args.lean and plain and self._layout_is_free else self._padded_pass
        logps, entropies, aux, tokens = passed(model, batch, batch_size, compute_entropy, own, **kwargs)
        if own is not None:
            state.policy_tokens = tokens
        if torch.is_grad_enabled() and self._training_gives_old_logprobs:
            self._inputs.setdefault("old_per_token_logps", logps.detach())
        return logps, entropies, aux

    @cached_property
    def _layout_is_free(self) -> bool:
        return layout_is_free(self.accelerator.unwrap_model(self.model).config)

    def _padded_pass(self, model, batch, size, compute_entropy, own, positions=None, **kwargs):
        """Return what TRL's own method returns, and fourth what was read of the tokens `own` (B, C), if any."""
        inner = super()._get_per_token_logps_and_entropies
        run = model if positions is None else partial(model, position_ids=positions)
        if own is None:
            return *inner(run, *batch, size, compute_entropy, **kwargs), None
        reader = PolicyReader(self.accelerator.unwrap_model(model), batch[0], own, **self.certainty_options())
        entropy_too = model is not self.ref_model  # whose fused head has none; the policy's works it out anyway
        with reader.reading():
            logps, entropies, aux = inner(run, *batch, size, entropy_too, **kwargs)
        return logps, entropies if compute_entropy else None, aux, reader.tokens(logps, entropies)

    def _padding_free_pass(self, model, batch, size, compute_entropy, own, **nothing):
        """Return what `_padded_pass` returns, out of one pass for each padding-free batch."""
        ids, attention, width = batch
        evenly, multiple = self.accelerator.distributed_type not in WHOLE, int(self.pad_to_multiple_of or 1)
        batches = padding_free_batches(attention, width, size=size or len(ids), evenly=evenly, multiple=multiple)
        results = []
        for short in batches:
            # DDP takes one backward pass to follow each forward pass of its own: that of the last batch.
            unwrapped = torch.is_grad_enabled() and short is not batches[-1]
            results.append(
                self._padded_pass(
                    self.accelerator.unwrap_model(model) if unwrapped else model,
                    (short.take(ids), short.take(attention), short.kept),
                    None,
                    compute_entropy,
                    None if own is None else short.take(pad(own, (short.border, 0)))[:, -short.kept :],
                    positions=short.columns,
                )
            )
        logps, entropies, _, read = map(list, zip(*results, strict=True))
        joined = partial(restored, batches, rows=len(ids), width=width)
        tokens = None
        if own is not None:
            after = [part.after for part in read if part.after is not None]
            entropy = [part.entropy for part in read if part.entropy is not None]
            order = torch.cat([short.rows for short in batches]).argsort()
            tokens = PolicyTokens(
                joined([part.certainty for part in read]),
                torch.cat(after)[order] if after else None,
                joined(entropy) if entropy else None,
                own,
            )
        return joined(logps), joined(entropies) if compute_entropy else None, None, tokens


def needs_old_logprobs(args: Any) -> bool:
    """Whether TRL runs the policy over all completions of a generation for old log-probabilities."""
    aligned = args.gradient_accumulation_steps % (args.steps_per_generation * args.num_iterations) == 0
    return not aligned or (args.use_vllm and args.vllm_importance_sampling_correction)


def trl_passes_first(args: Any) -> bool:
    """Whether that pass, which comes before TRL asks for rewards, tells of all completions.

    With `mask_truncated_completions` it leaves truncated ones out, which have a certainty like any other.
    """
    return needs_old_logprobs(args) and not args.mask_truncated_completions


def has_dropout(model: Any) -> bool:
    """Whether the model has dropout: two passes with the same weights then differ."""
    modules = any(isinstance(module, torch.nn.Dropout) and module.p > 0 for module in model.modules())
    return modules or getattr(model.config, "attention_dropout", 0) > 0


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


def own_tokens(own: list[list[int]], width: int, device: torch.device) -> Tensor:
    """Return a mask (B, width) of the tokens that the model wrote itself, out of 0/1 per token of each completion."""
    return torch.tensor([row + [0] * (width - len(row)) for row in own], dtype=torch.bool, device=device)


def padded(
    prompts: list[list[int]], completions: list[list[int]], padding: int, device: torch.device
) -> tuple[Tensor, Tensor, int]:
    """Return ids and attention mask (B, S) with prompts left of a common border, and the width of the completions."""
    columns = []
    for rows, side in ((prompts, "left"), (completions, "right")):
        ids = [torch.tensor(row, device=device) for row in rows]
        columns.append((trl_pad(ids, padding, side), trl_pad([torch.ones_like(row) for row in ids], 0, side)))
    (prompt_ids, prompt_mask), (completion_ids, completion_mask) = columns
    attention = torch.cat([prompt_mask, completion_mask], 1)
    return torch.cat([prompt_ids, completion_ids], 1), attention, completion_ids.size(1)


# --- padding-free batches ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PaddingFreeBatch:
    """Rows of like length for one forward pass, moved to the left and cut to the longest of them.

    Every token keeps the position that it has in the padded batch, so rotary embeddings are the same.

    Attributes:
        rows: (b,), which rows of the padded batch.
        columns: (b, W) int64, the column of each token in the padded batch; from S on there is none.
        border: The first completion column of the padded batch.
        kept: K, columns at the end in which all completions lie.
    """

    rows: Tensor
    columns: Tensor
    border: int
    kept: int

    def take(self, x: Tensor) -> Tensor:
        """Return these rows of x (B, S) as (b, W); 0 where there is no token."""
        taken = x[self.rows].gather(1, self.columns.clamp(max=x.size(1) - 1))
        return taken.masked_fill(self.columns >= x.size(1), 0)

    def places(self, width: int) -> tuple[Tensor, Tensor]:
        """Return where values (b, K) belong in a flat (B · width,), and (b, K) bool, which of them belong there."""
        column = self.columns[:, -self.kept :] - self.border
        belongs = (column >= 0) & (column < width)
        return (self.rows[:, None] * width + column)[belongs], belongs


def padding_free_batches(
    attention: Tensor, width: int, *, size: int, evenly: bool, multiple: int = 1
) -> list[PaddingFreeBatch]:
    """Return batches that hold every row with a completion, or one token where no row has a completion.

    Rows without a completion token have no log-probability (TRL returns 0) and are left out.

    Args:
        attention: (B, S), 1 for tokens.
        width: C.
        size: Rows of a padded pass; no batch is larger, in padded tokens, than so many rows of the padded batch.
        evenly: Make ⌈B / size⌉ batches whatever the lengths, for models that all processes must run equally often.
        multiple: What W is rounded up to a multiple of.
    """
    rows, columns = attention.shape
    border, begins = columns - width, attention.argmax(1)
    lengths = columns - attention.flip(1).argmax(1) - begins
    order = lengths.argsort(descending=True, stable=True)
    order = order[attention[order, border:].any(1)]
    if evenly:
        chosen = order.tensor_split(ceil(rows / size))
    else:
        largest = size * columns
        sizes = cheapest_split(lengths[order].tolist(), BATCH_OVERHEAD, largest)
        chosen = order.split(sizes) if sizes else (order,)
    batches = []
    for some in chosen:
        if len(some):
            longest, before = lengths[some].max().item(), (border - begins[some]).min().item()
            longest = multiple * ceil(longest / multiple)
            where = begins[some, None] + torch.arange(longest, device=some.device)
            batches.append(PaddingFreeBatch(some, where, border, int(longest - before)))
        else:
            first = torch.zeros(1, dtype=torch.int64, device=some.device)
            where = torch.arange(border - 1, border + 1, device=some.device)[None]
            batches.append(PaddingFreeBatch(first, where, border, 1))
    return batches


def cheapest_split(lengths: list[int], overhead: int, most: int) -> list[int]:
    """Return sizes of consecutive batches that cost the fewest tokens; a batch costs its rows times its first length.

    Args:
        lengths: Lengths of rows, descending.
        overhead: Tokens that every batch costs besides.
        most: Tokens of a batch at most, at least the greatest length.

    >>> cheapest_split([900, 100, 90, 80], 256, 10_000)
    [1, 3]
    """
    best: list[tuple[int, int]] = [(0, 0)]  # by rows: their cost, and where the last batch begins
    for end in range(1, len(lengths) + 1):
        fits = (start for start in range(end) if (end - start) * lengths[start] <= most)
        best.append(min((best[start][0] + (end - start) * lengths[start] + overhead, start) for start in fits))
    sizes, end = [], len(lengths)
    while end:
        sizes.append(end - best[end][1])
        end = best[end][1]
    return sizes[::-1]


def restored(batches: list[PaddingFreeBatch], values: list[Tensor], rows: int, width: int) -> Tensor:
    """Return (B, width) out of the batches' values (b, K), with their gradient; 0 elsewhere."""
    placed = [batch.places(width) for batch in batches]
    flat = torch.cat([value[belongs] for value, (_, belongs) in zip(values, placed, strict=True)])
    index = torch.cat([index for index, _ in placed])
    return flat.new_zeros(rows * width).scatter(0, index, flat).view(rows, width)


# --- length bucketing ----------------------------------------------------------------------------------------------


def bucket_by_length(
    micro_batches: list[dict[str, Any]], per_step: int, *, drop_idle: bool, accelerator: Accelerator
) -> list[dict[str, Any]]:
    """Return the same rows in as many micro-batches of as many rows; the longest first, empty ones last.

    Rows change places within one optimizer step only, where the loss is their sum whatever the micro-batches; over
    all processes, so that each has the same work.

    Args:
        micro_batches: TRL's micro-batches of one generation on this process, of tensors alone.
        per_step: How many neighbours always share an optimizer step.
        drop_idle: Whether to empty rows whose advantage is zero.
        accelerator: The accelerator of all processes, which must all call this.
    """
    bucketed = []
    for start in range(0, len(micro_batches), per_step):
        step = micro_batches[start : start + per_step]
        whole = {
            key: torch.cat([batch[key] for batch in step]) if isinstance(value, Tensor) and value.dim() else value
            for key, value in step[0].items()  # what is not per row is the same in each
        }
        bucketed += split_tensor_dict(_redistributed(whole, drop_idle, accelerator), per_step)
    return bucketed


def _redistributed(batch: dict[str, Any], drop_idle: bool, accelerator: Accelerator) -> dict[str, Any]:
    """Return this process's rows out of those of all, handed out by length to and fro."""
    if drop_idle:
        moves = (batch["advantages"] != 0).view(len(batch["advantages"]), -1).any(1, keepdim=True)
        batch = {**batch, "completion_mask": batch["completion_mask"] * moves}
    filled = batch["completion_mask"].any(1)
    lengths = (batch["prompt_mask"].sum(1) + batch["completion_mask"].sum(1)) * filled
    order = accelerator.gather(lengths).argsort(descending=True, stable=True)
    turns = order.view(-1, accelerator.num_processes).clone()
    turns[1::2] = turns[1::2].flip(1)
    mine = turns[:, accelerator.process_index]
    local = dict(batch)
    for key, value in batch.items():
        if isinstance(value, Tensor) and value.dim():
            if value.dim() > 1:  # to the widest of all processes
                left = key.startswith("prompt_")
                value = accelerator.pad_across_processes(value, 1, PADDING.get(key, 0), pad_first=left)
            local[key] = accelerator.gather(value)[mine]
    return local


def loss_tokens(batch: dict[str, Any]) -> Tensor:
    """Return the tokens of each local completion that count in the loss, (B,)."""
    mask = batch["completion_mask"]
    return (mask * batch["tool_mask"] if "tool_mask" in batch else mask).sum(1)


def token_counts(micro_batches: list[dict[str, Any]], accelerator: Accelerator) -> list[int]:
    """Return the tokens of all processes in the loss of each micro-batch."""
    counts = torch.stack([loss_tokens(batch).sum() for batch in micro_batches])
    return accelerator.gather(counts).view(-1, len(counts)).sum(0).tolist()
