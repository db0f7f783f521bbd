"""Pushing: made sure of before, done when all is saved, tried again where that can help, told with the way on."""

import json
from types import SimpleNamespace

import pytest
from huggingface_hub.errors import HfHubHTTPError

import cli
import commands.hub
import commands.train
from errors import PushError, UserError
from runs.folder import RunFolder

SHORT = [
    "--method", "grpo", "--max_steps", "1", "--eval_problems", "0", "--sample_steps", "0",
    "--per_device_train_batch_size", "16", "--push_to_hub", "true", "--hub_model_id", "me/mine",
]  # fmt: skip


def answered(status):
    response = SimpleNamespace(status_code=status, headers={}, request=None)
    return HfHubHTTPError(f"{status} of the Hub", response=response)


class Hub:
    """A stand-in for the client; fails as told, then takes files."""

    def __init__(self, monkeypatch, *failures, refuse=None):
        self.failures, self.refuse, self.sent, self.waited = list(failures), refuse, [], []
        monkeypatch.setattr("commands.hub.HfApi", lambda: self)
        monkeypatch.setattr("commands.hub.sleep", self.waited.append)

    def create_repo(self, name, *, repo_type, **_):
        if self.refuse:
            raise self.refuse
        self.sent.append(("create", name, repo_type))
        return SimpleNamespace(repo_id=name)

    def upload_folder(self, *, repo_id, folder_path, allow_patterns, **_):
        if self.failures:
            raise self.failures.pop(0)
        files = [p for pattern in allow_patterns or ["**/*"] for p in folder_path.glob(pattern) if p.is_file()]
        self.sent += [(repo_id, path.relative_to(folder_path).as_posix()) for path in files]
        return f"https://hub/{repo_id}"


def test_the_trained_model_and_its_page_are_pushed(tmp_path, monkeypatch, capsys):
    hub = Hub(monkeypatch, answered(500), ConnectionResetError("reset"))
    commands.train.main([*SHORT, "--output_dir", str(tmp_path / "run")])
    assert hub.sent[0] == ("create", "me/mine", "model")
    names = [name for repository, name in hub.sent[1:] if repository == "me/mine"]
    assert {"model.safetensors", "config.json", "tokenizer.json", "run.json", "config.yaml"} <= set(names)
    assert "README.md" in names[names.index("run.json") - 1 :]  # ours over that of the model
    assert hub.waited == [2.0, 8.0]
    assert "pushed    https://hub/me/mine" in capsys.readouterr().out


def test_without_permission_nothing_is_begun(tmp_path, monkeypatch):
    hub = Hub(monkeypatch, refuse=answered(403))
    with pytest.raises(UserError, match=r"a push to me/mine was asked for, .*403 of the Hub\. Log in"):
        commands.train.main([*SHORT, "--output_dir", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()
    assert hub.sent == []


def test_a_push_that_fails_leaves_all_here_and_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    Hub(monkeypatch, *[answered(503)] * 4)
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    run = RunFolder(tmp_path / "run")
    assert cli.main(["train", *SHORT, "--output_dir", str(run.path)]) == 3
    told = " ".join(capsys.readouterr().err.split())
    assert "503 of the Hub" in told
    assert f"Try again with: python cli.py push {run.path} --to me/mine" in told
    assert run.read()["status"] == "finished"
    hub = Hub(monkeypatch)
    assert cli.main(["push", str(run.path), "--to", "me/mine"]) == 0
    assert ("me/mine", "model.safetensors") in hub.sent


def test_no_second_try_where_it_cannot_help(tmp_path, monkeypatch):
    hub = Hub(monkeypatch, answered(401), answered(401))
    with pytest.raises(PushError, match="401"):
        commands.hub.upload(tmp_path, "me/mine", "model", "", "again", None)
    assert hub.waited == []


def test_a_folder_with_nothing_to_push_is_told(tmp_path, monkeypatch):
    Hub(monkeypatch)
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    (tmp_path / "run.json").write_text(json.dumps({"status": "failed"}))
    assert cli.main(["push", str(tmp_path), "--to", "me/mine"]) == 2


def test_a_hub_that_nobody_answers_for_is_told_as_that(tmp_path, monkeypatch):
    """The real client, at a closed port."""
    import huggingface_hub

    client = huggingface_hub.HfApi(endpoint="http://127.0.0.1:9", token="hf_none")
    monkeypatch.setattr("commands.hub.HfApi", lambda: client)
    monkeypatch.setattr("commands.hub.WAITS", ())
    (tmp_path / "a").write_text("a")
    with pytest.raises(UserError, match="must be a model repository that you can write to"):
        commands.hub.require_repository("me/mine", "model")
    with pytest.raises(PushError, match="Try again with: again"):
        commands.hub.upload(tmp_path, "me/mine", "model", "message", "again", None)
