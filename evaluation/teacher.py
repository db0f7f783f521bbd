"""A teacher: a model that is asked in chat messages and answers in words, whose answers are read, not measured.

Three kinds: `EngineTeacher` here has a model in memory, `evaluation.chat_teacher` asks an endpoint, and
`evaluation.arithmetic_teacher` answers for the embedded problems from a table.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from data import render_prompt
from evaluation.sampling import Engine, Request, Sampling, prompt_ids

Messages = list[dict[str, str]]


class Question(NamedTuple):
    """What is asked: chat messages, and the seed of the answer where a teacher has seeds."""

    messages: Messages
    seed: int = 0


class Reply(NamedTuple):
    """What a teacher answered.

    Attributes:
        text: Its words.
        prompt_tokens: Of the question, None where the teacher does not tell.
        completion_tokens: Of the answer, likewise.
        refused: Why this one question was refused, "" where it was not.
    """

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    refused: str = ""


class Teacher(Protocol):
    """Something that answers questions."""

    def check(self, temperature: float, max_tokens: int) -> None:
        """Find out, before anything is begun, whether it can be asked like this at all.

        Raises:
            UserError: It cannot.
        """
        ...

    def replies(
        self, questions: Sequence[Question], temperature: float, max_tokens: int
    ) -> Iterator[tuple[int, Reply]]:
        """Answer questions, and yield (place, reply) as soon as each is there, in whatever order.

        Args:
            questions: Any number.
            temperature: 0 decodes greedily.
            max_tokens: Longest answer.

        Raises:
            UserError: No answer is to be had; those yielded before count.
        """
        ...


class EngineTeacher:
    """A language model behind an engine, asked by its chat template.

    Args:
        engine: Makes the engine when the first question is asked.
        tokenizer: The model's.
        positions: Tokens that the model knows at most, question and answer together; None for no limit.
    """

    def __init__(self, engine: Callable[[], Engine], tokenizer: Any, positions: int | None = None):
        self._engine, self._tokenizer, self._positions = engine, tokenizer, positions

    def check(self, temperature: float, max_tokens: int) -> None:
        """Load the model."""
        self._engine()

    def replies(
        self, questions: Sequence[Question], temperature: float, max_tokens: int
    ) -> Iterator[tuple[int, Reply]]:
        """Answer in batches, questions of similar length together; one too long for the model is refused."""
        engine, sampling = self._engine(), Sampling(max_tokens, temperature)
        prompts = [render_prompt(question.messages, self._tokenizer) for question in questions]
        lengths = [len(ids) for ids in prompt_ids(self._tokenizer, prompts)]
        room = [max_tokens if self._positions is None else self._positions - length for length in lengths]
        for place, length in enumerate(lengths):
            if room[place] < 1:
                yield place, Reply("", refused=f"a question of {length} tokens, the model knows {self._positions}")
        order = sorted((place for place in range(len(questions)) if room[place] >= 1), key=lengths.__getitem__)
        for start in range(0, len(order), engine.batch_size):
            batch = order[start : start + engine.batch_size]
            wanted = [Request(prompts[i], questions[i].seed, min(max_tokens, room[i])) for i in batch]
            for place, made in zip(batch, engine.complete(wanted, sampling), strict=True):
                yield place, Reply(made.text, lengths[place], made.length)
