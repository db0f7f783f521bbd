"""From a benchmark's name to rows that can be graded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets

from data import DATASETS, Problems, load_problems
from data.knowledge import needed_columns
from errors import DataError, did_you_mean
from evaluation._catalogue import Entry, Kind, Settings
from evaluation._golds import Ungradable, normalise_gold, ungradable

SMOKE = "smoke test"
"""The stamp of a result on the first few rows only."""


@dataclass(frozen=True)
class Benchmark:
    """Problems to be measured on.

    Attributes:
        name: Key of `BENCHMARKS`, or the path or id it was loaded by.
        dataset: Columns `id`, `problem`, `answer` (normalised gold), `choices` (list of str, empty for "math"), and
            those of knowledge points where the source has them.
        kind: "math" or "choice".
        settings: How it is usually run.
        shots_from: Bank of `data.SHOTS` for its demonstrations.
        source: File or Hub id (with revision) that the rows come from.
        ungradable: Rows that are left out, with reasons.
        met_limit: How many of these are left out because the verifier met a limit of time or memory on them. It is a
            limit on wall-clock time: where this is not 0, compare the lists before comparing scores.
        smoke: Whether only the first rows were taken.
        fingerprint: SHA-256 of all problems and golds of the source, in hex, before anything is left out.
        dropped: Rows of the source without a problem or an answer.
    """

    name: str
    dataset: datasets.Dataset
    kind: Kind
    settings: Settings
    shots_from: str
    source: str
    ungradable: tuple[Ungradable, ...]
    met_limit: int
    smoke: bool
    fingerprint: str
    dropped: int = 0

    def describe(self) -> str:
        """Say in one line what there is, and what is missing for which reason."""
        rows = len(self.dataset) + len(self.ungradable)
        text = f"{self.name}: {len(self.dataset)} of {rows} problems"
        if self.ungradable:
            reasons = [row.reason for row in self.ungradable]
            told = ", ".join(f"{reasons.count(reason)} {reason}" for reason in sorted(set(reasons)))
            text += f"; {len(reasons)} golds cannot be graded ({told})"
        if self.dropped:
            text += f"; {self.dropped} rows without a problem or an answer left out"
        if self.met_limit:
            text += f"; {self.met_limit} of them took the verifier too long, as more do on a busy machine"
        return text + (f" ({SMOKE}: the first {rows} only)" if self.smoke else "")


def load(
    name: str,
    registry: Mapping[str, Entry],
    *,
    folder: str | Path | None = None,
    limit: int | None = None,
    kind: Kind | None = None,
) -> Benchmark:
    """Do what `benchmarks.load_benchmark` says, with this registry."""
    if limit is not None and limit < 1:
        raise ValueError(f"limit counts problems, at least 1, met {limit}; leave it out for all")
    entry = registry.get(name)
    problems, source = _known(entry, folder) if entry else _own(name, registry, folder)
    dataset = problems.dataset
    smoke = limit is not None and limit < len(dataset)
    if smoke:
        dataset = dataset.select(range(limit or 0))
    kind = kind or (entry.kind if entry else "choice" if "choices" in dataset.column_names else "math")
    rows, bad, limits = _graded(dataset, kind, indices=entry is not None)
    if not len(rows):
        raise DataError(
            f"no gold of {source} can be graded as {kind}: the first is {bad[0].gold!r} ({bad[0].reason}). Are these "
            "the answers, and of the right kind (math, or choice with a column `choices`)?"
        )
    settings, bank = (entry.settings, entry.shots_from) if entry else (Settings(), "math")
    return Benchmark(
        name,
        rows,
        kind,
        settings,
        bank,
        source,
        tuple(bad),
        limits,
        smoke,
        problems.fingerprint,
        len(problems.dropped),
    )


def _known(entry: Entry, folder: str | Path | None) -> tuple[Problems, str]:
    if folder is None or entry.hub in DATASETS:
        problem, answer = entry.columns
        loaded = load_problems(
            entry.hub,
            split=entry.split,
            config=entry.config,
            revision=entry.revision,
            problem_column=problem,
            answer_column=answer,
        )
        return loaded, entry.hub if entry.hub in DATASETS else f"{entry.hub}@{entry.revision}"
    path = Path(folder).expanduser() / f"{entry.file}.jsonl"
    if not path.is_file():
        raise DataError(
            f"--benchmark-dir {folder} has no file {path.name}, which {entry.title} is read from: lines with `id`, "
            "`problem` and `answer`. Put it there, or leave the option out to take the rows from the Hub."
        )
    return load_problems(str(path), problem_column="problem", answer_column="answer"), str(path)


def _own(name: str, registry: Mapping[str, Entry], folder: str | Path | None) -> tuple[Problems, str]:
    beside = Path(folder or "").expanduser() / f"{name}.jsonl"
    if folder is not None and beside.is_file():
        return load_problems(str(beside)), str(beside)
    if "/" not in name and not Path(name).exists():
        raise DataError(
            f"a benchmark is one of {', '.join(registry)}, or a file or Hub id of your own; {name!r} is none of these."
            f"{did_you_mean(name, registry)}"
        )
    return load_problems(name), name


def _graded(dataset: datasets.Dataset, kind: Kind, *, indices: bool) -> tuple[datasets.Dataset, list[Ungradable], int]:
    """Return the rows that can be graded in our columns, the others, and how many of those met a limit."""
    names = dataset.column_names
    ids = [str(one) for one in dataset["id" if "id" in names else "row"]]
    options = [list(cell or []) for cell in dataset["choices"]] if "choices" in names else [[]] * len(ids)
    options = [[_bare_option(text) for text in row] if kind == "choice" else [] for row in options]
    # Of a file of your own nobody knows whether 1 is the first option or the second: there it is told as ungradable.
    written = [_letters(gold) if kind == "choice" and indices else gold for gold in dataset["answer"]]
    golds = [normalise_gold(gold, kind) for gold in written]
    bad, limits = ungradable(ids, golds, [kind] * len(ids), options)
    places = _places(ids, bad)
    columns: dict[str, Sequence[Any]] = {"id": ids, "problem": dataset["problem"], "answer": golds, "choices": options}
    kept = {name: [values[place] for place in places] for name, values in columns.items()}
    features = {name: datasets.Value("string") for name in ("id", "problem", "answer")}
    shape = datasets.Features({**features, "choices": datasets.List(datasets.Value("string"))})
    rows = datasets.Dataset.from_dict(kept, features=shape)
    points = sorted(needed_columns(names) - {"problem", "answer"})  # knowledge points
    if points:
        rows = datasets.concatenate_datasets([rows, dataset.select(places).select_columns(points)], axis=1)
    return rows, bad, limits


def _places(ids: Sequence[str], bad: Sequence[Ungradable]) -> list[int]:
    if len(set(ids)) < len(ids):
        raise DataError("every row of a benchmark needs an id of its own; number them, or leave the column out")
    gone = {row.id for row in bad}
    return [place for place, identity in enumerate(ids) if identity not in gone]


def _letters(gold: str) -> str:
    """Make letters of indices, as the Hub has them: 2 or [0, 2] is C or AC."""
    digits = [part.strip() for part in gold.strip("[]").split(",")]
    return "".join(chr(ord("A") + int(one)) for one in digits) if all(d.isdigit() for d in digits) else gold


def _bare_option(text: str) -> str:
    """Take a letter away that the source has put before an option: (A)5 is 5."""
    return text[3:].strip() if len(text) > 3 and text[0] == "(" and text[1] in "ABCDEFGH" and text[2] == ")" else text
