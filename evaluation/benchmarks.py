"""Benchmarks: every one of the seeds' tables, the embedded one, and your own files; with what the cards claim.

The Hub ids were seen in public code and could not be opened from here, so no revision is pinned. GaoKao's and CMATH's
rows there were not compared with the files that Qwen2.5-Math evaluates on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import datasets

from data import DATASETS, Problems, load_problems
from data.knowledge import needed_columns
from errors import DataError, did_you_mean
from rewards import Report, verify_report

Kind = Literal["math", "choice"]

SMOKE = "smoke test"
"""The stamp of a result on the first few rows only."""


@dataclass(frozen=True)
class Settings:
    """How a benchmark is run.

    Attributes:
        prompt: A name in `data.PRESETS`.
        shots: Demonstrations before the problem.
        samples: Completions per problem; the score is their mean, avg@n.
        tools: Whether the model may run Python between its turns.
        temperature: 0 decodes greedily.
        top_p: Share of the probability that is sampled from.
        max_new_tokens: Longest completion in tokens; with tools, of all turns together.
        hints: Knowledge points in the prompt: "none", "all" or a rule whose selection the data has. Those of test
            problems were made from their solutions, so such a score says what hints do, not what a model knows.
    """

    prompt: str = "qwen-cot"
    shots: int = 0
    samples: int = 1
    tools: bool = False
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 2048
    hints: str = "none"

    @property
    def metric(self) -> str:
        """The name of the score, avg@n, with the hints if there are any."""
        return f"avg@{self.samples}" + (f", {self.hints} hints" if self.hints != "none" else "")


@dataclass(frozen=True)
class Entry:
    """A benchmark's sources and its usual settings.

    Attributes:
        title: Heading in the seeds' tables.
        file: Name in a local folder, without `.jsonl`: rows with `id`, `problem`, `answer` and perhaps `choices`.
        hub: Data set on the Hub, or a name in `data.DATASETS`.
        columns: Hub columns of the problem and the gold. A gold may be an index into `choices`.
        split: Hub split.
        config: Hub config, where there are several.
        revision: Hub revision; "main" is whatever is newest, for no revision is pinned by this project.
        kind: "math" for an answer that is computed, "choice" for a letter.
        problems: Rows of the published set.
        shots_from: Bank of `data.SHOTS` for demonstrations.
        settings: As the seeds' tables head their columns, or the usual ones where they give none.
    """

    title: str
    file: str
    hub: str
    columns: tuple[str, str] = ("problem", "answer")
    split: str = "test"
    config: str | None = None
    revision: str = "main"
    kind: Kind = "math"
    problems: int = 0
    shots_from: str = "math"
    settings: Settings = field(default_factory=Settings)


# Sources -------------------------------------------------------------------------------------------------------------

_QUESTION = ("question", "answer")
KNOWRL = Settings("knowrl", samples=32, temperature=0.6, top_p=0.95, max_new_tokens=32_768)
"""The KnowRL card's settings; its MATH-500 and Olympiad Bench, which are larger, have eight samples per problem."""


def _shots(number: int) -> Settings:
    return Settings(shots=number)


def _contest(title: str, file: str, hub: str, problems: int, **source: object) -> Entry:
    entry = Entry(title, file, hub, split="train", problems=problems, settings=KNOWRL)
    return replace(entry, **source)  # type: ignore[arg-type]


BENCHMARKS: dict[str, Entry] = {
    "gsm8k": Entry(
        "GSM8K", "gsm8k_test", "openai/gsm8k", _QUESTION,
        config="main", problems=1319, shots_from="gsm8k", settings=_shots(8),
    ),
    "math500": Entry("MATH-500", "math500", "HuggingFaceH4/MATH-500", problems=500, settings=_shots(4)),
    "math": Entry(
        "MATH", "math_test", "DigitalLearningGmbH/MATH-lighteval", ("problem", "solution"),
        problems=5000, settings=_shots(4),
    ),
    "mmlu_stem": Entry(
        "MMLU-STEM", "mmlu_stem", "TIGER-Lab/MMLU-STEM", _QUESTION,
        kind="choice", problems=3018, shots_from="mmlu_stem", settings=_shots(4),
    ),
    "cmath": Entry(
        "CMATH", "cmath", "weitianwen/cmath", ("question", "golden"),
        split="validation", problems=600, shots_from="cmath", settings=_shots(6),
    ),
    "gaokao_cloze": Entry(
        "GaoKao Cloze", "gaokao_math_cloze", "hails/agieval-gaokao-mathcloze", ("query", "answer"),
        problems=118, shots_from="gaokao_cloze", settings=_shots(5),
    ),
    "gaokao_qa": Entry(
        "GaoKao QA", "gaokao_math_qa", "hails/agieval-gaokao-mathqa", ("query", "gold"),
        kind="choice", problems=351, shots_from="gaokao_qa", settings=_shots(4),
    ),
    "minerva_math": Entry("Minerva Math", "minerva_math", "math-ai/minervamath", _QUESTION, problems=272),
    "gaokao2023en": Entry(
        "GaoKao 2023 EN", "gaokao2023en", "MARIO-Math-Reasoning/Gaokao2023-Math-En", _QUESTION,
        split="train", problems=385,
    ),
    "olympiadbench": Entry(
        "Olympiad Bench", "olympiadbench", "Hothan/OlympiadBench", ("question", "final_answer"),
        config="OE_TO_maths_en_COMP", split="train", problems=675,
    ),
    "college_math": Entry("College Math", "college_math", "di-zhang-fdu/College_Math_Test", _QUESTION, problems=2818),
    "aime24": _contest("AIME 2024", "aime24", "HuggingFaceH4/aime_2024", 30),
    "aime25": _contest("AIME 2025", "aime25", "MathArena/aime_2025", 30),
    "brumo25": _contest("BRUMO 2025", "brumo25", "MathArena/brumo_2025", 30),
    "hmmt25": _contest("HMMT 2025", "hmmt25", "MathArena/hmmt_feb_2025", 30),
    "amc23": _contest("AMC 2023", "amc23", "math-ai/amc23", 40, split="test", columns=_QUESTION),
    "cmimc25": _contest("CMIMC 2025", "cmimc25", "MathArena/cmimc_2025", 40),
    "arithmetic": Entry(
        "Arithmetic", "", "arithmetic", split="held_out", problems=400, settings=Settings(prompt="plain")
    ),
}  # fmt: skip


# The tables of the seeds' cards --------------------------------------------------------------------------------------

_COT_SHOTS = {"gsm8k": 8, "math500": 4, "mmlu_stem": 4, "cmath": 6, "gaokao_cloze": 5, "gaokao_qa": 4}
_TOOLS = Settings("qwen-tir", tools=True)
_EIGHT = Settings("knowrl", samples=8, temperature=0.6, top_p=0.95, max_new_tokens=32_768)
_CONTESTS = ("aime24", "aime25", "brumo25", "hmmt25", "amc23", "cmimc25")

SUITES: dict[str, tuple[tuple[str, Settings], ...]] = {
    # The column heads of the REPO card. Its Qwen baselines are the published ones, which were measured without
    # demonstrations but for choices: shots stay an option, and a report says which were used.
    "seeds-cot": tuple((name, Settings(shots=shots)) for name, shots in _COT_SHOTS.items()),
    # The Nexus card measures MATH-500 here, the REPO card says MATH.
    "seeds-tir": tuple(
        (name, _TOOLS) for name in ("math500", "minerva_math", "gaokao2023en", "olympiadbench", "college_math")
    ),
    "knowrl": (*((name, KNOWRL) for name in _CONTESTS), ("math500", _EIGHT), ("olympiadbench", _EIGHT)),
}
"""Benchmarks with settings, one suite per table of the seeds' cards."""

# What the seeds' cards claim, in per cent: facts about the cards, not about the models. The REPO card heads its column
# MATH and the Nexus card MATH-500, with the same figures; each is kept under the set that its card names. A second
# table of the REPO card gives MATH 83 without tools where the first has 80.2; the first is kept. No card gives errors,
# nor the problems left out.
_COT = ("gsm8k", "math500", "mmlu_stem", "cmath", "gaokao_cloze", "gaokao_qa")
_COT_REPO = ("gsm8k", "math", "mmlu_stem", "cmath", "gaokao_cloze", "gaokao_qa")
_TIR = ("math500", "minerva_math", "gaokao2023en", "olympiadbench", "college_math")
_TIR_REPO = ("math", "minerva_math", "gaokao2023en", "olympiadbench", "college_math")
_KNOWRL = ("aime24", "aime25", "brumo25", "hmmt25", "amc23", "cmimc25", "math500", "olympiadbench")


def _claim(benchmarks: tuple[str, ...], *figures: float) -> dict[str, float]:
    return dict(zip(benchmarks, figures, strict=True))


CLAIMS: dict[str, dict[str, dict[str, float]]] = {
    "seeds-cot": {
        "Qwen2-Math-1.5B-Instruct (Nexus card)": _claim(_COT, 84.2, 69.4, 54.9, 79.6, 59.7, 50.7),
        "Qwen2.5-Math-1.5B-Instruct (Nexus card)": _claim(_COT, 84.8, 75.8, 57.5, 83.0, 65.5, 54.1),
        "Nexus-1.5B (Nexus card)": _claim(_COT, 85.2, 80.2, 60.3, 83.5, 67.2, 56.9),
        "Qwen2.5-Math-1.5B-REPO (REPO card)": _claim(_COT_REPO, 85.2, 80.2, 60.3, 83.5, 49.2, 56.9),
    },
    "seeds-tir": {
        "Qwen2.5-Math-1.5B-Instruct (Nexus card)": _claim(_TIR, 80.0, 34.0, 68.0, 49.0, 54.0),
        "Nexus-1.5B (Nexus card)": _claim(_TIR, 84.0, 40.0, 74.0, 56.0, 57.0),
        "Qwen2.5-Math-1.5B-Instruct (REPO card)": _claim(_TIR_REPO, 80, 33, 69, 41, 50),
        "Qwen2.5-Math-1.5B-REPO (REPO card)": _claim(_TIR_REPO, 84, 40, 73, 53, 55),
    },
    "knowrl": {
        "KnowRL-Nemotron-1.5B without hints": _claim(_KNOWRL, 69.79, 64.69, 69.48, 41.04, 95.55, 44.14, 95.70, 80.23),
        "KnowRL-Nemotron-1.5B, CBRS": _claim(_KNOWRL, 75.52, 65.00, 78.33, 45.00, 95.78, 49.22, 96.45, 82.34),
        "KnowRL-Nemotron-1.5B, CSS": _claim(_KNOWRL, 74.58, 65.21, 78.12, 48.75, 95.70, 52.19, 96.20, 82.44),
    },
}
"""The claims by suite, source and benchmark."""


def claims_for(suite: str, benchmark: str) -> dict[str, float]:
    """Return each source's claim about a benchmark, in per cent; empty for a suite or benchmark of your own.

    >>> claims_for("seeds-tir", "college_math")["Nexus-1.5B (Nexus card)"]
    57.0
    """
    return {source: row[benchmark] for source, row in CLAIMS.get(suite, {}).items() if benchmark in row}


# Gold answers --------------------------------------------------------------------------------------------------------


_DOLLARS = re.compile(r"(?<!\\)\$+")
_LETTERS = re.compile(r"[A-H]+")


@dataclass(frozen=True)
class Ungradable:
    """A row whose gold no answer can be compared with: it is left out of the score and reported instead.

    Attributes:
        id: Id of the row.
        gold: The gold as it stands in the source.
        reason: "unreadable" for the verifier or "not equal to itself", both also where that takes more than its limit;
            "no such option" for a letter beyond the choices, "no option" where the choices are missing.
    """

    id: str
    gold: str
    reason: str


def normalise_gold(gold: str, kind: str = "math") -> str:
    r"""Remove typesetting from a gold.

    Args:
        gold: An answer, or several separated by `;`.
        kind: "math", or "choice" for one letter or several.

    Returns:
        The gold without dollars (escaped ones are money and stay), a module's name before a function, and a label left
        over at the end; the letters of a choice alone, in order.

    >>> normalise_gold(r"$5$;$\frac{1}{2}$"), normalise_gold("np.arcsin(10/13)"), normalise_gold("C A", "choice")
    ('5; \\frac{1}{2}', '\\arcsin(10/13)', 'AC')
    """
    if kind == "choice":
        return "".join(sorted(set("".join(_LETTERS.findall(gold.upper())))))
    text = _DOLLARS.sub("", gold).strip()
    text = re.sub(r"\bnp\.(?=(?:arc)?(?:sin|cos|tan)\b)", r"\\", text)
    text = re.sub(r"\s*(?:solution|answer):?\s*\Z", "", text, flags=re.IGNORECASE)
    return "; ".join(part.strip() for part in text.split(";")) if ";" in text else text


def ungradable(
    ids: Sequence[str], golds: Sequence[str], kind: Kind, options: Sequence[Sequence[str]]
) -> tuple[list[Ungradable], int]:
    r"""Find the rows whose own gold, put into a box, is not right. It takes as long as grading a perfect answerer.

    Args:
        ids: Ids of the rows.
        golds: Normalised golds.
        kind: "math" or "choice".
        options: The choices of each row, for "choice".

    Returns:
        One record per such row, and how many of them reached a limit of the verifier twice: on a busy machine an
        honest gold may reach it once.
    """
    if kind == "choice":
        reasons, limits = [_missing_option(gold, row) for gold, row in zip(golds, options, strict=True)], 0
    else:
        verdicts, limits = _against_themselves(golds)
        names = {1.0: "", None: "unreadable"}
        reasons = [names.get(verdict, "not equal to itself") for verdict in verdicts]
    rows = zip(ids, golds, reasons, strict=True)
    return [Ungradable(identity, gold, reason) for identity, gold, reason in rows if reason], limits


def _against_themselves(golds: Sequence[str]) -> tuple[list[float | None], int]:
    """Grade a perfect answerer, again where a limit was reached, and count the limits reached the last time."""
    boxes = [f"\\boxed{{{gold}}}" for gold in golds]
    report = verify_report(golds, boxes)
    verdicts = report.verdicts
    if _limits(report):
        again = [place for place, verdict in enumerate(verdicts) if verdict != 1.0]
        report = verify_report([golds[place] for place in again], [boxes[place] for place in again])
        for place, verdict in zip(again, report.verdicts, strict=True):
            verdicts[place] = verdict
    return verdicts, _limits(report)


def _limits(report: Report) -> int:
    return report.timeouts + report.out_of_memory + report.errors


def _missing_option(gold: str, options: Sequence[str]) -> str:
    """Say what is wrong with a choice's gold; "" for nothing."""
    if not options:
        return "no option"
    known = gold and all(ord(letter) - ord("A") < len(options) for letter in gold)
    return "" if known else "no such option"


# Loading -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Benchmark:
    """Problems of a benchmark with normalised golds.

    Attributes:
        name: Key of `BENCHMARKS`, or the path or id it was loaded by.
        dataset: Columns `id`, `problem`, `answer` (normalised gold), `choices` (list of str, empty for "math"), and
            those of knowledge points where the source has them.
        kind: "math" or "choice".
        settings: The usual settings.
        shots_from: Bank of `data.SHOTS` for demonstrations.
        source: File or Hub id (with revision) that the rows come from.
        ungradable: Rows that are left out, with reasons.
        at_limit: How many of these are left out because the verifier reached its limit of time or memory. The limit
            is one of wall-clock time: where this is not 0, compare the lists before comparing scores.
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
    at_limit: int
    smoke: bool
    fingerprint: str
    dropped: int = 0

    def describe(self) -> str:
        """Say in one line how many problems there are, and how many are missing for which reason."""
        rows = len(self.dataset) + len(self.ungradable)
        text = f"{self.name}: {len(self.dataset)} of {rows} problems"
        if self.ungradable:
            reasons = [row.reason for row in self.ungradable]
            counts = ", ".join(f"{reasons.count(reason)} {reason}" for reason in sorted(set(reasons)))
            text += f"; {len(reasons)} golds cannot be graded ({counts})"
        if self.dropped:
            text += f"; {self.dropped} rows without a problem or an answer left out"
        if self.at_limit:
            text += f"; {self.at_limit} of them took the verifier too long, as more do on a busy machine"
        return text + (f" ({SMOKE}: the first {rows} only)" if self.smoke else "")


def load_benchmark(
    name: str, folder: str | Path | None = None, limit: int | None = None, *, kind: Kind | None = None
) -> Benchmark:
    r"""Load a benchmark and check every gold against itself.

    Args:
        name: A key of `BENCHMARKS`, or a file, folder or Hub id of your own, as `data.load_problems` takes it; columns
            are found by name there, and a column `choices` makes the answers letters.
        folder: Folder with the files of the benchmarks, `<file>.jsonl`; without it they come from the Hub. A file of
            your own in it goes by its name, without `.jsonl`.
        limit: Number of first rows to take, for a smoke test; the result is stamped as one.
        kind: "math" or "choice", for a file of your own whose columns do not decide it.

    Returns:
        The rows that can be graded, and those that cannot. College Math takes minutes: dozens of its golds, general
        solutions of differential equations, take the verifier's whole limit.

    Raises:
        DataError: There is no such benchmark, its file is not in the folder, or it has no gradable row.
        ValueError: `limit` is not positive.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit counts problems, at least 1, found {limit}; leave it out for all")
    entry = BENCHMARKS.get(name)
    problems, source = _known(entry, folder) if entry else _own(name, folder)
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


def _own(name: str, folder: str | Path | None) -> tuple[Problems, str]:
    beside = Path(folder or "").expanduser() / f"{name}.jsonl"
    if folder is not None and beside.is_file():
        return load_problems(str(beside)), str(beside)
    if "/" not in name and not Path(name).exists():
        raise DataError(
            f"a benchmark is one of {', '.join(BENCHMARKS)}, or a file or Hub id of your own; {name!r} is none of "
            f"these.{did_you_mean(name, BENCHMARKS)}"
        )
    return load_problems(name), name


def _graded(dataset: datasets.Dataset, kind: Kind, *, indices: bool) -> tuple[datasets.Dataset, list[Ungradable], int]:
    """Return the gradable rows in our columns, the ungradable ones, and how many of these reached a verifier limit."""
    names = dataset.column_names
    ids = [str(identity) for identity in dataset["id" if "id" in names else "row"]]
    options = [list(cell or []) for cell in dataset["choices"]] if "choices" in names else [[]] * len(ids)
    options = [[_bare_option(text) for text in row] if kind == "choice" else [] for row in options]
    # In a file of your own nobody knows whether 1 is the first option or the second: there it is ungradable.
    written = [_letters(gold) if kind == "choice" and indices else gold for gold in dataset["answer"]]
    golds = [normalise_gold(gold, kind) for gold in written]
    bad, limits = ungradable(ids, golds, kind, options)
    if len(set(ids)) < len(ids):
        raise DataError("every row of a benchmark needs an id of its own; number them, or leave the column out")
    left_out = {row.id for row in bad}
    places = [place for place, identity in enumerate(ids) if identity not in left_out]
    columns: dict[str, Sequence[Any]] = {"id": ids, "problem": dataset["problem"], "answer": golds, "choices": options}
    kept = {name: [values[place] for place in places] for name, values in columns.items()}
    features = {name: datasets.Value("string") for name in ("id", "problem", "answer")}
    shape = datasets.Features({**features, "choices": datasets.List(datasets.Value("string"))})
    rows = datasets.Dataset.from_dict(kept, features=shape)
    points = sorted(needed_columns(names) - {"problem", "answer"})  # knowledge points
    if points:
        rows = datasets.concatenate_datasets([rows, dataset.select(places).select_columns(points)], axis=1)
    return rows, bad, limits


def _letters(gold: str) -> str:
    """Turn the indices of a Hub data set into letters: 2 is C, [0, 2] is AC."""
    digits = [part.strip() for part in gold.strip("[]").split(",")]
    return "".join(chr(ord("A") + int(digit)) for digit in digits) if all(d.isdigit() for d in digits) else gold


def _bare_option(text: str) -> str:
    """Remove the letter that a source has put before an option: (A)5 is 5."""
    return text[3:].strip() if len(text) > 3 and text[0] == "(" and text[1] in "ABCDEFGH" and text[2] == ")" else text
