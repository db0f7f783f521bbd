"""The seam's part about forward passes: which rows a micro-batch has, how they are passed, what is read off them.

TRL asks one method for the log-probabilities of a padded batch: in training, for old log-probabilities, for the
reference. It is answered here from parts without padding (`_passes`), each a call of TRL's own method.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from math import gcd
from typing import Any, Literal

import torch
from accelerate.utils import DistributedType
from torch.nn.functional import pad
from trl import GRPOTrainer
from trl.models.utils import disable_gradient_checkpointing
from typing_extensions import override

from trainers._arrange import arranged, token_counts, weigh
from trainers._batch import Rows
from trainers._config import RolloutConfig
from trainers._passes import draws, layout_is_free, parts, restored
from trainers._policy_pass import PolicyReader, PolicyTokens, old_pass, own_tokens, padded, together, trl_passes_first

WHOLE = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
"""Where every process has the whole model and may run it as often as it likes."""


class PassesTrainer(GRPOTrainer):
    """TRL's GRPOTrainer, whose passes over completions leave out padding, and can be read."""

    args: RolloutConfig
    reads_policy: bool | Literal["late"] = False  # for methods that call `policy_tokens`
    _sampled: tuple[
        list[list[int]], list[list[int]], list[list[int]]
    ]  # prompt ids, completion ids, model's own tokens
    _policy_tokens: PolicyTokens | None = None
    _reading = False  # whether the next pass over the completions is the policy's, and read
    _sharing = False  # whether the next pass over the completions is one that the first training pass stands in for
    _buffered_inputs: Any  # micro-batches of the newest generation
    _tokens: list[int] | None = None  # in the loss of each micro-batch, where they were arranged

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._rows = Rows(self.accelerator)
        self._inputs: dict[str, Any] = {}  # the micro-batch that is trained on
        self._window: list[int] = []  # tokens in the loss of each micro-batch of an optimizer step so far

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
            self._tokens = None
            if self._order_is_free:
                # Neighbours in the buffer share an optimizer step whenever their number divides both cycles.
                sharing = gcd(self.args.gradient_accumulation_steps, len(self._buffered_inputs))
                self._buffered_inputs = arranged(self._buffered_inputs, sharing, self.beta == 0.0, self._rows)
                self._tokens = token_counts(self._buffered_inputs, self._rows)
        index = self._step % len(self._buffered_inputs)
        self._inputs = self._buffered_inputs[index]
        if self._tokens is not None:
            self._window.append(self._tokens[index])
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
        """At the end of an optimizer step: means over its tokens, however they were arranged."""
        weigh(self._metrics["train"], self._window, self.importance_sampling_level == "sequence")
        self._window.clear()

    def expect_passes(self) -> None:
        """Before TRL passes over new completions: what the first pass is to be used for."""
        self._policy_tokens, self._reading = None, self.reads_policy is True and trl_passes_first(self.args)
        self._sharing = not self._reading and self._first_pass_is_old

    @cached_property
    def _first_pass_is_old(self) -> bool:
        """Whether the weights are still those that sampled when a micro-batch is first trained on."""
        corrected = self.use_vllm and self.vllm_importance_sampling_correction
        in_one_step = self.args.gradient_accumulation_steps % (self.args.steps_per_generation or 1) == 0
        wanted = self.args.lean and old_pass(self.args) and not corrected and in_one_step
        return wanted and not draws(self.model)

    def policy_tokens(self) -> PolicyTokens:
        """What the policy that sampled says of this process's tokens: read off TRL's own pass, or off one more.

        To be called from a reward function, by a method that sets `reads_policy`.
        """
        if self._policy_tokens is None:
            prompts, completions, _ = self._sampled
            ids, attention, width = padded(prompts, completions, self._tokenizer.pad_token_id, self.accelerator.device)
            size, self._reading = getattr(self.args, f"per_device_{self.mode}_batch_size"), True
            checkpointing: Any = self.args.gradient_checkpointing_kwargs
            with (
                torch.no_grad(),
                disable_gradient_checkpointing(self.model, checkpointing),  # type: ignore[arg-type]
                self.scorer() as model,
            ):
                self._get_per_token_logps_and_entropies(model, ids, attention, width, size)
        assert self._policy_tokens is not None
        return self._policy_tokens

    def scorer(self) -> AbstractContextManager[Any]:
        """The model that completions are scored by; with another than the policy, `reads_policy` is "late"."""
        return nullcontext(self.model)

    def certainty_options(self) -> dict[str, Any]:
        """Of `PolicyReader`; a method may want another temperature, or what comes after the last token."""
        sampling, float32_head = self.temperature, self.args.cast_lm_head_to_fp32
        return {"temperature": sampling, "sampling_temperature": sampling, "float32_head": float32_head}

    @override
    def _get_per_token_logps_and_entropies(
        self, model, input_ids, attention_mask, logits_to_keep, batch_size=None, compute_entropy=False, **kwargs
    ):
        if self._sharing:
            self._sharing = False
            return None, None, None
        own = own_tokens(self._sampled[2], logits_to_keep, input_ids.device) if self._reading else None
        self._reading = False
        batch = (input_ids, attention_mask, logits_to_keep)
        plain = not any(value is not None and value is not False for value in kwargs.values())
        passed = self._in_parts if self.args.lean and plain and self._layout_is_free else self._at_once
        logps, entropies, aux, tokens = passed(model, batch, batch_size, compute_entropy, own, **kwargs)
        if own is not None:
            self._policy_tokens = tokens
        if torch.is_grad_enabled() and self._first_pass_is_old:
            self._inputs.setdefault("old_per_token_logps", logps.detach())
        return logps, entropies, aux

    @cached_property
    def _layout_is_free(self) -> bool:
        return layout_is_free(self.accelerator.unwrap_model(self.model).config)

    def _at_once(self, model, batch, size, compute_entropy, own, positions=None, **kwargs):
        """TRL's own method, and fourth what was read of the tokens `own` (B, C), if any."""
        inner = super()._get_per_token_logps_and_entropies
        run = model if positions is None else partial(model, position_ids=positions)
        if own is None:
            return *inner(run, *batch, size, compute_entropy, **kwargs), None
        reader = PolicyReader(self.accelerator.unwrap_model(model), batch[0], own, **self.certainty_options())
        entropy_too = model is not self.ref_model  # whose fused head has none; the policy's works it out anyway
        with reader.reading():
            logps, entropies, aux = inner(run, *batch, size, entropy_too, **kwargs)
        return logps, entropies if compute_entropy else None, aux, reader.tokens(logps, entropies)

    def _in_parts(self, model, batch, size, compute_entropy, own, **nothing):
        """The same, a part at a time."""
        ids, attention, width = batch
        evenly, multiple = self.accelerator.distributed_type not in WHOLE, int(self.pad_to_multiple_of or 1)
        made = parts(attention, width, size=size or len(ids), evenly=evenly, multiple=multiple)
        results = []
        for part in made:
            # DDP takes one backward pass to follow each forward pass of its own: that of the last part.
            inner = torch.is_grad_enabled() and part is not made[-1]
            chosen = None if own is None else part.take(pad(own, (part.border, 0)))[:, -part.kept :]
            results.append(
                self._at_once(
                    self.accelerator.unwrap_model(model) if inner else model,
                    (part.take(ids), part.take(attention), part.kept),
                    None,
                    compute_entropy,
                    chosen,
                    positions=part.columns,
                )
            )
        logps, entropies, _, tokens = map(list, zip(*results, strict=True))
        joined = partial(restored, made, rows=len(ids), width=width)
        return (
            joined(logps),
            joined(entropies) if compute_entropy else None,
            None,
            None if own is None else together(tokens, joined, torch.cat([part.rows for part in made]), own),
        )
