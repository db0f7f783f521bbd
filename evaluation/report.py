"""A report: results as a table in the seeds' form, measured beside claimed, and how the scores came about.

It is written as Markdown, JSON and a picture.
"""

import hashlib
import json
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no window, no display needed
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data import Prompt, render_prompt
from evaluation.benchmarks import BENCHMARKS, Benchmark, Settings
from evaluation.scoring import Result
from evaluation.statistics import in_per_cent, recorded_limits
from pages import block, text
from pages import table as markdown_table


def table(results: Sequence[Result], *, model: str = "measured") -> str:
    """Return the table of the seeds: benchmarks across, claims and the measured model below each other.

    Args:
        results: In the order of the columns.
        model: Heading of the measured row.
    """
    sources = list(dict.fromkeys(source for result in results for source in result.get("claims", {})))
    head = ["Model", *(f"{text(title(result))} ({result['shots']}-shot, {result['metric']})" for result in results)]
    claimed = [[source, *(_claim(result, source) for result in results)] for source in sources]
    measured = [f"**{text(model)}**", *(f"**{with_interval(result)}**{_mark(result)}" for result in results)]
    return markdown_table(head, [*claimed, measured])


def details(results: Sequence[Result]) -> str:
    """Return the parts of each score as a table, one row per benchmark."""
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
    sentences = [
        "In brackets stands the 95 % interval, clustered by problem. Claims are the cards' own, without errors."
    ]
    for result in results:
        name = title(result)
        if result["smoke"]:
            sentences.append(f"{name} is a smoke test on {result['problems']} problems, not a result.")
        if result["ungradable"]:
            sentences.append(f"{name}: {result['ungradable']} golds cannot be graded; their problems are left out.")
        if result["timeouts"]:
            sentences.append(f"{name}: {result['timeouts']} answers took the verifier too long and count as wrong.")
        if result.get("clean_score") is not None:
            sentences.append(
                f"{name}: on the {result.get('clean_problems', '?')} problems unlike any that was trained on, "
                f"{percent(result['clean_score'])} %."
            )
        for source, claim in result.get("claims", {}).items():
            low, high = limits(result)
            if not 100 * low <= claim <= 100 * high and not result["smoke"]:
                sentences.append(f"{name}: {claim} of {source} lies outside the measured interval.")
    return sentences


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
        folder: Folder of the files; it is made.
        model: Name of the model.
        protocol: Result of `protocol`, written into both text files.

    Returns:
        The files by suffix.

    Raises:
        ValueError: There are no results.
    """
    if not results:
        raise ValueError("a report needs at least one result; found none")
    folder.mkdir(parents=True, exist_ok=True)
    paths = {suffix: folder / f"report.{suffix}" for suffix in ("md", "json", "png")}
    remarks = "\n".join(f"* {text(note)}" for note in notes(results))
    parts = [f"# {text(model)}", table(results, model=model), details(results), remarks, "![scores](report.png)"]
    if protocol is not None:
        parts += ["## Protocol", block(_json(protocol), "json")]
    paths["md"].write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    content = {"model": model, "protocol": protocol, "results": [dict(result) for result in results]}
    paths["json"].write_text(_json(content) + "\n", encoding="utf-8")
    _draw_results(results, paths["png"], model)
    return paths


def title(result: Result) -> str:
    """Return the benchmark's name as the seeds write it, or the name of your own file."""
    entry = BENCHMARKS.get(result["benchmark"])
    return entry.title if entry else Path(result["benchmark"]).stem


def percent(share: float | None) -> str:
    """Write a share in per cent with one place.

    >>> percent(0.8025), percent(float("nan"))
    ('80.2', 'unknown')
    """
    return "unknown" if share is None or math.isnan(share) else f"{100 * share:.1f}"


def limits(result: Result) -> tuple[float, float]:
    """Return the ends of the score's 95 % interval; where a report lacks them, they follow from its error."""
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
    """Replace NaN, which JSON lacks, by null."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# Picture -------------------------------------------------------------------------------------------------------------

# Okabe and Ito's colours, told apart by the colour-blind; shapes do the same in print.
MEASURED = "#0072B2"
CLAIMED = (("#D55E00", "D"), ("#009E73", "s"), ("#CC79A7", "^"), ("#E69F00", "v"), ("#56B4E9", "P"))
INK = "#333333"


def _draw_results(
    results: Sequence[Result],
    path: Path,
    model: str,
) -> None:
    """Draw one row per benchmark: the measured score with its interval, and claims beside it."""
    sources = list(dict.fromkeys(source for result in results for source in result.get("claims", {})))
    height = 1.3 + 0.5 * len(results) + 0.22 * (len(sources) + 1)
    figure = Figure(figsize=(7.2, height), layout="constrained", facecolor="white")
    axes = figure.subplots()
    _draw_measured(axes, results, model)
    for number, source in enumerate(sources):
        colour, shape = CLAIMED[number % len(CLAIMED)]
        places = [y for y, result in enumerate(results) if source in result.get("claims", {})]
        figures = [results[y]["claims"][source] for y in places]
        axes.plot(
            figures,
            [y + 0.18 for y in places],
            shape,
            color=colour,
            markersize=6,
            markerfacecolor="none",
            clip_on=False,
            label=source,
        )  # fmt: skip
    _frame(axes, results)
    figure.legend(loc="outside lower center", frameon=False, fontsize=9, labelcolor=INK)
    part = path.with_name(f".{path.name}")
    figure.savefig(part, dpi=110, format="png")
    part.replace(path)  # a viewer never sees half a picture


def _draw_measured(axes: Axes, results: Sequence[Result], model: str) -> None:
    for smoke, filled in ((False, MEASURED), (True, "white")):
        chosen = [(y, result, limits(result)) for y, result in enumerate(results) if bool(result["smoke"]) == smoke]
        if chosen:
            axes.errorbar(
                [100 * result["score"] for _, result, _ in chosen],
                [y for y, _, _ in chosen],
                xerr=[
                    [100 * (result["score"] - low) for _, result, (low, _) in chosen],
                    [100 * (high - result["score"]) for _, result, (_, high) in chosen],
                ],
                fmt="o", color=MEASURED, markerfacecolor=filled, capsize=3, markersize=7,
                clip_on=False, zorder=3,  # whole marks at 0 and 100, above the frame
                label=f"{model}, measured, 95 %" + (" (smoke test)" if smoke else ""),
            )  # fmt: skip


def _frame(axes: Axes, results: Sequence[Result]) -> None:
    labels = [f"{title(result)}\n{result['shots']}-shot, {result['metric']}" for result in results]
    axes.set_yticks(range(len(results)), labels, fontsize=9)
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("score in per cent", color=INK, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9)


# Protocol ------------------------------------------------------------------------------------------------------------

ENGINES = {
    "transformers": ("transformers", "torch", "tokenizers"),
    "vllm": ("vllm", "transformers", "torch", "tokenizers"),
}
"""Packages that may change what a model writes, by engine."""

GRADERS = ("math-verify", "latex2sympy2-extended", "sympy")


def protocol(
    *,
    model: str,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    benchmark: Benchmark,
    settings: Settings,
    engine: str,
    revision: str | None = None,
    adapter: str | None = None,
    seeds: Sequence[int] = (),
    sampling: Mapping[str, Any] | None = None,
    extraction: str = "boxed",
) -> dict[str, Any]:
    """Describe one measurement, completely enough to be repeated; it stands beside every result.

    Only what is named here goes in: no environment, no token.

    Args:
        model: Hub id or path.
        tokenizer: The model's tokenizer; its chat template is recorded as a hash, and renders the first prompt.
        prompts: Prompts of the benchmark's rows, in order; the first is written out.
        benchmark: The benchmark that was measured on.
        settings: Temperature, top_p, length, samples, shots, tools and the preset's name.
        engine: A name in `ENGINES`.
        revision: Commit of the model, None where it is not known, as for a local folder.
        adapter: Hub id or path of an adapter on top of the model.
        seeds: One per sample or per run; none for greedy decoding.
        sampling: Further settings of the engine, such as a repetition penalty.
        extraction: The place of the score's answers.

    Raises:
        ValueError: There is no such engine or no prompt.
    """
    if engine not in ENGINES:
        raise ValueError(f"an engine is one of {', '.join(ENGINES)}, found {engine!r}")
    if not prompts:
        raise ValueError("a protocol writes out the first prompt; found none")
    return {
        "model": {"name": model, "revision": revision, "adapter": adapter},
        "prompt": _prompt(tokenizer, prompts[0], benchmark, settings),
        "sampling": {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_new_tokens": settings.max_new_tokens,
            "samples": settings.samples,
            "tools": settings.tools,
            "seeds": list(seeds),
            **(sampling or {}),
        },
        "engine": {"name": engine, **_versions(ENGINES[engine]), "python": platform.python_version()},
        "scoring": {"metric": settings.metric, "extraction": extraction, **_versions(GRADERS)},
        "dataset": _dataset(benchmark),
    }


def _prompt(tokenizer: Any, first: Prompt, benchmark: Benchmark, settings: Settings) -> dict[str, Any]:
    template = getattr(tokenizer, "chat_template", None)
    return {
        "preset": settings.prompt,
        "shots": settings.shots,
        "hints": settings.hints,
        "shots_from": benchmark.shots_from if settings.shots else None,
        "template_sha256": _sha256(str(template)) if template is not None else None,
        "templated": template is not None and not isinstance(first, str),
        "system": _system(first),
        "first": render_prompt(first, tokenizer),
    }


def _dataset(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "source": benchmark.source,
        "fingerprint": benchmark.fingerprint,
        "kind": benchmark.kind,
        "problems": len(benchmark.dataset),
        "ids_sha256": _sha256("\n".join(benchmark.dataset["id"])),
        "ungradable": [row.id for row in benchmark.ungradable],
        "smoke": benchmark.smoke,
    }


def _system(prompt: Prompt) -> str | None:
    messages = [] if isinstance(prompt, str) else prompt
    return next((message["content"] for message in messages if message["role"] == "system"), None)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _versions(packages: Sequence[str]) -> dict[str, str | None]:
    versions: dict[str, str | None] = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions
