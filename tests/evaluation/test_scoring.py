"""Verdicts on real texts and real golds: a perfect answerer has all points, a wrong one none."""

import json

import pytest

from evaluation.benchmarks import BENCHMARKS, load_benchmark
from evaluation.scoring import Item, score


def test_strict_and_lenient_stand_side_by_side_and_the_rest_is_counted():
    items = [
        Item("4", r"\boxed{4}"),
        Item("4", "The answer is 4."),
        Item("4", r"\boxed{5}"),
        Item("4", "I think that", truncated=True),
        Item("4", r"\boxed{}"),
        Item("???", r"\boxed{4}"),
        Item("B", r"\boxed{4}", "choice", ("3", "4")),
        Item("B", "The answer is (B).", "choice", ("3", "4")),
    ]
    scores = score(items)
    assert scores.strict == [1.0, 0.0, 0.0, 0.0, 0.0, None, 1.0, 0.0]
    assert scores.lenient == [1.0, 1.0, 0.0, 0.0, 0.0, None, 1.0, 1.0]
    assert (scores.truncated, scores.without_answer) == (1, 4)
    assert (scores.timeouts, scores.out_of_memory, scores.errors) == (0, 0, 0)


def test_a_text_that_takes_too_long_is_counted_and_wrong(monkeypatch):
    monkeypatch.setattr("rewards.verifier._verifier.pool.limit", 0.5)
    scores = score([Item("5", r"\boxed{9^{9^{9^{9}}}-9^{9^{9^{9}}}+5}"), Item("5", r"\boxed{5}")])
    assert scores.strict == [0.0, 1.0]
    assert scores.timeouts + scores.out_of_memory + scores.errors == 1


def test_nothing_scores_nothing():
    assert score([]).strict == []


def wrong_answer(gold: str, kind: str, options: int) -> str:
    """Another letter, or a number that is the answer of no problem."""
    if kind == "math":
        return "-77345.125"
    return next(letter for letter in "ABCDE"[:options] if letter != gold)


EVERY = {"college_math": 60, "math": 10, "minerva_math": 4, "olympiadbench": 4}
"""Of the slowest sets every so many rows; `benchmarks/perfect_answers.py` takes all, which needs minutes."""


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name in BENCHMARKS if BENCHMARKS[name].file])
def test_a_perfect_answerer_has_all_points_and_a_wrong_one_none(shared_data, tmp_path, name):
    file = f"{BENCHMARKS[name].file}.jsonl"
    lines = (shared_data / "benchmarks" / file).read_text(encoding="utf-8").split("\n")[:: EVERY.get(name, 1)]
    (tmp_path / file).write_text("\n".join(lines), encoding="utf-8")
    loaded = load_benchmark(name, tmp_path)
    rows = loaded.dataset.to_list()
    right = [Item(row["answer"], f"\\boxed{{{row['answer']}}}", loaded.kind, row["choices"]) for row in rows]
    wrong = [
        item._replace(text=f"\\boxed{{{wrong_answer(item.gold, item.kind, len(item.choices))}}}") for item in right
    ]
    perfect = score(right)
    # Nothing is lost but to the verifier's limit of wall-clock time, which a busy machine meets sooner, and counts.
    lost = [row["id"] for row, verdict in zip(rows, perfect.strict, strict=True) if verdict != 1.0]
    assert len(lost) == perfect.timeouts + perfect.out_of_memory, lost
    assert (perfect.without_answer, perfect.errors) == (0, 0)
    assert sum(verdict or 0.0 for verdict in score(wrong).strict) == 0.0


# Right ones by the labels, and how often our strict and lenient verdicts are not the label: docs/answers.md.
LABELLED = {
    "qwen25math_rm_math100": (729, 0, 0),
    "qwen25math15b_math500": (99, 34, 0),
    "qwen25math15b_gsm8k": (240, 144, 0),
    "qwen25math15b_sft_gsm8k": (482, 482, 2),
    "olmo2_1b_gsm8k_r1zero3shot": (376, 376, 2),
    "abel7b_gsm8k": (788, 786, 0),
    "gsm8k_example_solutions": (2001, 2001, 0),
    "verifiers_math_python": (44, 0, 0),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", LABELLED)
def test_stored_texts_score_as_they_are_labelled(shared_data, name):
    path = shared_data / "verifier_pairs" / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    labels, strict_off, lenient_off = LABELLED[name]
    assert sum(row["expected"] for row in rows) == labels
    scores = score([Item(row["gold"], row["prediction"]) for row in rows])
    for verdicts, off in ((scores.strict, strict_off), (scores.lenient, lenient_off)):
        differ = sum((verdict == 1.0) != row["expected"] for verdict, row in zip(verdicts, rows, strict=True))
        assert differ == off
    assert abs(sum(verdict or 0.0 for verdict in scores.lenient) - labels) <= lenient_off
