"""docs/answers.md says what the judge does: its examples are judged, its kinds are those of the golden file."""

import json
import re
from pathlib import Path

import pytest

from rewards.judge import judge

DOCUMENT = (Path(__file__).parents[2] / "docs" / "answers.md").read_text(encoding="utf-8")
GOLDEN = Path(__file__).with_name("golden.jsonl").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"`([^`]+)` ← `([^`]+)`")


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
    kinds = {json.loads(line)["kind"] for line in GOLDEN.split("\n") if line}
    assert {row[0] for row in policy()} == kinds
