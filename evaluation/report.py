"""Results as a table in the seeds' form, measured beside claimed: Markdown, JSON and a picture."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from evaluation._claims import CLAIMS, claims_for
from evaluation._report_plot import draw_results
from evaluation.benchmarks import BENCHMARKS
from evaluation.intervals import in_per_cent, recorded_limits
from pages import block, text
from pages import table as markdown_table


class Result(TypedDict):
    """One benchmark, measured. Scores are shares between 0 and 1, claims per cent as the cards print them.

    `lenient` may be above `strict` and never stands for it; `score` is `strict` over the gradable problems. `low` and
    `high` are the ends of its 95 % interval, which reports of older versions lack; `limits` is right for both.
    """

    benchmark: str
    shots: int
    n_samples: int
    metric: str
    score: float
    se: float
    low: NotRequired[float]
    high: NotRequired[float]
    strict: float
    lenient: float
    truncated: int
    without_answer: int
    timeouts: int
    problems: int
    ungradable: int
    smoke: bool
    clean_score: NotRequired[float | None]
    clean_problems: NotRequired[int]
    claims: NotRequired[Mapping[str, float]]


def table(results: Sequence[Result], *, model: str = "measured") -> str:
    """Return the table of the seeds: benchmarks across, claims and the measured model below each other.

    Args:
        results: In the order of the columns.
        model: Heads the measured row.
    """
    sources = list(dict.fromkeys(source for result in results for source in result.get("claims", {})))
    head = ["Model", *(f"{text(title(result))} ({result['shots']}-shot, {result['metric']})" for result in results)]
    claimed = [[source, *(_claim(result, source) for result in results)] for source in sources]
    measured = [f"**{text(model)}**", *(f"**{with_interval(result)}**{_mark(result)}" for result in results)]
    return markdown_table(head, [*claimed, measured])


def details(results: Sequence[Result]) -> str:
    """Return what a score is made of, one row per benchmark."""
    head = ["Benchmark", "problems", "ungradable", "samples", "strict %", "lenient %", "cut %", "no box %"]
    head += ["timeouts", "clean %"]
    rows = []
    for result in results:
        texts = max(1, result["problems"] * result["n_samples"])
        shares = [result["strict"], result["lenient"], result["truncated"] / texts, result["without_answer"] / texts]
        counts = [str(result[name]) for name in ("problems", "ungradable", "n_samples")]
        rows.append([text(title(result)), *counts, *map(percent, shares), str(result["timeouts"]), _clean(result)])
    return markdown_table(head, rows)


def notes(results: Sequence[Result]) -> list[str]:
    """Say in sentences what a reader of the figures must know."""
    said = ["In brackets stands the 95 % interval, clustered by problem. Claims are the cards' own, without errors."]
    for result in results:
        name = title(result)
        if result["smoke"]:
            said.append(f"{name} is a smoke test on {result['problems']} problems, not a result.")
        if result["ungradable"]:
            said.append(f"{name}: {result['ungradable']} golds cannot be graded; their problems are left out.")
        if result["timeouts"]:
            said.append(f"{name}: {result['timeouts']} answers took the verifier too long and count as wrong.")
        if result.get("clean_score") is not None:
            said.append(
                f"{name}: on the {result.get('clean_problems', '?')} problems unlike any that was trained on, "
                f"{percent(result['clean_score'])} %."
            )
        for source, claim in result.get("claims", {}).items():
            low, high = limits(result)
            if not 100 * low <= claim <= 100 * high and not result["smoke"]:
                said.append(f"{name}: {claim} of {source} lies outside the measured interval.")
    return said


def write_report(
    results: Sequence[Result],
    folder: Path,
    *,
    model: str,
    protocol: Mapping[str, Any] | None = None,
) -> dict[str, Path]:
    """Write `report.md`, `report.json` and `report.png`.

    Args:
        results: One per benchmark, at least one.
        folder: Is made.
        model: Its name.
        protocol: As `evaluation.protocol` makes it; goes into both files.

    Returns:
        The files by suffix.

    Raises:
        ValueError: There are no results.
    """
    if not results:
        raise ValueError("a report needs at least one result; found none")
    folder.mkdir(parents=True, exist_ok=True)
    paths = {suffix: folder / f"report.{suffix}" for suffix in ("md", "json", "png")}
    said = "\n".join(f"* {text(note)}" for note in notes(results))
    parts = [f"# {text(model)}", table(results, model=model), details(results), said, "![scores](report.png)"]
    if protocol is not None:
        parts += ["## Protocol", block(_json(protocol), "json")]
    paths["md"].write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    content = {"model": model, "protocol": protocol, "results": [dict(result) for result in results]}
    paths["json"].write_text(_json(content) + "\n", encoding="utf-8")
    titles, ends = [title(result) for result in results], [limits(result) for result in results]
    draw_results(results, paths["png"], model=model, titles=titles, limits=ends)
    return paths


def title(result: Result) -> str:
    """Return the benchmark's name as the seeds write it, of your own as you do."""
    entry = BENCHMARKS.get(result["benchmark"])
    return entry.title if entry else Path(result["benchmark"]).stem


def percent(share: float | None) -> str:
    """Write a share in per cent with one place.

    >>> percent(0.8025), percent(float("nan"))
    ('80.2', 'unknown')
    """
    return "unknown" if share is None or math.isnan(share) else f"{100 * share:.1f}"


def limits(result: Result) -> tuple[float, float]:
    """Return the ends of the score's 95 % interval; of a report without them, what follows from its error."""
    if "low" in result and "high" in result:
        return result["low"], result["high"]
    return recorded_limits(result["score"], result["se"], result["problems"], result["n_samples"])


def with_interval(result: Result, unit: str = "") -> str:
    """Write the score in per cent with its 95 % interval."""
    return in_per_cent(result["score"], *limits(result), unit)


def _mark(result: Result) -> str:
    return " (smoke test)" if result["smoke"] else ""


def _claim(result: Result, source: str) -> str:
    claim = result.get("claims", {}).get(source)
    return "–" if claim is None else f"{claim:g}"


def _clean(result: Result) -> str:
    clean = result.get("clean_score")
    return "–" if clean is None else f"{percent(clean)} of {result.get('clean_problems', '?')}"


def _json(content: Any) -> str:
    return json.dumps(_finite(content), ensure_ascii=False, indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    """Make null of NaN, which JSON has not."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


__all__ = ["CLAIMS", "Result", "claims_for", "details", "notes", "table", "title", "write_report"]
