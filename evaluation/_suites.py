"""Lists of benchmarks with settings, one per table of the seeds."""

from evaluation._catalogue import Settings

KNOWRL = Settings("knowrl", samples=32, temperature=0.6, top_p=0.95, max_new_tokens=32_768)
"""As the card samples; its MATH-500 and Olympiad Bench, which are larger, are drawn eight times."""

_COT = {"gsm8k": 8, "math500": 4, "mmlu_stem": 4, "cmath": 6, "gaokao_cloze": 5, "gaokao_qa": 4}
_TOOLS = Settings("qwen-tir", tools=True)
_EIGHT = Settings("knowrl", samples=8, temperature=0.6, top_p=0.95, max_new_tokens=32_768)
_CONTESTS = ("aime24", "aime25", "brumo25", "hmmt25", "amc23", "cmimc25")

SUITES: dict[str, tuple[tuple[str, Settings], ...]] = {
    # The column heads of the REPO card. Its Qwen baselines are the published ones, which were measured without
    # demonstrations but for choices: shots stay an option, and a report says which were used.
    "seeds-cot": tuple((name, Settings(shots=shots)) for name, shots in _COT.items()),
    # The Nexus card measures MATH-500 here, the REPO card says MATH.
    "seeds-tir": tuple(
        (name, _TOOLS) for name in ("math500", "minerva_math", "gaokao2023en", "olympiadbench", "college_math")
    ),
    "knowrl": (*((name, KNOWRL) for name in _CONTESTS), ("math500", _EIGHT), ("olympiadbench", _EIGHT)),
}
