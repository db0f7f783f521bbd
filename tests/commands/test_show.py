"""`cli.py show`: a run's folder tells its story, whatever state the run is in."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cli

ROOT = Path(__file__).parents[2]


@pytest.fixture
def show(capsys, monkeypatch):
    """Run `show`; returns what it told and the exit code."""
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*argv):
        code = cli.main(["show", *map(str, argv)])
        written = capsys.readouterr()
        return written.out + written.err, code

    return run


@pytest.fixture
def refused(show):
    """Run `show` with what must be refused; returns the one paragraph."""

    def run(*argv):
        told, code = show(*argv)
        assert code == 2
        assert told.strip().count("\n\n") == 0
        assert told.startswith("\nerror: ")
        return " ".join(told.split())

    return run


def sample(step, group, advantage, *, right, text="so \\boxed{4}"):
    return {
        "step": step,
        "group": group,
        "prompt": [{"role": "user", "content": f"problem {group} of step {step}"}],
        "completion": text,
        "gold": "4",
        "answer": "4" if right else "5",
        "rewards": {"accuracy": float(right), "boxed_format": 1.0},
        "reward": right + 0.1,
        "advantage": advantage,
        "length": 20,
        "truncated": False,
    }


RECORD = {
    "status": "finished",
    "method": "lpro",
    "model": "embedded",
    "data": {"name": "arithmetic", "problems": 2000, "fingerprint": "0123456789abcdef", "held_out": 3},
    "seed": 7,
    "command": "cli.py train --method lpro",
    "commit": "f" * 40 + "+",
    "started": "2026-11-20T23:10:00+00:00",
    "ended": "2026-11-21T00:12:30+00:00",
    "steps": 6,
    "batch": ["16 prompts × 8 completions"],
    "versions": {"python": "3.11.7", "trl": "1.16.0"},
    "hardware": {"machine": "Linux x86_64", "cpus": 2, "memory_gb": 25.3, "accelerators": ["A", "B"]},
    "training_seconds": 134.4,
    "before": {
        "accuracy": 0.43,
        "accuracy_se": 0.025,
        "accuracy_low": 0.4,
        "accuracy_high": 0.46,
        "mean_length": 53.2,
        "mean_length_se": 0.4,
        "problems": 400,
    },
    "after": {
        "accuracy": 0.9,
        "accuracy_se": 0.015,
        "accuracy_low": 0.87,
        "accuracy_high": 0.93,
        "mean_length": 30.7,
        "mean_length_se": 0.3,
        "problems": 400,
    },
    "change": {
        "accuracy": {"mean": 0.47, "standard_error": 0.02759, "low": 0.416, "high": 0.524, "better": 190, "worse": 2},
        "length": {"mean": -22.5, "standard_error": 0.14, "low": -22.8, "high": -22.2},
    },
}
METRICS = [
    {
        "step": step,
        "seconds": 2.0 * step,
        "loss": 0.0,
        "reward": step / 10,
        "rewards/accuracy/mean": step / 10,
        "completions/mean_length": 60.0 - step,
        "entropy": 0.5,
        "step_time": 2.0,
        "time/generate": 1.2,
        "time/reward": 0.1,
        "time/logprobs": 0.2,
        "time/train": 0.5,
    }
    for step in range(1, 7)
]
SAMPLES = [
    sample(step, group, advantage, right=advantage > 0)
    for step in (1, 3, 5)
    for group in (0, 1)
    for advantage in (1.0, 0.2, -0.4, -0.8)
]
HELD_OUT = [
    {
        "problem": f"held-out problem {i}",
        "answer": "4",
        "before": {"correct": was, "length": 50, "truncated": False, "text": f"\\boxed{{{4 if was else 5}}}"},
        "after": {"correct": now, "length": 30, "truncated": False, "text": f"\\boxed{{{4 if now else 6}}}"},
    }
    for i, (was, now) in enumerate([(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.0, 1.0)])
]


@pytest.fixture
def folder(tmp_path):
    """Write a run's folder by hand; a part that is None is left out."""

    def write(record=RECORD, metrics=METRICS, samples=SAMPLES, held_out=HELD_OUT, torn=""):
        path = tmp_path / "run"
        (path / "completions").mkdir(parents=True)
        for name, rows in (
            ("metrics.jsonl", metrics),
            ("completions/000000-000999.jsonl", samples),
            ("held_out.jsonl", held_out),
        ):
            if rows is not None:
                (path / name).write_text("".join(json.dumps(row) + "\n" for row in rows) + torn)
        if record is not None:
            (path / "run.json").write_text(json.dumps(record))
        return path

    return write


# --- the story ------------------------------------------------------------------------------------------------------


def test_the_story_says_what_was_asked_and_with_what(folder, show):
    told, code = show(folder())
    assert code == 0
    lines = dict(re.findall(r"^(\w+(?: with)?) {2,}(\S.*?) *$", told, re.MULTILINE))
    assert lines["asked"] == "LPRO on embedded, seed 7"
    assert lines["data"] == "arithmetic (sha256 0123456789ab), 2000 problems, 3 held out"
    assert lines["batch"] == "16 prompts × 8 completions"
    assert lines["command"] == "cli.py train --method lpro"
    assert lines["made with"] == "commit ffffffffffff+, python 3.11.7, trl 1.16.0"
    assert lines["machine"] == "Linux x86_64, cpus 2, memory 25.3 GB, accelerators A, B"
    assert lines["status"] == "finished; step 6 of 6; 2026-11-20 23:10 to 2026-11-21 00:12 UTC"


def test_curves_are_told_from_their_first_to_their_last_value(folder, show):
    """Six values from 0.1 to 0.6 over eight heights: round(7 · i / 5)."""
    told, _ = show(folder())
    assert re.search(r"^reward +▁▂▄▅▇█ +0\.1 +0\.6 +0\.1 +0\.6$", told, re.MULTILINE)
    assert re.search(r"^accuracy +▁▂▄▅▇█ +10% +60% +10% +60%$", told, re.MULTILINE)
    assert re.search(r"^length, all +█▇▅▄▂▁ +59 +54 +54 +59$", told, re.MULTILINE)
    assert "length, right" not in told


def test_time_is_told_by_what_it_was_spent_on(folder, show):
    told, _ = show(folder())
    assert "2 s a step: generate 60%, reward 5%, logprobs 10%, train 25%\ntraining took 2m" in told


def test_before_and_after_come_with_their_errors(folder, show):
    told, _ = show(folder())
    assert "held out: 400 problems, greedy; brackets and ± are 95 % intervals" in told
    sides = r"43\.0 % \[40\.0, 46\.0\] +90\.0 % \[87\.0, 93\.0\]"
    assert re.search(rf"^accuracy +{sides} +\+47\.0 \[\+41\.6, \+52\.4\]$", told, re.MULTILINE)
    # 1.966 standard errors, of Student's t with 399 degrees of freedom
    assert re.search(r"^length +53\.2 ± 0\.8 +30\.7 ± 0\.6 +-22\.5 \[-22\.8, -22\.2\]$", told, re.MULTILINE)


def test_a_record_of_an_older_version_gets_its_intervals_from_its_errors(folder, show):
    """172 and 360 of 400: Clopper and Pearson's limits, which the record did not have yet."""
    old = [
        {name: value for name, value in RECORD[side].items() if name not in ("accuracy_low", "accuracy_high")}
        for side in ("before", "after")
    ]
    told, code = show(folder({**RECORD, "before": old[0], "after": old[1]}))
    assert code == 0
    assert re.search(r"^accuracy +43\.0 % \[38\.1, 48\.0\] +90\.0 % \[86\.6, 92\.8\] ", told, re.MULTILINE)


def test_problems_that_changed_sides_are_counted_and_some_shown(folder, show):
    told, _ = show(folder())
    assert "of 6 problems 3 went from wrong to right, 1 from right to wrong" in told
    assert told.count("✗→✓ gold 4; before 5, after 4\n│ held-out problem") == 2
    assert "✓→✗ gold 4; before 4, after 6\n│ held-out problem 2" in told


def test_the_story_has_the_last_samples(folder, show):
    told, _ = show(folder())
    assert "samples of step 5: 4 of 8 kept" in told
    assert re.findall(r"advantage (\S+)", told) == ["+1.00", "-0.80"] * 2


@pytest.mark.parametrize("width", [80, 100])
def test_the_story_fits_the_terminal(folder, show, monkeypatch, width):
    path = folder(record={**RECORD, "command": "cli.py train " + "--some_option value " * 30})
    monkeypatch.setenv("COLUMNS", str(width))
    told, _ = show(path)
    rest = [line for line in told.splitlines() if not line.startswith("pictures: ")]
    assert max(map(len, rest)) <= width
    assert "…" not in told


# --- samples of a step ----------------------------------------------------------------------------------------------


def test_a_step_shows_the_generation_it_trained_on(folder, show):
    path = folder()
    assert "samples of step 3: 4 of 8 kept" in show(path, "--step", 3)[0]
    told, _ = show(path, "--step", 4)
    assert "samples of step 4, on the generation of step 3: 4 of 8 kept" in told
    assert "problem 1 of step 3" in told
    assert "curves" not in told


def test_only_wrong_or_only_right_completions(folder, show):
    path = folder()
    told, _ = show(path, "--wrong")
    assert "samples of step 5: 4 of 4 wrong among 8 kept" in told
    assert (told.count("✗ wrong"), told.count("✓ right")) == (4, 0)
    told, _ = show(path, "--step=1", "--right", "--samples", 3)
    assert "samples of step 1: 3 of 4 right among 8 kept" in told
    assert (told.count("✗ wrong"), told.count("✓ right")) == (0, 3)


def test_a_step_without_a_wrong_completion_says_so(folder, show):
    told, code = show(folder(samples=[sample(1, 0, 0.0, right=True)] * 2), "--wrong")
    assert code == 0
    assert "samples of step 1: none of 0 wrong among 2 kept" in told


# --- runs in every state --------------------------------------------------------------------------------------------


def aged(path, seconds):
    for file in path.rglob("*"):
        os.utime(file, (time.time() - seconds,) * 2)
    return path


KILLED = {key: RECORD[key] for key in ("method", "model", "data", "seed", "command", "started", "steps")}
KILLED["status"] = "running"


def test_a_killed_run_is_read_to_its_torn_line_and_says_how_to_go_on(folder, show):
    path = folder(record=KILLED, metrics=METRICS[:4], held_out=None, torn='{"step": 5, "reward": "é'[:-1])
    for step in (2, 4):
        (path / "checkpoints" / f"checkpoint-{step}").mkdir(parents=True)
        (path / "checkpoints" / f"checkpoint-{step}" / "complete.json").write_text(json.dumps({"step": step}))
    told, code = show(aged(path, 3 * 3600))
    flat = " ".join(told.split())
    assert code == 0
    assert "probably killed: recorded as running, but nothing was written for 3.0h; step 4 of 6" in flat
    assert f"\nto go on: --output_dir {path} and the same settings\n" in told
    assert "samples of step 5" in told
    assert "not there (yet): held-out results" in told


def test_a_run_that_goes_on_is_not_called_killed(folder, show):
    path = folder(record=KILLED, metrics=METRICS[:4])
    going_on = r"status +running on another machine, or stopped: nothing was written for \S+; step 4 of 6"
    assert re.search(going_on, show(path)[0])
    slow = [{**row, "seconds": 3600.0 * row["step"]} for row in METRICS[:4]]  # an hour between rows
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in slow))
    assert re.search(going_on, show(aged(path, 2 * 3600))[0])


def test_a_silent_run_whose_process_lives_is_not_called_killed(folder, show):
    from runs.folder import RunFolder

    path = folder(record=KILLED)
    RunFolder(path).claim()
    hold = "import sys; sys.path.insert(0, sys.argv[2]); from runs.folder import RunFolder\n"
    hold += "run = RunFolder(sys.argv[1]); run.claim(); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, path, ROOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        assert re.search("status +running; step 6 of 6", show(aged(path, 3 * 3600))[0])


@pytest.mark.parametrize("status", ["interrupted", "failed"])
def test_a_run_that_stopped_early_says_whether_it_can_go_on(folder, show, status):
    told, _ = show(folder(record={**KILLED, "status": status}))
    assert f"{status}; step 6 of 6" in told
    assert "no checkpoint was due (--save_steps)" in told


@pytest.mark.parametrize(
    "parts",
    [
        {"record": {}},
        {"record": None},
        {"record": {"status": "finished", "data": "arithmetic (sha256 0123)"}, "metrics": None, "samples": None},
        {"metrics": [], "samples": [], "held_out": []},
        {"metrics": METRICS[:1], "samples": SAMPLES[:1]},
        {"metrics": [{"step": 1, "train_loss": 0.0, "reward": None}]},
        {"record": {**RECORD, "before": RECORD["before"] | {"accuracy_se": float("nan")}, "change": {}}},
        {"record": {key: RECORD[key] for key in ("status", "before")}, "held_out": None},
        {"held_out": [{"problem": "p", "answer": "4", "before": HELD_OUT[0]["before"]}]},
    ],
)
def test_whatever_is_missing_the_rest_is_told(folder, show, parts):
    told, code = show(folder(**parts))
    assert code == 0
    assert "nan" not in told
    assert "None" not in told


@pytest.mark.parametrize("key", RECORD)
def test_any_entry_of_the_record_may_be_missing_or_null(folder, show, key):
    path = folder(record={name: value for name, value in RECORD.items() if name != key})
    without, code = show(path)
    assert code == 0
    (path / "run.json").write_text(json.dumps({**RECORD, key: None}))
    assert show(path) == (without, 0)


def test_a_run_without_accuracy_reward(folder, show, refused):
    plain = [{name: value for name, value in row.items() if "accuracy" not in name} for row in METRICS]
    path = folder(metrics=plain, samples=[{**row, "rewards": {"boxed_format": 1.0}} for row in SAMPLES])
    told, _ = show(path)
    assert "· not graded" in told
    assert not re.search("^accuracy .*▁", told, re.MULTILINE)
    assert "--wrong needs the reward accuracy; this run's completions have boxed_format." in refused(path, "--wrong")


def test_text_of_the_folder_cannot_steer_the_terminal(folder, show):
    evil = "\x1b[2J [red]x[/red] \ud800"
    record = {**RECORD, "model": evil, "command": evil, "batch": [evil], "versions": {evil: evil}, "status": evil}
    held_out = [{**row, "problem": evil, "answer": evil} for row in HELD_OUT]
    told, _ = show(folder(record=record, held_out=held_out))
    assert {c for c in told if not c.isprintable()} == {"\n"}
    assert told.count("\\x1b[2J [red]x[/red] \\ud800") > 5


# --- mistakes -------------------------------------------------------------------------------------------------------


def test_a_misspelt_folder_is_answered_with_the_nearest(folder, refused):
    path = folder()
    assert refused(path.with_name("rum")) == f"error: there is no folder {path.with_name('rum')}. Did you mean {path}?"


def test_without_a_folder_the_newest_runs_are_named(folder, refused, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert refused() == "error: name the folder of a run: python cli.py show RUN."
    path = folder()
    path.rename(path.parent / "outputs")
    (tmp_path / "outputs" / "one").mkdir()
    (tmp_path / "outputs" / "one" / "run.json").write_text("{}")
    assert refused().endswith("show RUN. The newest is outputs/one.")


def test_a_folder_that_is_no_run_is_answered_with_the_run_it_belongs_to(folder, refused, tmp_path):
    path = folder()
    assert f"Did you mean {path}, which it is part of?" in refused(path / "completions")
    assert f"The newest is {path}." in refused(tmp_path)


def test_a_step_beyond_the_end_is_answered_with_the_last(folder, refused):
    path = folder()
    for step in (7, 0, -1):
        assert f"--step takes 1 to 6, the last step of {path} so far; found {step}." in refused(path, f"--step={step}")


def test_a_run_that_kept_no_completions_says_what_keeps_them(folder, refused):
    path = folder(samples=None)
    assert "kept no completions up to step 3. A run keeps them with --saved_prompts." in refused(path, "--step", 3)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--wrnog"], "show has no option --wrnog; did you mean --wrong?"),
        (["--right", "--wrong"], "not allowed with argument"),
        (["--step", "last"], "invalid int value: 'last'"),
        (["--samples", "0"], "--samples takes a number of completions, 1 or more; found 0."),
        (["other"], "show takes one run; found"),
    ],
)
def test_a_wrong_option_is_one_paragraph(folder, refused, argv, told):
    assert told in refused(folder(), *argv)


def test_help_fits_a_screen(show):
    told, code = show("--help")
    assert code == 0
    assert told.count("\n") < 40
    assert max(map(len, told.splitlines())) <= 100
    assert {"--step", "--right", "--wrong", "--samples"} <= set(re.findall(r"--\w+", told))


# --- the command ----------------------------------------------------------------------------------------------------


def test_show_loads_no_model_library(folder):
    """Which is what makes it quick."""
    code = "import sys, cli; cli.main(['show', sys.argv[1]]); print(sorted({'torch', 'transformers', 'accelerate'} & "
    done = subprocess.run(
        [sys.executable, "-c", code + "set(sys.modules)))", folder()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.fixture(scope="module")
def real_run(tmp_path_factory):
    """A run of three steps on the embedded model."""
    path = tmp_path_factory.mktemp("real") / "run"
    short = ["--max_steps", "3", "--logging_steps", "1", "--eval_problems", "20", "--output_dir", str(path)]
    done = subprocess.run(
        [sys.executable, ROOT / "cli.py", "train", "--method", "lpro", *short],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return path, done.stdout


def test_a_real_run_prints_aligned_rows_and_samples(real_run):
    _, told = real_run
    rows = [line for line in told.splitlines() if re.match(r" *(step |\d/3) ", line)]
    assert [row.split()[0] for row in rows] == ["step", "1/3", "2/3", "3/3"]
    assert len({len(row) for row in rows}) == 1
    assert "✓ right  advantage +" in told


def test_a_real_run_is_told_whole(real_run, show):
    path, _ = real_run
    told, code = show(path)
    assert code == 0
    for part in ("curves over 3 steps", " s a step: generate ", "samples of step 3: 4 of", "held out: 20 problems"):
        assert part in told
    assert "status" in told
    assert "finished; step 3 of 3" in told
    assert "not there" not in told
