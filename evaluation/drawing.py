"""Several samples of every problem, graded: in rounds, until no more are needed, and going on where it was stopped.

Problems are worked on in blocks whose make-up depends on the problems and the seed alone, and so do the batches
within a block, given its samples so far. Hence it does not matter how many processes share the blocks, nor how often
they were killed: what is drawn again is drawn in the same batch, with the same result to the last bit.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from boxed import last_boxed
from evaluation.sampling import Completion, Engine, Request, Sampling, sample_seed
from rewards import verify_report


class Problem(NamedTuple):
    """What is sampled: an id that does not depend on its place, the rendered prompt, and the gold answer."""

    id: str
    prompt: str
    answer: str


@dataclass(frozen=True)
class Sample:
    """One graded completion.

    Attributes:
        id: Of the problem.
        index: Which of its samples, from 0.
        correct: The verdict; None before one is given.
        length: In tokens, with the end token.
        truncated: Whether it was cut at the longest length.
        answered: Whether it has a box.
        text: The completion, "" where only its grade was kept.
        transcript: With the output of tools, where there are some.
        calls: What came of the model's programs.
    """

    id: str
    index: int
    correct: bool | None
    length: int
    truncated: bool
    answered: bool
    text: str = ""
    transcript: str = ""
    calls: tuple[str, ...] = ()


Key = tuple[str, int]
Drawn = list[Sample]
MoreSamples = Callable[[Drawn], int]


def problem_id(text: str) -> str:
    """Return what names a problem wherever it stands: 16 hex digits of the hash of its text."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]


def blocks_of(problems: Sequence[Problem], seed: int, size: int) -> list[list[Problem]]:
    """Return the problems in an order by chance, the same for any order they come in, cut into blocks.

    By chance, so that every block is like the whole: what is seen first tells what to expect of the rest.

    Args:
        problems: With different ids.
        seed: Of the order.
        size: Problems in a block.
    """
    shuffled = sorted(problems, key=lambda problem: sample_seed(seed, problem.id, -1))
    return [shuffled[start : start + size] for start in range(0, len(shuffled), size)]


def grade(wanted: Sequence[tuple[Problem, int]], completions: Sequence[Completion]) -> list[Sample]:
    """Check completions by the reward that training uses."""
    texts = [completion.text for completion in completions]
    report = verify_report([problem.answer for problem, _ in wanted], texts)
    return [
        Sample(
            problem.id,
            index,
            verdict == 1.0,
            made.length,
            made.truncated,
            last_boxed(made.text) is not None,
            made.text,
        )
        for (problem, index), made, verdict in zip(wanted, completions, report.verdicts, strict=True)
    ]


def ungraded(wanted: Sequence[tuple[Problem, int]], completions: Sequence[Completion]) -> list[Sample]:
    """Keep completions whole, for a grader that comes later."""
    samples = []
    for (problem, index), made in zip(wanted, completions, strict=True):
        text, length, truncated, transcript, calls = made
        answered = last_boxed(text) is not None
        samples.append(Sample(problem.id, index, None, length, truncated, answered, text, transcript, calls))
    return samples


@dataclass
class Drawing:
    """How samples are drawn.

    Attributes:
        engine: Makes the engine at the first sample that is needed: where all are on record, none is loaded.
        sampling: How to decode.
        seed: Of all samples.
        recorded: Samples of an earlier run, which are not drawn again.
        keep: Called with the samples of each batch that are not on record, as soon as they are there.
        grade: Makes samples of completions.
    """

    engine: Callable[[], Engine]
    sampling: Sampling
    seed: int
    recorded: Mapping[Key, Sample]
    keep: Callable[[list[Sample]], None]
    grade: Callable[[Sequence[tuple[Problem, int]], Sequence[Completion]], list[Sample]] = grade

    def draw(
        self,
        block: Sequence[Problem],
        more: MoreSamples,
        *,
        batch_size: int,
        progress: Callable[[Sequence[Sample]], object] = lambda samples: None,
    ) -> dict[str, Drawn]:
        """Sample a block until no problem wants more.

        Args:
            block: Problems.
            more: How many further samples a problem wants at least, given those it has; 0 for none.
            batch_size: Requests at once.
            progress: Called with the samples of each batch, on record or not.

        Returns:
            The samples of each problem, by its id.
        """
        drawn: dict[str, Drawn] = {problem.id: [] for problem in block}
        while True:
            wanted = [
                (problem, len(drawn[problem.id]) + i) for problem in block for i in range(more(drawn[problem.id]))
            ]
            if not wanted:
                return drawn
            # Long answers beside long ones: a batch takes as long as its longest.
            wanted.sort(key=lambda pair: (_mean_length(drawn[pair[0].id]), len(pair[0].prompt)))
            for start in range(0, len(wanted), batch_size):
                samples = self._samples(wanted[start : start + batch_size])
                progress(samples)
                for sample in samples:
                    drawn[sample.id].append(sample)
            for samples in drawn.values():
                samples.sort(key=lambda sample: sample.index)

    def _samples(self, wanted: Sequence[tuple[Problem, int]]) -> list[Sample]:
        """Samples of one batch; drawn as a whole unless all of it is on record."""
        keys = [(problem.id, index) for problem, index in wanted]
        if not all(key in self.recorded for key in keys):
            requests = [
                Request(problem.prompt, sample_seed(self.seed, *key))
                for (problem, _), key in zip(wanted, keys, strict=True)
            ]
            fresh = self.grade(wanted, self.engine().complete(requests, self.sampling))
            self.keep([sample for sample in fresh if (sample.id, sample.index) not in self.recorded])
            return [self.recorded.get((sample.id, sample.index), sample) for sample in fresh]
        return [self.recorded[key] for key in keys]


def _mean_length(samples: Sequence[Sample]) -> float:
    return sum(sample.length for sample in samples) / len(samples) if samples else 0.0
