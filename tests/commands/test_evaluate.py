"""`cli.py evaluate` and `compare`: scripted engines where the score must be known, the embedded model elsewhere."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import embedded
from commands import compare, evaluate
from data import load_problems
from errors import UserError
from evaluation.engines import Completion

ROOT = Path(__file__).parents[2]
ROWS = [
    {"problem": "What is 6+2*4?", "answer": "14"},
    {"problem": "What is 9-2*3?", "answer": "3"},
    {"problem": "Halve one.", "answer": r"\frac12"},
    {"problem": "What is 5*5?", "answer": "25"},
]


def rows(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps({"id": f"m{i}", **row}) + "\n" for i, row in enumerate(ROWS)))
    return path


class Scripted:
    """An engine that answers by a function of the problem's place."""

    batch_size, repeatable = 8, ""

    def __init__(self, write):
        self.write = write

    def complete(self, requests, sampling):
        return [self.write(next(i for i, row in enumerate(ROWS) if row["problem"] in r.prompt), r) for r in requests]


def scripted(monkeypatch, write):
    monkeypatch.setattr("commands.evaluate.engine_maker", lambda *_: lambda: Scripted(write))


def run(out, source, *options):
    evaluate.main(["--benchmark", str(source), "--output-dir", str(out), *options])
    return json.loads((out / "report.json").read_text())["results"]


def test_a_perfect_answerer_scores_all_and_a_wrong_one_nothing(source, tmp_path, monkeypatch, capsys):
    scripted(monkeypatch, lambda i, r: Completion(rf"so \boxed{{{ROWS[i]['answer']}}}", 5, False))
    (perfect,) = run(tmp_path / "perfect", source)
    scripted(monkeypatch, lambda i, r: Completion(r"so \boxed{77}", 5, False))
    (wrong,) = run(tmp_path / "wrong", source)
    assert (perfect["score"], perfect["lenient"], perfect["problems"]) == (1.0, 1.0, 4)
    assert (wrong["score"], wrong["lenient"], wrong["without_answer"]) == (0.0, 0.0, 0)
    told = capsys.readouterr().out
    assert "100.0 % [39.8, 100.0]" in told  # 0.025^(1/4)
    assert "0.0 % [0.0, 60.2]" in told
    kept = json.loads((tmp_path / "wrong" / "evaluation.json").read_text())["results"][0]
    assert (kept["low"], kept["high"]) == pytest.approx((0.0, 1 - 0.025**0.25))


def test_hints_are_given_only_if_asked_for(source, tmp_path, monkeypatch, capsys):
    """A model that is right where its prompt has the hint: hint-free is the default, and a hinted score says so."""
    hinted = [
        {**row, "kp_list": ["Fit.", "Miss."], "css_kept_kp_index": [0] if i < 3 else []} for i, row in enumerate(ROWS)
    ]
    source.write_text("".join(json.dumps({"id": f"m{i}", **row}) + "\n" for i, row in enumerate(hinted)))
    asked = []

    def write(i, request):
        asked.append(request.prompt)
        right = "## Hint\n1. Fit.\n" in request.prompt + "\n"
        return Completion(rf"\boxed{{{ROWS[i]['answer'] if right else 77}}}", 5, False)

    scripted(monkeypatch, write)
    (plain,) = run(tmp_path / "plain", source)
    assert plain["score"] == 0.0
    assert not any("Fit." in prompt for prompt in asked)
    (css,) = run(tmp_path / "css", source, "--hints", "css", "--prompt", "knowrl")
    assert (css["score"], css["metric"]) == (0.75, "avg@1, css hints")
    (everything,) = run(tmp_path / "all", source, "--hints", "all", "--prompt", "plain")
    assert everything["score"] == 1.0
    with pytest.raises(UserError, match="hints here are one of none, all, css, met 'cbs'"):
        evaluate.main(["--benchmark", str(source), "--hints", "cbs", "--output-dir", str(tmp_path / "no")])
    assert not (tmp_path / "no").exists()


def test_several_samples_give_their_mean_pass_at_k_and_the_majority(source, tmp_path, monkeypatch):
    """Problem i is right in its first i of 4 samples: avg@4 is (0+1+2+3)/16; pass@2 is (0 + 1/2 + 5/6 + 1)/4."""
    counts = [0, 0, 0, 0]

    def write(i, request):
        counts[i] += 1
        return Completion(rf"\boxed{{{ROWS[i]['answer'] if counts[i] <= i else 77}}}", 5, False)

    scripted(monkeypatch, write)
    run(tmp_path / "out", source, "--samples", "4", "--temperature", "1")
    (result,) = json.loads((tmp_path / "out" / "evaluation.json").read_text())["results"]
    assert (result["score"], result["metric"]) == (pytest.approx(6 / 16), "avg@4")
    assert result["pass_at_k"]["2"] == pytest.approx((0 + 1 / 2 + 5 / 6 + 1) / 4)
    assert result["pass_at_k"]["4"] == pytest.approx(3 / 4)
    assert result["majority"]["mean"] == pytest.approx((0 + 0 + 1 / 2 + 1) / 4)  # two against two is half


def test_a_model_may_compute_and_its_answer_is_what_it_says_itself(source, tmp_path, monkeypatch):
    """The first turn runs a program; a program that prints the gold in a box earns nothing."""

    def write(i, request):
        if "```output" in request.prompt:
            told = re.findall(r"```output\n(.*?)\n```", request.prompt, flags=re.S)[-1]
            said = rf"Hence \boxed{{{told}}}." if i == 0 else "As printed."
            return Completion(said, 9, False)
        code = (
            "print(6+2*4)" if i == 0 else f"print(chr(92) + 'bo' + 'xed{{{ROWS[i]['answer']}}}')" if i < 3 else "1/0"
        )
        return Completion(f"Compute.\n```python\n{code}\n```\n```output", 20, False)

    scripted(monkeypatch, write)
    (result,) = run(tmp_path / "out", source, "--tools", "python", "--prompt", "qwen-tir")
    assert result["score"] == 0.25
    (told,) = json.loads((tmp_path / "out" / "evaluation.json").read_text())["results"]
    expected = {"with_code": 1.0, "programs": 4, "rounds": 1.0, "ran": 0.75, "failed": 0.25, "timed out": 0.0}
    assert told["tools"] == expected
    kept = {row["id"]: row for row in rows(tmp_path / "out" / "mine" / "samples" / "process-00000.jsonl")}
    assert "```output\n14\n```" in kept["m0"]["transcript"]
    assert "14" not in kept["m0"]["text"].partition("Hence")[0].replace("2*4", "")
    assert "ZeroDivisionError" in kept["m3"]["transcript"]
    assert kept["m3"]["calls"] == ["failed"]


def test_choices_are_graded_by_their_letter(tmp_path, monkeypatch):
    path = tmp_path / "letters.jsonl"
    lines = [{"id": i, **row, "answer": "B", "choices": ["1", "2", "3", "4"]} for i, row in enumerate(ROWS)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    scripted(monkeypatch, lambda i, r: Completion(rf"\boxed{{{'B' if i < 3 else 'C'}}}", 3, False))
    (result,) = run(tmp_path / "out", path)
    assert result["score"] == 0.75


def test_rescoring_needs_no_model_and_says_what_is_missing(source, tmp_path, monkeypatch):
    scripted(monkeypatch, lambda i, r: Completion(rf"\boxed{{{ROWS[i]['answer']}}}", 5, False))
    out = tmp_path / "out"
    run(out, source)
    monkeypatch.setattr("commands.evaluate.engine_maker", lambda *_: pytest.fail("a model was loaded"))
    kept = out / "mine" / "samples" / "process-00000.jsonl"
    kept.write_text(kept.read_text().replace(r"\\boxed{25}", r"\\boxed{26}"))
    (result,) = run(out, source, "--rescore")
    assert result["score"] == 0.75
    kept.write_text("".join(kept.read_text().splitlines(keepends=True)[:3]))
    with pytest.raises(UserError, match=r"1 of 4 completions of .* are not on record"):
        run(out, source, "--rescore")


def test_problems_seen_in_training_are_told_and_the_clean_rest_is_scored(source, tmp_path, monkeypatch, capsys):
    trained = tmp_path / "trained.jsonl"
    trained.write_text(json.dumps({"problem": " what is 6+2*4 ?", "answer": "14"}) + "\n")
    scripted(monkeypatch, lambda i, r: Completion(rf"\boxed{{{14 if i == 0 else 77}}}", 5, False))
    (result,) = run(tmp_path / "out", source, "--trained-on", str(trained))
    assert (result["score"], result["clean_score"], result["clean_problems"]) == (0.25, 0.0, 3)
    assert f"in {trained}: 1 problems exactly, 0 nearly" in capsys.readouterr().out


def test_a_run_folder_tells_what_its_model_was_trained_on(tmp_path):
    from commands.evaluating.training import training_problems

    final = tmp_path / "run" / "final"
    final.mkdir(parents=True)
    (tmp_path / "run" / "run.json").write_text("{}")
    (tmp_path / "run" / "config.yaml").write_text("method: lpro\ndataset_name: arithmetic\ndataset_split: held_out\n")
    source, problems = training_problems(str(final), None)
    assert source == "arithmetic (from its run)"
    assert problems == list(load_problems("arithmetic", split="held_out").dataset["problem"])
    assert training_problems(str(embedded.MODEL), None) is None


def test_a_card_tells_it_too(tmp_path, source):
    from commands.evaluating.training import training_problems

    (tmp_path / "README.md").write_text(f"---\nlicense: mit\ndatasets:\n- {source}\n---\n# A model\n")
    told, problems = training_problems(str(tmp_path), None)
    assert told == f"{source} (from its card)"
    assert problems == [row["problem"] for row in ROWS]
    (tmp_path / "README.md").write_text("---\ndatasets: [a: b\n---\n")
    assert training_problems(str(tmp_path), None) is None


def test_prompts_that_do_not_fit_are_not_asked_and_count_as_wrong(source, tmp_path, monkeypatch, capsys):
    long = {"id": "long", "problem": "1+" * 500 + "1", "answer": "501"}
    source.write_text(source.read_text() + json.dumps(long) + "\n")
    scripted(monkeypatch, lambda i, r: Completion(rf"\boxed{{{ROWS[i]['answer']}}}", 5, False))
    (result,) = run(tmp_path / "out", source)
    assert (result["score"], result["truncated"]) == (0.8, 1)
    assert "1 prompts do not fit the model's 512 positions" in capsys.readouterr().out


@pytest.mark.slow
def test_killed_while_it_measures_it_goes_on_to_the_same_bytes(tmp_path):
    """The embedded model on its own problems, without a word that they are its own."""
    source = tmp_path / "sums.jsonl"
    problems = load_problems("arithmetic", split="held_out").dataset.select(range(24))
    source.write_text("".join(json.dumps({"problem": r["problem"], "answer": r["answer"]}) + "\n" for r in problems))
    options = ["--samples", "2", "--temperature", "1", "--batch-size", "4", "--max-new-tokens", "48"]
    results = run(tmp_path / "whole", source, *options)
    assert 0 < results[0]["score"] < 1 or results[0]["truncated"]
    command = [sys.executable, str(ROOT / "cli.py"), "evaluate", "--benchmark", str(source), *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen([*command, "--output-dir", str(tmp_path / "killed")], env=env, cwd=ROOT, **quiet)
    samples = tmp_path / "killed" / "sums" / "samples" / "process-00000.jsonl"
    while process.poll() is None and not (samples.exists() and samples.stat().st_size > 4000):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run(tmp_path / "killed", source, *options) == results
    for name in ("verdicts.jsonl", "samples/process-00000.jsonl"):
        assert (tmp_path / "killed/sums" / name).read_bytes() == (tmp_path / "whole/sums" / name).read_bytes()


MISTAKES = {
    "benchmark": (["--benchmark", "maths500"], "Did you mean 'math500'?"),
    "two suites": (["--benchmark", "knowrl", "gsm8k"], "takes one suite, or benchmarks"),
    "same samples": (
        ["--benchmark", "math500", "--samples", "4"],
        "samples at temperature 0 are all the same",
    ),
    "no file": (["--benchmark", "math500", "--benchmark-dir", "nowhere"], "has no file math500.jsonl"),
    "shots": (["--benchmark", "SOURCE", "--shots", "99"], "--shots is between 0 and the 4 demonstrations"),
    "no benchmark": ([], "--benchmark"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_paragraph_and_writes_nothing(mistake, source, tmp_path):
    options, told = MISTAKES[mistake]
    with pytest.raises(UserError) as error:
        evaluate.main([*(str(source) if o == "SOURCE" else o for o in options), "--output-dir", str(tmp_path / "out")])
    assert told in str(error.value)
    assert not (tmp_path / "out").exists()


def result_of(path, name, correct):
    (path / name).mkdir(parents=True)
    lines = [json.dumps({"id": i, "correct": [float(right)]}) + "\n" for i, right in correct.items()]
    (path / name / "verdicts.jsonl").write_text("".join(lines))
    return str(path)


def test_compare_says_whether_a_difference_is_noise(tmp_path, capsys):
    before = result_of(tmp_path / "a", "math500", {i: i % 2 for i in range(200)})
    better = result_of(tmp_path / "b", "math500", {i: i % 2 or i % 4 == 0 for i in range(200)})
    alike = result_of(tmp_path / "c", "math500", {i: (i + (i < 4)) % 2 for i in range(202)})
    compare.main([before, better])
    told = capsys.readouterr().out
    assert "math500: 50.0 → 75.0 %. After is 25.0 points above before" in told
    assert "over 200 problems (50 better, 0 worse; p < 0.0001): more than the choice of these problems" in told
    compare.main([before, alike])
    told = capsys.readouterr().out
    assert "it could be noise" in told
    assert "2 problems that only one of them has are left out" in told


def test_four_problems_that_rose_are_no_proof(tmp_path, capsys):
    """The exact sign test of 4 against 0: 2 / 2^4."""
    before = result_of(tmp_path / "a", "math500", {i: i % 2 for i in range(500)})
    after = result_of(tmp_path / "b", "math500", {i: i % 2 or i < 8 for i in range(500)})
    compare.main([before, after])
    told = capsys.readouterr().out
    assert "math500: 50.0 → 50.8 %. After is 0.8 points above before, 95 % interval [-0.2, +2.0]" in told
    assert "(4 better, 0 worse; p = 0.125): it could be noise." in told


def test_compare_refuses_what_cannot_be_compared(tmp_path):
    one = result_of(tmp_path / "a", "math500", {1: 1})
    other = result_of(tmp_path / "b", "gsm8k", {1: 1})
    with pytest.raises(UserError, match="nothing in common"):
        compare.main([one, other])
    with pytest.raises(UserError, match="holds no result"):
        compare.main([one, str(tmp_path / "nowhere")])
    with pytest.raises(UserError, match="The following arguments are required: B"):
        compare.main([one])


def test_where_no_prompt_fits_nothing_is_scored(tmp_path):
    source = tmp_path / "long.jsonl"
    source.write_text(json.dumps({"problem": "1+" * 500 + "1", "answer": "501"}) + "\n")
    with pytest.raises(UserError, match=r"no prompt of .* fits the model's 512 positions with 128 new tokens"):
        evaluate.main(["--benchmark", str(source), "--output-dir", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_a_benchmark_that_does_not_fit_is_skipped_and_the_others_are_measured(source, tmp_path, monkeypatch, capsys):
    scripted(monkeypatch, lambda i, r: Completion(r"\boxed{14}", 5, False))
    long = tmp_path / "long.jsonl"
    long.write_text(json.dumps({"problem": "1+" * 500 + "1", "answer": "501"}) + "\n")
    evaluate.main(["--benchmark", str(long), str(source), "--output-dir", str(tmp_path / "out")])
    told = capsys.readouterr().out
    told = " ".join(told.split())
    assert re.search(r"skipped no prompt of \S*long.jsonl fits the model's 512 positions", told)
    assert "* Not measured: no prompt of" in told
    record = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert [result["benchmark"] for result in record["results"]] == [str(source)]
    assert list(record["skipped"]) == ["long"]


def test_the_embedded_problems_are_a_benchmark(tmp_path, monkeypatch):
    """The held-out ones, worded as the embedded model was taught: the problem alone."""

    class Always14(Scripted):
        def complete(self, requests, sampling):
            assert not any("boxed" in request.prompt for request in requests)
            return [Completion(r"\boxed{14}", 5, False) for _ in requests]

    monkeypatch.setattr("commands.evaluate.engine_maker", lambda *_: lambda: Always14(None))
    evaluate.main(["--benchmark", "arithmetic", "--output-dir", str(tmp_path / "out")])
    (result,) = json.loads((tmp_path / "out" / "evaluation.json").read_text())["results"]
    golds = list(load_problems("arithmetic", split="held_out").dataset["answer"])
    assert (result["problems"], result["score"]) == (400, pytest.approx(golds.count("14") / 400))
    assert result["settings"]["prompt"] == "plain"


def test_a_benchmark_of_one_problem_has_no_error_and_ends(tmp_path, source, monkeypatch):
    scripted(monkeypatch, lambda i, r: Completion(r"\boxed{14}", 5, False))
    (result,) = run(tmp_path / "out", source, "--limit", "1")
    assert (result["score"], result["se"], result["smoke"]) == (1.0, None, True)
    assert (result["low"], result["high"]) == pytest.approx((0.025, 1.0))


def test_rows_that_are_left_out_are_told(source, tmp_path, monkeypatch, capsys):
    source.write_text(source.read_text() + json.dumps({"id": "m9", "problem": "", "answer": "4"}) + "\n")
    scripted(monkeypatch, lambda i, r: Completion(r"\boxed{14}", 5, False))
    run(tmp_path / "out", source)
    assert "1 rows without a problem or an answer left out" in capsys.readouterr().out


def test_two_files_of_one_name_are_not_mixed(source, tmp_path):
    other = tmp_path / "other" / source.name
    other.parent.mkdir()
    other.write_text(source.read_text())
    with pytest.raises(UserError, match="would be kept under one name"):
        evaluate.main(["--benchmark", str(source), str(other), "--output-dir", str(tmp_path / "out")])


def test_files_that_only_share_a_name_are_not_compared(source, tmp_path, monkeypatch):
    scripted(monkeypatch, lambda i, r: Completion(r"\boxed{14}", 5, False))
    run(tmp_path / "a", source)
    source.write_text(source.read_text().replace('"3"', '"5"'))
    run(tmp_path / "b", source)
    with pytest.raises(UserError, match="mine is not the same data"):
        compare.main([str(tmp_path / "a"), str(tmp_path / "b")])


def test_a_report_names_a_local_model_without_its_folder(source, tmp_path, monkeypatch):
    scripted(monkeypatch, lambda i, r: Completion(r"\boxed{14}", 5, False))
    model = shutil.copytree(embedded.MODEL, tmp_path / "private" / "my-run" / "final")
    run(tmp_path / "out", source, "--model", str(model))
    assert (tmp_path / "out" / "report.md").read_text().startswith("# my-run/final\n")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["model"] == "my-run/final"


def test_two_protocols_are_compared_only_where_that_is_asked_for(source, tmp_path, monkeypatch, capsys):
    scripted(monkeypatch, lambda i, r: Completion(r"\boxed{14}", 5, False))
    run(tmp_path / "a", source, "--prompt", "plain", "--max-new-tokens", "100")
    run(tmp_path / "b", source, "--temperature", "0.5")
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    differs = "prompt plain and qwen-cot, temperature 0.0 and 0.5, max_new_tokens 100 and 128"
    with pytest.raises(UserError, match=f"mine was measured by two protocols: {differs}. .*--across-protocols"):
        compare.main(folders)
    capsys.readouterr()
    compare.main([*folders, "--across-protocols"])
    assert f"across protocols: {differs}" in capsys.readouterr().out


def test_a_runs_folder_says_where_its_model_is(source, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UserError, match=r"is a run's folder; the model it made is .*/final"):
        evaluate.main(["--benchmark", str(source), "--model", str(tmp_path)])
