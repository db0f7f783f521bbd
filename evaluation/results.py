"""From the completions of a benchmark to one result of a report."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation._catalogue import Settings
from evaluation._load import Benchmark
from evaluation.contamination import Match, clean_score
from evaluation.intervals import score_of
from evaluation.report import Result, claims_for
from evaluation.scoring import Item, score
from evaluation.statistics import mean_at_n


@dataclass(frozen=True)
class Measured:
    """A result and the verdicts that it is made of.

    Attributes:
        result: A row of a report.
        correct: (problems, n), strict verdicts in the order of the benchmark, for `pass_at_k` and `score_change`.
            A text that the verifier could not finish is 0.0, and counted in the result's `timeouts`.
    """

    result: Result
    correct: list[list[float]]


def measure_texts(
    benchmark: Benchmark,
    settings: Settings,
    texts: Sequence[Sequence[str]],
    *,
    truncated: Sequence[Sequence[bool]] | None = None,
    suite: str = "",
    matches: Sequence[Match] | None = None,
) -> Measured:
    """Score the completions of a benchmark.

    Args:
        benchmark: Whose rows were completed.
        settings: How they were.
        texts: (problems, n), completions in the order of the rows, as many of each as `settings.samples`.
        truncated: (problems, n), which of them were cut; None for none.
        suite: Whose claims stand beside the result.
        matches: Of `find_overlap` with the training problems; None where it was not looked for.

    Raises:
        ValueError: The shape is another.
    """
    rows, n = benchmark.dataset.to_list(), settings.samples
    if len(texts) != len(rows) or any(len(row) != n for row in texts):
        raise ValueError(
            f"{benchmark.name} needs {n} completions for each of {len(rows)} problems; met "
            f"{sorted({len(row) for row in texts})} for {len(texts)}"
        )
    cut = truncated if truncated is not None else [[False] * n] * len(rows)
    items = [
        Item(row["answer"], text, benchmark.kind, row["choices"], ended)
        for row, group, ends in zip(rows, texts, cut, strict=True)
        for text, ended in zip(group, ends, strict=True)
    ]
    scores = score(items)
    correct = _shaped(scores.strict, n)
    found = score_of(correct)
    result: Result = {
        "benchmark": benchmark.name, "shots": settings.shots, "n_samples": n, "metric": settings.metric,
        "score": found.mean, "se": found.standard_error, "low": found.low, "high": found.high,
        "strict": found.mean, "lenient": mean_at_n(_shaped(scores.lenient, n))[0],
        "truncated": scores.truncated, "without_answer": scores.without_answer,
        "timeouts": scores.timeouts + scores.out_of_memory + scores.errors,
        "problems": len(rows), "ungradable": len(benchmark.ungradable), "smoke": benchmark.smoke,
        "claims": claims_for(suite, benchmark.name),
    }  # fmt: skip
    if matches is not None:
        clean = clean_score(benchmark.dataset["id"], correct, matches)
        result["clean_score"], result["clean_problems"] = (clean[0].mean, clean[1]) if clean else (None, 0)
    return Measured(result, correct)


def _shaped(verdicts: Sequence[float | None], n: int) -> list[list[float]]:
    flat = np.array([verdict or 0.0 for verdict in verdicts])
    return flat.reshape(-1, n).tolist()
