"""From flags and recipes to settings: where each value came from, what is written back, and what is refused."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from trl import GRPOConfig, ModelConfig

import cli
import commands.arguments.loggers as loggers
from commands.arguments import RECIPES, parse
from commands.arguments.groups import GROUPS, group_of
from commands.arguments.help import method_lines, train_help
from commands.arguments.print_config import config_yaml
from errors import UserError
from runs.folder import RunFolder
from trainers import METHODS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def recipe(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return str(path)

    return write


def parts(settings):
    return settings.arguments, settings.trainer, settings.model


# --- where a value came from ---------------------------------------------------------------------------------------


def test_every_value_knows_its_source(recipe):
    text = "# mine\nmethod: lpro\nlambda: 0.2\ntemperature: 0.7\n"
    settings = parse(["--config", recipe(text), "--learning-rate=1e-5", "--prompts_per_step", "8"])
    expected = {
        "learning_rate": "flag",
        "prompts_per_step": "flag",
        "length_penalty": "mine.yaml line 3",
        "temperature": "mine.yaml line 4",
        "max_completion_length": "embedded recipe",
        "model_name_or_path": "embedded recipe",
        "use_cpu": "this machine",
        "epsilon_high": "method lpro",
        "token_norm": "method lpro",
        "per_device_train_batch_size": "derived",
        "reward_weights": "derived",
        "prompt_style": "derived",
        "dataset_name": "default",
        "weight_decay": "TRL",
    }
    if not settings.trainer.use_cpu:
        del expected["use_cpu"]  # only a machine without an accelerator needs it
    assert {name: settings.sources[name] for name in expected} == expected


def test_every_option_has_a_source_and_a_group():
    for method, (_, config) in METHODS.items():
        settings = parse(["--method", method])
        options = {f.name for part in parts(settings) for f in dataclasses.fields(part)} - {"hub_token"}
        assert set(settings.sources) >= options, config
        assert {group_of(name) for name in options} <= set(GROUPS)


def test_a_shipped_recipe_is_named_without_the_folders_of_this_machine():
    settings = parse(["--config", str(RECIPES / "lpro-qwen2.5-math-1.5b.yaml")])
    lines = (RECIPES / "lpro-qwen2.5-math-1.5b.yaml").read_text().splitlines()
    source = settings.sources["max_completion_length"]
    assert source == f"recipes/lpro-qwen2.5-math-1.5b.yaml line {lines.index('max_completion_length: 2048') + 1}"


# --- settings written back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.name for path in RECIPES.glob("*.yaml")))
@pytest.mark.parametrize("method", METHODS)
def test_written_settings_give_the_same_settings(name, method, recipe):
    """Every recipe with every method, as far as the two go together."""
    settings = parse(["--config", str(RECIPES / name), "--method", method])
    again = parse(["--config", recipe(config_yaml(settings))])
    assert parts(again) == parts(settings)


@pytest.mark.parametrize(
    "argv",
    [
        ["--method", "grpo"],
        ["--method", "lpro", "--epsilon_high", "none", "--lambda", "0.25"],  # over the method's 0.28
        ["--method", "repo", "--num_iterations", "1"],  # TRL's default over the embedded recipe's 2
        ["--method", "grpo", "--prompts_per_step", "20", "--group_size", "4"],
        ["--method", "grpo", "--system_prompt", "Two lines:\n\"quoted\" # and 'this' – §"],
        ["--method", "grpo", "--reward_funcs", "accuracy", "--reward_weights", "2"],
        ["--method", "grpo", "--no_shuffle_dataset", "--lr_scheduler_type", "cosine", "--save_strategy", "epoch"],
        ["--method", "grpo", "--model_init_kwargs", '{"device_map": "cpu"}', "--run_name", "null"],
        ["--method", "grpo", "--model_name_or_path", "some/model", "--use_peft", "--lora_target_modules", "q", "k"],
    ],
    ids=str,
)
def test_written_flags_give_the_same_settings(argv, recipe):
    settings = parse(argv)
    assert parts(parse(["--config", recipe(config_yaml(settings))])) == parts(settings)


def test_values_are_grouped_with_their_sources_and_trl_has_the_rest():
    text = config_yaml(parse(["--method", "lpro", "--lambda", "0.3"]))
    ours, trl = text.split("# TRL's defaults for all others")
    assert re.search(r"\n# method\n(?:[^\n]+\n)*length_penalty: 0.3 +# flag\n", ours)
    assert re.search(r"\n# optimisation\n(?:[^\n]+\n)*learning_rate: 0.0003 +# embedded recipe\n", ours)
    assert "\n# weight_decay: 0.0\n" in trl
    assert yaml.safe_load(trl) is None, "TRL's defaults are comments"
    for option in dataclasses.fields(GRPOConfig):
        if option.name not in ("hub_token", "output_dir", "resume_from_checkpoint"):
            assert re.search(rf"^(# )?{option.name}: ", text, re.MULTILINE), option.name


def test_what_belongs_to_a_run_or_a_machine_is_not_passed_on(tmp_path):
    argv = ["--method", "grpo", "--output_dir", str(tmp_path / "run")]
    live = yaml.safe_load(config_yaml(parse(argv)))
    assert not {"output_dir", "resume_from_checkpoint", "use_cpu", "model_name_or_path"} & set(live)
    assert str(ROOT) not in config_yaml(parse(argv))
    assert yaml.safe_load(config_yaml(parse(argv), portable=False))["output_dir"] == str(tmp_path / "run")


SECRET = "thisIsASecretThatMustNotBeWritten"


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--hub_token", SECRET], ""),
        ([], f"hub_token: {SECRET}\n"),
        ([], f"model_init_kwargs:\n  token: {SECRET}\n"),
        (["--model_init_kwargs", json.dumps({"token": SECRET})], ""),
        (["--model_init_kwargs", json.dumps({"use_auth": f"hf_{SECRET}"})], ""),
    ],
)
def test_a_token_is_never_written(flags, text, recipe):
    settings = parse(
        ["--method", "grpo", "--model_name_or_path", "some/model", "--config", recipe(f"seed: 1\n{text}"), *flags]
    )
    assert SECRET in str(settings.trainer.hub_token) + str(settings.trainer.model_init_kwargs)
    assert SECRET not in config_yaml(settings, portable=False)


# --- other names for options ---------------------------------------------------------------------------------------


def test_aliases_are_keys_of_a_recipe_too(recipe):
    settings = parse(["--config", recipe("method: lpro\nlambda: 0.3\ngroup_size: 4\nprompts_per_step: 6\n")])
    assert settings.trainer.length_penalty == 0.3
    assert settings.trainer.num_generations == 4
    assert settings.trainer.generation_batch_size == 24


def test_an_alias_as_a_flag_wins_over_the_name_in_the_recipe(recipe):
    path = recipe("method: lpro\nnum_generations: 4\nlength_penalty: 0.3\n")
    settings = parse(["--config", path, "--group-size", "8", "--lambda", "0.1"])
    assert (settings.trainer.num_generations, settings.trainer.length_penalty) == (8, 0.1)


def test_two_names_with_two_values_are_refused(recipe):
    with pytest.raises(UserError, match="--num_generations and --group_size are the same option; found 4 and 8"):
        parse(["--method", "grpo", "--num_generations=4", "--group-size", "8"])
    with pytest.raises(UserError, match=r"mine.yaml, line 2: .*--length_penalty and --lambda are the same option"):
        parse(["--method", "lpro", "--config", recipe("lambda: 0.2\nlength_penalty: 0.1\n")])
    assert parse(["--method", "grpo", "--num_generations", "4", "--group_size", "4"]).trainer.num_generations == 4


def test_a_recipe_without_a_line_is_refused(recipe):
    with pytest.raises(UserError, match="must hold `option: value` lines; found nothing"):
        parse(["--method", "grpo", "--config", recipe("# to do\n")])


def test_a_key_that_stands_twice_is_refused(recipe):
    """YAML lets the last one win without a word."""
    with pytest.raises(UserError, match=r"mine.yaml, line 3: seed stands in line 1 already"):
        parse(["--method", "grpo", "--config", recipe("seed: 1\nbeta: 0\nseed: 2\n")])


def test_a_key_of_another_method_says_whose_it_is(recipe):
    with pytest.raises(
        UserError, match=r"line 2: lambda is not known to --method repo; it belongs to --method lpro\.$"
    ):
        parse(["--method", "repo", "--config", recipe("seed: 1\nlambda: 0.1\n")])


def test_a_misspelt_option_of_another_method_is_found_there():
    with pytest.raises(UserError, match="Did you mean '--length_penalty' of --method lpro"):
        parse(["--method", "repo", "--length_penality", "0.1"])


def test_an_option_merged_from_an_anchor_has_the_line_of_the_merge(recipe, monkeypatch):
    monkeypatch.setenv("seed", "")  # `env` sets it; put back afterwards
    settings = parse(["--config", recipe("method: grpo\nenv: &few\n  seed: 7\n<<: *few\n")])
    assert (settings.trainer.seed, settings.sources["seed"]) == (7, "mine.yaml line 4")


def test_null_takes_a_methods_default_away(recipe):
    assert parse(["--method", "lpro", "--config", recipe("epsilon_high: null\n")]).trainer.epsilon_high is None


# --- loggers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", loggers.LOGGERS)
def test_a_logger_that_is_not_installed_says_what_to_install(name, monkeypatch):
    monkeypatch.setattr(loggers, "get_available_reporting_integrations", list)
    with pytest.raises(UserError, match=f"--report_to {name} needs its package: pip install {name}"):
        parse(["--method", "grpo", "--report_to", name])


def test_an_unknown_logger_is_corrected():
    with pytest.raises(UserError, match=r"found 'tensorbord'\. Did you mean 'tensorboard'\?"):
        parse(["--method", "grpo", "--report_to", "tensorbord"])


@pytest.fixture
def wandb_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(loggers, "get_available_reporting_integrations", lambda: ["wandb"])
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    yield tmp_path / "netrc"
    os.environ.pop("WANDB_MODE", None)


def test_wandb_never_asks_for_an_account(wandb_installed):
    settings = parse(["--method", "grpo", "--report_to", "wandb"])
    assert os.environ["WANDB_MODE"] == "offline"
    assert len(settings.notes) == 1
    assert len(settings.notes[0]) <= 100


def test_wandb_is_left_alone_where_somebody_is_logged_in(wandb_installed, monkeypatch):
    wandb_installed.write_text("machine api.wandb.ai\n  login user\n  password key\n")
    assert parse(["--method", "grpo", "--report_to", "wandb"]).notes == []
    wandb_installed.unlink()
    monkeypatch.setenv("WANDB_API_KEY", "key")
    assert parse(["--method", "grpo", "--report_to", "wandb"]).notes == []
    assert "WANDB_MODE" not in os.environ


def test_several_loggers_can_be_named(recipe, monkeypatch):
    monkeypatch.setattr(loggers, "get_available_reporting_integrations", lambda: ["tensorboard", "trackio"])
    both = ["tensorboard", "trackio"]
    assert parse(["--method", "grpo", "--report_to", *both]).trainer.report_to == both
    assert parse(["--method", "grpo", "--config", recipe("report_to: trackio\n")]).trainer.report_to == ["trackio"]


# --- help ----------------------------------------------------------------------------------------------------------


def test_each_method_is_listed_with_its_formula_and_source():
    _, *lines = method_lines()
    assert [line.split()[0] for line in lines] == list(METHODS)
    for line in lines:
        assert re.fullmatch(r"  \w+ +A_i = \S.*\S {3}\S.*", line), line
        assert len(line) <= 100
    assert "λ·(L_i − μ_L) / (σ_L + ε)   Nexus-1.5B model card" in lines[list(METHODS).index("lpro")]


def test_method_without_a_value_answers_with_the_list(capsys, monkeypatch):
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    assert cli.main(["train", "--method"]) == 2
    told = capsys.readouterr()
    assert told.out.splitlines() == method_lines()
    assert told.err.strip() == "error: --method needs a value."


def test_the_help_has_every_group_and_an_example():
    lines = train_help().splitlines()
    assert [word for line in lines if (word := line.split(" ")[0]) in GROUPS] == list(GROUPS)[:-1]
    example = next(line for line in lines if line.startswith("example: "))
    parse(example.split("cli.py train ")[1].split())
    for line in method_lines():
        assert line in lines


def test_the_defaults_in_the_help_are_those_of_a_run():
    told = train_help()
    for method in METHODS:
        trainer = parse(["--method", method, "--model_name_or_path", "some/model"]).trainer
        met = re.search(r"--num_iterations \[1; ([\w ]+) 4\]", told)
        assert trainer.num_iterations == (4 if method in met[1].split() else 1)


def test_help_all_has_every_option_of_trl():
    told = train_help(everything=True)
    assert max(map(len, told.splitlines())) <= 100
    known = [option for kind in (GRPOConfig, ModelConfig) for option in dataclasses.fields(kind)]
    assert len(known) > 190
    for option in known:
        assert re.search(rf"^  --{option.name}\b", told, re.MULTILINE), option.name
    assert "  --weight_decay [0.0]  Weight decay coefficient applied by the optimizer." in told
    assert told.startswith(train_help())


# --- ten typical mistakes ------------------------------------------------------------------------------------------


def rows(path, n, **columns):
    path.write_text(
        "".join(json.dumps({"problem": f"{i}+1?", "answer": f"{i + 1}", **columns}) + "\n" for i in range(n))
    )
    return path


MISTAKES = {
    "wrong column": (["--dataset_name", "d.jsonl", "--answer_column", "anser"], "answer"),
    "misspelt flag": (["--learning_rat", "1e-5"], "Did you mean '--learning_rate'?"),
    "flag of another method": (["--lambda", "0.1"], "it belongs to --method lpro"),
    "value of the wrong type": (
        ["--group_size", "many"],
        "--num_generations or --group_size: invalid int value: 'many'",
    ),
    "file not there": (["--dataset_name", "nowhere.jsonl"], "nowhere.jsonl"),
    "empty dataset": (["--dataset_name", "empty.jsonl"], "empty.jsonl"),
    "three rows": (["--dataset_name", "three.jsonl"], "Add problems, or lower --prompts_per_step (now 16)"),
    "batch that does not divide": (["--per_device_train_batch_size", "6"], "Each of these fits: (1) --group_size"),
    "no write permission": (["--output_dir", "/proc/x"], "must be a folder that can be written"),
    "two runs into one folder": (["--output_dir", "taken"], "Name a new folder, or leave --output_dir out"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_typical_mistake_is_one_paragraph_with_the_way_out(mistake, tmp_path):
    """As a process: exit code 2, nothing written, another run's folder untouched."""
    rows(tmp_path / "d.jsonl", 40)
    rows(tmp_path / "three.jsonl", 3)
    (tmp_path / "empty.jsonl").touch()
    other = RunFolder(tmp_path / "taken")
    other.claim()
    argv, way_out = MISTAKES[mistake]
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "train", "--method", "repo", *argv],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    told = done.stderr.strip()
    assert done.returncode == 2, told
    assert told.startswith("error: ")
    assert "\n\n" not in told
    assert "Traceback" not in told
    assert way_out in " ".join(told.split())
    assert not (tmp_path / "outputs").exists()
    assert (tmp_path / "taken" / ".lock").exists(), "the other run has lost its folder"
    other.release()


def test_asking_when_to_save_is_asking_to_save():
    """The embedded recipe saves nothing by itself."""
    assert parse(["--method", "grpo"]).trainer.save_strategy == "no"
    assert parse(["--method", "grpo", "--save_steps", "5"]).trainer.save_strategy == "steps"
    assert parse(["--method", "grpo", "--save_steps", "5", "--save_strategy", "no"]).trainer.save_strategy == "no"
