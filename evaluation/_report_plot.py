"""The picture of a report: measured scores with their intervals, claims beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no window, no display needed
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by the colour-blind; shapes do the same in print.
MEASURED = "#0072B2"
CLAIMED = (("#D55E00", "D"), ("#009E73", "s"), ("#CC79A7", "^"), ("#E69F00", "v"), ("#56B4E9", "P"))
INK = "#333333"


def draw_results(
    results: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    model: str,
    titles: Sequence[str],
    limits: Sequence[tuple[float, float]],
) -> None:
    """Draw one row per benchmark.

    Args:
        results: As `evaluation.report` has them.
        path: The file to write.
        model: Names the measured points.
        titles: Of the benchmarks.
        limits: Ends of the 95 % intervals of their scores.
    """
    sources = list(dict.fromkeys(source for result in results for source in result.get("claims", {})))
    height = 1.3 + 0.5 * len(results) + 0.22 * (len(sources) + 1)
    figure = Figure(figsize=(7.2, height), layout="constrained", facecolor="white")
    axes = figure.subplots()
    _measured(axes, results, limits, model)
    for source, (colour, shape) in zip(sources, _styles(len(sources)), strict=True):
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
    _frame(axes, results, titles)
    figure.legend(loc="outside lower center", frameon=False, fontsize=9, labelcolor=INK)
    part = path.with_name(f".{path.name}")
    figure.savefig(part, dpi=110, format="png")
    part.replace(path)  # a viewer never meets half a picture


def _styles(number: int) -> list[tuple[str, str]]:
    return [CLAIMED[i % len(CLAIMED)] for i in range(number)]


def _measured(
    axes: Axes, results: Sequence[Mapping[str, Any]], limits: Sequence[tuple[float, float]], model: str
) -> None:
    for smoke, filled in ((False, MEASURED), (True, "white")):
        chosen = [(y, result) for y, result in enumerate(results) if bool(result["smoke"]) == smoke]
        if chosen:
            axes.errorbar(
                [100 * result["score"] for _, result in chosen],
                [y for y, _ in chosen],
                xerr=[
                    [100 * (result["score"] - limits[y][0]) for y, result in chosen],
                    [100 * (limits[y][1] - result["score"]) for y, result in chosen],
                ],
                fmt="o", color=MEASURED, markerfacecolor=filled, capsize=3, markersize=7,
                clip_on=False, zorder=3,  # whole marks at 0 and 100, above the frame
                label=f"{model}, measured, 95 %" + (" (smoke test)" if smoke else ""),
            )  # fmt: skip


def _frame(axes: Axes, results: Sequence[Mapping[str, Any]], titles: Sequence[str]) -> None:
    labels = [f"{name}\n{r['shots']}-shot, {r['metric']}" for name, r in zip(titles, results, strict=True)]
    axes.set_yticks(range(len(results)), labels, fontsize=9)
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("score in per cent", color=INK, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9)
