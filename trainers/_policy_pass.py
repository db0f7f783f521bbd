"""What a model says of tokens, read off a forward pass that is made anyway, without a tensor of vocabulary width.

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch import Tensor
from trl.trainer.utils import maybe_gather_lm_head_ctx

from trainers._head import head_of


@dataclass(frozen=True)
class PolicyTokens:
    """What the scorer says of every sampled token, without gradient.

    Attributes:
        certainty: (B, C) float32, KL(U ‖ p) in nats of the distribution that a token was drawn from; 0 outside mask.
        after: (B,) float32, KL(U ‖ p) of the distribution after the last token; None where it was not asked for.
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
        temperature: At which the certainty is wanted.
        sampling_temperature: That of the log-probabilities which the passes return.
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
        """Read every forward pass of the model in here."""
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
            head = head_of(self._model, torch.float32 if self._float32_head else dtype)
            self._means = self._means or head.means()
            self._vocabulary = head.weight.size(0)
            drawn_from = hidden[:, -width - 1 : -1][mask]
            self._values.append(
                head.spread(drawn_from, self._targets[rows][mask], self._means)
                if self.fused
                else head.certainty(drawn_from, self._temperature)
            )
            if self._wants_after:
                last = width - 1 - mask.flip(1).int().argmax(1)  # of a row without tokens: the last column
                ends = hidden[torch.arange(len(mask), device=hidden.device), hidden.size(1) - width + last]
                self._after.append(head.certainty(ends, self._temperature))

    def tokens(self, log_probs: Tensor, entropy: Tensor | None) -> PolicyTokens:
        """What was read, with what the passes returned.

        Args:
            log_probs: (B, C), at the sampling temperature.
            entropy: (B, C) or None.
        """
        values = torch.cat(self._values)
        if self.fused:
            values = values / self._temperature - log_probs[self._mask].float() - math.log(self._vocabulary)
        certainty = torch.zeros_like(log_probs, dtype=torch.float32).masked_scatter(self._mask, values)
        return PolicyTokens(certainty, torch.cat(self._after) if self._after else None, entropy, self._mask)


def own_tokens(own: list[list[int]], width: int, device: torch.device) -> Tensor:
    """Mask (B, width) of the tokens that the model wrote itself, out of 0/1 per token of each completion."""
    return torch.tensor([row + [0] * (width - len(row)) for row in own], dtype=torch.bool, device=device)


def padded(
    prompts: list[list[int]], completions: list[list[int]], padding: int, device: torch.device
) -> tuple[Tensor, Tensor, int]:
    """Ids and attention mask (B, S) with prompts to the left of a common border, and the width of the completions."""
    before, width = max(map(len, prompts)), max(map(len, completions))
    rows = [
        ([padding] * (before - len(p)) + p + c + [padding] * (width - len(c)), before - len(p), len(p) + len(c))
        for p, c in zip(prompts, completions, strict=True)
    ]
    ids = torch.tensor([row for row, _, _ in rows], device=device)
    attention = torch.tensor([[0] * s + [1] * n + [0] * (before + width - s - n) for _, s, n in rows], device=device)
    return ids, attention, width


def together(
    parts: list[PolicyTokens], joined: Callable[[list[Tensor]], Tensor], rows: Tensor, mask: Tensor
) -> PolicyTokens:
    """What was read in several passes, as if in one.

    Args:
        parts: Of each pass.
        joined: Makes (B, C) out of the passes' own shapes.
        rows: (B,), which rows the passes had, one after the other.
        mask: (B, C), of the tokens that were read.
    """
    after = [part.after for part in parts if part.after is not None]
    entropies = [part.entropy for part in parts if part.entropy is not None]
    return PolicyTokens(
        joined([part.certainty for part in parts]),
        torch.cat(after)[rows.argsort()] if after else None,
        joined(entropies) if entropies else None,
        mask,
    )


def old_pass(args: Any) -> bool:
    """Whether TRL runs the policy over all completions of a generation for old log-probabilities."""
    aligned = args.gradient_accumulation_steps % (args.steps_per_generation * args.num_iterations) == 0
    return not aligned or (args.use_vllm and args.vllm_importance_sampling_correction)


def trl_passes_first(args: Any) -> bool:
    """Whether that pass, which comes before TRL asks for rewards, tells of all completions.

    With `mask_truncated_completions` it leaves truncated ones out, which have a certainty like any other.
    """
    return old_pass(args) and not args.mask_truncated_completions
