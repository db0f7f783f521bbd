"""MATH: competition problems of five levels, to train on and to be measured by (Hendrycks et al., 2103.03874)."""

import datasets

from data._hub import load_from_hub

MATH = "DigitalLearningGmbH/MATH-lighteval"
MATH500 = "HuggingFaceH4/MATH-500"


def load_math(split: str | None = None) -> datasets.Dataset:
    """Load the 7,500 training problems of MATH (columns problem, solution, level, type).

    None of them is in MATH-500, which is drawn from the test split, so they may be trained on.
    """
    return load_from_hub(MATH, split=split or "train")


def load_math500(split: str | None = None) -> datasets.Dataset:
    """Load MATH-500, 500 problems of MATH's test split (columns problem, solution, answer, subject, level, unique_id).

    A benchmark. It is also what the published LPRO and REPO models were trained on (100 of the 500), which makes their
    MATH-500 scores no measure of them. It is here for repeating those runs; to train, take `math`.
    """
    return load_from_hub(MATH500, split=split or "test")
