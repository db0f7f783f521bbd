"""The golden file: pairs whose verdicts are mathematics and stated policy. An upgrade that flips one fails here.

docs/answers.md states the policy: its examples are judged, and its kinds are those of the golden file.
"""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from rewards import verify
from rewards.judge import judge
from rewards.verifier import Undecided, quick

ROWS = [
    json.loads(line)
    for line in Path(__file__).with_name("golden.jsonl").read_text(encoding="utf-8").split("\n")
    if line
]
DOCUMENT = (Path(__file__).parents[2] / "docs" / "answers.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"`([^`]+)` ← `([^`]+)`")
ASYMMETRIC = {"box", "lenient", "unreadable"}  # kinds that are about texts, not about two answers


def name(row):
    return f"{row['kind']}: {row['gold']} | {row['text']} ({row['reason']})"


def extraction(row):
    return row.get("extraction", "boxed")


@pytest.mark.parametrize("kind", sorted({row["kind"] for row in ROWS}))
def test_every_golden_verdict_holds(kind):
    rows = [row for row in ROWS if row["kind"] == kind]
    wrong = [name(row) for row in rows if judge(row["gold"], row["text"], extraction(row)) != row["verdict"]]
    assert not wrong


def test_quick_decides_as_algebra_does():
    decided = 0
    for row in ROWS:
        verdict = quick(row["gold"], row["text"], extraction=extraction(row))
        if not isinstance(verdict, Undecided):
            decided += 1
            assert verdict == judge(row["gold"], row["text"], extraction(row)), name(row)
    assert decided > 100  # or this says nothing


def test_verify_gives_the_golden_verdicts(monkeypatch):
    monkeypatch.setattr("rewards.verifier._verifier.pool.limit", 20.0)  # the judgement is tested, not the clock

    def differing(rows):
        verdicts = verify([r["gold"] for r in rows], [r["text"] for r in rows])
        return [row for row, verdict in zip(rows, verdicts, strict=True) if verdict != row["verdict"]]

    once = differing([row for row in ROWS if extraction(row) == "boxed"])
    assert len(once) <= 3, list(map(name, once))
    assert not differing(once), "what meets the limit of time on a busy machine does not meet it alone"


def test_equality_is_symmetric():
    """But for two kinds of gold: an equation, which its right side alone does not answer, and a choice."""
    rows = [row for row in ROWS if row["kind"] not in ASYMMETRIC | {"choice", "equation"}]
    for row in rows:
        answer = row["text"].removeprefix("So it is $\\boxed{").removesuffix("}$.")
        turned = judge(answer, f"\\boxed{{{row['gold']}}}")
        assert turned in (row["verdict"], None), name(row)


def test_the_golden_file_is_what_it_says():
    assert len(ROWS) >= 250
    assert all(row["reason"] and row["verdict"] in (0.0, 1.0, None) for row in ROWS)
    pairs = Counter((row["gold"], row["text"], extraction(row)) for row in ROWS)
    assert not [pair for pair, count in pairs.items() if count > 1]
    for kind in {row["kind"] for row in ROWS} - ASYMMETRIC:
        verdicts = {row["verdict"] for row in ROWS if row["kind"] == kind}
        assert verdicts >= {0.0, 1.0} or kind == "typesetting", kind


def policy():
    """The rows of the table of kinds: kind, equal when, because, equal, not equal."""
    table = DOCUMENT.split("## What is equal")[1].split("\n\n")[2]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.mark.parametrize("row", policy(), ids=lambda row: row[0])
def test_the_examples_of_a_kind_are_judged_as_the_table_says(row):
    kind, _, _, equal, unequal = row
    for cell, verdict in ((equal, 1.0), (unequal, 0.0)):
        example = EXAMPLE.fullmatch(cell)
        assert example or cell == "none", (kind, cell)
        if example:
            assert judge(example[1], f"\\boxed{{{example[2]}}}") == verdict, (kind, cell)


def test_most_kinds_have_an_example_of_either_verdict():
    assert sum(len(EXAMPLE.findall(" ".join(row))) == 2 for row in policy()) >= len(policy()) - 3


def test_the_table_has_the_kinds_of_the_golden_file():
    assert {row[0] for row in policy()} == {row["kind"] for row in ROWS}
