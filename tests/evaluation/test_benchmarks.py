"""Benchmarks load from files or the Hub, with golds that equal themselves or are reported."""

import json
from pathlib import Path

import datasets
import pytest

from data import DataError
from evaluation.benchmarks import BENCHMARKS, SUITES, load_benchmark


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROWS = [
    {"id": "a", "problem": "5 or 10?", "answer": "$5$;$10$"},
    {"id": "b", "problem": "what is on the picture?", "answer": "???"},
    {"id": "c", "problem": "1+1", "answer": "2"},
]


def test_a_gold_that_cannot_be_graded_is_reported_and_left_out(tmp_path):
    mine = load_benchmark(str(write(tmp_path / "mine.jsonl", ROWS)))
    assert mine.dataset["id"][:] == ["a", "c"]
    assert mine.dataset["answer"][:] == ["5; 10", "2"]
    assert [(row.id, row.reason) for row in mine.ungradable] == [("b", "unreadable")]
    assert mine.describe().endswith("mine.jsonl: 2 of 3 problems; 1 golds cannot be graded (1 unreadable)")


def test_a_limit_stamps_a_smoke_test_and_all_rows_do_not(tmp_path):
    path = str(write(tmp_path / "mine.jsonl", ROWS))
    some = load_benchmark(path, limit=1)
    assert some.dataset["id"][:] == ["a"]
    assert some.smoke
    assert "(smoke test: the first 1 only)" in some.describe()
    assert not load_benchmark(path, limit=3).smoke
    assert some.fingerprint == load_benchmark(path).fingerprint
    with pytest.raises(ValueError, match="at least 1, found 0"):
        load_benchmark(path, limit=0)


def test_a_column_of_choices_makes_a_letter_the_answer(tmp_path):
    rows = [
        {"problem": "1+1", "answer": "b", "choices": ["(A)1", "(B)2"]},
        {"problem": "1+2", "answer": "C", "choices": ["3", "4"]},
        {"problem": "1+3", "answer": "D", "choices": []},
        {"problem": "1+4", "answer": "1", "choices": ["5", "6"]},  # the first or the second?
    ]
    write(tmp_path / "mine.jsonl", rows)
    mine = load_benchmark("mine", tmp_path)
    assert mine.kind == "choice"
    assert mine.dataset.to_list() == [{"id": "0", "problem": "1+1", "answer": "B", "choices": ["1", "2"]}]
    assert [row.reason for row in mine.ungradable] == ["no such option", "no option", "no such option"]


def test_the_entrys_source_is_loaded_from_the_hub_and_its_indices_become_letters(monkeypatch):
    asked = {}

    def load_from_hub(repo, **options):
        asked.update(options, repo=repo)
        return datasets.Dataset.from_dict(
            {"query": ["q", "r"], "choices": [["(A)x", "(B)y"], ["(A)x", "(B)y"]], "gold": [[1], [0, 1]]}
        )

    monkeypatch.setattr("data.sources.load_from_hub", load_from_hub)
    loaded = load_benchmark("gaokao_qa")
    assert asked == {"repo": "hails/agieval-gaokao-mathqa", "config": None, "split": "test", "revision": "main"}
    assert loaded.dataset["answer"][:] == ["B", "AB"]
    assert loaded.dataset["choices"][0] == ["x", "y"]
    assert loaded.source == "hails/agieval-gaokao-mathqa@main"


def test_a_missing_benchmark_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(DataError, match=r"has no file math500\.jsonl.*leave the option out"):
        load_benchmark("math500", tmp_path)
    with pytest.raises(DataError, match="Did you mean 'math500'"):
        load_benchmark("maht500")
    bad = [{"problem": "p", "answer": "???", "id": "1"}]
    with pytest.raises(DataError, match=r"no gold of .* can be graded as math"):
        load_benchmark(str(write(tmp_path / "bad.jsonl", bad)))
    twice = [{"problem": "p", "answer": "1", "id": "1"}] * 2
    with pytest.raises(DataError, match="an id of its own"):
        load_benchmark(str(write(tmp_path / "twice.jsonl", twice)))


def test_suites_are_the_tables_of_the_cards():
    assert [(name, s.shots) for name, s in SUITES["seeds-cot"]] == [
        ("gsm8k", 8), ("math500", 4), ("mmlu_stem", 4), ("cmath", 6), ("gaokao_cloze", 5), ("gaokao_qa", 4),
    ]  # fmt: skip
    assert all(s.tools and s.shots == 0 and s.prompt == "qwen-tir" for _, s in SUITES["seeds-tir"])
    assert {name: s.metric for name, s in SUITES["knowrl"]} == {
        **dict.fromkeys(["aime24", "aime25", "brumo25", "hmmt25", "amc23", "cmimc25"], "avg@32"),
        "math500": "avg@8", "olympiadbench": "avg@8",
    }  # fmt: skip
    for suite in SUITES.values():
        assert {name for name, _ in suite} <= BENCHMARKS.keys()


UNGRADABLE = {"minerva_math": 0, "gaokao2023en": 0, "olympiadbench": 2}
"""Of Olympiad Bench a sentence cut in two and an interval with a letter before it. The others of the table: none."""


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name not in ("arithmetic", "college_math", "math")])
def test_all_rows_of_the_real_files_can_be_graded_but_the_known_ones(shared_data, name):
    loaded = load_benchmark(name, shared_data / "benchmarks")
    assert len(loaded.dataset) + len(loaded.ungradable) == BENCHMARKS[name].problems
    # A gold at the verifier's limit of wall-clock time says something of the machine, not of the gold.
    assert len(loaded.ungradable) - loaded.at_limit <= UNGRADABLE.get(name, 0) <= len(loaded.ungradable)
    assert loaded.kind == BENCHMARKS[name].kind
