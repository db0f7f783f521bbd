"""Whether a merged model is its base with the adapter: by the logits of all three on a few prompts."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from commands.adapters import Adapter
from data import build_prompts, load_problems, render_prompt
from errors import UserError
from runs.files import read_jsonl
from runs.folder import RunFolder

PROMPTS, TOKENS = 3, 128
TOLERANCE = {torch.float32: 0.001, torch.float16: 0.1, torch.bfloat16: 0.25}
"""Of what an adapter does to the logits, how much may be lost: the rounding of a type, far from that of a layer
forgotten (one of the seven kinds: about 0.4) or a wrong factor (2 in place of 1: 1)."""


@dataclass(frozen=True)
class Comparison:
    """Means over all tokens of the prompts and all words, of absolute differences of logits.

    Attributes:
        effect: Between base + adapter and base.
        error: Between merged and base + adapter.
        largest: The largest one between these two.
        same_choice: Share of the tokens where these two have the same likeliest word.
        positions: Tokens compared.
    """

    effect: float
    error: float
    largest: float
    same_choice: float
    positions: int


def texts_of(run: RunFolder | None, tokenizer: Any) -> tuple[list[str], str]:
    """Three prompts with sampled answers of the adapter's run, or else three arithmetic problems; and their source."""
    found: dict[str, str] = {}
    for path in sorted(run.completions.glob("*.jsonl")) if run else []:
        for record in read_jsonl(path):
            prompt = render_prompt(record["prompt"], tokenizer)
            found.setdefault(prompt, f"{prompt}{record['completion']}")
            if len(found) == PROMPTS:
                return list(found.values()), f"{PROMPTS} prompts of its run"
    rows = build_prompts(load_problems("arithmetic").dataset.select(range(PROMPTS)), "plain")
    return [render_prompt(prompt, tokenizer) for prompt in rows["prompt"]], f"{PROMPTS} arithmetic problems"


@torch.no_grad()
def logits_of(model: Any, tokenizer: Any, texts: list[str]) -> list[Tensor]:
    """Float32 logits (T, V) of each text's first tokens."""
    model.eval()
    ids = [tokenizer(text, return_tensors="pt")["input_ids"][:, :TOKENS] for text in texts]
    return [model(input_ids=row).logits[0].float() for row in ids]


def compare(base: list[Tensor], adapted: list[Tensor], merged: list[Tensor]) -> Comparison:
    """What merging kept of what the adapter does."""
    was, asked, now = (torch.cat(parts) for parts in (base, adapted, merged))
    return Comparison(
        effect=(asked - was).abs().mean().item(),
        error=(now - asked).abs().mean().item(),
        largest=(now - asked).abs().max().item(),
        same_choice=(now.argmax(1) == asked.argmax(1)).float().mean().item(),
        positions=len(now),
    )


def require_kept(adapter: Adapter, found: Comparison, dtype: torch.dtype) -> None:
    """Hold a merged model to its tolerance.

    Raises:
        UserError: The adapter does nothing, or the merged model is not it.
    """
    if found.effect == 0:
        raise UserError(
            f"{adapter.path} changes nothing: with it {adapter.base} gives the same logits bit for bit, so a merged "
            "model would be a copy of its base. An adapter begins like that (its B is zero): train it first."
        )
    share = found.error / found.effect
    if not share <= TOLERANCE[dtype]:
        wider = " With --dtype float32 nothing is rounded away." if dtype != torch.float32 else ""
        raise UserError(
            f"merged, {adapter.path} would not be what was trained: its logits differ from those of base and adapter "
            f"by {found.error:.2g} on average, {share:.0%} of what the adapter does ({found.effect:.2g}); "
            f"{TOLERANCE[dtype]:.1%} is the most in {name_of(dtype)}. Nothing was written.{wider}"
        )


def name_of(dtype: torch.dtype) -> str:
    """`bfloat16`."""
    return str(dtype).removeprefix("torch.")
