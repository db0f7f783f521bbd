"""An adapter from training to a whole model: what goes on, what is merged, and what is refused."""

import json

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

import commands.merge
import commands.train
import embedded
from commands.arguments import parse
from errors import UserError
from runs.folder import RunFolder

RUN = [
    "--method", "grpo", "--max_steps", "2", "--logging_steps", "1", "--eval_problems", "0", "--sample_steps", "0",
    "--per_device_train_batch_size", "32", "--max_problems", "16", "--max_completion_length", "32",
    "--disable_tqdm", "true", "--save_steps", "1",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a new adapter."""
    folder = tmp_path_factory.mktemp("adapter") / "run"
    commands.train.main([*RUN, "--use_peft", "--output_dir", str(folder)])
    return RunFolder(folder)


def adapter(path, **lora):
    """An adapter of the embedded model with weights at random."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(embedded.MODEL)
    config = LoraConfig(r=4, task_type="CAUSAL_LM", init_lora_weights=False, **lora)
    get_peft_model(model, config).save_pretrained(path)
    return str(path)


def logits(model):
    ids = AutoTokenizer.from_pretrained(embedded.MODEL)("Compute 3+4.", return_tensors="pt")
    with torch.no_grad():
        return model.eval()(**ids).logits


def test_a_merged_run_is_its_base_plus_scaled_b_a(run):
    """W + α/r · B A for every linear layer, computed here from the files."""
    commands.merge.main([str(run.path)])
    merged = AutoModelForCausalLM.from_pretrained(run.path / "merged").state_dict()
    base = AutoModelForCausalLM.from_pretrained(embedded.MODEL).state_dict()
    from safetensors.torch import load_file

    trained = load_file(run.final / "adapter_model.safetensors")
    changed = [name for name in base if not torch.equal(base[name], merged[name])]
    assert len(changed) == 21 == len(trained) // 2  # seven linear layers in three blocks
    for name in changed:
        a, b = (trained[f"base_model.model.{name.removesuffix('weight')}lora_{x}.weight"] for x in "AB")
        torch.testing.assert_close(merged[name], base[name] + 2.0 * b @ a, atol=1e-6, rtol=0)
    record = json.loads((run.path / "merged" / "merge.json").read_text())
    assert record["base"] == "embedded"
    assert record["error"] < 1e-3 * record["effect"]
    assert run.read()["merged"]["folder"] == "merged"


def test_the_same_merge_is_done_once_and_another_is_refused(run, capsys):
    commands.merge.main([str(run.path)])
    assert "holds this very merge already" in capsys.readouterr().out or (run.path / "merged").is_dir()
    with pytest.raises(UserError, match=r"holds something else \(dtype\)"):
        commands.merge.main([str(run.path), "--dtype", "bfloat16"])


@pytest.mark.parametrize(
    "lora",
    [
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"target_modules": ["embed_tokens", "v_proj"]},
    ],
    ids=["head of its own", "words adapted"],
)
def test_a_tied_head_is_parted_where_the_adapter_parts_it(lora, tmp_path):
    path = adapter(tmp_path / "a", **lora)
    commands.merge.main([path, "--output", str(tmp_path / "m")])
    trained = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(embedded.MODEL), path)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    torch.testing.assert_close(logits(merged), logits(trained), atol=1e-3, rtol=0)


def test_what_is_no_trained_adapter_is_refused_and_leaves_nothing(tmp_path):
    model = AutoModelForCausalLM.from_pretrained(embedded.MODEL)
    get_peft_model(model, LoraConfig(r=4, task_type="CAUSAL_LM")).save_pretrained(tmp_path / "fresh")  # B is zero
    before = sorted(tmp_path.rglob("*"))
    for path, told in ((str(tmp_path / "fresh"), "changes nothing"), (str(embedded.MODEL), "is a whole model")):
        with pytest.raises(UserError, match=told):
            commands.merge.main([path, "--output", str(tmp_path / "m")])
    assert sorted(tmp_path.rglob("*")) == before


def test_an_adapter_goes_on_from_itself_and_is_its_own_reference(run, tmp_path):
    """With a rate of 0 it stays bit for bit what it was, and the KL to its reference is 0; to the base it is not."""
    argv = [*RUN, "--adapter", str(run.path), "--beta", "0.1", "--learning_rate", "0", "--lean", "false"]
    commands.train.main([*argv, "--output_dir", str(tmp_path / "on")])
    on = RunFolder(tmp_path / "on")
    name = "adapter_model.safetensors"
    assert (on.final / name).read_bytes() == (run.final / name).read_bytes()
    assert not (on.final / "ref").exists()
    rows = [json.loads(line) for line in on.metrics.read_text().splitlines()]
    assert [row["kl"] for row in rows if "kl" in row] == [0.0, 0.0]


def test_an_adapter_with_a_reference_resumes_to_the_same_bits(run, tmp_path):
    argv = [*RUN, "--adapter", str(run.path), "--beta", "0.1"]
    for folder, steps in (("straight", "2"), ("stopped", "1")):
        commands.train.main([*argv, "--max_steps", steps, "--output_dir", str(tmp_path / folder)])
    RunFolder(tmp_path / "stopped").update(status="interrupted")
    commands.train.main([*argv, "--max_steps", "2", "--force", "true", "--output_dir", str(tmp_path / "stopped")])
    name = "final/adapter_model.safetensors"
    assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


def test_the_base_of_an_adapter_is_its_model_and_no_other_is(run):
    assert parse(["--method", "grpo", "--adapter", str(run.path)]).embedded
    for more, told in (
        (["--lora_r", "8"], "--lora_r would have no effect"),
        (["--use_peft"], "--use_peft would have no effect"),
        (["--model_name_or_path", "some/other"], "belongs on no other weights; found --model_name_or_path some/other"),
    ):
        with pytest.raises(UserError, match=told):
            parse(["--method", "grpo", "--adapter", str(run.path), *more])
    with pytest.raises(UserError, match=f"is an adapter. Go on with it by --adapter {run.final}"):
        parse(["--method", "grpo", "--model_name_or_path", str(run.final)])


def test_a_new_adapter_takes_every_layer_without_dropout_and_learns_faster():
    asked = parse(["--method", "grpo", "--model_name_or_path", "some/model", "--use_peft"])
    assert (asked.model.lora_target_modules, asked.model.lora_dropout) == ("all-linear", 0.0)
    assert asked.trainer.learning_rate == pytest.approx(1e-5)  # ten times TRL's
    own = ["--learning_rate", "3e-6", "--lora_dropout", "0.1", "--lora_target_modules", "q_proj"]
    asked = parse(["--method", "grpo", "--model_name_or_path", "some/model", "--use_peft", *own])
    assert (asked.model.lora_target_modules, asked.model.lora_dropout) == ("q_proj", 0.1)
    assert asked.trainer.learning_rate == 3e-6
