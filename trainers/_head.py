"""The output layer of a language model, and the certainty KL(U ‖ p) of its distributions. See `_policy_pass`."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CHUNK = 256
"""Tokens whose logits are formed at a time: 156 MB in float32 at V = 151,936."""


@dataclass(frozen=True)
class Head:
    """The output layer of a model, whole.

    Attributes:
        weight: (V, H).
        bias: (V,) or None.
        scale: Factor on the logits (Cohere, Granite, …).
        softcap: Bound of the logits (Gemma); None for none.
        dtype: In which the model forms its logits.
    """

    weight: Tensor
    bias: Tensor | None
    scale: float
    softcap: float | None
    dtype: torch.dtype

    def means(self) -> tuple[Tensor, Tensor | float]:
        """Mean row (H,) and mean bias, float32."""
        bias = 0.0 if self.bias is None else self.bias.mean(dtype=torch.float32)
        return self.weight.mean(0, dtype=torch.float32), bias

    def spread(self, hidden: Tensor, targets: Tensor, means: tuple[Tensor, Tensor | float]) -> Tensor:
        """Logit of the target minus the mean logit, (N,) float32; only without a cap.

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
        """KL(U ‖ p), (N,) float32, by the definition, a chunk of tokens at a time.

        Args:
            hidden: (N, H).
            temperature: That the logits are divided by.
        """
        parts = [self._dense(chunk, temperature) for chunk in hidden.split(CHUNK)]
        return torch.cat(parts) if parts else hidden.new_zeros(0, dtype=torch.float32)

    def _dense(self, hidden: Tensor, temperature: float) -> Tensor:
        weight = self.weight.to(self.dtype)
        bias = None if self.bias is None else self.bias.to(self.dtype)
        logits = self.scale * torch.nn.functional.linear(hidden.to(self.dtype), weight, bias).float()
        if self.softcap is not None:
            logits = self.softcap * torch.tanh(logits / self.softcap)
        logits /= temperature
        return logits.logsumexp(-1) - logits.mean(-1) - math.log(logits.size(-1))


def head_of(model: Any, dtype: torch.dtype) -> Head:
    """The output layer, with what the model does to its logits.

    Args:
        model: A causal language model, without PEFT's wrapper.
        dtype: In which the logits are formed.
    """
    layer, config = model.get_output_embeddings(), model.config.get_text_config()
    weight, bias = layer.weight, getattr(layer, "bias", None)
    if hasattr(weight, "full_tensor"):  # a shard of FSDP
        weight, bias = weight.full_tensor(), None if bias is None else bias.full_tensor()
    return Head(weight, bias, logit_scale(config), getattr(config, "final_logit_softcapping", None), dtype)


def logit_scale(config: Any) -> float:
    """Factor on the logits, under the names that model families give it."""
    for name in ("logit_scale", "output_multiplier", "lm_head_multiplier"):
        if getattr(config, name, None) is not None:
            return float(getattr(config, name))
    scaling = getattr(config, "logits_scaling", None)
    if scaling is None:
        return 1.0
    return float(scaling) if config.model_type == "hyperclovax" else 1 / float(scaling)
