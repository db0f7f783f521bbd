"""A folder belongs to one process at a time, and `run.json` is never half written."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runs.files import write_whole
from runs.folder import FolderTakenError, RunFolder

ROOT = Path(__file__).parents[2]
HOLD = "import sys; sys.path.insert(0, sys.argv[2]); from runs.folder import RunFolder\n"
HOLD += "run = RunFolder(sys.argv[1]); run.claim(); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def holder(tmp_path):
    """Another process that has claimed the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), str(ROOT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_folder_in_use_is_refused_and_known_to_be(holder, tmp_path):
    assert RunFolder(tmp_path).is_written()
    other = RunFolder(tmp_path)
    with pytest.raises(FolderTakenError):
        other.claim()
    other.release()
    assert RunFolder(tmp_path).is_written(), "who has no claim cannot give it back"


def test_a_killed_process_no_longer_has_its_folder(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not RunFolder(tmp_path).is_written()
    RunFolder(tmp_path).claim()


def test_a_folder_given_back_is_empty(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.claim()
    run.release()
    assert list(run.path.iterdir()) == []


def test_asking_whether_a_folder_is_written_writes_nothing(tmp_path):
    assert not RunFolder(tmp_path).is_written()
    assert list(tmp_path.iterdir()) == []


def test_updates_add_up(tmp_path):
    run = RunFolder(tmp_path)
    run.update(method="repo", status="running")
    assert run.update(status="finished") == run.read() == {"method": "repo", "status": "finished"}


def test_a_torn_run_json_reads_as_nothing(tmp_path):
    run = RunFolder(tmp_path)
    run.run.write_text('{"method": "re')
    assert run.read() == {}


def test_a_reader_never_meets_half_a_file(tmp_path):
    path, stop = tmp_path / "run.json", threading.Event()
    texts = [json.dumps({"x": letter * 200_000}) for letter in "ab"]
    write_whole(path, texts[0])

    def write():
        while not stop.is_set():
            for text in texts:
                write_whole(path, text)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        met = {path.read_text() for _ in range(300)}
    finally:
        stop.set()
        writer.join()
    assert met == set(texts)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]
