"""From completions to verdicts and results: a perfect answerer has all points, a wrong one none, letters choose."""

import json

import pytest

from evaluation.benchmarks import BENCHMARKS, SUITES, Settings, load_benchmark
from evaluation.contamination import Match
from evaluation.report import write_report
from evaluation.scoring import Item, chosen_letters, grade_choices, measure_texts, score


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


# Results -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mine(tmp_path):
    rows = [
        {"id": name, "problem": f"{name}?", "answer": gold} for name, gold in (("a", "1"), ("b", "2"), ("c", "???"))
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_benchmark(str(path))


TWO = Settings(shots=2, samples=2)
TEXTS = [[r"\boxed{1}", "The answer is 1."], [r"\boxed{3}", "I do not"]]


def test_every_number_is_counted(mine, tmp_path):
    measured = measure_texts(mine, TWO, TEXTS, truncated=[[False, False], [False, True]])
    result = measured.result
    assert measured.correct == [[1.0, 0.0], [0.0, 0.0]]
    assert (result["score"], result["strict"], result["lenient"]) == (0.25, 0.25, 0.5)
    assert result["se"] == pytest.approx(0.25)  # the means ½ and 0: √((½)²/2 / 2)
    assert (result["truncated"], result["without_answer"], result["timeouts"]) == (1, 2, 0)
    assert (result["problems"], result["ungradable"], result["metric"]) == (2, 1, "avg@2")
    assert "clean_score" not in result
    # Of ½, 0 and a worst 0: half of a Beta(1, 2). Of ½, 0 and a best 1: P(W > t) = 2 (1 - t)² for t above ½.
    assert (result["low"], result["high"]) == pytest.approx(((1 - 0.975**0.5) / 2, 1 - (0.025 / 2) ** 0.5))
    assert "25.0 [0.6, 88.8]" in write_report([result], tmp_path, model="m")["md"].read_text()


def test_samples_stay_with_their_problem(mine):
    right, wrong = r"\boxed{1}", r"\boxed{2}"  # of the first problem; for the second the other way round
    measured = measure_texts(mine, Settings(samples=3), [[right, right, wrong], [right, wrong, right]])
    assert measured.correct == [[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]


def test_the_clean_rest_is_scored_where_it_was_looked_for(mine):
    found = [Match("b", "7", 1.0, exact=True)]
    result = measure_texts(mine, TWO, TEXTS, matches=found).result
    assert (result["clean_score"], result["clean_problems"]) == (0.5, 1)
    nothing = measure_texts(mine, TWO, TEXTS, matches=[*found, Match("a", "8", 0.6, exact=False)]).result
    assert (nothing["clean_score"], nothing["clean_problems"]) == (None, 0)


def test_another_shape_is_refused(mine):
    with pytest.raises(ValueError, match=r"needs 2 completions for each of 2 problems; found \[1, 2\] for 2"):
        measure_texts(mine, TWO, [TEXTS[0], ["one"]])


@pytest.mark.shared
def test_a_perfect_answerer_fills_the_report_of_a_suite(shared_data, tmp_path):
    results = []
    for name, settings in SUITES["seeds-cot"]:
        benchmark = load_benchmark(name, shared_data / "benchmarks", limit=20)
        texts = [[f"\\boxed{{{gold}}}"] for gold in benchmark.dataset["answer"]]
        results.append(measure_texts(benchmark, settings, texts, suite="seeds-cot").result)
    assert [(result["score"], result["smoke"]) for result in results] == [(1.0, True)] * 6
    text = write_report(results, tmp_path, model="perfect")["md"].read_text()
    assert text.count("100.0 [83.2, 100.0]**") == 6  # 0.025^(1/20)
    assert text.count("smoke test on 20 problems") == 6


# Multiple choice -----------------------------------------------------------------------------------------------------

OPTIONS = ["2", r"$\frac{1}{2}$", "an electron at rest", "None of these"]


@pytest.mark.parametrize(
    ("answer", "letters"),
    [
        ("C", "C"), ("(C)", "C"), (r"\text{C}", "C"), (r"\textbf{(C)}\ 5", "C"), (r"\mathrm{C}", "C"), ("C.", "C"),
        ("C. 5 cm", "C"), ("(C) 5 cm", "C"), ("C：5", "C"), ("选C", "C"), ("答案是C", "C"), ("Option C", "C"),
        ("The answer is C", "C"), ("AC", "AC"), ("C, A", "AC"), ("A、C", "AC"), ("A and C", "AC"), (r"A,\ C", "AC"),
        ("（Ｃ）", "C"),
        ("5", None), ("c", None), ("A body at rest", None), ("", None), ("ABX", None), ("Cat", None),
        (r"\frac{A}{B}", None), ("H_2O", None), ("a", None), ("I", None),
    ],
)  # fmt: skip
def test_letters_in_a_box(answer, letters):
    assert chosen_letters(answer) == letters


@pytest.mark.parametrize(
    ("gold", "text", "strict", "lenient"),
    [
        ("B", r"\boxed{B}", 1.0, 1.0),
        ("B", r"\boxed{A} no, \boxed{B}", 1.0, 1.0),
        ("B", r"\boxed{0.5}", 1.0, 1.0),  # as the verifier compares numbers
        ("B", r"\boxed{2}", 0.0, 0.0),  # the content of A
        ("C", r"\boxed{\text{An electron at rest.}}", 1.0, 1.0),  # as a text
        ("C", r"\boxed{an electron}", 0.0, 0.0),
        ("AC", r"\boxed{A, C}", 1.0, 1.0),
        ("AC", r"\boxed{A}", 0.0, 0.0),  # a part of several is not right
        ("A", r"\boxed{AC}", 0.0, 0.0),
        ("B", "So the answer is (B).", 0.0, 1.0),
        ("B", "The answer is **B**", 0.0, 1.0),
        ("B", "Answer: A? No. The correct option is B", 0.0, 1.0),
        ("B", "综上,故选:B.", 0.0, 1.0),
        ("D", "答案是D", 0.0, 1.0),
        ("B", "Neither (A) nor (C): it must be (B)", 0.0, 1.0),
        ("B", "Therefore x is 0.5.", 0.0, 1.0),
        ("A", "The answer is a large number.", 0.0, 0.0),  # an article
        ("A", r"The answer is A, that is \boxed{", 0.0, 0.0),  # a box that never closes is no answer
        ("A", "", 0.0, 0.0),
    ],
)
def test_what_a_text_chooses_strictly_and_leniently(gold, text, strict, lenient):
    assert grade_choices([gold], [text], [OPTIONS]) == [strict]
    assert grade_choices([gold], [text], [OPTIONS], extraction="lenient") == [lenient]


def test_an_option_that_stands_twice_is_right_under_either_letter():
    assert grade_choices(["A", "B", "C"], [r"\boxed{687}"] * 3, [["687", "687", "1493"]] * 3) == [1.0, 1.0, 0.0]
