"""From completions to scores, verdicts on file, and what a person reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from commands.evaluating.draw import by_problem
from commands.evaluating.task import Task
from commands.terminal.console import say
from evaluation.contamination import find_overlap
from evaluation.report import notes, percent, title, with_interval
from evaluation.sampler import Sample
from evaluation.scoring import Result, answer_groups, measure_texts
from evaluation.statistics import maj_at_k, pass_at_k
from runs.files import write_lines
from runs.folder import SampleFolder


@dataclass(frozen=True)
class Scored:
    """A benchmark's result.

    Attributes:
        result: A row of the report.
        extra: For the record: pass@k, majority votes, lengths, use of tools, overlap with training.
    """

    result: Result
    extra: dict[str, Any]


def score_task(task: Task, folder: SampleFolder, suite: str, trained: tuple[str, list[str]] | None) -> Scored:
    """Grade a benchmark's completions, and write the verdicts beside them."""
    rows = by_problem(task, folder)
    ids, problems = task.benchmark.dataset["id"], task.benchmark.dataset["problem"]
    matches = None if trained is None else find_overlap(trained[1], problems, benchmark_ids=ids)
    texts = [[sample.text for sample in row] for row in rows]
    cut = [[sample.truncated for sample in row] for row in rows]
    measured = measure_texts(task.benchmark, task.settings, texts, truncated=cut, suite=suite, matches=matches)
    verdicts = (
        {"id": i, "correct": right, "length": [s.length for s in row], "truncated": [s.truncated for s in row]}
        for i, right, row in zip(ids, measured.correct, rows, strict=True)
    )
    write_lines(folder.path / "verdicts.jsonl", verdicts)
    extra: dict[str, Any] = {"mean_length": sum(s.length for row in rows for s in row) / sum(map(len, rows))}
    n = task.settings.samples
    if n > 1:
        ks = [k for k in (1, 2, 4, 8, 16, 32, 64) if k <= n]
        counts = [round(sum(row)) for row in measured.correct]
        extra["pass_at_k"] = {k: sum(pass_at_k(n, c, k) for c in counts) / len(counts) for k in ks}
        if task.benchmark.kind == "math":
            majority = maj_at_k(answer_groups(texts), measured.correct, n)
            extra["majority"] = {"k": n, "mean": majority.mean, "se": majority.standard_error, "ties": majority.ties}
    if task.settings.tools:
        extra["tools"] = tool_use([sample for row in rows for sample in row])
    if matches is not None and trained is not None:
        exact = sum(match.exact for match in matches)
        extra["overlap"] = {"training": trained[0], "exact": exact, "near": len(matches) - exact}
    return Scored(measured.result, extra)


def tool_use(samples: Sequence[Sample]) -> dict[str, float]:
    """How a model used Python: shares of completions with a program, of programs that ran, failed, took too long."""
    calls = [call for sample in samples for call in sample.calls]
    shares = {name: calls.count(name) / max(1, len(calls)) for name in ("ran", "failed", "timed out")}
    with_code = sum(bool(sample.calls) for sample in samples) / max(1, len(samples))
    return {"with_code": with_code, "programs": len(calls), "rounds": len(calls) / max(1, len(samples)), **shares}


def tell(scored: Sequence[Scored], trained: tuple[str, list[str]] | None) -> None:
    """Print the scores, what they are made of, and what a reader must know."""
    say()
    for one in scored:
        result, texts = one.result, max(1, one.result["problems"] * one.result["n_samples"])
        head = f"{title(result)} ({result['shots']}-shot, {result['metric']})"
        claims = ", ".join(f"{source} {claim:g}" for source, claim in result.get("claims", {}).items())
        say(f"{head:34} {with_interval(result, ' %')}{'   smoke test' if result['smoke'] else ''}")
        say(
            f"{'':34} lenient {percent(result['lenient'])} %, cut {percent(result['truncated'] / texts)} %, no box "
            f"{percent(result['without_answer'] / texts)} %, {one.extra['mean_length']:.0f} tokens"
        )
        for line in _extra_lines(one.extra):
            say(f"{'':34} {line}")
        if claims:
            say(f"{'':34} claimed: {claims}")
    say()
    for note in notes([one.result for one in scored]):
        say(f"* {note}")
    if trained is None:
        say("* Nobody knows what this model was trained on; --trained-on DATASET looks for overlap.")


def _extra_lines(extra: dict[str, Any]) -> list[str]:
    lines = []
    if "pass_at_k" in extra:
        lines.append(", ".join(f"pass@{k} {percent(share)} %" for k, share in extra["pass_at_k"].items()))
    if "majority" in extra:
        lines.append(f"maj@{extra['majority']['k']} {percent(extra['majority']['mean'])} %")
    if "tools" in extra:
        use = extra["tools"]
        lines.append(
            f"with code {percent(use['with_code'])} %, {use['programs']:.0f} programs: ran {percent(use['ran'])} %, "
            f"failed {percent(use['failed'])} %, timed out {percent(use['timed out'])} %"
        )
    if "overlap" in extra:
        found = extra["overlap"]
        lines.append(f"in {found['training']}: {found['exact']} problems exactly, {found['near']} nearly")
    return lines
