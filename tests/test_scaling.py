"""The figures of docs/scaling.md are the estimator's, its batches the arithmetic's, its commands are understood."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from accelerate.commands.launch import launch_command_parser
from transformers import Qwen2Config
from trl import ModelConfig

from commands.arguments.combination import Combination, derive
from commands.arguments.settings import TrainArguments
from commands.training.memory import Shape, Work, estimate
from commands.training.memory_lines import shape_of
from trainers import LPROConfig

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scaling.md").read_text()
QWEN = {  # hidden, MLP, layers, heads, heads of keys, words, tied: Qwen2.5's published configurations
    "1.5B": (1536, 8960, 28, 12, 2, 151936, True),
    "7B": (3584, 18944, 28, 28, 4, 152064, False),
    "32B": (5120, 27648, 64, 40, 8, 152064, False),
}
FLOAT32 = Work(4, 4, 8, 2, rows=4, sampled=0, tokens=4096, completion=3072, checkpointing=True)
BF16 = replace(FLOAT32, weight_bytes=2, frozen_bytes=2, state_bytes=12)  # with float32 weights among the states


def qwen(name):
    hidden, mlp, layers, heads, keys, words, tied = QWEN[name]
    return shape_of(
        Qwen2Config(
            hidden_size=hidden,
            intermediate_size=mlp,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=keys,
            vocab_size=words,
            tie_word_embeddings=tied,
        )
    )


def rows(heading):
    part = PAGE.split(f"## {heading}")[1].split("\n## ")[0]
    lines = [line.strip("|") for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def test_memory_is_the_estimators():
    found = [row for row in rows("Memory for each GPU") if row[0] in QWEN]
    assert {row[0] for row in found} == set(QWEN)
    for model, gpus, *told in found:
        n = int(gpus)
        ways = [
            FLOAT32,
            replace(BF16, states_over=n),
            replace(BF16, states_over=n, weights_over=n),
            replace(FLOAT32, states_over=n, weights_over=n),
        ]
        expected = [f"{estimate(qwen(model), way).peak / 1e9:.0f}" for way in ways]
        assert told == (expected if n > 1 else [expected[0], "", "", ""]), (model, n)


def test_division_is_that_of_the_zero_paper():
    """Rajbhandari et al., arXiv 1910.02054, figure 1: 7.5B weights on 64 GPUs take 120, 16.6 and 1.9 GB."""
    shape = Shape(7_500_000_000, 7_500_000_000, 1, 1, 1, 1, 1)
    for over, expected in (((1, 1), 120), ((64, 1), 16.6), ((64, 64), 1.9)):
        memory = estimate(shape, replace(BF16, states_over=over[0], weights_over=over[1]))
        assert (memory.weights + memory.gradients + memory.optimizer) / 1e9 == pytest.approx(expected, abs=0.05)


def test_batches_are_the_arithmetics():
    found = [row for row in rows("Batch and tokens of a step") if row[0].isdigit()]
    assert len(found) == 4
    for gpus, completions, accumulation, tokens in found:
        asked = Combination(int(gpus), 128, 8, 4, 1, None, None, None, None)
        derived = derive(asked, {"accumulation"})
        assert derived.accumulation == int(accumulation)
        assert f"{4 * derived.accumulation:,}" == completions
        assert f"{4 * derived.accumulation * 2000:,}" == tokens


def commands():
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL):
        text = block.replace("\\\n", " ").replace("srun bash -c '", "").replace("'", "")
        yield from (line for line in text.splitlines() if line.startswith(("accelerate launch", "trl ")))


def test_commands_are_understood():
    known = {*TrainArguments.__dataclass_fields__, *ModelConfig.__dataclass_fields__, "config", "group_size"}
    known |= set(LPROConfig.__dataclass_fields__)
    found = [shlex.split(line.replace("$SLURM_NODEID", "1")) for line in commands()]
    launches = [launch_command_parser().parse_args(words[2:]) for words in found if words[0] == "accelerate"]
    assert len(launches) == len(found) - 1 == 3
    for asked in launches:
        assert (ROOT / asked.config_file).is_file()
        assert asked.training_script == "cli.py"
        assert asked.training_script_args[0] == "train"
        assert {word[2:] for word in asked.training_script_args if word.startswith("--")} <= known


def test_every_configuration_has_a_place():
    told = set(re.findall(r"(\w+)\.yaml`", PAGE.split("## Which configuration")[1].split("```")[0]))
    assert told | {"cpu"} == {path.stem for path in (ROOT / "accelerate_configs").iterdir()}
