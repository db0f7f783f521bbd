"""Order and damage of checkpoints: by what their marks say, never by times of the file system."""

import json
import os
import shutil

import pytest

from runs import files
from runs.checkpoints import MARK, damage, newest_whole, remove_oldest, saved_checkpoints, write_mark
from runs.files import digest
from runs.folder import RunFolder


def save(folder, step, age=0):
    """A checkpoint as the trainers write one, at a time of our choice."""
    path = folder / f"checkpoint-{step}"
    shutil.rmtree(path, ignore_errors=True)
    (path / "shards").mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(bytes(range(256)))
    (path / "shards" / "rng_state.pth").write_bytes(b"state")
    write_mark(path, folder, step=step)
    for file in (path / MARK, path):
        os.utime(file, (1e9 - age, 1e9 - age))
    return path


def names(folder):
    return sorted((path.name for path in folder.iterdir()), key=lambda name: int(name.split("-")[1]))


def test_the_newest_is_the_one_saved_last_whatever_clock_and_step_say(tmp_path):
    """A run that went back to step 3 saves 9 after 100; and the clock went back before each."""
    assert newest_whole(tmp_path)[0] is None
    for age, step in enumerate((3, 100, 9)):
        save(tmp_path, step, age)
    (tmp_path / "checkpoint-old").mkdir()
    assert newest_whole(tmp_path)[0].name == "checkpoint-9"
    shutil.copytree(tmp_path, tmp_path / "copy", copy_function=shutil.copyfile)  # without times
    assert newest_whole(tmp_path / "copy")[0].name == "checkpoint-9"


def test_checkpoints_of_a_version_without_numbers_are_older_and_go_by_their_step(tmp_path):
    for age, step in enumerate((9, 100)):
        (save(tmp_path, step, age) / MARK).write_text(json.dumps({"step": step}))
    assert newest_whole(tmp_path)[0].name == "checkpoint-100"
    save(tmp_path, 10)
    assert newest_whole(tmp_path)[0].name == "checkpoint-10"


def test_the_one_just_saved_is_never_removed(tmp_path):
    for age, step in enumerate((4, 8, 12, 6)):
        save(tmp_path, step, age)
        remove_oldest(tmp_path, 2, None)
        assert newest_whole(tmp_path)[0].name == f"checkpoint-{step}"
    assert names(tmp_path) == ["checkpoint-6", "checkpoint-12"]


def test_the_best_stays_and_without_a_limit_all_do(tmp_path):
    for step in (2, 4, 6):
        save(tmp_path, step)
    remove_oldest(tmp_path, None, None)
    assert len(names(tmp_path)) == 3
    remove_oldest(tmp_path, 1, str(tmp_path / "checkpoint-2"))
    assert names(tmp_path) == ["checkpoint-2", "checkpoint-6"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda file: file.unlink(), "optimizer.pt is missing"),
        (lambda file: file.write_bytes(b""), "optimizer.pt has 0 bytes in place of 256"),
        (lambda file: file.write_bytes(bytes(128)), "optimizer.pt has 128 bytes in place of 256"),
        (lambda file: file.write_bytes(bytes(256)), "optimizer.pt is not what was written"),
        (lambda file: (file.parent / MARK).write_text("garbage"), "complete.json cannot be read"),
        (lambda file: (file.parent / MARK).write_text(""), "complete.json cannot be read"),
        (lambda file: (file.parent / MARK).unlink(), "it has no complete.json, which is written last"),
        (lambda file: shutil.rmtree(file.parent / "shards"), "shards/rng_state.pth is missing"),
    ],
)
def test_a_damaged_one_is_passed_over_and_told(spoil, told, tmp_path):
    run = RunFolder(tmp_path)
    before = save(run.checkpoints, 2)
    spoilt = save(run.checkpoints, 4)
    assert run.last_checkpoint() == spoilt
    spoil(spoilt / "optimizer.pt")
    assert damage(spoilt) == told
    assert run.last_checkpoint() == before
    assert run.damaged_checkpoints() == {spoilt: told}


def test_of_a_large_file_pieces_from_its_beginning_to_its_end_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_WHOLE", 64)
    monkeypatch.setattr(files, "_PIECE", 4)
    file = tmp_path / "weights"
    file.write_bytes(bytes(1000))
    whole = digest(file)
    assert whole["bytes"] == 1000
    for place in (0, 999):
        file.write_bytes(bytes(place) + b"x" + bytes(999 - place))
        assert digest(file) != whole
    file.write_bytes(b"x" * 1000)
    assert digest(file) != whole


def test_what_is_added_later_does_no_harm(tmp_path):
    path = save(tmp_path, 2)
    (path / "notes.txt").write_text("mine")
    assert damage(path) is None
    assert saved_checkpoints(tmp_path) == [path]
