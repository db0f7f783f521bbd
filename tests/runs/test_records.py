"""Records survive whatever a text holds and wherever a run is killed."""

import json
import math

import pytest

from runs.files import append_jsonl, read_jsonl
from runs.folder import RunFolder
from runs.records import completions_file, forget_after, read_completions

TEXTS = ["x\u2028y\x85z\x0b", 'quote " and \\ back', "nul \x00 and \x1b[31m red", "\ud800 alone", "零 ½ 𝔸", "a\r\nb"]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_comes_back(tmp_path, text):
    append_jsonl(tmp_path / "a.jsonl", [{"text": text}, {"text": "next"}])
    assert [record["text"] for record in read_jsonl(tmp_path / "a.jsonl")] == [text, "next"]


def test_what_json_has_no_number_for_is_null(tmp_path):
    append_jsonl(tmp_path / "a.jsonl", [{"loss": math.nan, "rewards": {"a": math.inf, "b": 1.0}}])
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {"loss": None, "rewards": {"a": None, "b": 1.0}}


@pytest.mark.parametrize("kept", range(1, 40, 3))
def test_a_torn_line_costs_itself_alone(tmp_path, kept):
    """Also when the run goes on in the same file."""
    path = tmp_path / "a.jsonl"
    append_jsonl(path, [{"step": 1, "text": "one"}])
    first = path.read_bytes()
    append_jsonl(path, [{"step": 2, "text": "é" * 12}])
    path.write_bytes(path.read_bytes()[: len(first) + kept])
    assert [record["step"] for record in read_jsonl(path)] == [1]
    append_jsonl(path, [{"step": 3, "text": "three"}])
    assert [record["step"] for record in read_jsonl(path)] == [1, 3]


def test_no_file_is_no_records(tmp_path):
    assert read_jsonl(tmp_path / "none.jsonl") == []


def completions(run, *steps):
    for step in steps:
        append_jsonl(completions_file(run, step), [{"step": step, "completion": f"{step}{c}"} for c in "ab"])


def test_a_step_shows_the_generation_it_trained_on(tmp_path):
    run = RunFolder(tmp_path)
    completions(run, 1, 3, 997, 1001)
    for step, shown in ((1, 1), (2, 1), (3, 3), (1000, 997), (1001, 1001), (5000, 1001)):
        assert [record["completion"] for record in read_completions(run, step)] == [f"{shown}a", f"{shown}b"]
    assert read_completions(run, 0) == []


def test_a_thousand_steps_share_a_file(tmp_path):
    run = RunFolder(tmp_path)
    assert completions_file(run, 1) == completions_file(run, 999) == run.completions / "000000-000999.jsonl"
    assert completions_file(run, 1000).name == "001000-001999.jsonl"


def test_a_run_that_goes_on_writes_each_step_once(tmp_path):
    run = RunFolder(tmp_path)
    completions(run, 1, 5, 9)
    append_jsonl(run.metrics, [{"step": step} for step in (2, 4, 6, 8)])
    forget_after(run, 5)
    assert [record["step"] for record in read_jsonl(run.metrics)] == [2, 4]
    assert {record["step"] for record in read_completions(run, 99)} == {5}
