"""One problem of tool-integrated reasoning as a state machine, without a model or a sandbox in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from evaluation._tool_text import STOP, harmless, last_block, replayed, shortened, waits_for_output


class Generation(NamedTuple):
    """What a generator returns for one prompt.

    Attributes:
        text: What the model wrote, without its end token; with or without the stop string.
        n_tokens: Tokens it took, all that were sampled.
        stopped_by: The stop string that was met, "eos", or "length".
        ids: The sampled tokens, for callers that need them.
    """

    text: str
    n_tokens: int
    stopped_by: str
    ids: tuple[int, ...] = ()


class Outcome(Protocol):
    """What came of a program; `evaluation.sandbox.Result` is one."""

    @property
    def stdout(self) -> str: ...
    @property
    def error(self) -> str | None: ...
    @property
    def timed_out(self) -> bool: ...


@dataclass(frozen=True)
class Limits:
    """When a dialogue ends at the latest.

    Attributes:
        rounds: Programs that are run (10 in Qwen-Agent, 4 in the harness).
        tokens: Tokens of the model over all rounds, and of tool outputs where a counter is given.
        output: Characters of a tool's output; longer ones lose their middle (256 in Qwen-Agent, 400 in the harness).
    """

    rounds: int = 10
    tokens: int = 2048
    output: int = 400


class Piece(NamedTuple):
    """A part of the turn, by the model (with its token ids, where the generator gives them) or by the tool."""

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
    """One problem: ask `wanted`, feed `read`, and if that returns a program, feed `hear` with what came of it.

    Attributes:
        prompt: The rendered prompt; the turn that is written follows it.
        limits: When to end.
        fresh: Whether a program runs without the earlier ones.
        special: Texts that the tokenizer reads as one token.
        count: Tokens of a text, for tool outputs to count; None counts them as nothing.
        pieces: The turn so far.
        calls: The programs so far.
        ended: Why it is over: "eos", "length", "rounds", or "no code" (the model asked for an output of nothing).
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
        """The whole turn, the tool's outputs included."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def model_text(self) -> str:
        """What the model itself wrote: the only text from which an answer may be taken."""
        return "\n".join(piece.text for piece in self.pieces if piece.by_model)

    @property
    def tool_spans(self) -> list[tuple[int, int]]:
        """Where in `text` the tool speaks: starts and ends, in characters."""
        spans, at = [], 0
        for piece in self.pieces:
            spans += [] if piece.by_model else [(at, at + len(piece.text))]
            at += len(piece.text)
        return spans

    def wanted(self) -> tuple[str, int]:
        """Return the text to complete and the most tokens to do it with."""
        return self.prompt + self.text, self.limits.tokens - self.tokens

    def read(self, generation: Generation) -> str | None:
        """Take what the model wrote; return the program to be run, None when the dialogue is over."""
        asked = generation.stopped_by == STOP
        text = generation.text.partition(STOP)[0] if asked else generation.text
        self.tokens += generation.n_tokens
        waits = asked or (generation.stopped_by == "eos" and "\\boxed" not in text and waits_for_output(text))
        code = last_block(text) if waits else None
        if code is None or len(self.calls) >= self.limits.rounds:
            self.pieces.append(Piece(text, True, generation.ids))
            self.ended = generation.stopped_by if not asked else "no code" if code is None else "rounds"
            return None
        self.pieces.append(Piece(text + STOP if asked else text, True, generation.ids))
        self._code = code
        earlier = [] if self.fresh else [(call.code, call.error is None) for call in self.calls]
        return replayed(earlier, code)

    def hear(self, outcome: Outcome) -> None:
        """Take what came of the program."""
        self.calls.append(Call(self._code, outcome.error, outcome.timed_out))
        said = "\n".join(part for part in (outcome.stdout.strip(), outcome.error) if part)
        said = harmless(shortened(said, self.limits.output), self.special)
        before = self.pieces[-1].text
        fence = "" if before.endswith(STOP) else STOP if before.endswith("\n") else f"\n{STOP}"
        self.pieces.append(Piece(f"{fence}\n{said}\n```\n", False))
        self.tokens += self.count(self.pieces[-1].text) if self.count else 0
        if self.tokens >= self.limits.tokens:
            self.ended = "length"
