"""What a run writes while it goes on is what happened, and never stops it."""

import math

import pytest

from commands.training.recorder import Recorder, records_of
from runs.files import append_jsonl, read_jsonl
from runs.folder import RunFolder
from runs.records import completions_file, read_completions
from tests.trainers.runs import build, parity
from trainers import Generation, GRPOMethodConfig, GRPOMethodTrainer

GENERATION = Generation(
    step=3,
    group_size=2,
    prompts=["1+1?"] * 2 + [[{"role": "user", "content": "2+2?"}]] * 2,
    completions=[r"\boxed{2}", "two", [{"role": "assistant", "content": r"\boxed{5}"}], [{"role": "assistant"}]],
    golds=["2", "2", "4", None],
    rewards={"accuracy": [1.0, 0.0, 0.0, math.nan], "boxed_format": [1.0, 0.0, 1.0, 0.0]},
    reward=[1.1, 0.0, 0.1, 0.0],
    advantages=[1.0, -1.0, 0.5, -0.5],
    lengths=[4, 2, 4, 9],
    truncated=[False, False, False, True],
)


def test_a_record_holds_what_the_layout_promises():
    assert records_of(GENERATION, 1)[0] == {
        "step": 3,
        "group": 0,
        "prompt": "1+1?",
        "completion": r"\boxed{2}",
        "gold": "2",
        "answer": "2",
        "rewards": {"accuracy": 1.0, "boxed_format": 1.0},
        "reward": 1.1,
        "advantage": 1.0,
        "length": 4,
        "truncated": False,
    }


def test_as_many_prompts_are_kept_as_asked():
    assert [record["group"] for record in records_of(GENERATION, 1)] == [0, 0]
    assert [record["group"] for record in records_of(GENERATION, 5)] == [0, 0, 1, 1]
    assert records_of(GENERATION, -1) == records_of(GENERATION, 2)
    assert records_of(GENERATION, 0) == []


def test_a_single_message_is_kept_as_its_text():
    records = records_of(GENERATION, 2)
    assert [record["completion"] for record in records] == [r"\boxed{2}", "two", r"\boxed{5}", ""]
    assert [record["answer"] for record in records] == ["2", None, "5", None]


def test_what_could_not_be_graded_is_null_in_memory_too():
    """The live table would call NaN wrong."""
    assert records_of(GENERATION, 2)[3]["rewards"]["accuracy"] is None


def recorded(path, **changes):
    run = RunFolder(path / "run")
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, path / "trl", logging_steps=2, max_steps=6, **changes)
    trainer.add_callback(Recorder(run, 1))
    return run, trainer


def test_files_hold_what_the_trainer_logged(tmp_path):
    run, trainer = recorded(tmp_path)
    trainer.train()
    logged = [row for row in trainer.state.log_history if "loss" in row]
    written = [record for record in read_jsonl(run.metrics) if "loss" in record]
    assert [record["step"] for record in written] == [2, 4, 6]
    for row, record in zip(logged, written, strict=True):
        assert {name: record[name] for name in row} == row
    seconds = [record["seconds"] for record in written]
    assert seconds == sorted(seconds)
    for step in range(1, 7):
        records = read_completions(run, step)
        assert [record["step"] for record in records] == [step] * 4
        for record in records:
            assert record["rewards"]["parity"] == record["reward"]
    assert {"reward.png", "entropy.png"} <= {path.name for path in run.plots.iterdir()}


def test_a_run_that_goes_on_continues_its_files(tmp_path):
    run, trainer = recorded(tmp_path, save_strategy="steps", save_steps=2)
    trainer.train()
    before = read_jsonl(run.metrics)
    append_jsonl(run.metrics, [{"step": 7, "seconds": 1000.0, "lost": True}])
    append_jsonl(completions_file(run, 7), [{"step": 7, "completion": "lost"}])
    again = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path / "trl", logging_steps=2, max_steps=8)
    again.add_callback(Recorder(run, 1))
    again.train(resume_from_checkpoint=str(tmp_path / "trl" / "checkpoint-6"))
    after = read_jsonl(run.metrics)
    assert after[: len(before)] == before
    assert [record["step"] for record in after if "loss" in record] == [2, 4, 6, 8]
    assert after[-1]["seconds"] >= before[-1]["seconds"]
    assert after[-1]["seconds"] < 900
    assert not [record for record in read_completions(run, 7) if record["completion"] == "lost"]


def test_a_folder_that_cannot_be_written_is_told_once_and_the_run_goes_on(tmp_path, capsys):
    run, trainer = recorded(tmp_path)
    run.path.write_text("a file in the place of the folder")
    trainer.train()
    assert trainer.state.global_step == 6
    assert capsys.readouterr().out.count("the run goes on") == 1


def test_recording_changes_nothing_of_the_training(tmp_path):
    _, trainer = recorded(tmp_path)
    trainer.train()
    alone = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path / "alone", logging_steps=2, max_steps=6)
    alone.train()
    for ours, theirs in zip(trainer.model.parameters(), alone.model.parameters(), strict=True):
        assert ours.equal(theirs)


@pytest.mark.parametrize("prompts", [0, -1])
def test_none_or_all_prompts(tmp_path, prompts):
    run = RunFolder(tmp_path / "run")
    trainer = build(
        GRPOMethodTrainer, GRPOMethodConfig, tmp_path / "trl", reward_funcs=parity, per_device_train_batch_size=8
    )
    trainer.add_callback(Recorder(run, prompts))
    trainer.train()
    assert len(read_completions(run, 1)) == (8 if prompts else 0)
