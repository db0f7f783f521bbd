"""What the runs of an experiment came to: numbers for its table, its sentences and its plots."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev
from typing import Any

from commands.experimenting.runs import Cell
from commands.experimenting.specification import Arm, Experiment
from evaluation.statistics import SeededDifference, seeded_difference
from runs.curves import points
from runs.files import read_jsonl

MEASURES = {"accuracy": ("correct", 100.0, " %", "points"), "length": ("length", 1.0, "", "tokens")}
"""Name: the field of `held_out.jsonl`, its scale, its unit, and that of differences."""

TITLES = {
    "entropy": "entropy",
    "clip_ratio/region_mean": "share of tokens clipped",
    "completions/mean_length": "sampled length",
    "groups/effective": "share of groups with signal",
    "rewards/accuracy/mean": "sampled accuracy",
}
"""What training metrics are called on the page."""


def title_of(metric: str) -> str:
    """The name of a measure or training metric on the page; that of a reward is its own."""
    return TITLES.get(metric, metric.removeprefix("rewards/").removesuffix("/mean"))


@dataclass(frozen=True)
class Spread:
    """A mean over seeds and their standard deviation."""

    mean: float
    sd: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of one value per seed; NaN where one is not known."""
        if any(math.isnan(value) for value in values):
            return cls(float("nan"), float("nan"))
        return cls(fmean(values), stdev(values) if len(values) > 1 else float("nan"))

    def told(self, form: str = ".1f", unit: str = "") -> str:
        """`94.8 % (1.4)`, and a dash for what is not known."""
        return "–" if math.isnan(self.mean) else f"{self.mean:{form}}{unit} ({self.sd:{form}})"


class Results:
    """The runs of an experiment, all of them finished.

    Args:
        experiment: What was asked.
        cells: Its runs.
    """

    def __init__(self, experiment: Experiment, cells: Sequence[Cell]):
        self.experiment = experiment
        self.cells = cells
        self.seeds = sorted({cell.seed for cell in cells})

    def of(self, arm: Arm) -> list[Cell]:
        """The runs of an arm, by seed."""
        return sorted((cell for cell in self.cells if cell.arm == arm), key=lambda cell: cell.seed)

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """`run.json` of every run, by its folder's name."""
        return {cell.folder.path.name: cell.folder.read() for cell in self.cells}

    @cached_property
    def _metrics(self) -> dict[str, list[dict[str, Any]]]:
        return {cell.folder.path.name: read_jsonl(cell.folder.metrics) for cell in self.cells}

    @cached_property
    def _held_out(self) -> dict[str, list[dict[str, Any]]]:
        return {cell.folder.path.name: read_jsonl(cell.folder.held_out) for cell in self.cells}

    @cached_property
    def _filtered(self) -> dict[str, int]:
        """What filters sampled before a run, by its folder's name."""
        return {
            cell.folder.path.name: sum(
                json.loads(path.read_text(encoding="utf-8"))["result"]["samples"]
                for path in cell.data.glob("**/filter.json")
            )
            for cell in self.cells
        }

    def held_out(self, arm: Arm, measure: str, when: str = "after") -> list[list[float]]:
        """(seeds, problems) of a measure of `MEASURES`, unscaled."""
        name = MEASURES[measure][0]
        return [[float(row[when][name]) for row in self._held_out[cell.folder.path.name]] for cell in self.of(arm)]

    def unlike_training(self, *arms: Arm) -> list[int]:
        """Places of the held-out problems that are like no problem that any run of these arms was trained on."""
        runs = [self._held_out[cell.folder.path.name] for arm in arms for cell in self.of(arm)]
        return [
            place
            for place, rows in enumerate(zip(*runs, strict=True))
            if not any(r.get("like_training") for r in rows)
        ]

    def spread(self, arm: Arm, measure: str, when: str = "after", places: Sequence[int] | None = None) -> Spread:
        """A held-out measure over seeds, scaled; of the problems at these places, None for all."""
        scale, found = MEASURES[measure][1], self.held_out(arm, measure, when)
        return Spread.of([scale * fmean(v if places is None else [v[i] for i in places]) for v in found])

    def starts(self) -> dict[str, Arm]:
        """What is measured before training, by its name: one for all arms, or each its own where tools differ."""
        arms, seen = self.experiment.arms, [self._before(arm) for arm in self.experiment.arms]
        if all(before == seen[0] for before in seen):
            return {"untrained": arms[0]}
        return {f"untrained, {arm.name}": arm for i, arm in enumerate(arms) if seen[i] not in seen[:i]}

    def _before(self, arm: Arm) -> list[list[list[float]]]:
        return [self.held_out(arm, measure, "before") for measure in MEASURES]

    def with_code(self, arm: Arm, when: str = "after") -> Spread | None:
        """Per cent of the held-out problems for which a program was run; None where none could be."""
        shares = [self.records[cell.folder.path.name].get(when, {}).get("with_code") for cell in self.of(arm)]
        return None if None in shares else Spread.of([100 * share for share in shares])

    def late(self, arm: Arm, metric: str) -> list[list[float]]:
        """(seeds, 1), mean of a training metric over the last quarter of the steps; NaN where not logged."""
        means = []
        for cell in self.of(arm):
            line = self.curve(cell, metric)
            means.append([fmean([value for step, value in line if step > 0.75 * line[-1][0]] or [float("nan")])])
        return means

    def curve(self, cell: Cell, metric: str) -> list[tuple[int, float]]:
        """(step, value) of a run's training metric."""
        return points(self._metrics[cell.folder.path.name], metric)

    def difference(
        self, arm: str, against: str, measure: str, places: Sequence[int] | None = None
    ) -> SeededDifference:
        """Of two arms, unscaled, in a held-out measure (of the problems at these places) or a training metric."""
        read = self.held_out if measure in MEASURES else self.late
        after, before = (read(self.arm(name), measure) for name in (arm, against))
        if places is not None:
            after, before = ([[row[i] for i in places] for row in side] for side in (after, before))
        return seeded_difference(before, after, bounds=(0.0, 1.0) if measure == "accuracy" else None)

    def arm(self, name: str) -> Arm:
        """The arm of a name."""
        return next(arm for arm in self.experiment.arms if arm.name == name)

    def completions(self, arm: Arm) -> tuple[float, float]:
        """Sampled for a run on average over seeds: in training, and by a filter that was run before it."""
        names = [cell.folder.path.name for cell in self.of(arm)]
        trained = [self.records[name].get("completions", math.nan) for name in names]
        return fmean(trained), fmean(self._filtered[name] for name in names)

    def seconds(self, arm: Arm) -> float:
        """Of training, on average over seeds."""
        return fmean(self.records[cell.folder.path.name].get("training_seconds", 0.0) for cell in self.of(arm))
