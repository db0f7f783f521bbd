"""The judge agrees with the labels of real completions, as docs/answers.md reports; an upgrade may not lower it."""

import json

import pytest

from benchmarks.verifier_accuracy import agreement, rows_of
from rewards import golds_are_parsable, verify

ALLOWED = {
    "abel7b_gsm8k": 0,
    "gsm8k_example_solutions": 0,
    "mario_is_equiv_tests": 7,
    "math_gold_normalised": 0,
    "math_verify_tests": 22,
    "olmo2_1b_gsm8k_r1zero3shot": 2,
    "qwen25math15b_gsm8k": 0,
    "qwen25math15b_math500": 0,
    "qwen25math15b_sft_gsm8k": 2,
    "qwen25math_rm_math100": 0,
    "rl_framework_reward_tests": 4,
    "verifiers_math_python": 0,
}
"""The disagreements that docs/answers.md judges one by one."""


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Four times the limit of wall-clock time: what is measured here is the judgement, on busy machines too."""
    monkeypatch.setattr("rewards.verifier._verifier.pool.limit", 20.0)


@pytest.mark.shared
@pytest.mark.parametrize("name", ALLOWED)
def test_no_disagreement_but_the_judged_ones(shared_data, name):
    rows = rows_of(shared_data / "verifier_pairs" / f"{name}.jsonl")
    verdicts = verify([row["gold"] for row in rows], [row["prediction"] for row in rows], extraction="lenient")
    assert agreement(rows, verdicts).count(False) <= ALLOWED[name]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["qwen25math_rm_math100", "verifiers_math_python", "math_gold_normalised"])
def test_boxes_are_enough_where_all_texts_have_one(shared_data, name):
    rows = rows_of(shared_data / "verifier_pairs" / f"{name}.jsonl")
    verdicts = verify([row["gold"] for row in rows], [row["prediction"] for row in rows])
    assert all(agreement(rows, verdicts))
    assert None not in verdicts


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "rows"),
    [("gsm8k_train", 7473), ("math500", 500), pytest.param("math_train", 7500, marks=pytest.mark.slow)],
)
def test_golds_are_readable_and_equal_themselves(shared_data, name, rows):
    lines = (shared_data / "benchmarks" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    golds = [json.loads(line)["answer"] for line in lines]
    assert len(golds) == rows
    assert [gold for gold, good in zip(golds, golds_are_parsable(golds), strict=True) if not good] == []
    texts = [rf"$\boxed{{\displaystyle {gold}}}$" for gold in golds]  # so that no two strings are equal
    verdicts = verify(golds, texts)
    assert [gold for gold, verdict in zip(golds, verdicts, strict=True) if verdict != 1.0] == []
