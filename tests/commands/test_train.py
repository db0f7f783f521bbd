"""`cli.py train` as a user meets it: wrong input is one paragraph and exit code 2 with nothing written."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from datasets import Dataset, DatasetDict
from trl import ModelConfig

import cli
from commands.arguments import RECIPES, parse
from commands.arguments.help import SELDOM
from commands.arguments.settings import TrainArguments
from data import DATASETS
from tests import tiny
from trainers import METHODS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def refuse(tmp_path, capsys, monkeypatch):
    """Run `train` with arguments that must be refused; returns the one paragraph it told."""
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    monkeypatch.chdir(tmp_path)

    def run(*argv, method="repo"):
        before = sorted(tmp_path.rglob("*"))
        code = cli.main(["train", *(["--method", method] if method else []), *map(str, argv)])
        told = capsys.readouterr().err.strip()
        assert code == 2
        assert sorted(tmp_path.rglob("*")) == before, "something was written"
        told = told[told.index("error: ") :]  # a bar of loading weights may stand before it
        assert "\n\n" not in told
        assert "Traceback" not in told
        return " ".join(told.split())

    return run


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# --- what is refused -----------------------------------------------------------------------------------------------


def test_an_unknown_method_lists_the_known_ones(refuse):
    assert f"one of {', '.join(METHODS)}; found 'rpo'. Did you mean 'repo'?" in refuse("--method", "rpo", method=None)


def test_a_missing_method_is_asked_for(refuse):
    assert f"--method is one of {', '.join(METHODS)}; none was given" in refuse(method=None)


@pytest.mark.parametrize("flag", ["--lambda", "--length_penalty"])
def test_a_penalty_that_is_not_a_number(refuse, flag):
    told = refuse(flag, "much", method="lpro")
    assert "invalid float value: 'much'" in told
    assert "--lambda" in told


def test_a_penalty_below_zero(refuse):
    assert "--length_penalty must be a number ≥ 0; found -1.0" in refuse("--lambda=-1", method="lpro")


def test_a_misspelt_flag_is_corrected(refuse):
    assert "Did you mean '--learning_rate'?" in refuse("--learning_rat", "1e-5")


def test_a_flag_of_another_method_says_whose_it_is(refuse):
    assert "Option --length_penalty is not known to --method repo; it belongs to --method lpro." in refuse(
        "--length_penalty", "0.1"
    )


def test_a_recipe_that_is_not_there(refuse):
    told = refuse("--config", "recipes/none.yaml")
    assert "No such file" in told
    assert "recipes/embedded.yaml" in told


@pytest.mark.parametrize("text", ["a: [1,", "- 1\n- 2\n"])
def test_a_recipe_that_is_no_mapping(refuse, tmp_path, text):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text)
    assert str(recipe) in refuse("--config", recipe)


def test_an_unknown_key_in_a_recipe(refuse, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("learnin_rate: 1.0e-6\n")
    told = refuse("--config", recipe)
    assert f"{recipe}, line 1: learnin_rate is not known to --method repo. Did you mean 'learning_rate'?" in told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("zero_variance: maybe", "zero_variance invalid choice: 'maybe'"),
        ("bad_golds: maybe", "bad_golds invalid choice: 'maybe'"),
        ("learning_rate: true", "learning_rate takes a number; found true"),
        ("learning_rate: [1, 2]", "learning_rate takes one value; found [1, 2]"),
        ("learning_rate: much", "learning_rate invalid float value: 'much'"),
        ("max_prompt_length: null", "max_prompt_length has no value"),
        ("num_generations: 4.5", "num_generations invalid int value: '4.5'"),
        ("reward_funcs: accuracy", "reward_funcs takes a list such as [a, b]; found 'accuracy'"),
        ("dataset_name: [a]", "dataset_name takes one value; found ['a']"),
    ],
)
def test_a_recipe_is_held_to_what_the_flags_accept(refuse, tmp_path, line, told):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"# a comment\n{line}\n")
    message = refuse("--config", recipe, method="lpro")
    assert f"{recipe}, line 2: {told}" in message


@pytest.mark.parametrize("recipe", ["method: [repo]\n", "1: 2\n"])
def test_a_recipe_with_nonsense_in_it(refuse, tmp_path, recipe):
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe)
    refuse("--config", path, method=None)


def test_a_recipe_that_is_no_text(refuse):
    assert "not a text file" in refuse("--config", sys.executable)


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        ("--num_generations", "1", "--num_generations must be at least 2; found 1"),
        ("--num_iterations", "0", "--num_iterations must be at least 1; found 0"),
        ("--per_device_train_batch_size", "0", "must be at least 1; found 0"),
        ("--gradient_accumulation_steps", "0", "must be at least 1; found 0"),
        ("--max_completion_length", "0", "must be at least 1; found 0"),
        ("--max_steps", "0", "--max_steps 0 would train nothing"),
        ("--learning_rate", "nan", "--learning_rate must be at least 0 and at most 1; found nan"),
        ("--learning_rate", "-1", "--learning_rate must be at least 0"),
        ("--temperature", "0", "--temperature must be above 0; found 0.0"),
        ("--top_p", "2", "--top_p must be above 0 and at most 1; found 2.0"),
        ("--reward_weights", "nan", "--reward_weights takes finite numbers; found nan"),
        ("--report_to", "bogus", "--report_to takes tensorboard, trackio, wandb; found 'bogus'"),
        ("--use_vllm", "true", "--use_vllm needs"),
        ("--load_in_4bit", "true", "add --use_peft"),
        ("--resume_from_checkpoint", "/nowhere", "/nowhere is none"),
        ("--output_dir", "/proc/x", "--output_dir /proc/x must be a folder that can be written"),
        ("--output_dir", "/dev/null", "--output_dir /dev/null must be a folder that can be written"),
    ],
)
def test_a_value_that_cannot_work(refuse, flag, value, told):
    assert told in refuse(flag, value)


def test_a_reward_given_twice(refuse):
    assert "takes each name once" in refuse("--reward_funcs", "accuracy", "accuracy")


def test_evaluation_without_problems(refuse):
    assert "needs held-out problems" in refuse("--eval_strategy", "steps", "--eval_problems", "0")


def test_what_peft_refuses_is_told_in_a_paragraph_too(refuse):
    assert "the trainer could not be built: " in refuse("--use_peft", "--lora_target_modules", "nope")


def test_a_meaningless_option(refuse):
    assert "--scale_rewards none would have no effect" in refuse("--scale_rewards", "none")


def test_a_batch_that_does_not_divide(refuse):
    told = refuse("--per_device_train_batch_size", "6", "--num_generations", "4")
    assert "must make whole groups of --group_size 4; found 6 (batch per device 6 × 1 process × 1 at a time)" in told
    assert re.search(r"\(1\) --group_size 4 .*; \(2\) --group_size .*; \(3\) --group_size .*\.$", told)


def test_an_unknown_reward(refuse):
    assert "found 'acuracy'. Did you mean 'accuracy'?" in refuse("--reward_funcs", "acuracy")


def test_weights_that_do_not_fit_the_rewards(refuse):
    assert "one number per reward function (accuracy, boxed_format)" in refuse("--reward_weights", "1")


def test_a_file_that_is_not_there(refuse):
    assert "nowhere.jsonl" in refuse("--dataset_name", "nowhere.jsonl")


def test_a_missing_column(refuse, tmp_path):
    told = refuse("--dataset_name", jsonl(tmp_path / "d.jsonl", [{"text": "1+1?", "anser": "2"}]))
    assert "text" in told
    assert "anser" in told
    assert "--problem_column" in told


def test_a_gold_that_cannot_be_parsed(refuse, tmp_path):
    rows = [{"problem": f"{i}+1?", "answer": str(i + 1)} for i in range(40)]
    rows[7]["answer"] = r"\frac{1}{"
    told = refuse("--dataset_name", jsonl(tmp_path / "d.jsonl", rows))
    assert "1 of 40 answers" in told
    assert "row 7: '\\\\frac{1}{'" in told
    assert "--bad_golds drop" in told


def test_three_rows_for_four_prompts(refuse, tmp_path):
    data = jsonl(tmp_path / "d.jsonl", [{"problem": f"{i}+1?", "answer": str(i + 1)} for i in range(3)])
    told = refuse("--dataset_name", data, "--per_device_train_batch_size", "16", "--num_generations", "4")
    assert "there are 3 training problems, but each generation takes 4 prompts (= 16 completions" in told


def test_completions_that_do_not_fit_the_model(refuse):
    assert "do not fit the model's 512 positions" in refuse("--max_completion_length", "600")


def test_a_model_that_is_not_there(refuse):
    assert "no model could be loaded from --model_name_or_path nobody/nothing" in refuse(
        "--model_name_or_path", "nobody/nothing"
    )


def test_a_folder_with_the_results_of_another_run(refuse, tmp_path):
    (tmp_path / "run.json").write_text('{"status": "finished"}')
    assert "holds the results of a finished run" in refuse("--output_dir", tmp_path)


def test_help_fits_a_screen_and_names_our_options(capsys, monkeypatch):
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    assert cli.main(["train", "--help"]) == 0
    told = capsys.readouterr().out
    assert told.count("\n") < 40
    assert max(map(len, told.splitlines())) <= 100
    for name in [*(set(TrainArguments.__dataclass_fields__) - SELDOM), *METHODS]:
        assert name in told
    assert cli.main(["train", "--help-all"]) == 0
    everything = capsys.readouterr().out
    assert all(f"--{name}" in everything for name in TrainArguments.__dataclass_fields__)
    known = {field for _, config in METHODS.values() for field in config.__dataclass_fields__}
    known |= set(TrainArguments.__dataclass_fields__) | set(ModelConfig.__dataclass_fields__)
    known |= {"config", "lambda", "group_size", "print-config", "help-all", "dry-run", "OPTION"}
    assert set(re.findall(r"--([\w-]+)", told)) <= known


# --- precedence ----------------------------------------------------------------------------------------------------


def test_a_flag_wins_over_the_recipe_and_the_recipe_over_the_method(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("method: lpro\nmodel_name_or_path: some/model\nlength_penalty: 0.2\nepsilon_high: 0.3\n")
    settings = parse(["--config", str(recipe), "--lambda", "0.3"])
    assert settings.arguments.method == "lpro"
    assert settings.trainer.length_penalty == 0.3
    assert settings.trainer.epsilon_high == 0.3
    assert settings.trainer.epsilon == 0.2
    assert settings.trainer.learning_rate == 1e-6


def test_the_embedded_recipe_applies_to_the_embedded_model_alone():
    shipped = yaml.safe_load((RECIPES / "embedded.yaml").read_text())
    assert parse(["--method", "lpro"]).trainer.learning_rate == float(shipped["learning_rate"])
    assert parse(["--method", "lpro", "--model_name_or_path", "some/model"]).trainer.learning_rate == 1e-6
    assert parse(["--method", "grpo"]).arguments.prompt_style == "plain"
    assert parse(["--method", "grpo", "--model_name_or_path", "some/model"]).arguments.prompt_style == "boxed"


# --- runs ----------------------------------------------------------------------------------------------------------


def run(*argv, launcher=(sys.executable,), cwd=ROOT):
    return subprocess.run(
        [*launcher, str(ROOT / "cli.py"), "train", *map(str, argv)],
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_default_trains_and_leaves_a_model_and_its_results(tmp_path):
    """From another folder, through accelerate, as printed in the README but for two steps."""
    launcher = (str(Path(sys.executable).with_name("accelerate")), "launch")
    short = ["--max_steps", 2, "--logging_steps", 2, "--eval_problems", 20]
    done = run("--method", "lpro", *short, launcher=launcher, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "LPRO on the embedded arithmetic model" in done.stdout
    assert "--model_name_or_path Qwen/Qwen2.5-Math-1.5B-Instruct" in done.stdout
    assert "held out: 20 problems, greedy" in done.stdout
    assert re.search(r"^ +2/2  ", done.stdout, re.MULTILINE), done.stdout
    (folder,) = (tmp_path / "outputs").iterdir()
    result = json.loads((folder / "run.json").read_text())
    rows = [json.loads(line) for line in (folder / "held_out.jsonl").read_text().splitlines()]
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    assert settings["length_penalty"] == 0.1
    assert settings["learning_rate"] == 3e-4
    assert result["before"]["accuracy"] == sum(row["before"]["correct"] for row in rows) / 20
    assert result["after"]["mean_length"] == sum(row["after"]["length"] for row in rows) / 20
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoModelForCausalLM.from_pretrained(folder / "final")
    AutoTokenizer.from_pretrained(folder / "final")


def test_a_token_is_written_nowhere(tmp_path):
    secret = "hf_thisIsASecretThatMustNotBeWritten"
    done = run(
        "--method", "grpo", "--max_steps", 1, "--eval_problems", 0, "--hub_token", secret, "--output_dir", tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert secret not in done.stdout + done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_the_model_is_safe_when_measuring_it_fails(tmp_path, monkeypatch):
    import commands.train

    measurements = iter([None])
    monkeypatch.setattr(commands.train, "_measure", lambda *_: next(measurements))  # the second one fails
    with pytest.raises(StopIteration):
        commands.train.main(["--method", "grpo", "--max_steps", "1", "--output_dir", str(tmp_path / "run")])
    assert (tmp_path / "run" / "final" / "model.safetensors").exists()


def test_the_same_seed_gives_the_same_run(tmp_path):
    results = []
    for name in ("a", "b"):
        done = run("--method", "repo", "--max_steps", 2, "--eval_problems", 30, "--output_dir", tmp_path / name)
        assert done.returncode == 0, done.stderr[-2000:]
        results.append((tmp_path / name / "held_out.jsonl").read_text())
        results.append((tmp_path / name / "final" / "model.safetensors").read_bytes())
    assert results[:2] == results[2:]


def test_two_processes_make_one_run(tmp_path):
    """One folder, one account of it, every held-out problem once (`accelerate launch --cpu` starts one process)."""
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    short = ["--max_steps", 2, "--eval_problems", 21, "--prompts_per_step", 16]
    done = run("--method", "lpro", *short, launcher=launcher, cwd=tmp_path)
    (folder,) = (tmp_path / "outputs").iterdir()  # the files judge: gloo now and then aborts at interpreter exit
    assert json.loads((folder / "run.json").read_text())["after"]["problems"] == 21, done.stderr[-2000:]
    rows = [json.loads(line) for line in (folder / "held_out.jsonl").read_text().splitlines()]
    assert len({row["problem"] for row in rows}) == 21
    assert done.stdout.count("held out: 21 problems, greedy") == 1
    assert "16 prompts × 8 completions = 128 per generation" in done.stdout


SMALL = ["--per_device_train_batch_size", 14 * 4, "--gradient_accumulation_steps", 1, "--max_completion_length", 8]


@pytest.mark.parametrize("recipe", sorted(path.name for path in RECIPES.glob("*.yaml")))
def test_every_recipe_resolves_as_it_stands(recipe):
    """Its own model, data and batch: divisible, in range, and known by name."""
    published = yaml.safe_load((RECIPES / recipe).read_text())
    method = [] if "method" in published else ["--method", "grpo"]
    settings = parse(["--config", str(RECIPES / recipe), *method])
    assert settings.arguments.dataset_name in DATASETS or "knowledge select" in (RECIPES / recipe).read_text()
    assert settings.arguments.eval_dataset_name in {None, *DATASETS}
    assert settings.trainer.generation_batch_size % settings.trainer.num_generations == 0


@pytest.mark.parametrize("recipe", sorted(path.name for path in RECIPES.glob("*.yaml")))
def test_every_recipe_makes_two_steps(recipe, tmp_path):
    """With a tiny model, a local file and a small batch in the place of the real ones."""
    tokenizer = tiny.tokenizer()
    tiny.model(tokenizer, positions=2048).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    points = {"kp_list": ["Add."], "css_kept_kp_index": [0]}
    rows = [{"problem": f"What is {i}+1?", "answer": str(i + 1), **points} for i in range(40)]
    data = jsonl(tmp_path / "d.jsonl", rows)
    published = yaml.safe_load((RECIPES / recipe).read_text())
    places = ["--model_name_or_path", tmp_path / "model", "--generation_batch_size", "none"]
    if "dataset_config" not in published:  # of problems that are here
        places += ["--dataset_name", data]
    if "eval_dataset_name" in published:
        DatasetDict({"test": Dataset.from_json(str(data))}).save_to_disk(tmp_path / "held_out")
        places += ["--eval_dataset_name", tmp_path / "held_out", "--eval_dataset_split", "test"]
    method = [] if "method" in published else ["--method", "grpo"]
    done = run(
        "--config", RECIPES / recipe, *method, *places, *SMALL, "--max_steps", 2, "--output_dir", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    state = json.loads((tmp_path / "out" / "run.json").read_text())
    assert state["method"] == published.get("method", "grpo")


@pytest.mark.parametrize("method", ["intuitor", "ttrl"])
def test_a_method_that_needs_no_answers_trains_without(method, tmp_path):
    data = jsonl(tmp_path / "d.jsonl", [{"problem": f"What is {i}+1?"} for i in range(40)])
    small = ["--per_device_train_batch_size", 8, "--group_size", 4, "--max_steps", 2, "--logging_steps", 1]
    done = run("--method", method, "--dataset_name", data, *small, "--output_dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "the problems have no answers: nothing is graded" in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert rows[0]["reward"] is not None
    assert not [name for name in rows[0] if "accuracy" in name]


def test_problems_that_cannot_be_graded_are_not_measured_as_wrong(tmp_path):
    """Intuitor trains on them; held out, they are no wrong answers."""
    rows = [{"problem": f"What is {i}+1?", "answer": str(i + 1) if i % 2 else ""} for i in range(100)]
    data = jsonl(tmp_path / "d.jsonl", rows)
    small = ["--per_device_train_batch_size", 8, "--group_size", 4, "--max_steps", 1, "--logging_steps", 1]
    done = run("--method", "intuitor", "--dataset_name", data, *small, "--output_dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in (tmp_path / "out" / "held_out.jsonl").read_text().splitlines()]
    assert all(row["answer"] for row in rows)
    assert f"{10 - len(rows)} of 10 held-out problems cannot be graded: not measured" in done.stdout
    assert json.loads((tmp_path / "out" / "run.json").read_text())["before"]["problems"] == len(rows)


def test_the_last_steps_are_logged_where_the_run_is_evaluated(tmp_path):
    evaluated = ["--eval_strategy", "steps", "--eval_steps", 3, "--eval_problems", 8]
    done = run("--method", "grpo", "--max_steps", 3, "--logging_steps", 10, *evaluated, "--output_dir", tmp_path / "o")
    assert done.returncode == 0, done.stderr[-2000:]
    last = json.loads((tmp_path / "o" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 3
    assert last["reward"] is not None


def test_a_reader_that_goes_away_does_not_end_the_run(tmp_path):
    command = [sys.executable, str(ROOT / "cli.py"), "train", "--method", "grpo", "--max_steps", "2"]
    process = subprocess.Popen(
        [*command, "--eval_problems", "0", "--output_dir", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read().decode()
    assert process.wait(timeout=300) == 0, error[-2000:]
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "finished"


def test_a_method_that_trains_on_answers_asks_for_them(refuse, tmp_path):
    data = jsonl(tmp_path / "d.jsonl", [{"problem": f"What is {i}+1?"} for i in range(40)])
    assert "needs a column with the answer" in refuse("--dataset_name", data)
    assert "needs a column with the answer" in refuse(
        "--dataset_name", data, "--external_weight", "1", method="intuitor"
    )


def test_prompts_that_are_too_long_are_counted_and_left_out(tmp_path):
    rows = [
        {"problem": f"What is {i}+1?" + " again" * (300 if i == 5 else 0), "answer": str(i + 1)} for i in range(40)
    ]
    data = jsonl(tmp_path / "d.jsonl", rows)
    done = run(
        *["--method", "grpo", "--dataset_name", data, "--max_prompt_length", 64, "--eval_problems", 0],
        *[
            "--per_device_train_batch_size",
            8,
            "--num_generations",
            4,
            "--max_steps",
            1,
            "--output_dir",
            tmp_path / "out",
        ],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1 prompts over 64 tokens dropped (--max_prompt_length): rows 5" in done.stdout
    assert "2 prompts × 4 completions = 8 per generation" in done.stdout
    assert "1 left out each epoch" in done.stdout
