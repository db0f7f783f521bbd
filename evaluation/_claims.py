"""What the seeds' cards claim, in per cent. Facts about the cards, not about the models.

The REPO card heads its column MATH and the Nexus card MATH-500, with the same figures; each is kept under the set
that its card names. A second table of the REPO card gives MATH 83 without tools where the first has 80.2; the first is
kept. No card gives errors, nor the problems left out.
"""

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
"""By suite, by source, by benchmark."""


def claims_for(suite: str, benchmark: str) -> dict[str, float]:
    """Return what each source claims about a benchmark, in per cent; none for a suite or benchmark of your own.

    >>> claims_for("seeds-tir", "college_math")["Nexus-1.5B (Nexus card)"]
    57.0
    """
    return {source: row[benchmark] for source, row in CLAIMS.get(suite, {}).items() if benchmark in row}
