"""GSM8K: grade-school word problems (Cobbe et al., 2110.14168)."""

import datasets

from data._hub import load_from_hub

GSM8K = "openai/gsm8k"


def load_gsm8k(split: str | None = None, *, config: str | None = None) -> datasets.Dataset:
    """Load 7,473 training or 1,319 test problems (columns question, answer; the gold follows ####)."""
    return load_from_hub(GSM8K, config=config or "main", split=split or "train")
