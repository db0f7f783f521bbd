"""A hundred recipes with something wrong in them: each is refused in one paragraph, or is a recipe all the same."""

import random

import pytest
import yaml

import cli
from commands.arguments import RECIPES, parse

VALUES = [None, True, False, -1, 0, 1, 3.7, 1e30, float("nan"), float("inf"), "", "much", "none", "0", "1e-6", [], [1]]
VALUES += [["a", "b"], {}, {"a": 1}, "ä\n#: 'x", 10**20, "2026-01-01", "../nowhere", "accuracy", ["accuracy"] * 2]
KEYS = ["learnin_rate", "lamda", "epsilon", "group_size", "use_vllm", "load_in_4bit", "lora_r", "bf16", "hub_token"]
KEYS += [
    "vllm_mode",
    "reward_weights",
    "reward_funcs",
    "tools",
    "hints",
    "debug",
    "fsdp",
    "deepspeed",
    "env",
    "config",
]
KEYS += [
    "max_steps",
    "optim",
    "lr_scheduler_kwargs",
    "model_init_kwargs",
    "generation_kwargs",
    "dtype",
    "report_to",
    "",
]
SHIPPED = {path.name: yaml.safe_load(path.read_text()) for path in sorted(RECIPES.glob("*.yaml"))}


def mutated(seed):
    """One to three changes of a shipped recipe: a value, a key that is wrong, one that is gone."""
    chance = random.Random(seed)
    recipe = {"method": "grpo", **SHIPPED[chance.choice(list(SHIPPED))]}
    for _ in range(chance.randint(1, 3)):
        key = chance.choice(list(recipe)) if recipe else "seed"
        match chance.randrange(5):
            case 0 | 1:
                recipe[key] = chance.choice(VALUES)
            case 2:
                recipe[chance.choice(KEYS)] = chance.choice(VALUES)
            case 3:
                recipe[key[:-1] + chance.choice("xyz")] = recipe.pop(key, 1)
            case 4:
                recipe.pop(key)
    return recipe


def parts(settings):
    """All that was understood, but for a token, which is not written."""
    settings.trainer.hub_token = None
    return repr((settings.arguments, settings.trainer, settings.model))


@pytest.fixture
def nothing_is_loaded(monkeypatch):
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    def loaded(*_, **__):
        raise AssertionError("something was loaded")

    for kind in (AutoConfig, AutoModelForCausalLM, AutoTokenizer):
        monkeypatch.setattr(kind, "from_pretrained", loaded)
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)


@pytest.mark.parametrize("block", range(4))
def test_it_is_refused_or_it_is_a_recipe(block, tmp_path, capsys, monkeypatch, nothing_is_loaded):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "recipe.yaml"
    codes = []
    for seed in range(25 * block, 25 * block + 25):
        path.write_text(yaml.safe_dump(mutated(seed)))
        monkeypatch.setenv("a", "")  # `env` of a recipe sets it; put back afterwards
        code = cli.main(["train", "--config", str(path), "--print-config"])
        told = capsys.readouterr()
        assert code in (0, 2), f"seed {seed}: {told.err}\n{path.read_text()}"
        if code == 2:
            paragraph = told.err[told.err.index("error: ") :].strip()
            assert "\n\n" not in paragraph
            assert "Traceback" not in paragraph
            assert len(paragraph) > 30, seed
        else:
            again = tmp_path / "again.yaml"
            again.write_text(told.out)
            assert parts(parse(["--config", str(again)])) == parts(parse(["--config", str(path)])), seed
        codes.append(code)
    assert {path.name for path in tmp_path.iterdir()} <= {"recipe.yaml", "again.yaml"}, "a run has begun"
    assert 2 in codes
