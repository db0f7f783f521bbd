"""Accuracy and length on problems that training never sees, before and after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import datasets
from accelerate.utils import gather_object

from evaluation.engine_transformers import TransformersEngine
from evaluation.sampling import Request, Sampling
from evaluation.statistics import Difference, mean_at_n, paired_difference
from rewards import verify


@dataclass(frozen=True)
class Measurement:
    """One greedy completion per problem, in the order of the data set."""

    correct: list[float]
    lengths: list[int]
    truncated: list[bool]
    texts: list[str]

    def rows(self) -> list[dict[str, Any]]:
        """One record per problem."""
        columns = zip(self.correct, self.lengths, self.truncated, self.texts, strict=True)
        return [{"correct": c, "length": n, "truncated": t, "text": text} for c, n, t, text in columns]

    def summary(self) -> dict[str, float]:
        """Means with standard errors, as written to `run.json`."""
        accuracy, accuracy_se = mean_at_n([[c] for c in self.correct])
        length, length_se = mean_at_n([[n] for n in self.lengths])
        return {
            "problems": len(self.correct),
            "accuracy": accuracy,
            "accuracy_se": accuracy_se,
            "mean_length": length,
            "mean_length_se": length_se,
            "truncated": sum(self.truncated) / len(self.truncated),
        }


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
) -> Measurement:
    """Solve problems greedily and score them with the reward that training uses.

    Args:
        model: A causal language model, unwrapped.
        tokenizer: Its tokenizer.
        problems: With a column `answer`.
        prompts: Rendered, one per problem.
        max_new_tokens: Longest completion, in tokens.
        batch_size: Problems at once.
        share: (rank, processes); each process solves every `processes`-th problem and all get the whole result.
        progress: Called with the number of problems just finished on this process.
    """
    rank, processes = share
    # Equally many for each, some of them twice: where weights are sharded, all must generate equally often.
    mine = [place % len(prompts) for place in range(rank, processes * ceil(len(prompts) / processes), processes)]
    engine = TransformersEngine(model, tokenizer, batch_size)
    completions = engine.complete([Request(prompts[i]) for i in mine], Sampling(max_new_tokens), progress)
    answers = problems["answer"]
    verdicts = verify([answers[i] for i in mine], [completion.text for completion in completions])
    rows = [
        (i, verdict or 0.0, completion.length, completion.truncated, completion.text)
        for i, verdict, completion in zip(mine, verdicts, completions, strict=True)
    ]
    gathered = sorted({row[0]: row for row in gather_object(rows)}.values())
    _, correct, lengths, truncated, texts = (list(column) for column in zip(*gathered, strict=True))
    return Measurement(correct, lengths, truncated, texts)


def compare(before: Measurement, after: Measurement) -> dict[str, Difference]:
    """Paired change of accuracy and of length."""
    return {
        "accuracy": paired_difference([[c] for c in before.correct], [[c] for c in after.correct]),
        "length": paired_difference([[n] for n in before.lengths], [[n] for n in after.lengths]),
    }
