"""The histogram as a picture, for people and for the card of the data set."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no window, no display needed
from matplotlib.figure import Figure

from runs.plots import INK, save

INSIDE, OUTSIDE = "#0072B2", "#BBBBBB"


def draw_histogram(bars: list[float], low: int, high: int, title: str, path: Path) -> None:
    """Draw how many problems have how many right answers; the zone in colour, and named.

    Args:
        bars: Problems with 0, 1, … right answers.
        low: First bar of the zone.
        high: Its last bar.
        title: Above it.
        path: The PNG.
    """
    figure = Figure(figsize=(6.4, 3.6), layout="constrained", facecolor="white")
    axes = figure.subplots()
    colours = [INSIDE if low <= right <= high else OUTSIDE for right in range(len(bars))]
    drawn = axes.bar(range(len(bars)), bars, color=colours, width=0.8)
    axes.bar_label(
        drawn,
        [f"{bar:,.1f}" if 0 < bar < 10 and bar != round(bar) else f"{bar:,.0f}" for bar in bars],
        fontsize=8,
        color=INK,
        padding=2,
    )
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(f"right answers of {len(bars) - 1}   (blue: learnable, {low} to {high})", color=INK, fontsize=9)
    axes.set_ylabel("problems (expected)", color=INK, fontsize=9)
    axes.set_xticks(range(len(bars)))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.margins(y=0.12)
    save(figure, path)
