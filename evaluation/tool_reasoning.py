"""Tool-integrated reasoning: a model writes Python, sees what it prints, and goes on in the same turn.

The semantics are Qwen-Agent's (`tir_agent.py`): a model that writes "```output" after a "```python" block has its last
block run in a fresh process, and the output appended to its own turn, between that fence and a closing one. A model
that ends its turn right after a block asks for the same, as in the Qwen2.5-Math harness. With `tool_state="replay"`
earlier blocks are replayed before the last, which is the harness's way.

A generator is any callable that completes texts (an entry per prompt in all three lists):

    generate(prompts: list[str], max_new_tokens: list[int], stop: list[str]) -> list[Generation]

`solve` works on a batch. It is a thin loop around `Dialogue`; whoever needs token ids (a trainer's rollout, say)
drives dialogues the same way and finds the ids in their `pieces`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluation._dialogue import Dialogue, Generation, Limits, Outcome, Piece
from evaluation._tool_text import STOP

__all__ = [
    "STOP",
    "Dialogue",
    "Generation",
    "Limits",
    "Outcome",
    "Piece",
    "Statistics",
    "finish",
    "solve",
    "token_mask",
    "tally",
]

Generate = Callable[[list[str], list[int], list[str]], Sequence[Generation]]
Execute = Callable[[list[str]], Sequence[Outcome]]


def solve(
    prompts: Sequence[str],
    generate: Generate,
    execute: Execute,
    *,
    limits: Limits | None = None,
    tool_state: Literal["fresh", "replay"] = "fresh",
    special: Sequence[str] = (),
    count: Callable[[str], int] | None = None,
) -> list[Dialogue]:
    """Let a model solve problems with Python, all problems at once, round by round.

    Args:
        prompts: Rendered prompts.
        generate: See above.
        execute: Runs programs, each in a fresh process; `Sandbox.map` with a time limit does.
        limits: When a dialogue ends.
        tool_state: "fresh" runs the last block alone, "replay" after the earlier ones.
        special: Texts that the tokenizer reads as one token (`tokenizer.all_special_tokens` and added ones); no output
            will hold one.
        count: Tokens of a text, for tool outputs to count against `limits.tokens`.

    Returns:
        One ended dialogue per prompt, in their order.
    """
    shared = limits or Limits()
    dialogues = [Dialogue(prompt, shared, tool_state == "fresh", special, count) for prompt in prompts]

    def complete(open_ones: Sequence[Dialogue]) -> Sequence[Generation]:
        texts, budgets = zip(*(dialogue.wanted() for dialogue in open_ones), strict=True)
        return generate(list(texts), list(budgets), [STOP])

    finish(dialogues, complete, execute)
    return dialogues


def finish(
    dialogues: Sequence[Dialogue], complete: Callable[[Sequence[Dialogue]], Sequence[Generation]], execute: Execute
) -> None:
    """Bring dialogues to their end, all at once, round by round.

    Args:
        dialogues: Some may have ended.
        complete: Goes on with each of the dialogues it is given.
        execute: As for `solve`.
    """
    while open_ones := [dialogue for dialogue in dialogues if dialogue.ended is None]:
        generations = complete(open_ones)
        codes = [dialogue.read(said) for dialogue, said in zip(open_ones, generations, strict=True)]
        asking = [(dialogue, code) for dialogue, code in zip(open_ones, codes, strict=True) if code is not None]
        outcomes = execute([code for _, code in asking]) if asking else []
        for (dialogue, _), outcome in zip(asking, outcomes, strict=True):
            dialogue.hear(outcome)


@dataclass(frozen=True)
class Statistics:
    """How a model used its tool.

    Attributes:
        problems: Dialogues counted.
        with_code: Share of them in which a program was run.
        programs: Programs that were run.
        ran: Share of programs that ran to their end.
        failed: Share that raised or were ended for another reason than time.
        timed_out: Share that met the time limit.
        rounds: Programs per dialogue, mean.
        ended: How many dialogues ended for which reason, see `Dialogue.ended`.
    """

    problems: int
    with_code: float
    programs: int
    ran: float
    failed: float
    timed_out: float
    rounds: float
    ended: dict[str, int]


def tally(dialogues: Sequence[Dialogue]) -> Statistics:
    """Count over dialogues; a share of nothing is 0."""
    calls = [call for dialogue in dialogues for call in dialogue.calls]
    late = sum(call.timed_out for call in calls)
    ran = sum(call.error is None for call in calls)
    some, many = max(1, len(dialogues)), max(1, len(calls))
    return Statistics(
        problems=len(dialogues),
        with_code=sum(bool(dialogue.calls) for dialogue in dialogues) / some,
        programs=len(calls),
        ran=ran / many,
        failed=(len(calls) - ran - late) / many,
        timed_out=late / many,
        rounds=len(calls) / some,
        ended=dict(Counter(dialogue.ended or "open" for dialogue in dialogues)),
    )


def token_mask(offsets: Sequence[tuple[int, int]], tool_spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return 1 for each token of the model and 0 for each that holds a character of the tool's.

    Args:
        offsets: Where each token of `Dialogue.text` starts and ends, as a fast tokenizer gives it.
        tool_spans: `Dialogue.tool_spans`.

    >>> token_mask([(0, 2), (2, 5), (5, 6), (6, 9)], [(4, 6)])
    [1, 0, 0, 1]
    """
    return [int(all(end <= first or last <= start for first, last in tool_spans)) for start, end in offsets]
