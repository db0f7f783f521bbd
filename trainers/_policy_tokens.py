"""For methods that ask what a model says of the sampled tokens: read off TRL's own pass, or off one more."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor
from trl.models.utils import disable_gradient_checkpointing

from trainers._policy_pass import PolicyReader, PolicyTokens, own_tokens, padded


class PolicyTokensMixin:
    """What a method may ask for, and choose; `_rollout.py` says when it is to be had."""

    reads_policy: bool | Literal["late"] = False  # for methods that call `policy_tokens`
    _sampled: tuple[
        list[list[int]], list[list[int]], list[list[int]]
    ]  # prompt ids, completion ids, model's own tokens
    _policy_tokens: PolicyTokens | None = None
    _reading = False  # whether the next pass over the completions is the policy's
    _one_pass: Any  # (model, ids, attention, width, batch size): a pass of TRL's

    def policy_tokens(self: Any) -> PolicyTokens:
        """What the policy that sampled says of this process's tokens: read off TRL's own pass, or off one more.

        To be called from a reward function, by a method that sets `reads_policy`.
        """
        if self._policy_tokens is None:
            prompts, completions, _ = self._sampled
            ids, attention, width = padded(prompts, completions, self._tokenizer.pad_token_id, self.accelerator.device)
            size, self._reading = getattr(self.args, f"per_device_{self.mode}_batch_size"), True
            checkpointing: Any = self.args.gradient_checkpointing_kwargs
            with torch.no_grad(), disable_gradient_checkpointing(self.model, checkpointing), self.scorer() as model:
                self._one_pass(model, ids, attention, width, size)
        assert self._policy_tokens is not None
        return self._policy_tokens

    def scorer(self: Any) -> AbstractContextManager[Any]:
        """The model that completions are scored by; with another than the policy, `reads_policy` is "late"."""
        return nullcontext(self.model)

    def certainty_options(self: Any) -> dict[str, Any]:
        """Of `PolicyReader`; a method may want another temperature, or what comes after the last token."""
        sampling, float32_head = self.temperature, self.args.cast_lm_head_to_fp32
        return {"temperature": sampling, "sampling_temperature": sampling, "float32_head": float32_head}

    def _reader(self: Any, model: Any, input_ids: Tensor, width: int) -> PolicyReader:
        """Reads the pass over completions of so many tokens."""
        own = own_tokens(self._sampled[2], width, input_ids.device)
        return PolicyReader(self.accelerator.unwrap_model(model), input_ids, own, **self.certainty_options())
