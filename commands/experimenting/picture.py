"""The plots of an experiment: curves of all arms with bands over seeds, and accuracy against length."""

from collections import defaultdict
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from commands.experimenting.measure import Results
from commands.experimenting.specification import Arm
from runs.curves import CURVES, Curve
from runs.plots import GRID, INK, STYLES, save

PANELS = {
    "reward": "Mean reward",
    "accuracy": "Sampled completions that are right",
    "length": "Completion length in tokens",
    "entropy": "Entropy in nats per token",
    "clipping": "Tokens clipped",
    "zero_variance": "Groups whose rewards are all equal",
}


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw into a folder, and return the files."""
    name = results.experiment.name
    return [_curves(results, folder / f"{name}-curves.png"), _frontier(results, folder / f"{name}-frontier.png")]


def _curves(results: Results, path: Path) -> Path:
    """The first series of each curve over steps: the mean over seeds in a band from the lowest to the highest."""
    chosen = [curve for name in PANELS for curve in CURVES if curve.name == name]
    figure = Figure(figsize=(10.5, 6.2), layout="constrained", facecolor="white")
    panels = figure.subplots(2, 3).flat
    for axes, curve in zip(panels, chosen, strict=True):
        for arm, style in zip(results.experiment.arms, STYLES, strict=False):
            _line(axes, results, arm, curve, style)
        _frame(axes, curve)
    figure.supxlabel("optimizer step", fontsize=9, color=INK)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)), frameon=False, fontsize=9)
    return save(figure, path)


def _line(axes: Axes, results: Results, arm: Arm, curve: Curve, style: tuple[str, str]) -> None:
    by_step: dict[int, list[float]] = defaultdict(list)
    for cell in results.of(arm):
        for step, value in results.curve(cell, curve.series[0][0]):
            by_step[step].append(value)
    steps = sorted(step for step, values in by_step.items() if len(values) == len(results.seeds))
    means = [sum(by_step[step]) / len(by_step[step]) for step in steps]
    axes.plot(steps, means, style[1], color=style[0], label=arm.name, linewidth=1.6)
    low, high = ([end(by_step[step]) for step in steps] for end in (min, max))
    axes.fill_between(steps, low, high, color=style[0], alpha=0.13, linewidth=0)


def _frame(axes: Axes, curve: Curve) -> None:
    axes.set_title(PANELS[curve.name], loc="left", fontsize=9, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.tick_params(colors=INK, labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if curve.share:
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
    if not curve.signed:
        axes.set_ylim(bottom=0)


def _frontier(results: Results, path: Path) -> Path:
    """Held-out accuracy against length: seeds as small marks, their means as large ones; where training began."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for (name, arm), marker in zip(results.starts().items(), "x+1234", strict=False):
        start = [results.spread(arm, measure, "before").mean for measure in ("length", "accuracy")]
        axes.plot(*start, marker, color=INK, markersize=8, label=name, linestyle="none")
    for arm, (colour, _), marker in zip(results.experiment.arms, STYLES, "osD^vP", strict=False):
        seeds = [
            [scale * sum(values) / len(values) for values in results.held_out(arm, name)]
            for name, scale in (("length", 1.0), ("accuracy", 100.0))
        ]
        axes.plot(*seeds, marker, color=colour, markersize=4, alpha=0.5, linestyle="none")
        means = [sum(values) / len(values) for values in seeds]
        axes.plot(*means, marker, color=colour, markersize=9, label=arm.name, linestyle="none")
    axes.set_title("Held-out accuracy against length; small marks are seeds", loc="left", fontsize=10, color=INK)
    axes.set_xlabel("mean length in tokens, greedy", fontsize=9, color=INK)
    axes.yaxis.set_major_formatter(PercentFormatter(100.0))
    low, high = axes.get_xlim()
    room = max(0.0, 0.1 * high - (high - low)) / 2  # or a hundredth of a token looks like a difference
    axes.set_xlim(low - room, high + room)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.7)
    axes.tick_params(colors=INK, labelsize=9)
    axes.legend(frameon=False, fontsize=8.5, loc="best")
    return save(figure, path)
