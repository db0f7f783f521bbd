"""Certainty and entropy of a model's tokens, read off a forward pass that is made anyway, without its logits.

TRL's fused head returns log p_y and the entropy, never logits. Self-certainty, KL(U ‖ p) = lse(z) − mean(z) − log V,
needs no more than the final hidden state h beside them. With logits z = scale · (W h + b) / T, log p_y = z_y − lse(z),

    KL(U ‖ p) = (z_y − mean(z)) − log p_y − log V,     z_y − mean(z) = scale · (h · (W_y − W̄) + b_y − b̄) / T,

where W̄ is the mean row of the head: dot products of length H per token instead of a product with V rows. Where logits
are capped (their mean is then no dot product), or wanted at another temperature than that of log p, logits are formed
for a few hundred tokens at a time.

Shapes: B completions (b of them in a pass), C tokens of the longest, S with the prompt, H hidden, V vocabulary.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch import Tensor
from trl.trainer.utils import maybe_gather_lm_head_ctx

CHUNK = 256
"""Tokens whose logits are formed at a time: 156 MB in float32 at V = 151,936."""


@dataclass(frozen=True)
class PolicyTokens:
    """What the scorer says of every sampled token, without gradient.

    Attributes:
        certainty: (B, C) float32, KL(U ‖ p) in nats of the distribution that a token was sampled from; 0 outside mask.
        after: (B,) float32, KL(U ‖ p) of the distribution after the last token; None where it is not wanted.
        entropy: (B, C) float32, in nats, at the sampling temperature; None from a reference model.
        mask: (B, C) bool, tokens that the model wrote itself: not padding, not a tool's output.
    """

    certainty: Tensor
    after: Tensor | None
    entropy: Tensor | None
    mask: Tensor


class PolicyReader:
    """Reads the certainty of completions off the forward passes over them, a few rows each, in their order.

    Args:
        model: The causal language model that makes the passes, unwrapped but for PEFT.
        ids: (B, S), prompts and completions.
        mask: (B, C), tokens to read.
        temperature: Temperature of the certainty.
        sampling_temperature: Temperature of the log-probabilities which the passes return.
        float32_head: Whether logits are formed in float32 whatever the rest.
        after: Whether the distribution after the last token is wanted too.
    """

    def __init__(
        self,
        model: Any,
        ids: Tensor,
        mask: Tensor,
        *,
        temperature: float,
        sampling_temperature: float,
        float32_head: bool = False,
        after: bool = False,
    ):
        model = model.get_base_model() if is_peft_model(model) else model
        self._model, self._targets, self._mask = model, ids[:, -mask.size(1) :], mask
        self._temperature, self._float32_head, self._wants_after = temperature, float32_head, after
        capped = getattr(model.config.get_text_config(), "final_logit_softcapping", None) is not None
        self.fused = not capped and temperature == sampling_temperature
        if not self.fused:
            reason = "this model caps its logits" if capped else f"it is wanted at temperature {temperature:g}"
            warnings.warn(f"certainty costs a product with the whole head for every token: {reason}.", stacklevel=2)
        self._means: tuple[Tensor, Tensor | float] | None = None
        self._values: list[Tensor] = []  # of masked tokens: spread if fused, else certainty
        self._after: list[Tensor] = []
        self._rows = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read every forward pass of the model inside the context."""
        hook = self._model.base_model.register_forward_hook(lambda _, __, output: self._look(output.last_hidden_state))
        try:
            yield
        finally:
            hook.remove()

    @torch.no_grad()
    def _look(self, hidden: Tensor) -> None:
        """Take what is needed from final hidden states (b, S, H), which are not kept."""
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        rows = slice(self._rows, self._rows + hidden.size(0))
        self._rows = rows.stop
        mask = self._mask[rows]
        width = mask.size(1)
        layer = self._model.get_output_embeddings()
        with (
            torch.autocast(device, enabled=False),
            maybe_gather_lm_head_ctx(*(p for p in (layer.weight, getattr(layer, "bias", None)) if p is not None)),
        ):
            head = Head.of(self._model, torch.float32 if self._float32_head else dtype)
            self._means = self._means or head.means()
            self._vocabulary = head.weight.size(0)
            sampled_from = hidden[:, -width - 1 : -1][mask]
            self._values.append(
                head.spread(sampled_from, self._targets[rows][mask], self._means)
                if self.fused
                else head.certainty(sampled_from, self._temperature)
            )
            if self._wants_after:
                last = width - 1 - mask.flip(1).int().argmax(1)  # of a row without tokens: the last column
                ends = hidden[torch.arange(len(mask), device=hidden.device), hidden.size(1) - width + last]
                self._after.append(head.certainty(ends, self._temperature))

    def tokens(self, log_probs: Tensor, entropy: Tensor | None) -> PolicyTokens:
        """Return what was read, with what the passes returned.

        Args:
            log_probs: (B, C), at the sampling temperature.
            entropy: (B, C) or None.
        """
        values = torch.cat(self._values)
        if self.fused:
            values = values / self._temperature - log_probs[self._mask].float() - math.log(self._vocabulary)
        certainty = torch.zeros_like(log_probs, dtype=torch.float32).masked_scatter(self._mask, values)
        return PolicyTokens(certainty, torch.cat(self._after) if self._after else None, entropy, self._mask)


@dataclass(frozen=True)
class Head:
    """The output layer of a language model, whole, and the certainty KL(U ‖ p) of its distributions.

    Attributes:
        weight: (V, H).
        bias: (V,) or None.
        scale: Factor on the logits (Cohere, Granite, …).
        softcap: Bound of the logits (Gemma); None for none.
        dtype: Type in which the model forms its logits.
    """

    weight: Tensor
    bias: Tensor | None
    scale: float
    softcap: float | None
    dtype: torch.dtype

    @classmethod
    def of(cls, model: Any, dtype: torch.dtype) -> "Head":
        """Return the output layer of a model, with what the model does to its logits.

        Args:
            model: A causal language model, without PEFT's wrapper.
            dtype: Type in which the logits are formed.
        """
        layer, config = model.get_output_embeddings(), model.config.get_text_config()
        weight, bias = layer.weight, getattr(layer, "bias", None)
        if hasattr(weight, "full_tensor"):  # a shard of FSDP
            weight, bias = weight.full_tensor(), None if bias is None else bias.full_tensor()
        return cls(weight, bias, logit_scale(config), getattr(config, "final_logit_softcapping", None), dtype)

    def means(self) -> tuple[Tensor, Tensor | float]:
        """Return the mean row (H,) and the mean bias, in float32."""
        bias = 0.0 if self.bias is None else self.bias.mean(dtype=torch.float32)
        return self.weight.mean(0, dtype=torch.float32), bias

    def spread(self, hidden: Tensor, targets: Tensor, means: tuple[Tensor, Tensor | float]) -> Tensor:
        """Return the target's logit minus the mean logit, (N,) float32; only without a cap.

        The target's logit is rounded as the model rounds it, because log p is that of the rounded one: in bfloat16
        that makes the error of the certainty 2e-3 instead of 3e-2.

        Args:
            hidden: (N, H).
            targets: (N,).
            means: What `means` returned.
        """
        hidden = hidden.to(self.dtype).float()
        logit = (hidden * self.weight[targets].to(self.dtype).float()).sum(-1)
        if self.bias is not None:
            logit = logit + self.bias[targets].float()
        return self.scale * (logit.to(self.dtype).float() - hidden @ means[0] - means[1])

    def certainty(self, hidden: Tensor, temperature: float) -> Tensor:
        """Return KL(U ‖ p), (N,) float32, by the definition, a chunk of tokens at a time.

        Args:
            hidden: (N, H).
            temperature: Divisor of the logits.
        """
        chunks = [self._dense_certainty(chunk, temperature) for chunk in hidden.split(CHUNK)]
        return torch.cat(chunks) if chunks else hidden.new_zeros(0, dtype=torch.float32)

    def _dense_certainty(self, hidden: Tensor, temperature: float) -> Tensor:
        weight = self.weight.to(self.dtype)
        bias = None if self.bias is None else self.bias.to(self.dtype)
        logits = self.scale * torch.nn.functional.linear(hidden.to(self.dtype), weight, bias).float()
        if self.softcap is not None:
            logits = self.softcap * torch.tanh(logits / self.softcap)
        logits /= temperature
        return logits.logsumexp(-1) - logits.mean(-1) - math.log(logits.size(-1))


def logit_scale(config: Any) -> float:
    """Return the factor on the logits, under the names that model families give it."""
    for name in ("logit_scale", "output_multiplier", "lm_head_multiplier"):
        if getattr(config, name, None) is not None:
            return float(getattr(config, name))
    scaling = getattr(config, "logits_scaling", None)
    if scaling is None:
        return 1.0
    return float(scaling) if config.model_type == "hyperclovax" else 1 / float(scaling)
