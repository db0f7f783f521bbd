"""Stopped by whatever, a run goes on with the same command, and ends as if it had not been stopped."""

import contextlib
import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

import commands.train
import embedded
from commands.arguments import parse
from commands.training.resume import files_of
from errors import UserError
from runs.files import read_jsonl
from runs.folder import RunFolder
from runs.records import read_completions

ROOT = Path(__file__).parents[2]
STEPS = 9
# Two steps on each generation, so that half of the checkpoints lie within one; 48 problems make three epochs.
RUN = [
    "--method", "grpo", "--max_steps", str(STEPS), "--logging_steps", "1", "--eval_problems", "0",
    "--sample_steps", "0", "--per_device_train_batch_size", "64", "--max_problems", "16",
    "--max_completion_length", "48", "--disable_tqdm", "true",
]  # fmt: skip
SAVING = ["--save_strategy", "steps", "--save_steps", "1"]


def begin(folder, *more):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "train", *RUN, *more, "--output_dir", str(folder)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_step(process, folder, step):
    deadline = time.monotonic() + 300
    while len(read_jsonl(RunFolder(folder).metrics)) < step:
        assert process.poll() is None, process.stdout.read()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def weights(folder):
    return load_file(RunFolder(folder).final / "model.safetensors")


def same_end(folder, straight):
    """Weights bit for bit, every step logged once, and what was logged of it."""
    assert all(torch.equal(value, weights(straight)[name]) for name, value in weights(folder).items())
    logs = [
        [(row["step"], row["loss"], row.get("reward")) for row in read_jsonl(RunFolder(path).metrics) if "loss" in row]
        for path in (folder, straight)
    ]
    assert logs[0] == logs[1]
    assert [step for step, *_ in logs[0]] == list(range(1, STEPS + 1))
    for step in (1, 5, STEPS):
        assert read_completions(RunFolder(folder), step) == read_completions(RunFolder(straight), step)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The run without a stop."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    commands.train.main([*RUN, "--output_dir", str(folder)])
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_same_command_goes_on(number, straight, tmp_path):
    folder = tmp_path / "run"
    process = begin(folder)
    wait_for_step(process, folder, 2)
    process.send_signal(number)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 130, out
    saved = RunFolder(folder).last_checkpoint()
    reached = int(saved.name.split("-")[1])
    assert 2 <= reached < STEPS
    assert f"stopped at step {reached}, saved {saved.name}: the same command with --output_dir {folder} goes on" in out
    assert RunFolder(folder).read()["status"] == "interrupted"
    begun = RunFolder(folder).read()["started"]
    commands.train.main([*RUN, "--output_dir", str(folder)])
    same_end(folder, straight)
    record = RunFolder(folder).read()
    assert (record["status"], record["started"]) == ("finished", begun)


def test_a_closed_terminal_saves_and_the_same_command_goes_on(straight, tmp_path):
    """As when an ssh session breaks: SIGHUP, and every write to the terminal fails."""
    folder = tmp_path / "run"
    pid, terminal = pty.fork()
    if pid == 0:
        command = [sys.executable, str(ROOT / "cli.py"), "train", *RUN, "--output_dir", str(folder)]
        os.execve(sys.executable, command, {**os.environ, "HF_HUB_OFFLINE": "1"})
    threading.Thread(target=drained, args=(terminal,), daemon=True).start()
    deadline = time.monotonic() + 300
    while len(read_jsonl(RunFolder(folder).metrics)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert (os.waitstatus_to_exitcode(status), RunFolder(folder).read()["status"]) == (130, "interrupted")
    assert int(RunFolder(folder).last_checkpoint().name.split("-")[1]) >= 2
    commands.train.main([*RUN, "--output_dir", str(folder)])
    same_end(folder, straight)


def drained(terminal):
    with contextlib.suppress(OSError):
        while os.read(terminal, 1 << 16):
            pass


def test_a_second_ctrl_c_leaves_at_once(tmp_path):
    process = begin(tmp_path / "run", "--per_device_train_batch_size", "512", "--max_problems", "200")
    deadline = time.monotonic() + 300
    for line in process.stdout:
        assert time.monotonic() < deadline
        if line.startswith("run  "):
            break
    time.sleep(3)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in out


def killed_at_random(folder, draw, kills):
    """Kill a run so many times, at moments of its saving and training alike, and let it end."""
    for _ in range(kills):
        process = begin(folder, *SAVING)
        time.sleep(draw.uniform(5, 14))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    out, _ = begin(folder, *SAVING).communicate(timeout=300)
    return out


def test_kill_9_loses_nothing_but_the_steps_since_the_last_checkpoint(straight, tmp_path):
    """Two kills here; `benchmarks/kills.py` has twenty."""
    folder = tmp_path / "run"
    process = begin(folder, *SAVING)
    wait_for_step(process, folder, 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    reached = int(RunFolder(folder).last_checkpoint().name.split("-")[1])
    assert reached >= 2
    (RunFolder(folder).checkpoints / f"checkpoint-{reached + 1}").mkdir(exist_ok=True)  # as of one torn by a copy
    out = killed_at_random(folder, random.Random(1), 1)
    told = re.findall(r"goes on after step (\d+)", out)
    if told:  # else the run ended before it could be killed once more
        assert int(told[0]) >= reached
    same_end(folder, straight)


def test_a_run_without_a_checkpoint_begins_again(straight, tmp_path, capsys):
    folder = tmp_path / "run"
    process = begin(folder)
    wait_for_step(process, folder, 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    commands.train.main([*RUN, "--output_dir", str(folder)])
    assert "had no checkpoint yet, and begins again" in capsys.readouterr().out
    same_end(folder, straight)


def stopped(path):
    """A folder as an unfinished run of these settings leaves it, and its bytes."""
    run = RunFolder(path)
    commands.train.main([*RUN, *SAVING, "--max_steps", "2", "--output_dir", str(path)])
    run.update(status="interrupted")
    shutil.rmtree(run.final)
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_other_settings_and_other_data_are_refused_by_name(tmp_path):
    before = stopped(tmp_path / "run")
    again = [*RUN, *SAVING, "--max_steps", "2", "--output_dir", str(tmp_path / "run")]
    other = ["--learning_rate", "0.1", "--max_problems", "17", "--beta", "0.1"]
    told = r"beta was left at its default, now 0\.1; learning_rate was 0\.0003, now 0\.1; max_problems was 16, now 17"
    with pytest.raises(UserError, match=told):
        commands.train.main([*again, *other])
    assert {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()} == before
    commands.train.main([*again, "--max_steps", "3", "--force", "true", "--logging_steps", "2"])
    assert RunFolder(tmp_path / "run").read()["steps"] == 3


def test_data_that_changed_under_its_name_is_refused(tmp_path):
    problems = [{"problem": f"What is {i}+1?", "answer": str(i + 1)} for i in range(16)]
    path = tmp_path / "mine.jsonl"
    asked = [*RUN, *SAVING, "--max_steps", "1", "--dataset_name", str(path), "--output_dir", str(tmp_path / "run")]
    path.write_text("".join(json.dumps(row) + "\n" for row in problems))
    commands.train.main(asked)
    RunFolder(tmp_path / "run").update(status="failed")
    path.write_text("".join(json.dumps(row) + "\n" for row in reversed(problems)))
    with pytest.raises(UserError, match=r"the data's fingerprint was [0-9a-f]{12}, now [0-9a-f]{12}"):
        commands.train.main(asked)


def test_a_torn_checkpoint_is_refused_where_it_is_named(tmp_path):
    torn = tmp_path / "checkpoint-3"
    torn.mkdir()
    (torn / "trainer_state.json").write_text("{}")
    with pytest.raises(UserError, match=r"is not whole: it has no complete\.json"):
        commands.train.main([*RUN, "--resume", str(torn)])
    with pytest.raises(UserError, match="name two checkpoints"):
        commands.train.main([*RUN, "--resume", str(torn), "--resume_from_checkpoint", str(tmp_path)])


def test_a_run_goes_on_from_the_newest_whole_checkpoint_whatever_the_clock_says(straight, tmp_path, capsys):
    """Every file is as old as we like, and the newest checkpoint has lost what it would silently go on without."""
    run = RunFolder(tmp_path / "run")
    commands.train.main([*RUN, *SAVING, "--output_dir", str(run.path)])
    shutil.rmtree(run.final)
    for step in range(6, STEPS + 1):
        shutil.rmtree(run.checkpoints / f"checkpoint-{step}")
    for step in range(1, 6):
        for file in (run.checkpoints / f"checkpoint-{step}").iterdir():
            os.utime(file, (1e9 - step, 1e9 - step))
    (run.checkpoints / "checkpoint-5" / "optimizer.pt").unlink()
    run.update(status="running")
    capsys.readouterr()
    commands.train.main([*RUN, *SAVING, "--output_dir", str(run.path)])
    told = " ".join(capsys.readouterr().out.split())
    assert "checkpoint-5 is damaged, and is passed over: optimizer.pt is missing" in told
    assert "goes on after step 4" in told
    same_end(run.path, straight)


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(tmp_path):
    stopped(tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    for step in (1, 2):
        (run.checkpoints / f"checkpoint-{step}" / "scheduler.pt").write_bytes(b"")
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    with pytest.raises(
        UserError, match=r"no checkpoint of the run in .* is whole \(checkpoint-2: scheduler\.pt has 0 bytes in"
    ):
        commands.train.main([*RUN, *SAVING, "--max_steps", "2", "--output_dir", str(run.path)])
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before
    run.run.unlink()  # without the record it is a run all the same, and is not begun again over what is left
    with pytest.raises(UserError, match="no checkpoint of the run in"):
        commands.train.main([*RUN, *SAVING, "--max_steps", "2", "--output_dir", str(run.path)])
    named = str(run.checkpoints / "checkpoint-2")
    with pytest.raises(UserError, match=r"is not whole: scheduler\.pt has 0 bytes"):
        commands.train.main([*RUN, *SAVING, "--max_steps", "2", "--resume", named])


def test_a_run_that_was_stopped_after_its_last_step_trains_no_further(straight, tmp_path):
    """As after a kill while the trained model is measured or saved."""
    run = RunFolder(tmp_path / "run")
    commands.train.main([*RUN, *SAVING, "--output_dir", str(run.path)])
    shutil.rmtree(run.final)
    run.update(status="running")
    commands.train.main([*RUN, *SAVING, "--output_dir", str(run.path)])
    same_end(run.path, straight)
    assert sorted(path.name for path in run.checkpoints.glob("checkpoint-*"))[-1] == f"checkpoint-{STEPS}"


def test_a_lost_record_and_a_spoilt_one_do_not_lose_the_run(tmp_path, capsys):
    stopped(tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    run.run.unlink()
    again = [*RUN, *SAVING, "--max_steps", "2", "--output_dir", str(run.path)]
    commands.train.main(again)
    assert "goes on after step 2" in capsys.readouterr().out
    run.update(status="failed")
    shutil.rmtree(run.final)
    for spoilt in (b"a: [1,", b"\xcd\xff", b"1"):
        run.config.write_bytes(spoilt)
        with pytest.raises(UserError, match="cannot be read"):
            commands.train.main(again)


def test_a_run_whose_settings_are_lost_is_not_begun_again(tmp_path, capsys):
    before = stopped(tmp_path / "run")
    config = RunFolder(tmp_path / "run").config
    config.unlink()
    again = [*RUN, *SAVING, "--max_steps", "2", "--output_dir", str(tmp_path / "run")]
    with pytest.raises(UserError, match=r"config\.yaml is missing or cannot be read, so nobody knows .* --force true"):
        commands.train.main(again)
    left = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert left == {file: text for file, text in before.items() if file != config}
    capsys.readouterr()
    commands.train.main([*again, "--force", "true"])
    assert "goes on after step 2" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", '{"status": "fini'])
def test_a_record_that_cannot_be_read_is_of_no_finished_run(text, tmp_path, capsys):
    stopped(tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    run.run.write_text(text)
    again = [*RUN, *SAVING, "--max_steps", "2", "--output_dir", str(run.path)]
    with pytest.raises(UserError, match="holds a run that has not finished"):
        commands.train.main([*again, "--resume", "never"])
    capsys.readouterr()
    commands.train.main(again)
    told = capsys.readouterr().out
    assert "run.json is missing or cannot be read, and is written anew" in told
    assert "goes on after step 2" in told
    assert run.read()["status"] == "finished"
    run.run.write_text(text)  # with the trained model beside it
    with pytest.raises(UserError, match=r"holds a trained model without a readable run\.json"):
        commands.train.main(again)


def test_a_reward_file_or_weights_that_changed_are_refused_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    reward, model = tmp_path / "mine.py", tmp_path / "model"
    shutil.copytree(embedded.MODEL, model)
    code = "def f(completions, **kwargs):\n    return [float(len(c[0]['content'])) for c in completions]\n"
    reward.write_text(code)
    asked = [
        *RUN, *SAVING, "--max_steps", "1", "--output_dir", "run", "--model_name_or_path", "model",
        "--reward_funcs", "mine.py:f",
    ]  # fmt: skip
    commands.train.main(asked)
    run = RunFolder("run")
    run.update(status="failed")
    shutil.rmtree(run.final)
    kept = run.run.read_bytes()
    reward.write_text(code.replace("len", "1 + len"))
    with pytest.raises(UserError, match=r"other settings: mine\.py is not what it was\. .* --force true"):
        commands.train.main(asked)
    reward.write_text(code)
    weights = model / "model.safetensors"
    changed = load_file(weights)
    changed[min(changed)][0] += 1e-3
    save_file(changed, weights, {"format": "pt"})
    with pytest.raises(UserError, match=r"other settings: model\.safetensors of the model is not what it was\."):
        commands.train.main(asked)
    assert run.run.read_bytes() == kept
    commands.train.main([*asked, "--force", "true"])
    assert "goes on after step 1" in capsys.readouterr().out


def test_a_model_of_the_hub_is_known_by_its_commit(tmp_path, monkeypatch):
    """As it lies in the cache, of which no file need be read."""
    cache = tmp_path / "models--me--small"
    snapshot = cache / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("a" * 40)
    (snapshot / "config.json").write_text("{}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))
    settings = parse([*RUN, "--model_name_or_path", "me/small"])
    assert files_of(settings) == {"the model's commit": "a" * 40}


def test_what_a_checkpoint_cannot_bring_back_is_refused(tmp_path):
    stopped(tmp_path / "run")
    again = [*RUN, *SAVING, "--max_steps", "2", "--output_dir", str(tmp_path / "run"), "--force", "true"]
    with pytest.raises(UserError, match="--sync_ref_model keeps a model that no checkpoint holds"):
        commands.train.main([*again, "--sync_ref_model", "true", "--beta", "0.1"])
    mark = tmp_path / "run" / "checkpoints" / "checkpoint-2" / "complete.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "processes": 2}))
    with pytest.raises(UserError, match="the processes it began with, 2; found 1"):
        commands.train.main(again)
