"""From samples to files: what each rule keeps as columns of the data set, the accuracies, and a report of both."""

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from commands.filtering.pool import Pool
from commands.sample_record import read_samples, write_data_set
from commands.selecting.choice import DEEP, Grades, choose
from commands.selecting.points import Pointed
from data.knowledge import (
    RULES,
    AccuracyOracle,
    harmless_points,
    interactions,
    joint_removal,
    kept_column,
    selection_table,
)
from evaluation.statistics import score_of
from runs.files import write_lines
from runs.folder import SampleFolder

Kept = dict[str, list[frozenset[int]]]


@dataclass(frozen=True)
class Result:
    """What was found, in the order of the data set.

    Attributes:
        rows: Of the data set, with the places that each rule keeps.
        accuracies: One record per problem: what was measured, to choose and to judge.
        summary: For the report.
    """

    rows: list[dict[str, Any]]
    accuracies: list[dict[str, Any]]
    summary: dict[str, Any]


def assemble(options: Namespace, pool: Pool, pointed: Sequence[Pointed], folder: SampleFolder) -> Result:
    """Choose by the samples on record. The same samples give the same result, whoever drew them."""
    grades = Grades()
    grades.add(read_samples(folder))
    ordered = sorted(pointed, key=lambda one: pool.rows[one.problem.id]["row"])
    oracles = [grades.oracle(one, options) for one in ordered]
    judges = [grades.judge(one, options) for one in ordered] if options.judge_samples else oracles
    kept: Kept = {
        rule: [choose(rule, oracle, one.problem.id, options) for one, oracle in zip(ordered, oracles, strict=True)]
        for rule in ("none", "all", *options.rule)
    }
    table = [
        {**row, **_errors(kept[row["rule"]], judges)} for row in selection_table(kept, judges)
    ]  # and so all that is judged is measured
    summary = {
        "problems": len(ordered),
        "set_aside": len(pool.set_aside),
        "samples": options.samples,
        "judge_samples": options.judge_samples,
        "rules": table,
        "kept": {rule: _sizes(kept[rule], oracles) for rule in options.rule},
        "interactions": _interactions(oracles),
        "cost": account(options, ordered) | _spent(options, oracles, judges),
    }
    rows = [_row(pool.rows[one.problem.id], options, kept, place) for place, one in enumerate(ordered)]
    accuracies = [
        {"row": row["row"], "id": one.problem.id, "points": len(one.points)}
        | {"chosen_by": _measured(oracle, options.samples)}
        | ({"judged_by": _measured(judge, options.judge_samples)} if options.judge_samples else {})
        for row, one, oracle, judge in zip(rows, ordered, oracles, judges, strict=True)
    ]
    return Result(rows, accuracies, summary)


def account(options: Namespace, pointed: Sequence[Pointed]) -> dict[str, int]:
    """What the rules cost by their formulas: subsets that are always measured, and at most beyond that."""
    base = sum(RULES["max-score"].subsets(len(one.points)) for one in pointed)
    deep = sum(RULES["css"].subsets(len(one.points)) for one in pointed) - base if DEEP & set(options.rule) else 0
    beyond = {"s-loo", "t-loo", "random"} & set(options.rule)  # what they keep need not be measured yet
    judged = sum(min(2 + len(options.rule), 2 ** len(one.points)) for one in pointed)
    if not options.judge_samples:
        deep, judged = deep + len(beyond) * len(pointed), 0
    sure = sum(min(2, 2 ** len(one.points)) for one in pointed) * options.judge_samples
    return {
        "base_subsets": base,
        "more_subsets_at_most": deep,
        "judged_subsets_at_most": judged,
        "samples_at_least": base * options.samples + sure,
        "samples_at_most": (base + deep) * options.samples + judged * options.judge_samples,
    }


def write(result: Result, pool: Pool, folder: SampleFolder) -> None:
    """Write the data set and what it was made of, each file whole or not at all."""
    write_data_set(folder, "knowledge", result.rows)
    write_lines(folder.path / "accuracies.jsonl", result.accuracies)
    write_lines(folder.path / "set_aside.jsonl", pool.set_aside)


def _row(row: dict[str, Any], options: Namespace, kept: Kept, place: int) -> dict[str, Any]:
    """A row of the source with the places that the rules keep; texts of an older selection by them go."""
    columns = {kept_column(rule): sorted(kept[rule][place]) for rule in options.rule}
    texts = {column.replace("kept_kp_index", "selected_kps") for column in columns}
    return {**{name: cell for name, cell in row.items() if name not in texts}, **columns}


def _errors(subsets: Sequence[frozenset[int]], judges: Sequence[AccuracyOracle]) -> dict[str, float]:
    """Of the mean accuracy, by problem: its standard error, and the ends of its 95 % interval."""
    found = score_of([[judge(subset)] for judge, subset in zip(judges, subsets, strict=True)])
    return {"error": found.standard_error, "low": found.low, "high": found.high}


def _sizes(subsets: Sequence[frozenset[int]], oracles: Sequence[AccuracyOracle]) -> dict[str, float]:
    """Shares of problems of which no points are kept, all, all but one, or fewer."""

    def kind(size: int, points: int) -> str:
        return "none" if size == 0 else {0: "all", 1: "all_but_one"}.get(points - size, "fewer")

    counts = Counter(kind(len(s), oracle.n_points) for s, oracle in zip(subsets, oracles, strict=True))
    return {name: counts[name] / len(subsets) for name in ("none", "all", "all_but_one", "fewer")}


def _interactions(oracles: Sequence[AccuracyOracle]) -> list[dict[str, Any]]:
    """How often removing all harmless points at once misleads, where that has been measured."""
    measured = [oracle for oracle in oracles if oracle.everything in oracle.measured]
    return interactions(
        joint_removal(oracle) for oracle in measured if oracle.without(*harmless_points(oracle)) in oracle.measured
    )


def _spent(options: Namespace, oracles: Sequence[AccuracyOracle], judges: Sequence[AccuracyOracle]) -> dict[str, int]:
    chosen_by = sum(len(oracle.measured) for oracle in oracles)
    judged_by = sum(len(judge.measured) for judge in judges) if options.judge_samples else 0
    samples = chosen_by * options.samples + judged_by * options.judge_samples
    found = {"subsets": chosen_by, "judged_subsets": judged_by, "samples": samples}
    if options.stop_when_solved:
        unmeasured = sum(RULES["max-score"].subsets(o.n_points) - len(o.measured) for o in oracles if o(()) == 1.0)
        found |= {"saved_samples": unmeasured * options.samples}
    return found


def _measured(oracle: AccuracyOracle, samples: int) -> list[dict[str, Any]]:
    """What is known of each subset: the places, the accuracy of each run, and the number of samples in all."""
    found = sorted(oracle.measured.items(), key=lambda item: (len(item[0]), sorted(item[0])))
    return [{"places": sorted(subset), "accuracies": list(runs), "samples": samples} for subset, runs in found]
