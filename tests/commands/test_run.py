"""The folder of a run as a whole: whose it is, what it says after a good end, a bad end, and a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import commands.train
from commands.arguments import parse
from errors import UserError
from runs.files import read_jsonl
from runs.folder import RunFolder
from runs.records import read_completions

ROOT = Path(__file__).parents[2]
LONG = [
    "--method",
    "grpo",
    "--max_steps",
    "400",
    "--logging_steps",
    "1",
    "--eval_problems",
    "0",
    "--sample_steps",
    "0",
]
SHORT = ["--method", "lpro", "--max_steps", "2", "--logging_steps", "1", "--eval_problems", "12"]


def begin(folder, *more):
    """A long run as a process of its own, once it has logged two steps."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "train", *LONG, *more, "--output_dir", str(folder)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 300
    while len(read_jsonl(RunFolder(folder).metrics)) < 3:
        assert process.poll() is None, process.stdout.read()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short run, to its end."""
    run = RunFolder(tmp_path_factory.mktemp("finished") / "run")
    commands.train.main([*SHORT, "--output_dir", str(run.path), "--hub_token", "hf_thisIsASecretThatMustNotBeWritten"])
    return run


def test_everything_the_layout_names_is_there(finished):
    layout = {"config", "run", "metrics", "completions", "plots", "checkpoints", "final", "held_out", "readme"}
    for name in layout:
        assert getattr(finished, name).exists(), name
    assert {path.name for path in finished.path.iterdir()} == {getattr(finished, name).name for name in layout}


def test_run_json_says_what_was_asked_with_what_and_what_came_of_it(finished):
    run = finished.read()
    assert run["status"] == "finished"
    assert (run["method"], run["model"], run["seed"], run["steps"]) == ("lpro", "embedded", 42, 2)
    assert run["command"].startswith("cli.py train --method lpro --max_steps 2")
    assert run["data"]["name"] == "arithmetic"
    assert len(run["data"]["fingerprint"]) == 64
    assert run["started"] <= run["ended"]
    assert {"python", "trl", "torch"} <= run["versions"].keys()
    assert len(run["not_deterministic"]) == 1  # on the CPU, without tools: the verifier's clock
    assert run["hardware"]["processes"] == 1
    rows = read_jsonl(finished.held_out)
    assert run["after"]["accuracy"] == sum(row["after"]["correct"] for row in rows) / 12
    assert run["change"]["accuracy"]["mean"] == pytest.approx(run["after"]["accuracy"] - run["before"]["accuracy"])


def test_the_token_of_the_command_is_nowhere(finished):
    files = [path for path in finished.path.rglob("*") if path.is_file()]
    assert not [path for path in files if b"hf_thisIsASecret" in path.read_bytes()]
    assert "--hub_token '…'" in finished.read()["command"]


def test_its_config_asks_for_the_same_again(finished):
    again = parse(["--config", str(finished.config), "--output_dir", "elsewhere"])
    asked = parse([*SHORT, "--output_dir", "elsewhere"])
    assert again.trainer.to_dict() == asked.trainer.to_dict()
    assert again.arguments == asked.arguments
    assert again.model == asked.model
    assert "hub_token" not in yaml.safe_load(finished.config.read_text())


def test_the_card_shows_results_and_curves(finished):
    page, run = finished.readme.read_text(), finished.read()
    assert "A version of the embedded arithmetic model, trained by LPRO on 2,000 problems" in page
    after = [f"{100 * run['after'][name]:.1f}" for name in ("accuracy", "accuracy_low", "accuracy_high")]
    assert f"{after[0]} % [{after[1]}, {after[2]}]" in page
    change = run["change"]["accuracy"]
    assert f"({change['better']} better, {change['worse']} worse)" in page
    for name in ("reward", "accuracy", "length", "entropy", "clipping", "zero_variance"):
        assert f"(plots/{name}.png)" in page
        assert (finished.plots / f"{name}.png").exists()


def test_completions_are_those_of_the_first_prompts_with_their_golds(finished):
    records = read_completions(finished, 1)
    assert [record["group"] for record in records] == [0] * 8 + [1] * 8
    for record in records:
        assert record["rewards"]["accuracy"] == (record["answer"] == record["gold"])
        assert record["reward"] == pytest.approx(
            record["rewards"]["accuracy"] + 0.1 * record["rewards"]["boxed_format"]
        )


def test_a_finished_run_is_not_overwritten(finished):
    before = finished.run.read_text()
    with pytest.raises(UserError, match="holds the results of a finished run"):
        commands.train.main([*SHORT, "--output_dir", str(finished.path)])
    assert finished.run.read_text() == before


def test_a_run_that_fails_says_so_and_keeps_what_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(commands.train, "measure", lambda *_, **__: 1 / 0)
    run = RunFolder(tmp_path / "run")
    with pytest.raises(ZeroDivisionError):
        commands.train.main([*SHORT, "--output_dir", str(run.path)])
    assert run.read()["status"] == "failed"
    with pytest.raises(
        UserError, match=r"holds a run that has not finished\. Leave --resume never out to go on, or na"
    ):
        commands.train.main([*SHORT, "--resume", "never", "--output_dir", str(run.path)])


def test_two_runs_do_not_share_a_folder_and_a_killed_one_is_readable(tmp_path):
    folder = RunFolder(tmp_path / "run")
    process = begin(folder.path)
    try:
        assert folder.is_written()
        with pytest.raises(UserError, match="is being written by another run"):
            commands.train.main([*SHORT, "--output_dir", str(folder.path)])
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert not folder.is_written()
    steps = [record["step"] for record in read_jsonl(folder.metrics)]
    assert steps == list(range(1, len(steps) + 1))
    assert {record["step"] for record in read_completions(folder, steps[-1])} <= {steps[-1], steps[-1] - 1}
