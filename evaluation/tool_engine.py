"""An engine whose model may run Python between its turns."""

from collections.abc import Sequence
from typing import Any

from evaluation._dialogue import Call
from evaluation.engines import Completion, Engine, Request, Sampling, sample_seed
from evaluation.sandbox import Sandbox
from evaluation.tool_reasoning import STOP, Dialogue, Generation, Limits, finish


class ToolEngine:
    """Tool-integrated reasoning on top of another engine.

    Args:
        engine: Completes the model's turns.
        tokenizer: Its tokenizer.
        sandbox: Runs the programs.
        rounds: Programs per completion at most.
        replay: Whether a program runs after the earlier ones, as in the harness, or alone.
    """

    def __init__(self, engine: Engine, tokenizer: Any, sandbox: Sandbox, *, rounds: int = 10, replay: bool = False):
        self.batch_size, self.repeatable = engine.batch_size, engine.repeatable
        self._engine, self._tokenizer, self._sandbox = engine, tokenizer, sandbox
        self._rounds, self._replay = rounds, replay

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Complete requests in as many rounds as the model asks for; the longest length is that of all rounds."""
        special = [*self._tokenizer.all_special_tokens, *self._tokenizer.get_added_vocab()]
        limits = Limits(self._rounds, sampling.max_new_tokens)
        dialogues = [Dialogue(r.prompt, limits, not self._replay, special, self._count) for r in requests]
        seeds = {id(dialogue): request.seed for dialogue, request in zip(dialogues, requests, strict=True)}
        options = Sampling(
            sampling.max_new_tokens, sampling.temperature, sampling.top_p, sampling.top_k, (*sampling.stop, STOP)
        )

        def turn(open_ones: Sequence[Dialogue]) -> list[Generation]:
            asked = []
            for dialogue in open_ones:
                text, budget = dialogue.wanted()
                seed = sample_seed(seeds[id(dialogue)], "turn", len(dialogue.calls))
                asked.append(Request(text, seed, budget))
            return [_generation(made) for made in self._engine.complete(asked, options)]

        finish(dialogues, turn, self._sandbox.map)
        return [_completion(dialogue) for dialogue in dialogues]

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def _generation(made: Completion) -> Generation:
    stopped = STOP if STOP in made.text else "length" if made.truncated else "eos"
    return Generation(made.text, made.length, stopped)


def _completion(dialogue: Dialogue) -> Completion:
    calls = tuple(_outcome(call) for call in dialogue.calls)
    return Completion(dialogue.model_text, dialogue.tokens, dialogue.ended == "length", dialogue.text, calls)


def _outcome(call: Call) -> str:
    return "timed out" if call.timed_out else "ran" if call.error is None else "failed"
