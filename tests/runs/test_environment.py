"""`run.json` says with what a run was made, and tells no secret."""

import subprocess

import pytest

from runs.environment import commit, describe, shown_command

SECRET = "hf_thisIsASecretThatMustNotBeWritten"


@pytest.mark.parametrize(
    "argv",
    [
        ["--hub_token", SECRET],
        ["--hub-token", SECRET],
        [f"--hub_token={SECRET}"],
        ["--wandb_api_key", "0123456789abcdef"],
        ["--password=0123456789abcdef"],
        ["--hub_model_id", SECRET],
        ["--model_init_kwargs", '{"token": "0123456789abcdef"}'],
        ["--api_base", "sk-proj-0123456789abcdef"],
    ],
)
def test_a_secret_is_left_out_of_the_command(argv):
    told = describe(["cli.py", "train", *argv], processes=1)["command"]
    assert SECRET not in told
    assert "0123456789abcdef" not in told
    assert argv[0].split("=")[0] in told


def test_what_only_sounds_like_a_secret_stays():
    argv = ["--token_norm", "group", "--max_tokens=4", "--hub_token", "--seed", "1"]
    assert shown_command(argv) == argv


def test_the_environment_is_not_written(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    assert SECRET not in str(describe(["cli.py"], processes=1))


def test_a_changed_clone_is_marked(tmp_path):
    assert commit(tmp_path) is None

    def git(*argv):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *identity, *argv], check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "first")
    clean = commit(tmp_path)
    assert len(clean) == 40
    (tmp_path / "file").write_text("2")
    assert commit(tmp_path) == clean + "+"
