"""How a command ends that met what it cannot go on with: exit code, one paragraph, and the file of a defect."""

import errno
import os
import pickle
import re
import stat
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import cli
from errors import RewardError, UserError
from outgoing import traceback_of

ADVICE = re.compile("`weights_only`|trusted")
TOKEN = "hf_abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """A folder for temporary files of this test alone, and a command line that leaves Python's settings alone."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    return folder


@pytest.fixture
def ends(monkeypatch, capsys):
    """The exit code of a command that this ends, and what is told of it on one line."""

    def run(ending, *argv):
        def main(argv):
            if isinstance(ending, BaseException):
                raise ending
            ending()

        monkeypatch.setitem(sys.modules, "commands.verdict", types.SimpleNamespace(main=main))
        code = cli.main(["verdict", *argv])
        return code, " ".join(capsys.readouterr().err.split())

    return run


def kept(scratch):
    return sorted(scratch.glob("*/traceback-*.txt"))


# --- a full disk ---------------------------------------------------------------------------------------------------


def caused(cause):
    def main():
        try:
            raise cause
        except type(cause) as error:
            raise ValueError("could not save") from error

    return main


FULL = {
    "a file's": OSError(errno.ENOSPC, "No space left on device", "/data/run/metrics.jsonl"),
    "a quota's": OSError(errno.EDQUOT, "Disk quota exceeded", "/data/run/metrics.jsonl"),
    "a cause": caused(OSError(errno.ENOSPC, "No space left on device", "/data/run/metrics.jsonl")),
    "safetensors'": RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    "torch's": RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
    "torch's other": RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
}


@pytest.mark.parametrize("kind", FULL)
def test_a_full_disk_is_the_users_to_mend(kind, ends):
    code, told = ends(FULL[kind])
    assert code == 2
    assert "the disk is full" in told
    assert "Free some space there; the same command then goes on" in told
    assert "defect" not in told
    if kind in ("a file's", "a quota's", "a cause"):
        assert told.startswith("error: /data/run/metrics.jsonl could not be written")


def test_a_full_disk_is_told_with_the_file_that_was_being_written(ends, tmp_path):
    def write(path, text):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")  # as write() says it, without a name

    code, told = ends(lambda: write(tmp_path / "metrics.jsonl", "{}"))
    assert code == 2
    assert told.startswith(f"error: {tmp_path}/metrics.jsonl could not be written: the disk is full")


def test_a_defect_is_told_where_nothing_can_be_written(ends, monkeypatch):
    for tempdir in ("/dev/full", "/proc/nowhere"):
        monkeypatch.setattr(tempfile, "tempdir", tempdir)
        code, told = ends(KeyError("lost"))
        assert code == 1
        assert told.startswith("error: KeyError: 'lost' (tests/test_errors.py, line ")
        assert told.endswith("This is a defect of the toolkit, not of your settings. --debug shows where it happened.")


def test_a_disk_that_fills_up_while_a_defect_is_written_down_hides_nothing(ends, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    code, told = ends(KeyError("lost"))
    assert code == 1
    assert "KeyError: 'lost'" in told


# --- the file of a defect ------------------------------------------------------------------------------------------


def test_the_newest_tracebacks_are_kept_and_no_more(ends, scratch):
    for number in range(14):
        ends(KeyError(f"lost {number}"))
    texts = [path.read_text() for path in kept(scratch)]
    assert [text.strip().splitlines()[-1] for text in texts] == [f"KeyError: 'lost {n}'" for n in range(4, 14)]
    assert not [path for path in scratch.iterdir() if path.is_file()]


def test_a_traceback_is_for_its_owner_alone(ends, scratch):
    _, told = ends(KeyError("lost"))
    (file,) = kept(scratch)
    assert str(file) in told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("planted", ["a link", "a folder for all", "a file"])
def test_what_another_has_put_in_the_tracebacks_place_is_not_written_to(planted, ends, scratch, tmp_path):
    place, elsewhere = scratch / f"group-relative-math-{os.getuid()}", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if planted == "a link":
        place.symlink_to(elsewhere)
    elif planted == "a file":
        place.write_text("mine")
    else:
        place.mkdir()
        place.chmod(0o777)
    code, told = ends(KeyError("lost"))
    assert code == 1
    assert told.endswith("--debug shows where it happened.")
    assert not kept(scratch)
    assert not list(elsewhere.iterdir())


# --- secrets -------------------------------------------------------------------------------------------------------

SECRETS = {
    "a token": (f"401 for token {TOKEN}.", TOKEN),
    "a bearer": ("Authorization: Bearer abcdefghijkl", "abcdefghijkl"),
    "a key by its name": ("api_key=sk-proj-abcdefghijk&x=1", "abcdefghijk"),
    "JSON": ('{"password": "hunter2hunter2"}', "hunter2hunter2"),
    "an address": ("https://me:hunter2hunter2@hub.example/x", "hunter2hunter2"),
    "the environment's": ("the judge said no to 0123 45/6789.", "0123 45/6789"),
    "the environment's, escaped": ("https://judge.example/?k=0123%2045%2F6789", "0123%2045%2F6789"),
    "a second line": ("failed\nwith 0123 45/6789", "0123 45/6789"),
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("make", [RuntimeError, RewardError, UserError, torch.OutOfMemoryError])
def test_no_secret_is_told_or_written(kind, make, ends, scratch, monkeypatch):
    monkeypatch.setenv("JUDGE_API_KEY", "0123 45/6789")
    message, secret = SECRETS[kind]
    code, told = ends(make(f"judged: {message}"))
    assert code == (1 if make is RuntimeError else 2)
    assert "judged:" in told
    assert secret not in told
    assert not [file for file in kept(scratch) if secret in file.read_text()]
    assert bool(kept(scratch)) == (make is RuntimeError)


def test_no_secret_is_in_what_debug_shows():
    code = (
        "import sys, types, cli\n"
        f"def main(argv): raise RuntimeError('401 for {TOKEN}')\n"
        "sys.modules['commands.verdict'] = types.SimpleNamespace(main=main)\n"
        "sys.exit(cli.main(['verdict', '--debug']))\n"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.endswith("RuntimeError: 401 for …\n")
    assert done.returncode == 1


# --- files of weights ----------------------------------------------------------------------------------------------


class Blocked:
    """What torch will not load from a file without being told to trust it."""

    def __reduce__(self):
        return os.getcwd, ()


def broken_file(kind, path):
    if kind == "code in it":
        torch.save({"a": Blocked()}, path)
    else:
        torch.save({"a": torch.ones(9)}, path)
        cut = {"text": b"garbage", "cut short": path.read_bytes()[:300], "empty": b""}
        path.write_bytes(cut[kind])


@pytest.mark.parametrize("load", [torch.load, load_file])
@pytest.mark.parametrize("kind", ["code in it", "text", "cut short", "empty"])
def test_a_file_that_holds_no_weights_is_the_users_to_mend(kind, load, ends, tmp_path):
    path = tmp_path / "optimizer.pt"
    broken_file(kind, path)
    code, told = ends(lambda: load(str(path)))
    assert code == 2
    assert told.startswith(f"error: {path} cannot be read as weights: it is broken, or no checkpoint (")
    assert told.endswith("Copy it here anew, or remove it.")
    assert "defect" not in told
    assert not ADVICE.search(told)


def test_torchs_advice_to_trust_a_file_is_passed_on_by_nobody(ends, tmp_path):
    path = tmp_path / "judge.pt"
    broken_file("code in it", path)

    def main():
        try:
            torch.load(path)
        except pickle.UnpicklingError as error:
            raise RewardError(f"the reward failed with {error} Mend it.") from error

    code, told = ends(main)
    assert code == 2
    assert told.startswith("error: the reward failed with Weights only load failed.")
    assert told.endswith("Mend it.")
    assert not ADVICE.search(told)
    with pytest.raises(pickle.UnpicklingError) as failed:
        torch.load(path)
    assert ADVICE.search(str(failed.value))
    shown = traceback_of(failed.value)
    assert "UnpicklingError: Weights only load failed." in shown
    assert not ADVICE.search(shown)
