"""The curves of a run as pictures."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no window, no display needed
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from runs.curves import CURVES, Curve, points
from runs.folder import RunFolder
from runs.records import read_jsonl

# Okabe and Ito's colours, told apart by the colour-blind; with the dashes also in print.
STYLES = (
    ("#0072B2", "-"),
    ("#009E73", "--"),
    ("#D55E00", ":"),
    ("#CC79A7", "-."),
    ("#56B4E9", "-"),
    ("#000000", "--"),
)
INK, GRID = "#333333", "#DDDDDD"


def draw(run: RunFolder) -> list[Path]:
    """Draw every curve that has points into `plots/`, and return the files."""
    records = read_jsonl(run.metrics)
    drawn = []
    for curve in CURVES:
        if any(points(records, metric) for metric, _ in curve.series):
            run.plots.mkdir(parents=True, exist_ok=True)
            drawn.append(_save(curve, records, run))
    return drawn


def _save(curve: Curve, records: list[dict], run: RunFolder) -> Path:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained", facecolor="white")
    axes = figure.subplots()
    _lines(axes, curve, records)
    axes.set_title(curve.title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(f"optimizer step        {run.path.name}", color=INK, fontsize=9)
    return save(figure, run.plots / f"{curve.name}.png")


def save(figure: Figure, path: Path) -> Path:
    """Write a picture; a viewer never meets half of one."""
    part = path.with_name(f".{path.name}")
    figure.savefig(part, dpi=110, format="png")
    part.replace(path)
    return path


def _lines(axes: Axes, curve: Curve, records: list[dict]) -> None:
    """Draw the series, with their names where there are several."""
    drawn = 0
    for (metric, label), (colour, dashes) in zip(curve.series, STYLES, strict=False):
        line = points(records, metric)
        if line:
            steps, values = zip(*line, strict=True)
            marker = "o" if len(line) < 3 else None
            axes.plot(steps, values, dashes, color=colour, label=label, linewidth=1.8, marker=marker)
            drawn += 1
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if curve.share:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    if not curve.signed:  # what cannot be negative starts at 0, or a ripple looks like a wave
        highest = max(value for metric, _ in curve.series for _, value in points(records, metric))
        axes.set_ylim(0, max(1.06 * highest, 0.01))
    if drawn > 1:
        axes.legend(frameon=False, fontsize=9, loc="best")
