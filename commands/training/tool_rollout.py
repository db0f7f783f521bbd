"""Training with a Python tool: `evaluation.tools` as TRL's `rollout_func`, with the tool's tokens masked.

    LPROTrainer(..., rollout_func=tool_rollout(sandbox.map))

TRL calls it with a process's prompts, repeated for the group, and takes one completion for each. Token ids are kept as
they were sampled, and those of an output are added behind them, so the policy is trained on exactly what it wrote:
`env_mask` is 1 there and 0 on the tool's tokens. Reward functions get `model_text` beside the completion.

Only with generation by transformers: with vLLM, TRL's own server would have to be asked, and that is not written.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate.utils import gather_object
from trl.models import unwrap_model_for_generation

from errors import UserError
from evaluation.tools import STOP, Dialogue, Execute, Generation, Limits

Sample = Callable[[Any, list[list[int]], list[int]], list[list[int]]]
Rollout = Callable[[list[Any], Any], dict[str, list[Any] | None]]


class Turn:
    """One completion: a dialogue, and its tokens.

    Args:
        prompt: Token ids of the rendered prompt.
        tokenizer: The policy's.
        limits: `tokens` bounds the completion, the tool's tokens included.
    """

    def __init__(self, prompt: list[int], tokenizer: Any, limits: Limits):
        special = [*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()]
        self.dialogue = Dialogue("", limits, special=special)
        self.prompt, self.tokenizer, self.limit = prompt, tokenizer, limits.tokens
        self.ids: list[int] = []
        self.own: list[int] = []

    @property
    def budget(self) -> int:
        """Tokens that are left."""
        return self.limit - len(self.ids)

    def read(self, ids: list[int], ends: set[int]) -> str | None:
        """Take what was sampled, up to its end token or stop string; return a program to be run."""
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        stopped = STOP if STOP in text else "eos" if ids and ids[-1] in ends else "length"
        code = self.dialogue.read(Generation(text, len(ids), stopped, tuple(ids)))
        if code is not None and stopped == "eos":
            ids = ids[:-1]  # the turn goes on
        self.ids += ids
        self.own += [1] * len(ids)
        return code

    def hear(self, outcome: Any) -> None:
        """Add an output's tokens, as many as fit."""
        self.dialogue.hear(outcome)
        said = self.tokenizer(self.dialogue.pieces[-1].text, add_special_tokens=False)["input_ids"][: self.budget]
        self.ids += said
        self.own += [0] * len(said)
        if self.budget <= 0:
            self.dialogue.ended = "length"


def tool_rollout(execute: Execute, *, rounds: int = 4, output: int = 400, sample: Sample | None = None) -> Rollout:
    """Make a `rollout_func` in which the policy may run Python.

    Args:
        execute: Runs programs, such as `Sandbox.map`.
        rounds: Programs per completion, at most.
        output: Characters of an output, at most.
        sample: Completes token ids (trainer, rows, budgets) to an end token or the stop string; default: the policy.
    """

    def rollout(prompts: list[Any], trainer: Any) -> dict[str, list[Any] | None]:
        if trainer.args.use_vllm:
            raise UserError("Training with a Python tool samples with transformers; met use_vllm=True. Leave it out.")
        tokenizer = trainer.processing_class
        limits = Limits(rounds, trainer.args.max_completion_length, output)
        turns = [Turn(ids, tokenizer, limits) for ids in _rendered(prompts, tokenizer, trainer)]
        ends = {*trainer.eos_token_ids, tokenizer.eos_token_id}
        while any(gather_object([any(turn.dialogue.ended is None for turn in turns)])):
            open_ones = [turn for turn in turns if turn.dialogue.ended is None]
            if not open_ones:  # others go on, and where weights are sharded all must sample equally often
                (sample or from_policy)(trainer, [turns[0].prompt], [1])
                continue
            rows = [turn.prompt + turn.ids for turn in open_ones]
            sampled = (sample or from_policy)(trainer, rows, [turn.budget for turn in open_ones])
            asking = [(turn, turn.read(ids, ends)) for turn, ids in zip(open_ones, sampled, strict=True)]
            codes = [code for _, code in asking if code is not None]
            outcomes = iter(execute(codes) if codes else [])
            for turn, code in asking:
                if code is not None:
                    turn.hear(next(outcomes))
        return {
            "prompt_ids": [turn.prompt for turn in turns],
            "completion_ids": [turn.ids for turn in turns],
            "logprobs": None,
            "env_mask": [turn.own for turn in turns],
            "model_text": [turn.dialogue.model_text for turn in turns],
            "programs": [len(turn.dialogue.calls) for turn in turns],
        }

    return rollout


def _rendered(prompts: Sequence[Any], tokenizer: Any, trainer: Any) -> list[list[int]]:
    if isinstance(prompts[0], str):
        return tokenizer(list(prompts))["input_ids"]
    options = {"add_generation_prompt": True, "tokenize": True, "return_dict": True, **trainer.chat_template_kwargs}
    return tokenizer.apply_chat_template(list(prompts), **options)["input_ids"]


def from_policy(trainer: Any, rows: list[list[int]], budgets: list[int]) -> list[list[int]]:
    """Sample from the policy that is trained, with its sampling settings."""
    tokenizer, device = trainer.processing_class, trainer.accelerator.device
    padded = tokenizer.pad({"input_ids": rows}, padding_side="left", return_tensors="pt").to(device)
    width = padded["input_ids"].size(1)
    gather = trainer.args.ds3_gather_for_generation
    with (
        unwrap_model_for_generation(
            trainer.model_wrapped,
            trainer.accelerator,
            gather_deepspeed3_params=gather,
            generation_kwargs=trainer.generation_kwargs,
        ) as model,
        torch.no_grad(),
    ):
        made = model.generate(
            input_ids=padded["input_ids"],
            attention_mask=padded["attention_mask"],
            generation_config=trainer.generation_config,
            max_new_tokens=max(budgets),
            stop_strings=[STOP],
            tokenizer=tokenizer,
        )
    ends = {*trainer.eos_token_ids, tokenizer.eos_token_id}
    return [
        _trimmed(ids[:budget], ends, tokenizer) for ids, budget in zip(made[:, width:].tolist(), budgets, strict=True)
    ]


def _trimmed(ids: list[int], ends: set[int], tokenizer: Any) -> list[int]:
    """Cut behind the first end token, or, where the stop string came first, the padding behind it."""
    end = next((place + 1 for place, token in enumerate(ids) if token in ends), len(ids))
    ids = ids[:end]
    while len(ids) > 1 and ids[-1] == tokenizer.pad_token_id and ids[-1] not in ends:
        ids = ids[:-1]
    return ids
