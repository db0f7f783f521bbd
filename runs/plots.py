"""A run as pictures: its curves, pass rates of its prompts then and now, advantages by rank."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no window, no display needed
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from runs.curves import CURVES, Curve, points
from runs.files import read_jsonl
from runs.folder import RunFolder

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


PASS_RATES = "pass_rates", "Right answers among the completions of a prompt, first and last quarter of the run"
ADVANTAGES = "advantages", "Advantage by the rank of the reward in its group; bright: longer than the group's mean"
LARGEST = 2000
"""Points of a picture; of more, an even selection."""

Group = list[dict[str, Any]]


def draw_samples(run: RunFolder) -> list[Path]:
    """Draw what the kept completions allow into `plots/`, and return the files."""
    groups = _groups(run)
    run.plots.mkdir(parents=True, exist_ok=True)
    graded = [group for group in groups if all(_right(record) is not None for record in group)]
    drawn = [_pass_rates(graded, run.plots / f"{PASS_RATES[0]}.png")] if len(graded) >= 4 else []
    ranked = [group for group in groups if len({record["reward"] for record in group}) > 1]
    return [*drawn, _advantages(ranked, run.plots / f"{ADVANTAGES[0]}.png")] if ranked else drawn


def _groups(run: RunFolder) -> list[Group]:
    """Completions of one prompt of one generation, in the order of the run; those with an unknown reward left out."""
    found: dict[tuple[int, int], Group] = defaultdict(list)
    for path in sorted(run.completions.glob("[0-9]*-[0-9]*.jsonl")):
        for record in read_jsonl(path):
            if isinstance(record.get("reward"), float) and isinstance(record.get("advantage"), float):
                found[record["step"], record["group"]].append(record)
    return [group for _, group in sorted(found.items()) if len(group) > 1]


def _right(record: dict[str, Any]) -> bool | None:
    verdict = record.get("rewards", {}).get("accuracy")
    return None if verdict is None else verdict > 0.5


def pass_counts(groups: list[Group]) -> list[float]:
    """Share of groups with 0, 1, …, G right completions.

    >>> right, wrong = {"rewards": {"accuracy": 1.0}}, {"rewards": {"accuracy": 0.0}}
    >>> pass_counts([[right, wrong], [right, right], [wrong, wrong], [right, wrong]])
    [0.25, 0.5, 0.25]
    """
    size = max(len(group) for group in groups)
    counts = [sum(bool(_right(record)) for record in group) for group in groups]
    return [counts.count(right) / len(groups) for right in range(size + 1)]


def ranks(group: Group) -> list[float]:
    """Rank of each reward in its group, 1 the best; equal rewards share their mean rank.

    >>> ranks([{"reward": 1.0}, {"reward": 0.0}, {"reward": 1.0}, {"reward": 0.5}])
    [1.5, 4.0, 1.5, 3.0]
    """
    rewards = [record["reward"] for record in group]
    return [1 + sum(other > reward for other in rewards) + (rewards.count(reward) - 1) / 2 for reward in rewards]


def _pass_rates(groups: list[Group], path: Path) -> Path:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained", facecolor="white")
    axes = figure.subplots()
    quarter = max(2, len(groups) // 4)
    sides = (groups[:quarter], -0.2, f"first {quarter} prompts"), (groups[-quarter:], 0.2, f"last {quarter} prompts")
    for (side, shift, label), (colour, _), hatch in zip(sides, STYLES, ("", "//"), strict=False):
        shares = pass_counts(side)
        places = [right + shift for right in range(len(shares))]
        axes.bar(places, [100 * share for share in shares], 0.38, color=colour, label=label, hatch=hatch, alpha=0.85)
    axes.set_title(PASS_RATES[1], loc="left", fontsize=9.5, color=INK)
    axes.set_xlabel("right completions of a prompt", fontsize=9, color=INK)
    axes.set_ylabel("prompts, %", fontsize=9, color=INK)
    axes.set_xticks(range(max(len(group) for group in groups) + 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.legend(frameon=False, fontsize=9)
    return save(figure, path)


def _advantages(groups: list[Group], path: Path) -> Path:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained", facecolor="white")
    axes = figure.subplots()
    points = []
    for group in groups[:: -(-sum(map(len, groups)) // LARGEST)]:
        mean = sum(record["length"] for record in group) / len(group)
        named = zip(ranks(group), group, strict=True)
        points += [(rank, record["advantage"], record["length"] - mean) for rank, record in named]
    places, advantages, lengths = zip(*points, strict=True)
    wide = max(1.0, max(map(abs, lengths)))
    dots = axes.scatter(places, advantages, c=lengths, cmap="cividis", vmin=-wide, vmax=wide, s=14, linewidths=0)
    bar = figure.colorbar(dots, ax=axes)
    bar.set_label("tokens above the group's mean", fontsize=8.5, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.set_title("Advantage by the rank of the reward in its group", loc="left", fontsize=11, color=INK)
    axes.set_xlabel("rank, 1 the best; equal rewards share theirs", fontsize=9, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.tick_params(colors=INK, labelsize=9)
    return save(figure, path)
