"""Accuracy against the number of points, one mark for each rule."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no window, no display needed
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from runs.plots import INK, save

# Okabe and Ito's colours, told apart by the colour-blind; with the shapes also in print.
MARKS = {
    "none": ("#999999", "o"),
    "all": ("#333333", "s"),
    "max-score": ("#56B4E9", "P"),
    "s-loo": ("#E69F00", "v"),
    "t-loo": ("#F0E442", "^"),
    "cbrs": ("#009E73", "D"),
    "css": ("#0072B2", "*"),
    "random": ("#D55E00", "X"),
}


def draw_accuracies(rows: Sequence[dict[str, Any]], title: str, flattered: bool, path: Path) -> None:
    """Draw the table of the rules, with their 95 % intervals.

    Args:
        rows: With rule, accuracy, low, high and points.
        title: Above it.
        flattered: Whether the accuracies are those that selected.
        path: The PNG.
    """
    figure = Figure(figsize=(6.4, 3.8), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for row in rows:
        colour, shape = MARKS[row["rule"]]
        size = {"*": 12, "P": 14}.get(shape, 8)  # max-score, often where cbrs is, shows behind it
        axes.errorbar(
            row["points"],
            row["accuracy"],
            yerr=[[row["accuracy"] - row["low"]], [row["high"] - row["accuracy"]]],
            color=colour,
            marker=shape,
            markersize=size,
            markeredgecolor=INK,
            markeredgewidth=0.5,
            capsize=2,
            linestyle="none",
            clip_on=False,  # whole marks at 0
            label=row["rule"],
        )
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel("points kept, mean over problems", color=INK, fontsize=9)
    axes.set_ylabel("accuracy" + (", flattered by selection" if flattered else ""), color=INK, fontsize=9)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axes.set_ylim(0, 1.02 * max(0.1, *(row["high"] for row in rows)))
    axes.margins(x=0.08)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.7)
    axes.tick_params(colors=INK, labelsize=9)
    figure.legend(loc="outside right center", frameon=False, fontsize=9)
    save(figure, path)
