"""Several graded samples of every problem: in rounds, until no more are needed, and resumable at any point.

Problems are worked on in blocks that depend on the problems and the seed alone, and so do the batches within a block,
given its samples so far. Hence it does not matter how many processes share the blocks, nor how often they were killed:
what is sampled again is sampled in the same batch, with the same result to the last bit.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from boxed import last_boxed
from evaluation.engines import Completion, Engine, Request, Sampling, sample_seed
from rewards import verify_report


class Problem(NamedTuple):
    """A problem to sample: an id that does not depend on its place, the rendered prompt, and the gold answer."""

    id: str
    prompt: str
    answer: str


@dataclass(frozen=True)
class Sample:
    """One completion of a problem with its grade.

    Attributes:
        id: The id of the problem.
        index: The number of the sample among those of the problem, from 0.
        correct: The verdict; None before grading.
        length: In tokens, with the end token.
        truncated: Whether the completion reached the longest length.
        answered: Whether the completion has a box.
        text: The completion, "" where only its grade was kept.
        transcript: The completion with tool output, "" without tools.
        calls: The ends of the model's programs.
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
"""The id of a problem and the index of a sample."""
MoreSamples = Callable[[list[Sample]], int]
"""Says how many further samples a problem wants at least, given those it has; 0 for none."""


def problem_id(text: str) -> str:
    """Return a name of a problem that does not depend on its place: 16 hex digits of the hash of its text."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]


def blocks_of(problems: Sequence[Problem], seed: int, size: int) -> list[list[Problem]]:
    """Shuffle problems, independently of the order they come in, and cut them into blocks.

    Each block is a random sample of the whole, so the first results tell what to expect of the rest.

    Args:
        problems: Problems with different ids.
        seed: The seed of the order.
        size: Problems in a block.
    """
    shuffled = sorted(problems, key=lambda problem: sample_seed(seed, problem.id, -1))
    return [shuffled[start : start + size] for start in range(0, len(shuffled), size)]


def ungraded(wanted: Sequence[tuple[Problem, int]], completions: Sequence[Completion]) -> list[Sample]:
    """Make samples without a verdict, for a grader that comes later."""
    samples = []
    for (problem, index), made in zip(wanted, completions, strict=True):
        text, length, truncated, transcript, calls = made
        answered = last_boxed(text) is not None
        samples.append(Sample(problem.id, index, None, length, truncated, answered, text, transcript, calls))
    return samples


def grade(wanted: Sequence[tuple[Problem, int]], completions: Sequence[Completion]) -> list[Sample]:
    """Make samples with the verdict of the reward that training uses."""
    report = verify_report([problem.answer for problem, _ in wanted], [made.text for made in completions])
    samples = ungraded(wanted, completions)
    return [replace(sample, correct=verdict == 1.0) for sample, verdict in zip(samples, report.verdicts, strict=True)]


@dataclass
class Sampler:
    """Samples problems with an engine, and takes samples on record instead of making them again.

    Attributes:
        engine: Makes the engine when the first new sample is needed: where all are on record, none is loaded.
        sampling: How to decode.
        seed: The seed of all samples.
        recorded: Samples of an earlier run, by problem and index.
        keep: Called with the samples of each batch that are not on record, as soon as they are made.
        grade: Makes samples of completions.
    """

    engine: Callable[[], Engine]
    sampling: Sampling
    seed: int
    recorded: Mapping[Key, Sample]
    keep: Callable[[list[Sample]], None]
    grade: Callable[[Sequence[tuple[Problem, int]], Sequence[Completion]], list[Sample]] = grade

    def sample(
        self,
        block: Sequence[Problem],
        more: MoreSamples,
        *,
        batch_size: int,
        progress: Callable[[Sequence[Sample]], object] = lambda samples: None,
    ) -> dict[str, list[Sample]]:
        """Sample a block until no problem wants more.

        Args:
            block: Problems.
            more: How many further samples a problem wants.
            batch_size: Requests at once.
            progress: Called with the samples of each batch, on record or not.

        Returns:
            The samples of each problem, by its id.
        """
        samples: dict[str, list[Sample]] = {problem.id: [] for problem in block}
        while True:
            wanted = [
                (problem, len(samples[problem.id]) + i) for problem in block for i in range(more(samples[problem.id]))
            ]
            if not wanted:
                return samples
            # Long answers beside long ones: a batch takes as long as its longest.
            wanted.sort(key=lambda pair: (_mean_length(samples[pair[0].id]), len(pair[0].prompt)))
            for start in range(0, len(wanted), batch_size):
                batch = self._batch(wanted[start : start + batch_size])
                progress(batch)
                for sample in batch:
                    samples[sample.id].append(sample)
            for group in samples.values():
                group.sort(key=lambda sample: sample.index)

    def _batch(self, wanted: Sequence[tuple[Problem, int]]) -> list[Sample]:
        """Return the samples of one batch, which is sampled as a whole unless all of it is on record."""
        keys = [(problem.id, index) for problem, index in wanted]
        if all(key in self.recorded for key in keys):
            return [self.recorded[key] for key in keys]
        requests = [
            Request(problem.prompt, sample_seed(self.seed, *key))
            for (problem, _), key in zip(wanted, keys, strict=True)
        ]
        fresh = self.grade(wanted, self.engine().complete(requests, self.sampling))
        self.keep([sample for sample in fresh if (sample.id, sample.index) not in self.recorded])
        return [self.recorded.get((sample.id, sample.index), sample) for sample in fresh]


def _mean_length(samples: Sequence[Sample]) -> float:
    return sum(sample.length for sample in samples) / len(samples) if samples else 0.0
