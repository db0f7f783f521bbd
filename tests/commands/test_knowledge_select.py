"""`cli.py knowledge select`: an engine with planted accuracies, then the embedded model, processes and kills."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from commands import knowledge
from data import load_problems, render_prompt
from data.knowledge import (
    AccuracyOracle,
    cbrs,
    css,
    css_plan,
    css_subsets,
    leave_one_out,
    max_score,
    record_of,
    with_hints,
)
from errors import UserError
from evaluation.engines import Completion, sample_seed
from evaluation.sampler import problem_id
from evaluation.statistics import score_of

ROOT = Path(__file__).parents[2]
RESULTS = ["knowledge.jsonl", "knowledge/train.parquet", "accuracies.jsonl", "report.json", "accuracy.png"]
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
# Of each planted point what it does to the accuracy, and of each problem its points; "solved" needs none.
EFFECTS = {"helps": 0.5, "helps too": 0.25, "harms": -0.25, "harms too": -0.125, "idle": 0.0}
PLANTED = {
    "What is 1+6?": ["helps", "harms", "idle", "harms too", "helps too"],
    "What is 2+5?": ["harms", "harms too", "idle"],
    "What is 3+4?": ["helps", "idle"],
    "What is 4+3?": ["harms"],
    "Solved, what is 5+2?": ["idle", "harms", "harms too", "helps"],
    "What is 6+1?": ["idle", "helps too", "helps", "harms"],
}


def planted(problem, points):
    return (1.1 if problem.startswith("Solved") else 0.25) + sum(EFFECTS[point] for point in points)


class Engine:
    """Right as often as planted for the problem and the points in the prompt, decided by the sample's seed alone."""

    batch_size, repeatable = 16, ""

    def __init__(self, stop_after=None):
        self.prompts, self.batches, self.stop_after = [], 0, stop_after

    def complete(self, requests, sampling):
        if self.batches == self.stop_after:
            raise KeyboardInterrupt
        self.batches += 1
        self.prompts += [request.prompt for request in requests]
        return [self.one(request) for request in requests]

    @staticmethod
    def one(request):
        problem = next(problem for problem in PLANTED if problem in request.prompt)
        points = re.findall(r"^\d+\. (.*?)(?:<\|im_end\|>)?$", request.prompt, re.MULTILINE)
        return Completion(rf"\boxed{{{7 if is_right(request.seed, planted(problem, points)) else 8}}}", 5, False)


def is_right(seed, rate):
    return bool(np.random.default_rng(seed).random() < rate)


def expected_oracle(problem, samples, runs, judged=""):
    """The accuracies that the planted engine must give, worked out from seeds and rates without the command."""
    points = PLANTED[problem]

    def measure(subset):
        places = "+" + ",".join(map(str, sorted(subset))) if subset else ""
        rate = planted(problem, [points[place] for place in subset])
        right = [is_right(sample_seed(42, problem_id(problem) + places + judged, i), rate) for i in range(samples)]
        return [float(np.mean(part)) for part in np.split(np.array(right), runs)]

    return AccuracyOracle(measure, len(points))


def rows(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("points") / "problems.jsonl"
    lines = [{"problem": problem, "answer": "7", "kp_list": points} for problem, points in PLANTED.items()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def select(source, monkeypatch):
    """Run the command with the planted engine, and return that."""

    def run(out, *options, stop_after=None):
        engine = Engine(stop_after)
        monkeypatch.setattr("commands.selecting.command.engine_maker", lambda *_: lambda: engine)
        small = ["--dataset", str(source), "--samples", "16", "--runs", "4", "--batch-size", "16"]
        knowledge.main(["select", *small, "--output-dir", str(out), *options])
        return engine

    return run


def results(out):
    return {name: (out / name).read_bytes() for name in RESULTS}


def columns(out, rule):
    return {row["problem"]: row[f"{rule}_kept_kp_index"] for row in rows(out / "knowledge.jsonl")}


def test_each_rule_keeps_what_it_keeps_of_the_planted_accuracies(select, tmp_path):
    select(tmp_path, "--rule", "max-score", "s-loo", "t-loo", "cbrs", "css", "random")
    rules = {
        "max_score": max_score,
        "s_loo": leave_one_out,
        "t_loo": lambda oracle: leave_one_out(oracle, tolerance=1 / 16),
        "cbrs": lambda oracle: cbrs(oracle, tolerance=1 / 16),
        "css": css,
    }
    kept = {}
    for name, pick in rules.items():
        kept[name] = {problem: sorted(pick(expected_oracle(problem, 16, 4))) for problem in PLANTED}
        assert columns(tmp_path, name) == kept[name]
    assert {len(places) for places in kept["css"].values()} > {0, 1}  # neither all nor nothing
    assert kept["css"] != kept["cbrs"]
    sizes = {problem: len(places) for problem, places in columns(tmp_path, "random").items()}
    assert sizes == {problem: len(places) for problem, places in kept["css"].items()}
    changed = ["--tolerance", "0.5", "--near", "0.375", "--prefer", "more", "--judge-samples", "0"]
    select(tmp_path, "--rule", "t-loo", "cbrs", "css", *changed)
    rules = {
        "t_loo": lambda oracle: leave_one_out(oracle, tolerance=0.5),
        "cbrs": lambda oracle: cbrs(oracle, tolerance=0.5, prefer="more"),
        "css": lambda oracle: css(oracle, near=0.375, prefer="more"),
    }
    for name, pick in rules.items():
        again = {problem: sorted(pick(expected_oracle(problem, 16, 4))) for problem in PLANTED}
        assert columns(tmp_path, name) == again
        assert again != kept[name]


def test_the_table_is_of_fresh_samples(select, tmp_path, capsys):
    select(tmp_path, "--judge-samples", "8")
    kept = {"none": lambda oracle: (), "all": lambda oracle: oracle.everything, "css": css}
    kept["cbrs"] = lambda oracle: cbrs(oracle, tolerance=1 / 16)
    table = {row["rule"]: row for row in json.loads((tmp_path / "report.json").read_text())["rules"]}
    assert list(table) == ["none", "all", "cbrs", "css"]
    for rule, pick in kept.items():
        chosen = {problem: pick(expected_oracle(problem, 16, 4)) for problem in PLANTED}
        fresh = [expected_oracle(problem, 8, 1, " judged")(subset) for problem, subset in chosen.items()]
        assert table[rule]["accuracy"] == pytest.approx(np.mean(fresh))
        assert table[rule]["error"] == pytest.approx(np.std(fresh, ddof=1) / 6**0.5)
        found = score_of([[one] for one in fresh])
        assert (table[rule]["low"], table[rule]["high"]) == pytest.approx((found.low, found.high))
        assert table[rule]["none_correct"] == pytest.approx(np.mean(np.array(fresh) == 0))
        assert table[rule]["points"] == pytest.approx(np.mean([len(subset) for subset in chosen.values()]))
    assert "judged    by 8 fresh samples" in capsys.readouterr().out


def test_it_draws_what_the_formulas_say(select, tmp_path):
    engine = select(tmp_path)
    expected = 0
    for problem, points in PLANTED.items():
        oracle = expected_oracle(problem, 16, 4)
        removed, optional = css_plan(oracle)
        expected += css_subsets(len(points), len(removed), len(optional))
        expected += len({frozenset(), oracle.everything, css(oracle), cbrs(oracle, tolerance=1 / 16)})
    assert len(engine.prompts) == 16 * expected
    cost = json.loads((tmp_path / "report.json").read_text())["cost"]
    assert cost["samples"] == 16 * expected
    assert cost["base_subsets"] == 7 + 5 + 4 + 2 + 6 + 6  # K + 2, and 2 for one point
    assert cost["samples_at_least"] <= cost["samples"] <= cost["samples_at_most"]


def test_prompts_are_those_of_training(select, tmp_path):
    """Worded by `train`'s own way: the problem, then the section of hints, in the chat template."""
    from commands.prompts import ModelFiles

    engine = select(tmp_path, "--rule", "cbrs", "--judge-samples", "0")
    tokenizer = ModelFiles(str(ROOT / "embedded" / "model")).tokenizer()
    problem = "What is 3+4?"
    texts = [with_hints(problem, points) for points in ([], ["helps"], ["idle"], ["helps", "idle"])]
    wanted = {render_prompt([{"role": "user", "content": text}], tokenizer) for text in texts}
    assert {prompt for prompt in engine.prompts if problem in prompt} == wanted


@pytest.mark.parametrize("batches", [1, 30])
def test_stopped_anywhere_it_goes_on_to_the_same_bytes(select, tmp_path, batches, capsys):
    select(tmp_path / "whole")
    out, samples = tmp_path / "stopped", Path("samples/process-00000.jsonl")
    with pytest.raises(KeyboardInterrupt):
        select(out, stop_after=batches)
    assert not (out / "knowledge.jsonl").exists()
    assert "The same command goes on from there" in capsys.readouterr().out
    with (out / samples).open("ab") as file:
        file.write(b'{"id": "torn')
    select(out)
    assert results(out) == results(tmp_path / "whole")
    assert (out / samples).read_bytes() == (tmp_path / "whole" / samples).read_bytes()


def test_rules_share_samples(select, tmp_path):
    """CBRS measures nothing beyond what CSS has; its judges alone are new. Together they equal a fresh run."""
    both, one = tmp_path / "both", tmp_path / "one"
    select(both, "--rule", "css", "cbrs")
    select(one, "--rule", "css")
    engine = select(one, "--rule", "cbrs", "css")
    assert results(one) == results(both)
    differ = sum(columns(one, "css")[problem] != columns(one, "cbrs")[problem] for problem in PLANTED)
    assert 0 < len(engine.prompts) <= 16 * differ
    assert select(one, "--rule", "css").prompts == []
    assert "cbrs_kept_kp_index" not in rows(one / "knowledge.jsonl")[0]


def test_without_judges_the_table_says_that_it_is_flattered(select, tmp_path, capsys):
    select(tmp_path, "--judge-samples", "0", "--rule", "random", "s-loo")
    table = {row["rule"]: row for row in json.loads((tmp_path / "report.json").read_text())["rules"]}
    same = [expected_oracle(problem, 16, 4) for problem in PLANTED]
    assert table["s-loo"]["accuracy"] == pytest.approx(np.mean([oracle(leave_one_out(oracle)) for oracle in same]))
    told = capsys.readouterr().out
    assert "flattered by selection" in told
    assert "judged_by" not in rows(tmp_path / "accuracies.jsonl")[0]


def test_solved_problems_can_be_left_at_that(select, tmp_path, capsys):
    select(tmp_path / "all")
    engine = select(tmp_path / "some", "--stop-when-solved")
    assert columns(tmp_path / "some", "css") == columns(tmp_path / "all", "css")
    assert columns(tmp_path / "some", "css")["Solved, what is 5+2?"] == []
    solved = [prompt for prompt in engine.prompts if "Solved" in prompt]
    assert len(solved) == 16 + 2 * 16  # to see that it is; to judge none and all
    assert f"{5 * 16} samples saved" in capsys.readouterr().out  # K + 2 = 6 subsets but one


def test_the_result_is_a_data_set_that_goes_on(select, tmp_path):
    """An older selection by the same rule is replaced, its texts too; others stay."""
    given = [
        {"problem": p, "answer": "7", "kp_list": k, "css_kept_kp_index": [0], "css_selected_kps": k[:1], "mine": 3}
        for p, k in PLANTED.items()
    ]
    path = tmp_path / "older.jsonl"
    path.write_text("".join(json.dumps({**row, "best_kept_kp_index": [0]}) + "\n" for row in given))
    select(tmp_path / "out", "--dataset", str(path), "--rule", "css")
    for name in ("knowledge.jsonl", "knowledge"):
        loaded = load_problems(str(tmp_path / "out" / name)).dataset
        records = [record_of(row) for row in loaded]
        assert {record.problem: list(record.kept["css"]) for record in records} == columns(tmp_path / "out", "css")
        assert all(record.kept["best"] == (0,) for record in records)
        assert list(loaded["mine"]) == [3] * len(PLANTED)


def test_one_problem_has_no_error(select, tmp_path, capsys):
    select(tmp_path, "--limit", "1")
    assert re.search(r"^css +\d+\.\d % \[\d+\.\d, \d+\.\d\] +", capsys.readouterr().out, re.MULTILINE)
    rule = json.loads((tmp_path / "report.json").read_text())["rules"][0]
    assert rule["error"] is None
    assert 0.0 <= rule["low"] <= rule["accuracy"] <= rule["high"] <= 1.0


MISTAKES = {
    "rule": (["--rule", "cs"], "takes max-score, s-loo, t-loo, cbrs, css, random; found 'cs'. Did you mean 'css'?"),
    "runs": (["--samples", "12", "--runs", "8"], "Give one of --runs 1, 2, 3, 4, 6, 12, or --samples 16."),
    "greedy": (["--temperature", "0"], "Sample with a temperature above 0"),
    "points": (["--dataset", "arithmetic", "--dataset-config", "embedded"], "config"),
    "unused": (["--rule", "cbrs", "--near", "0.1"], "--near is for css, random"),
    "contradiction": (["--stop-when-solved", "--prefer", "more"], "give one of them"),
    "typo": (["--judge_sample", "4"], "no option --judge-sample; did you mean --judge-samples?"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_paragraph_and_samples_nothing(select, mistake, tmp_path):
    options, told = MISTAKES[mistake]
    with pytest.raises(UserError) as error:
        select(tmp_path / "out", *options)
    assert told in str(error.value)
    assert not (tmp_path / "out").exists()


BAD = {
    "no column": ({}, "kp_list"),
    "no points": ({"kp_list": []}, "is empty in every row"),
    "blank": ({"kp_list": ["fine", " "]}, "number 1 (from 0) of row 0"),
}


@pytest.mark.parametrize("kind", BAD)
def test_data_without_points_is_refused(select, kind, tmp_path):
    extra, told = BAD[kind]
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({"problem": "What is 1+6?", "answer": "7", **extra}) + "\n")
    with pytest.raises(UserError) as error:
        select(tmp_path / "out", "--dataset", str(path))
    assert told in str(error.value)
    assert not (tmp_path / "out").exists()


def test_other_points_are_another_question(select, source, tmp_path):
    path = tmp_path / "problems.jsonl"
    shutil.copy(source, path)
    select(tmp_path / "out", "--dataset", str(path), "--rule", "cbrs")
    turned = [{**row, "kp_list": row["kp_list"][::-1]} for row in rows(path)]
    path.write_text("".join(json.dumps(row) + "\n" for row in turned))
    with pytest.raises(UserError, match="holds samples of another question: it differs in points"):
        select(tmp_path / "out", "--dataset", str(path), "--rule", "cbrs")


REAL = ["--limit", "2", "--samples", "4", "--runs", "2", "--batch-size", "16", "--max-new-tokens", "64"]


def command(out, *options):
    return [sys.executable, str(ROOT / "cli.py"), "knowledge", "select", *REAL, "--output-dir", str(out), *options]


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """One undisturbed run of the embedded model."""
    out = tmp_path_factory.mktemp("select") / "real"
    knowledge.main(["select", *REAL, "--output-dir", str(out)])
    return out


def test_the_batch_does_not_matter(real, tmp_path):
    knowledge.main(["select", *REAL, "--batch-size", "64", "--output-dir", str(tmp_path)])
    assert (tmp_path / "knowledge.jsonl").read_bytes() == (real / "knowledge.jsonl").read_bytes()
    assert (tmp_path / "accuracies.jsonl").read_bytes() == (real / "accuracies.jsonl").read_bytes()


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path):
    narrow = ["--batch-size", "1", "--max-new-tokens", "4"]  # two blocks, short texts
    knowledge.main(["select", *REAL, *narrow, "--output-dir", str(tmp_path / "one")])
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    told = subprocess.run(
        [*launch, *command(tmp_path / "two", *narrow)[1:]],
        env=ENV,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    assert results(tmp_path / "two") == results(tmp_path / "one")
    shares = [len(rows(tmp_path / "two" / "samples" / f"process-0000{i}.jsonl")) for i in (0, 1)]
    assert min(shares) > 0


def test_the_help_lists_every_rule(capsys):
    with pytest.raises(SystemExit):
        knowledge.main(["select", "--help"])
    told = capsys.readouterr().out
    assert "max-score, s-loo, t-loo, cbrs, css, random" in told
    assert "--stop-when-solved" in told
