"""Every benchmark of the seeds and the embedded one: source, prompt, shots, samples, metric; your own files likewise.

The Hub ids were seen in public code and could not be opened from here, so no revision is pinned. GaoKao's and CMATH's
rows there were not compared with the files that Qwen2.5-Math evaluates on.
"""

from dataclasses import replace
from pathlib import Path

from evaluation._catalogue import Entry, Kind, Settings
from evaluation._load import Benchmark, load
from evaluation._suites import KNOWRL, SUITES

_QUESTION = ("question", "answer")


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


def load_benchmark(
    name: str, folder: str | Path | None = None, limit: int | None = None, *, kind: Kind | None = None
) -> Benchmark:
    r"""Load a benchmark and check every gold against itself.

    Args:
        name: A key of `BENCHMARKS`, or a file, folder or Hub id of your own, as `data.load_problems` takes it; columns
            are found by name there, and a column `choices` makes it one of letters.
        folder: With the files of the benchmarks, `<file>.jsonl`; without it they come from the Hub. A file of your own
            in it goes by its name, without `.jsonl`.
        limit: Takes the first so many rows, for a smoke test, and stamps the result as one.
        kind: "math" or "choice", for a file of your own that does not tell.

    Returns:
        The rows that can be graded, and those that cannot. College Math takes minutes: dozens of its golds, general
        solutions of differential equations, take the verifier's whole limit.

    Raises:
        DataError: It is none of these, lies not in the folder, or has no gradable row.
        ValueError: `limit` is not positive.
    """
    return load(name, BENCHMARKS, folder=folder, limit=limit, kind=kind)


__all__ = ["BENCHMARKS", "SUITES", "Benchmark", "Entry", "Settings", "load_benchmark"]
