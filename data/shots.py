r"""Worked examples that stand before a problem, written for this project: no benchmark holds them.

The banks are the files `shots/*.jsonl`: one object per line, with `problem`, `solution`, `answer` and perhaps
`choices`. Each solution ends with its answer in a box, which a test checks with the verifier. In banks of choices the
answer is a letter.
"""

import json
from pathlib import Path
from typing import NamedTuple


class Shot(NamedTuple):
    r"""One worked example.

    Attributes:
        problem: As a benchmark would pose it.
        solution: With the answer in its last ``\boxed{}``.
        answer: The gold.
        choices: The options, none where the answer is computed.
    """

    problem: str
    solution: str
    answer: str
    choices: tuple[str, ...] = ()


def _bank(name: str) -> list[Shot]:
    lines = (Path(__file__).with_name("shots") / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Shot(row["problem"], row["solution"], row["answer"], tuple(row.get("choices", ()))) for row in rows]


SHOTS = {name: _bank(name) for name in ("gsm8k", "math", "mmlu_stem", "cmath", "gaokao_cloze", "gaokao_qa")}
"""Banks by name, each in the order in which its examples are taken. The last three are Chinese."""
