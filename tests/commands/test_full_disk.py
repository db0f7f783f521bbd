"""A disk that is full: the trained model waits for room, and a run that cannot go on says so in its record."""

import errno
import os

import pytest
from safetensors import SafetensorError
from safetensors.torch import load_file

import commands.train
import commands.training.final as final
from errors import UserError, is_full
from runs.folder import RunFolder
from trainers import RolloutTrainer, resume

RUN = [
    "--method", "grpo", "--max_steps", "1", "--logging_steps", "1", "--eval_problems", "0", "--sample_steps", "0",
    "--per_device_train_batch_size", "64", "--max_problems", "16", "--max_completion_length", "48",
    "--disable_tqdm", "true",
]  # fmt: skip
FULL = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


def test_a_full_disk_is_known_by_number_and_by_words():
    assert is_full(FULL)
    assert is_full(OSError(errno.EDQUOT, "quota"))
    assert is_full(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert is_full(RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"))  # torch's
    assert not is_full(OSError(errno.EACCES, "no right"))
    assert not is_full(ValueError("space"))


def raising(error):
    def function(*_, **__):
        raise error

    return function


def full_for(tries, monkeypatch):
    """The model cannot be saved for so many tries, each of which leaves half a file."""
    save, left = RolloutTrainer.save_model, [tries]

    def failing(trainer, output_dir=None, **kwargs):
        if output_dir.endswith("final") and left[0]:
            left[0] -= 1
            os.makedirs(output_dir)
            with open(os.path.join(output_dir, "model.safetensors"), "w") as file:
                file.write("half")
            raise FULL
        save(trainer, output_dir, **kwargs)

    monkeypatch.setattr(RolloutTrainer, "save_model", failing)
    monkeypatch.setattr(final, "PAUSE", 0.01)


def test_the_trained_model_is_kept_until_there_is_room(tmp_path, monkeypatch, capsys):
    full_for(3, monkeypatch)
    commands.train.main([*RUN, "--save_strategy", "no", "--output_dir", str(tmp_path / "run")])
    out = capsys.readouterr().out
    assert out.count("cannot be written, the disk is full. Free some space: the trained model is kept") == 1
    run = RunFolder(tmp_path / "run")
    assert run.read()["status"] == "finished"
    assert load_file(run.final / "model.safetensors")
    assert not (run.path / ".final").exists()


def test_a_disk_that_stays_full_ends_the_run_and_says_what_is_left(tmp_path, monkeypatch):
    full_for(99, monkeypatch)
    monkeypatch.setattr(final, "TRIES", 2)
    with pytest.raises(UserError, match=r"could not be written .* disk is full; no checkpoint was due"):
        commands.train.main([*RUN, "--save_strategy", "no", "--output_dir", str(tmp_path / "run")])
    run = RunFolder(tmp_path / "run")
    assert run.read()["status"] == "failed"
    assert not run.final.exists()
    assert not run.is_written()
    with pytest.raises(UserError, match=r"disk is full; the same command goes on from .*checkpoint-1"):
        commands.train.main([*RUN, "--save_steps", "1", "--output_dir", str(tmp_path / "kept")])


def test_another_failure_of_the_last_save_is_told_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(RolloutTrainer, "save_model", raising(PermissionError(13, "no right")))
    with pytest.raises(PermissionError):
        commands.train.main([*RUN, "--save_strategy", "no", "--output_dir", str(tmp_path / "run")])


def test_a_checkpoint_without_room_leaves_nothing_half_and_the_record_says_failed(tmp_path, monkeypatch):
    """What was written of it is removed first, so that there is room for the record."""

    def full(making, *_, **__):
        assert list(making.iterdir())
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(resume, "write_mark", full)
    with pytest.raises(OSError, match="No space left"):
        commands.train.main(
            [*RUN, "--save_strategy", "steps", "--save_steps", "1", "--output_dir", str(tmp_path / "run")]
        )
    run = RunFolder(tmp_path / "run")
    assert run.read()["status"] == "failed"
    assert not run.torn_checkpoints()
    assert run.last_checkpoint() is None


def test_a_record_that_cannot_be_written_does_not_hide_what_ended_the_run(tmp_path, monkeypatch):
    def update(folder, **entries):
        if "status" in entries:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RunFolder, "update", update)
    monkeypatch.setattr(RolloutTrainer, "train", raising(UserError("the cause")))
    with pytest.raises(UserError, match="the cause"):
        commands.train.main([*RUN, "--output_dir", str(tmp_path / "run")])
    assert not RunFolder(tmp_path / "run").is_written()
