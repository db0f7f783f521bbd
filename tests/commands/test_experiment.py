"""An experiment: read, run once and side by side, stopped and continued, and told by its own numbers."""

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from commands import experiment
from commands.arguments import parse
from commands.experimenting import runs
from commands.experimenting.measure import Results
from commands.experimenting.page import findings, header, page, rows
from commands.experimenting.picture import draw
from commands.experimenting.runs import Cell, make
from commands.experimenting.specification import Arm, read_experiment, shipped
from errors import UserError
from runs.files import append_jsonl, write_whole

# Stands in for training: writes what a run writes, to the folder that it is told.
TRAIN = """
import json, os, pathlib, sys, time
out = pathlib.Path(sys.argv[1]); out.mkdir(parents=True, exist_ok=True)
with (out / "starts").open("a") as file: file.write("x")
(out / "run.json").write_text(json.dumps({"status": "running", "steps": 4}))
time.sleep(float(sys.argv[2]))
if sys.argv[3] == "fail": sys.exit("error: --beta must be at least 0; found -1.")
rows = [{"like_training": "near" if i >= 10 else None, "before": {"correct": 0, "length": 9},
         "after": {"correct": int(i < int(sys.argv[3])), "length": 5 + i % 2}} for i in range(20)]
(out / "held_out.jsonl").write_text("".join(json.dumps(row) + "\\n" for row in rows))
logs = [{"step": s, "reward": s / 4, "rewards/accuracy/mean": s / 5, "completions/mean_length": 6, "entropy": s / 10,
         "clip_ratio/region_mean": 0.01, "frac_reward_zero_std": 0.2} for s in (1, 2, 3, 4)]
(out / "metrics.jsonl").write_text("".join(json.dumps(row) + "\\n" for row in logs))
done = {"status": "finished", "steps": 4, "after": {"accuracy": 1}, "training_seconds": 2, "completions": 640}
(out / "run.json").write_text(json.dumps(done))
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Cells that run the script above: `right` and `seconds` are settings of their arms."""
    script = tmp_path / "train.py"
    script.write_text(TRAIN)

    def commands(cell):
        right = cell.arm.settings["right"]
        right = right if right == "fail" else right + cell.seed
        return [[str(script), str(cell.folder.path), str(cell.arm.settings.get("seconds", 0)), str(right)]]

    monkeypatch.setattr(Cell, "commands", commands)


def arm(name, **settings):
    return Arm(name, {"method": "grpo", **settings})


def run(cells, jobs=2):
    done = []
    make(cells, jobs, lambda _: None, lambda cell: done.append(cell.folder.path.name))
    return done


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_experiment_asks_a_question_that_train_understands(name):
    found = read_experiment(name, {})
    assert found.question.endswith("?") or "? " in found.question
    for each in found.arms:
        words, first = each.filled(Path("/tmp/x"), 1)
        assert parse(words).arguments.method == each.settings["method"]
        assert all((runs.ROOT / command[0]).is_file() for command in first)


def test_equal_arms_share_their_runs_and_others_do_not():
    by_name = {e.name: e for name in ("methods", "length-penalty") for e in read_experiment(name, {}).arms}
    assert by_name["LPRO, λ = 0.1"].mark == by_name["λ = 0.1"].mark
    assert len({each.mark for each in by_name.values()}) == len(by_name) - 1
    assert read_experiment("methods", {"max_steps": "3"}).arms[0].mark != by_name["GRPO"].mark


def test_a_start_is_shared_by_the_arms_of_a_seed():
    without, python = (each.filled(Path("/x/runs/one"), 7) for each in read_experiment("tools", {}).arms)
    assert without[1] == python[1] == [["experiments/tool_user.py", "--seed", "7", "--out", "/x/runs/tool-user-7"]]
    assert {"/x/runs/tool-user-7/model", "/x/runs/tool-user-7/train.jsonl"} <= {*without[0]} & {*python[0]}


def test_where_python_cannot_be_walled_in_nothing_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiment, "_run", lambda *_: pytest.fail("it has begun"))
    monkeypatch.setattr("evaluation.sandbox.isolation.isolation_levels", lambda unsafe: ())
    with pytest.raises(UserError, match="walled"):
        experiment.main(["tools"])


def test_what_is_there_is_left_alone(tmp_path, stand_in):
    cells = [Cell(arm(f"{right}", right=right), seed, tmp_path / "runs") for right in (5, 9) for seed in (1, 2)]
    assert len(run(cells)) == 4
    assert run(cells) == []
    assert run([*cells, replace(cells[0], seed=3)]) == [replace(cells[0], seed=3).folder.path.name]
    assert all((cell.folder.path / "starts").read_text() == "x" for cell in cells)


def test_a_run_that_fails_is_told_and_the_one_beside_it_kept(tmp_path, stand_in):
    bad, good, never = arm("bad", right="fail"), arm("good", right=5, seconds=1), arm("never", right=5)
    cells = [Cell(each, 1, tmp_path / "runs") for each in (bad, good, never)]
    with pytest.raises(UserError, match="'bad' with seed 1 failed: --beta must be at least 0; found -1"):
        run(cells)
    assert [cell.is_done for cell in cells] == [False, True, False]


def test_a_stop_reaches_the_runs_and_the_same_command_goes_on(tmp_path, stand_in):
    cell = Cell(arm("long", right=5, seconds=2), 1, tmp_path / "runs")
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(KeyboardInterrupt):
        run([cell])
    assert not cell.is_done, "it was ended before it had finished"
    assert len(run([cell])) == 1
    assert (cell.folder.path / "starts").read_text() == "xx"


def test_the_page_says_what_the_runs_say(tmp_path, stand_in):
    asked = read_experiment("clipping", {})
    arms = (arm("low", right=4), arm("high", right=14), arm("same", right=4, seconds=0.0))
    asked = replace(asked, arms=arms, compare=(("high", "low"), ("same", "low")))
    cells = [Cell(each, seed, tmp_path / "runs") for each in arms for seed in (1, 2, 3)]
    run(cells)
    results = Results(asked, cells)
    assert results.spread(arms[0], "accuracy").mean == pytest.approx(100 * (5 + 6 + 7) / 3 / 20)
    assert results.spread(arms[0], "accuracy").sd == pytest.approx(5.0)
    assert results.late(arms[0], "entropy") == [[pytest.approx(0.4)]] * 3, "of the last quarter of four steps"
    assert results.difference("high", "low", "accuracy").mean == pytest.approx(0.5)
    told = findings(results)
    assert "**high** against low: accuracy is higher (+50.0 points" in told[0]
    assert "entropy" in told[2]
    assert told[0].endswith("On the 10 problems unlike any that was trained on: +40.0 [+5.1, +74.9].")
    assert all("could not be told from noise" in sentence or "the same" in sentence for sentence in told[1:])
    pictures = draw(results, tmp_path)
    text = page(results, "python cli.py experiment clipping", pictures)
    assert "| high | 80.0 % (5.0) | +50.0 [" in text
    assert "| 60.0 % (10.0) |" in text, "of the ten problems unlike any that was trained on"
    assert "Of the held-out problems 10 are unlike any that was trained on" in text
    assert "to filter" not in text
    assert all(f"({path.name})" in text and path.stat().st_size > 10_000 for path in pictures)


def test_an_effect_that_noise_could_explain_is_told_with_its_interval_and_signs(tmp_path, stand_in):
    """Three seeds that agree in sign alone: +1, +2 and +9 of 20 problems."""
    asked = read_experiment("clipping", {})
    arms = (arm("low", right=4), arm("high", right=4, seconds=0.0))
    notes = ("Seen before the runs.",)
    asked = replace(asked, arms=arms, compare=(("high", "low"),), metrics=(), notes=notes)
    cells = [Cell(each, seed, tmp_path / each.name) for each in arms for seed in (1, 2, 3)]
    run(cells)
    for cell, more in zip(cells[3:], (1, 2, 9), strict=True):
        rows = [json.loads(line) for line in cell.folder.held_out.read_text().splitlines()]
        for i, row in enumerate(rows):
            row["after"]["correct"] = int(i < 4 + cell.seed + more)
        cell.folder.held_out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = findings(Results(asked, cells))[0]
    noise = "**high** against low: accuracy could not be told from noise (+20.0 points, 95 % interval [-"
    assert told.startswith(noise)
    assert "; higher in every seed)." in told
    assert "* Seen before the runs." in page(Results(asked, cells), "again", [])


def test_what_a_filter_sampled_is_part_of_the_cost(tmp_path, stand_in):
    arms = (arm("random", right=4), arm("zone", right=5))
    asked = replace(read_experiment("clipping", {}), arms=arms, compare=(("zone", "random"),), metrics=())
    cells = [Cell(each, seed, tmp_path / "runs") for each in arms for seed in (1, 2)]
    run(cells)
    for cell, samples in zip(cells[2:], (1000, 1400), strict=True):
        record = cell.data / "filtered" / "filter.json"
        record.parent.mkdir(parents=True)
        record.write_text(json.dumps({"result": {"samples": samples}}))
    results = Results(asked, cells)
    place = header(results).index("completions")
    assert [row[place] for row in rows(results)] == ["", "640", "640 + 1,200 to filter"]


def test_a_start_that_tools_measure_otherwise_is_told_for_each(tmp_path):
    def record(cell, before, with_code):
        cell.folder.path.mkdir(parents=True)
        rows = [
            {"before": {"correct": i < before, "length": 9}, "after": {"correct": 1, "length": 9}} for i in range(4)
        ]
        append_jsonl(cell.folder.held_out, rows)
        code = {} if with_code is None else {"with_code": with_code}
        write_whole(cell.folder.run, json.dumps({"before": code, "after": code and {"with_code": 1.0}}))

    asked = read_experiment("tools", {})
    cells = [Cell(each, seed, tmp_path) for each in asked.arms for seed in (1, 2)]
    for cell in cells:
        python = cell.arm.settings["tools"] == "python"
        record(cell, 2 if python else 1, 0.2 + 0.2 * cell.seed if python else None)
    results = Results(asked, cells)
    assert header(results)[6:] == ["ran Python (sd)", "program (sd)", "training"]
    assert [row[:2] + row[6:7] for row in rows(results)] == [
        ["untrained, without tools", "25.0 %", ""],
        ["untrained, with Python", "50.0 %", "50.0 % (14.1)"],
        ["without tools", "100.0 % (0.0)", ""],
        ["with Python", "100.0 % (0.0)", "100.0 % (0.0)"],
    ]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["lenght-penalty"], "Did you mean 'length-penalty'"),
        (["methods", "--seeds", "1"], "--seeds takes two or more different numbers; found 1"),
        (["methods", "--seed", "3"], "--seed is chosen for every run"),
        (["methods", "--max_stepz", "3"], "max_steps"),
        (["methods", "more"], "experiment takes one name"),
    ],
)
def test_mistakes_are_told_before_anything_runs(argv, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiment, "_run", lambda *_: pytest.fail("it has begun"))
    with pytest.raises(UserError, match=told):
        experiment.main(argv)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("question: Is it?\narms: {a: {method: grpo}}", "two or more"),
        ("arms: {a: {method: grpo}, b: {method: repo}}", "no question"),
        ("question: Is it?\narms: {a: {}, b: {method: repo}}", "arm 'a' has no method"),
        ("question: Is it?\narmz: {}", "Did you mean 'arms'"),
        ("question: Is it?\narms: {a: {method: grpo}, b: {method: repo}}\ncompare: {a: c}", "'c', which is no arm"),
    ],
)
def test_a_file_that_cannot_be_understood_is_told(text, told, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=told):
        read_experiment(str(path), {})
