r"""Reasoning with a tool: a model writes Python, sees what it prints, and goes on in the same turn.

The semantics are Qwen-Agent's (`tir_agent.py`): a model that writes "```output" after a "```python" block has its last
block run in a fresh process, and the output appended to its own turn, between that fence and a closing one. A model
that ends its turn right after a block asks for the same, as in the Qwen2.5-Math harness (`python_executor.py`). With
`replay` earlier blocks are replayed before the last, which is the harness's way.

`ToolEngine` lets any engine's model use the tool. It drives `Dialogue`s, state machines without a model or a sandbox
in them; whoever needs token ids (a trainer's rollout, say) drives dialogues the same way and finds them in `pieces`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from evaluation.engines import Completion, Engine, Request, Sampling, sample_seed
from evaluation.sandbox import Result, Sandbox

STOP = "```output"
"""A model that writes this asks for its code to be run."""

Execute = Callable[[list[str]], Sequence[Result]]
"""Runs programs, each in a fresh process, as `Sandbox.map` does."""


class ToolEngine:
    """An engine whose model may run Python between its turns.

    Args:
        engine: Completes the model's turns.
        tokenizer: The model's tokenizer.
        sandbox: Runs the programs.
        rounds: Programs per completion at most.
        replay: Whether a program runs after the earlier ones, as in the harness, or alone.
    """

    def __init__(self, engine: Engine, tokenizer: Any, sandbox: Sandbox, *, rounds: int = 10, replay: bool = False):
        self.batch_size, self.repeatable = engine.batch_size, engine.repeatable
        self._engine, self._tokenizer, self._sandbox = engine, tokenizer, sandbox
        self._rounds, self._replay = rounds, replay

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Complete requests in as many rounds as the model wants; the longest length is that of all rounds."""
        special = [*self._tokenizer.all_special_tokens, *self._tokenizer.get_added_vocab()]
        limits = Limits(self._rounds, sampling.max_new_tokens)
        dialogues = [Dialogue(r.prompt, limits, not self._replay, special, self._count) for r in requests]
        seeds = {id(dialogue): request.seed for dialogue, request in zip(dialogues, requests, strict=True)}
        options = replace(sampling, stop=(*sampling.stop, STOP))

        def next_turns(unfinished: Sequence[Dialogue]) -> list[Generation]:
            turns = [
                Request(
                    dialogue.prompt + dialogue.text,
                    sample_seed(seeds[id(dialogue)], "turn", len(dialogue.calls)),
                    dialogue.budget,
                )
                for dialogue in unfinished
            ]
            return [_generation(made) for made in self._engine.complete(turns, options)]

        finish(dialogues, next_turns, self._sandbox.map)
        return [_completion(dialogue) for dialogue in dialogues]

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def _generation(made: Completion) -> "Generation":
    stopped = STOP if STOP in made.text else "length" if made.truncated else "eos"
    return Generation(made.text, made.length, stopped)


def _completion(dialogue: "Dialogue") -> Completion:
    ends = ["timed out" if call.timed_out else "ran" if call.error is None else "failed" for call in dialogue.calls]
    return Completion(dialogue.model_text, dialogue.tokens, dialogue.ended == "length", dialogue.text, tuple(ends))


def finish(
    dialogues: Sequence["Dialogue"],
    complete: Callable[[Sequence["Dialogue"]], Sequence["Generation"]],
    execute: Execute,
) -> None:
    """Bring dialogues to their end, all at once, round by round.

    Args:
        dialogues: Some may have ended.
        complete: Generates the next turn of each dialogue it is given.
        execute: Runs programs.
    """
    while unfinished := [dialogue for dialogue in dialogues if dialogue.ended is None]:
        generations = complete(unfinished)
        programs = [dialogue.read(made) for dialogue, made in zip(unfinished, generations, strict=True)]
        waiting = [(dialogue, code) for dialogue, code in zip(unfinished, programs, strict=True) if code is not None]
        results = execute([code for _, code in waiting]) if waiting else []
        for (dialogue, _), result in zip(waiting, results, strict=True):
            dialogue.hear(result)


# One problem ---------------------------------------------------------------------------------------------------------


class Generation(NamedTuple):
    """One turn of the model.

    Attributes:
        text: What the model wrote, without its end token; with or without the stop string.
        n_tokens: Number of all tokens that were sampled.
        stopped_by: The stop string that ended the turn, "eos", or "length".
        ids: The sampled tokens, for callers that need them.
    """

    text: str
    n_tokens: int
    stopped_by: str
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Limits:
    """When a dialogue ends at the latest.

    Attributes:
        rounds: Number of programs (10 in Qwen-Agent, 4 in the harness).
        tokens: Tokens of the model over all rounds, and of tool outputs where a counter is given.
        output: Characters of a tool's output; longer ones lose their middle (256 in Qwen-Agent, 400 in the harness).
    """

    rounds: int = 10
    tokens: int = 2048
    output: int = 400


class Piece(NamedTuple):
    """A part of a dialogue's text, by the model (with its token ids, where they are known) or by the tool."""

    text: str
    by_model: bool
    ids: tuple[int, ...] = ()


class Call(NamedTuple):
    """One program that was run."""

    code: str
    error: str | None
    timed_out: bool


@dataclass
class Dialogue:
    """The turns of one problem: `read` takes the model's turn, and `hear` the result of the program it returns.

    Attributes:
        prompt: The rendered prompt; the text follows it.
        limits: When to end.
        fresh: Whether a program runs without the earlier ones.
        special: Texts that the tokenizer reads as one token.
        count: Counts the tokens of a tool output; None counts them as nothing.
        pieces: The text so far.
        calls: The programs so far.
        tokens: Tokens so far.
        ended: Why the dialogue is over: "eos", "length", "rounds", or "no code" (the model asked for an output of
            nothing).
    """

    prompt: str
    limits: Limits = field(default_factory=Limits)
    fresh: bool = True
    special: Sequence[str] = ()
    count: Callable[[str], int] | None = None
    pieces: list[Piece] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    tokens: int = 0
    ended: str | None = None
    _code: str = ""

    @property
    def text(self) -> str:
        """The whole text, the tool's outputs included."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def model_text(self) -> str:
        """What the model itself wrote: the only text from which an answer may be taken."""
        return "\n".join(piece.text for piece in self.pieces if piece.by_model)

    @property
    def budget(self) -> int:
        """Tokens that are left."""
        return self.limits.tokens - self.tokens

    def read(self, generation: Generation) -> str | None:
        """Take what the model wrote; return the program to be run, None when the dialogue is over."""
        stopped = generation.stopped_by == STOP
        text = generation.text.partition(STOP)[0] if stopped else generation.text
        self.tokens += generation.n_tokens
        waits = stopped or (generation.stopped_by == "eos" and "\\boxed" not in text and waits_for_output(text))
        code = last_block(text) if waits else None
        if code is None or len(self.calls) >= self.limits.rounds:
            self.pieces.append(Piece(text, True, generation.ids))
            if stopped:
                self.ended = "no code" if code is None else "rounds"
            else:
                self.ended = generation.stopped_by
            return None
        self.pieces.append(Piece(text + STOP if stopped else text, True, generation.ids))
        self._code = code
        earlier = [] if self.fresh else [(call.code, call.error is None) for call in self.calls]
        return replayed(earlier, code)

    def hear(self, result: Result) -> None:
        """Take the result of the program, and append its output."""
        self.calls.append(Call(self._code, result.error, result.timed_out))
        output = "\n".join(part for part in (result.stdout.strip(), result.error) if part)
        output = harmless(shortened(output, self.limits.output), self.special)
        before = self.pieces[-1].text
        fence = "" if before.endswith(STOP) else STOP if before.endswith("\n") else f"\n{STOP}"
        self.pieces.append(Piece(f"{fence}\n{output}\n```\n", False))
        self.tokens += self.count(self.pieces[-1].text) if self.count else 0
        if self.tokens >= self.limits.tokens:
            self.ended = "length"


# Texts ---------------------------------------------------------------------------------------------------------------

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_CHAT_TOKEN = re.compile(r"<(?=[|｜])|(?<=[|｜])>")
_BOX = re.compile(r"\\(?=\s*(?:boxed|fbox))")
_REPLAY = """
import ast, contextlib, io

def run(code):
    exec(compile(code, "<earlier>", "exec"), namespace)

def imports(block):
    try:
        nodes = ast.parse(block).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []
    return [ast.Module([node], []) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]

with contextlib.redirect_stdout(io.StringIO()):
    for block, ran in earlier:
        with contextlib.suppress(SystemExit):
            if ran:
                run(block)
            for node in [] if ran else imports(block):
                with contextlib.suppress(ImportError):
                    run(node)
"""
"""Runs in the sandbox: already parsing what a model wrote may take all stack, memory or time."""


def last_block(text: str) -> str | None:
    r"""Return the last Python block, None where there is none or it is not closed.

    >>> last_block("So:" + chr(10) + "```python" + chr(10) + "print(1)" + chr(10) + "```")
    'print(1)\n'
    """
    block: list[str] = []
    inside = any_block = False
    for line in text.split("\n"):
        if line.startswith("```python") or line.endswith("```python"):
            block, inside, any_block = [], True, True
        elif line.startswith("```"):
            inside = False
        elif inside:
            block.append(line + "\n")
    return "".join(block) if any_block and not inside and "".join(block).strip() else None


def waits_for_output(text: str) -> bool:
    """Whether a text ends with a Python block, so that its writer has stopped to see the output."""
    lines = text.rstrip().split("\n")
    if lines[-1].strip() != "```" or last_block(text) is None:
        return False
    fences = [line for line in lines[:-1] if "```" in line]
    return fences[-1].startswith("```python") or fences[-1].endswith("```python")


def replayed(earlier: Iterable[tuple[str, bool]], code: str) -> str:
    """Put earlier blocks before a block, silenced: whole blocks that ran, and the imports of the others.

    Args:
        earlier: Earlier blocks, each with whether it ran without an error.
        code: The block whose output is wanted.
    """
    silent = [(block, ran) for block, ran in earlier if ran or "import" in block]
    return f"exec({_REPLAY!r}, dict(earlier={silent!r}, namespace=globals()))\n{code}" if silent else code


def shortened(text: str, limit: int) -> str:
    """Cut the middle out of a long text, as the harness does.

    >>> shortened("0123456789", 4)
    '01...89'
    """
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]}...{text[len(text) - half :]}"


def harmless(text: str, special: Sequence[str] = ()) -> str:
    r"""Rewrite what a tool printed so that it is nothing but text inside its fence.

    The result closes no fence, spells no token of the chat template, and holds no box that could be taken for an
    answer.

    Args:
        text: What was printed.
        special: Texts that the tokenizer reads as one token, such as `<|im_end|>`.

    >>> harmless("``` \\boxed{7} <|im_end|>")
    "''' \\ boxed{7} < |im_end| >"
    """
    text = _CONTROL.sub("�", text.expandtabs(4).replace("\r\n", "\n"))
    text = _BOX.sub(r"\\ ", text).replace("```", "'''")
    text = _CHAT_TOKEN.sub(lambda sign: "< " if sign[0] == "<" else " >", text)
    named = [token.strip() for token in special if len(token.strip()) > 1]
    while token := next((token for token in named if token in text), None):
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
