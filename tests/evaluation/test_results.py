"""Completions become a result whose numbers can be counted by hand."""

import json

import pytest

from evaluation.benchmarks import Settings, load_benchmark
from evaluation.contamination import Match
from evaluation.report import write_report
from evaluation.results import measure_texts


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
    with pytest.raises(ValueError, match=r"needs 2 completions for each of 2 problems; met \[1, 2\] for 2"):
        measure_texts(mine, TWO, [TEXTS[0], ["one"]])


@pytest.mark.shared
def test_a_perfect_answerer_fills_the_report_of_a_suite(shared_data, tmp_path):
    from evaluation.benchmarks import SUITES

    results = []
    for name, settings in SUITES["seeds-cot"]:
        benchmark = load_benchmark(name, shared_data / "benchmarks", limit=20)
        texts = [[f"\\boxed{{{gold}}}"] for gold in benchmark.dataset["answer"]]
        results.append(measure_texts(benchmark, settings, texts, suite="seeds-cot").result)
    assert [(result["score"], result["smoke"]) for result in results] == [(1.0, True)] * 6
    text = write_report(results, tmp_path, model="perfect")["md"].read_text()
    assert text.count("100.0 [83.2, 100.0]**") == 6  # 0.025^(1/20)
    assert text.count("smoke test on 20 problems") == 6
