"""Hints and tools in training: what the model sees then, and what it is measured with."""

import pytest

import commands.train
from commands.arguments import parse
from commands.training.problems import prepare
from commands.training.run import choose_folder
from commands.training.trainer import built_or_refused
from errors import UserError
from runs.files import read_jsonl
from runs.folder import RunFolder
from runs.records import read_completions

HINTED = ["--method", "grpo", "--dataset_config", "knowledge", "--eval_problems", "8"]


def messages(prompts):
    return [turn["content"] for prompt in prompts for turn in prompt]


def test_hints_are_in_every_training_prompt_and_in_none_that_is_measured():
    task = prepare(parse([*HINTED, "--hints", "all"]))
    assert all("## Hint" in text for text in messages(task.train["prompt"]))
    assert not any("Hint" in text for text in messages(task.held_out["prompt"]))
    for row in task.train.select(range(3)):
        assert all(point.split(". ", 1)[-1] in row["prompt"][0]["content"] for point in row["kp_list"])
    assert "Hint" not in task.tokenizer.chat_template


def test_without_the_option_there_are_none():
    assert not any("Hint" in text for text in messages(prepare(parse(HINTED)).train["prompt"]))


def test_hints_of_problems_that_have_none_are_refused():
    with pytest.raises(UserError, match="kp_list"):
        prepare(parse(["--method", "grpo", "--hints", "all"]))


def test_with_a_tool_the_policy_asks_for_it_and_samples_through_its_rollout(tmp_path, capsys):
    options = [
        "--method",
        "lpro",
        "--tools",
        "python",
        "--prompt_style",
        "tools",
        "--output_dir",
        str(tmp_path / "run"),
    ]
    settings = parse(options)
    task = prepare(settings)
    assert "programs" in messages(task.train["prompt"])[0]
    trainer = built_or_refused(settings, task, choose_folder(settings))
    assert trainer.rollout_func.__qualname__ == "tool_rollout.<locals>.rollout"
    assert "sandbox   model-written Python runs" in capsys.readouterr().out


def test_the_prompt_follows_the_tool_unless_another_is_asked_for():
    real = ["--method", "lpro", "--model_name_or_path", "some/model"]
    assert parse([*real, "--tools", "python"]).arguments.prompt_style == "tools"
    assert parse([*real, "--tools", "python", "--prompt_style", "plain"]).arguments.prompt_style == "plain"
    assert parse(real).arguments.prompt_style == "boxed"


def test_knowrl_trains_on_selected_points_and_is_measured_without(tmp_path):
    """The embedded default of `--method knowrl`, as far as one step goes."""
    run = RunFolder(tmp_path / "run")
    small = ["--per_device_train_batch_size", "32", "--max_steps", "1", "--logging_steps", "1", "--eval_problems", "6"]
    commands.train.main(["--method", "knowrl", *small, "--output_dir", str(run.path)])
    asked = [str(record["prompt"]) for record in read_completions(run, 1)]
    assert asked
    assert all("## Hint" in prompt for prompt in asked)
    measured = [row["problem"] for row in read_jsonl(run.held_out)]
    assert len(measured) == 6
    assert not any("## Hint" in problem for problem in measured)
    (logged,) = [row for row in read_jsonl(run.metrics) if "loss" in row]
    assert logged["resample/batches"] >= 1
    assert logged["epsilon_high"] == 0.28
    assert logged["hints/accuracy_with"] == pytest.approx(logged["rewards/accuracy/mean"])
