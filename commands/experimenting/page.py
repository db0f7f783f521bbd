"""An experiment on one page: its question, table, findings in words, plots, and how to make it again."""

import math
from collections.abc import Sequence
from pathlib import Path

from commands.experimenting.measure import MEASURES, Results, Spread, title_of
from commands.experimenting.specification import Arm
from evaluation.statistics import SeededDifference
from pages import table


def findings(results: Results) -> list[str]:
    """A sentence for each comparison and measure, by rule: what is told from noise, and what is not."""
    sentences = []
    for arm, against in results.experiment.compare:
        for measure in (*MEASURES, *results.experiment.metrics):
            told = _sentence(arm, against, measure, results.difference(arm, against, measure))
            sentences.append(told + (_on_the_rest(results, arm, against) if measure == "accuracy" else ""))
    return sentences


def _on_the_rest(results: Results, arm: str, against: str) -> str:
    """The difference in accuracy on the problems unlike any that was trained on, where some are like one."""
    places = results.unlike_training(results.arm(arm), results.arm(against))
    if len(places) == len(results.held_out(results.arm(arm), "accuracy")[0]) or not places:
        return ""
    found = results.difference(arm, against, "accuracy", places)
    return f" On the {len(places)} problems unlike any that was trained on: {_interval(found, 100)}."


def _sentence(arm: str, against: str, measure: str, found: SeededDifference) -> str:
    _, scale, _, unit = MEASURES.get(measure, ("", 1.0, "", ""))
    form = "+.1f" if unit else "+.3g"
    mean, low, high = (f"{scale * value:{form}}" for value in (found.mean, found.low, found.high))
    interval = f"{mean} {unit}, 95 % interval [{low}, {high}]".replace(" ,", ",")
    name = title_of(measure)
    if found.mean == found.standard_error == 0.0:
        return f"**{arm}** against {against}: the same {name}, problem by problem and seed by seed."
    if not found.is_clear:
        signs = {math.copysign(1, mean) for mean in found.by_seed if mean}
        alike = len(signs) == 1 and 0.0 not in found.by_seed
        every = f"; {'higher' if signs == {1} else 'lower'} in every seed" if alike else ""
        return f"**{arm}** against {against}: {name} could not be told from noise ({interval}{every})."
    p = "p < 0.0001" if found.p < 1e-4 else f"p = {found.p:.2g}"
    return f"**{arm}** against {against}: {name} is {'higher' if found.mean > 0 else 'lower'} ({interval}; {p})."


def header(results: Results) -> list[str]:
    """Titles of the table's columns."""
    metrics = [f"{title_of(metric)} (sd)" for metric in results.experiment.metrics]
    ran = ["ran Python (sd)"] if _any_code(results) else []
    rest = ["unlike training (sd)"] if _any_alike(results) else []
    filtered = ["completions"] if _any_filter(results) else []
    head = ["", "accuracy (sd)", "difference", "by seed", "length (sd)", "difference"]
    return [*head, *rest, *ran, *metrics, *filtered, "training"]


def _any_alike(results: Results) -> bool:
    problems = len(results.held_out(results.experiment.arms[0], "accuracy")[0])
    return any(len(results.unlike_training(arm)) < problems for arm in results.experiment.arms)


def _any_filter(results: Results) -> bool:
    return any(results.completions(arm)[1] for arm in results.experiment.arms)


def _rest(results: Results, arm: Arm, when: str) -> list[str]:
    """Accuracy on the problems that are like none that was trained on."""
    if not _any_alike(results):
        return []
    places = results.unlike_training(arm)
    return [results.spread(arm, "accuracy", when, places).told(unit=" %") if places else "–"]


def _any_code(results: Results) -> bool:
    return any(results.with_code(arm) for arm in results.experiment.arms)


def _ran(results: Results, arm: Arm, when: str) -> list[str]:
    if not _any_code(results):
        return []
    share = results.with_code(arm, when)
    return ["" if share is None else share.told(unit=" %")]


def rows(results: Results) -> list[list[str]]:
    """Cells of the table: the untrained model, then the arms."""
    untrained = [_untrained(results, name, arm) for name, arm in results.starts().items()]
    return [*untrained, *(_row(results, arm) for arm in results.experiment.arms)]


def _untrained(results: Results, name: str, arm: Arm) -> list[str]:
    accuracy, length = (f"{results.spread(arm, m, 'before').mean:.1f}{MEASURES[m][2]}" for m in MEASURES)
    blank = [""] * (len(results.experiment.metrics) + _any_filter(results) + 1)
    rest = [cell.partition(" (")[0] for cell in _rest(results, arm, "before")]  # the same for each seed
    return [name, accuracy, "", "", length, "", *rest, *_ran(results, arm, "before"), *blank]


def _row(results: Results, arm: Arm) -> list[str]:
    against = dict(results.experiment.compare).get(arm.name)
    cells = [arm.name]
    for measure, (_, scale, unit, _) in MEASURES.items():
        cells.append(results.spread(arm, measure).told(unit=unit))
        found = results.difference(arm.name, against, measure) if against else None
        cells.append(_interval(found, scale) if found else "")
        if measure == "accuracy":
            cells.append(", ".join(f"{scale * value:+.1f}" for value in found.by_seed) if found else "")
    cells += _rest(results, arm, "after") + _ran(results, arm, "after")
    late = [Spread.of([mean for (mean,) in results.late(arm, metric)]) for metric in results.experiment.metrics]
    cells += [one.told(".3g") for one in late]
    if _any_filter(results):
        trained, filtered = results.completions(arm)
        cells.append(f"{trained:,.0f}" + (f" + {filtered:,.0f} to filter" if filtered else ""))
    return [*cells, f"{results.seconds(arm):.0f} s"]


def _interval(found: SeededDifference, scale: float) -> str:
    return f"{scale * found.mean:+.1f} [{scale * found.low:+.1f}, {scale * found.high:+.1f}]"


def page(results: Results, command: str, pictures: Sequence[Path]) -> str:
    """The page in Markdown; its pictures lie beside it."""
    experiment = results.experiment
    problems = len(results.held_out(experiment.arms[0], "accuracy")[0])
    parts = [
        f"# {experiment.title}",
        f"*{experiment.question}*",
        table(header(results), rows(results)),
        f"{problems} held-out problems, greedy; seeds {', '.join(map(str, results.seeds))}. Each difference is "
        "against the arm that the sentences below name, paired by seed and problem; its 95 % interval counts the "
        "choice of both."
        + _alike(results)
        + (" What was sampled in training is the mean of its last quarter." if experiment.metrics else ""),
        "\n".join(f"* {sentence}" for sentence in findings(results)),
        *_notes(results),
        *(f"![{path.stem.rpartition('-')[2]}]({path.name})" for path in pictures),
        _how(results, command),
    ]
    return "\n\n".join(parts) + "\n"


def _notes(results: Results) -> list[str]:
    if not results.experiment.notes:
        return []
    return ["To be read with that in mind:", "\n".join(f"* {note}" for note in results.experiment.notes)]


def _alike(results: Results) -> str:
    """How many of the held-out problems are like one that was trained on."""
    if not _any_alike(results):
        return ""
    counts = sorted({len(results.unlike_training(arm)) for arm in results.experiment.arms})
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return (
        f" Of the held-out problems {many} are unlike any that was trained on; the others have a training problem of "
        "the same mould with other numbers (docs/evaluation.md, contamination)."
    )


def _how(results: Results, command: str) -> str:
    records = list(results.records.values())
    commits = sorted({str(record.get("commit", "unknown"))[:12] for record in records})
    total = sum(record.get("training_seconds", 0.0) for record in records)
    hardware = records[0].get("hardware", {})
    arms = [[arm.name, f"`{' '.join(_asked(arm))}`"] for arm in results.experiment.arms]
    return (
        f"## Again\n\n```bash\n{command}\n```\n\n{len(records)} runs, {total / 60:.0f} minutes of training in all, "
        f"side by side ({', '.join(f'{name} {value}' for name, value in hardware.items())}); commit "
        f"{', '.join(commits)}.\n\n{table(['arm', '`cli.py train …`'], arms)}"
    )


def _asked(arm: Arm) -> list[str]:
    words, first = arm.filled(Path("FOLDER"), 0)
    return [*(f"{' '.join(line)};" for line in first), *words]
