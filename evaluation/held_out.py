"""Accuracy and length on problems that training never sees, before and after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import datasets
from accelerate.utils import gather_object

from evaluation.engines import Completion, Request, Sampling, TransformersEngine
from evaluation.sandbox import Sandbox
from evaluation.statistics import Change, Difference, mean_at_n, paired_difference, score_change, score_of
from evaluation.tools import ToolEngine
from rewards import verify

ROUNDS = 4
"""Programs per problem at most, as in training."""


@dataclass(frozen=True)
class Measurement:
    """One greedy completion per problem, in the order of the data set.

    Attributes:
        correct: 1.0 or 0.0 for each problem.
        lengths: In tokens.
        truncated: Whether the completion reached the longest length.
        texts: The completions, with tool output.
        programs: Programs that were run for each problem; None for a model without tools.
    """

    correct: list[float]
    lengths: list[int]
    truncated: list[bool]
    texts: list[str]
    programs: list[int] | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return one record per problem."""
        columns = {"correct": self.correct, "length": self.lengths, "truncated": self.truncated, "text": self.texts}
        if self.programs is not None:
            columns["programs"] = self.programs
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def summary(self) -> dict[str, float]:
        """Return means with standard errors, and the 95 % interval of the accuracy, as written to `run.json`."""
        accuracy = score_of([[c] for c in self.correct])
        length, length_se = mean_at_n([[n] for n in self.lengths])
        summary = {
            "problems": len(self.correct),
            **accuracy.entries("accuracy"),
            "mean_length": length,
            "mean_length_se": length_se,
            "truncated": sum(self.truncated) / len(self.truncated),
        }
        if self.programs is not None:
            summary["with_code"] = sum(count > 0 for count in self.programs) / len(self.programs)
        return summary


def measure(
    model: Any,
    tokenizer: Any,
    problems: datasets.Dataset,
    prompts: Sequence[str],
    *,
    max_new_tokens: int,
    batch_size: int = 64,
    share: tuple[int, int] = (0, 1),
    progress: Callable[[int], object] = lambda done: None,
    sandbox: Sandbox | None = None,
) -> Measurement:
    """Solve problems greedily and score them with the reward that training uses.

    Args:
        model: A causal language model, unwrapped.
        tokenizer: The model's tokenizer.
        problems: A data set with a column `answer`.
        prompts: Rendered prompts, one per problem.
        max_new_tokens: Longest completion, in tokens.
        batch_size: Problems at once.
        share: (rank, processes); each process solves every `processes`-th problem and all get the whole result.
        progress: Called with the number of problems just finished on this process.
        sandbox: Runs the model's Python; None for a model without tools.
    """
    rank, processes = share
    # Equally many for each, some of them twice: where weights are sharded, all must generate equally often.
    mine = [place % len(prompts) for place in range(rank, processes * ceil(len(prompts) / processes), processes)]
    engine = TransformersEngine(model, tokenizer, batch_size)
    completions = _complete(engine, [Request(prompts[i]) for i in mine], Sampling(max_new_tokens), progress, sandbox)
    answers = problems["answer"]
    verdicts = verify([answers[i] for i in mine], [made.text for made in completions])
    rows = [
        (i, verdict or 0.0, made.length, made.truncated, made.transcript or made.text, len(made.calls))
        for i, verdict, made in zip(mine, verdicts, completions, strict=True)
    ]
    gathered = sorted({row[0]: row for row in gather_object(rows)}.values())
    _, correct, lengths, truncated, texts, programs = (list(column) for column in zip(*gathered, strict=True))
    return Measurement(correct, lengths, truncated, texts, None if sandbox is None else programs)


def _complete(
    engine: TransformersEngine,
    requests: Sequence[Request],
    sampling: Sampling,
    progress: Callable[[int], object],
    sandbox: Sandbox | None,
) -> list[Completion]:
    if sandbox is None:
        return engine.complete(requests, sampling, progress)
    tools, completions = ToolEngine(engine, engine.tokenizer, sandbox, rounds=ROUNDS), list[Completion]()
    for start in range(0, len(requests), engine.batch_size):
        completions += tools.complete(requests[start : start + engine.batch_size], sampling)
        progress(len(completions) - start)
    return completions


def compare(before: Measurement, after: Measurement) -> dict[str, Change | Difference]:
    """Return the paired changes of accuracy and of length."""
    return {
        "accuracy": score_change([[c] for c in before.correct], [[c] for c in after.correct]),
        "length": paired_difference([[n] for n in before.lengths], [[n] for n in after.lengths]),
    }
