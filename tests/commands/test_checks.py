"""What is refused before and after the weights are loaded, and what is watched while a run goes on."""

import json
import math
import threading
import time
from types import SimpleNamespace

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerControl, TrainerState

import cli
import commands.training.readiness as readiness
import embedded
from commands.arguments import parse
from commands.training.guard import Guard, fingerprint, gradient_norm
from commands.training.readiness import check_ready, ends_of, require_trainable, template_end
from commands.training.watchdog import Watchdog
from errors import UserError
from evaluation.engines import Completion
from runs.folder import RunFolder
from tests import tiny
from tests.trainers.runs import build
from trainers import RolloutConfig, RolloutTrainer

# --- before anything is loaded -------------------------------------------------------------------------------------

QWEN = ["--model_name_or_path", "some/model"]
REFUSALS = {  # arguments: what the message names, value and way out
    "batch that does not divide": (
        ["--per_device_train_batch_size", "6", "--group_size", "4"],
        ["found 6", "Each of these fits"],
    ),
    "unknown key": (["--config", "RECIPE", "learnin_rate: 1"], ["learnin_rate", "Did you mean 'learning_rate'?"]),
    "mapping for a number": (
        ["--config", "RECIPE", "learning_rate: {a: 1}"],
        ["learning_rate takes no mapping; found one of a"],
    ),
    "yes for a text": (["--config", "RECIPE", "dataset_name: yes"], ["found true", "Put it into quotes"]),
    "number for options": (["--generation_kwargs", "much"], ["'much'", "a mapping of names to values"]),
    "infinite interval": (["--config", "RECIPE", "logging_steps: .inf"], ["--logging_steps", "found inf"]),
    "no rewards": (["--config", "RECIPE", "reward_funcs: []"], ["--reward_funcs is empty", "accuracy"]),
    "missing column": (["--dataset_name", "text.jsonl"], ["txt", "--problem_column"]),
    "bad golds": (["--dataset_name", "bad.jsonl"], ["row 1", "--bad_golds drop"]),
    "too few problems": (["--dataset_name", "three.jsonl"], ["3 training problems", "lower --prompts_per_step"]),
    "too long": (["--max_completion_length", "600"], ["600", "512 positions", "Lower --max_completion_length to"]),
    "4 bits with vLLM": (
        [*QWEN, "--load_in_4bit", "--use_peft", "--use_vllm"],
        ["--load_in_4bit does not go with --use_vllm", "Leave --use_vllm out"],
    ),
    "8 bits with vLLM": ([*QWEN, "--load_in_8bit", "--use_peft", "--use_vllm"], ["--load_in_8bit does not go with"]),
    "4 and 8 bits": (
        [*QWEN, "--load_in_4bit", "--load_in_8bit", "--use_peft"],
        ["--load_in_8bit exclude each other", "Set one"],
    ),
    "4 bits without adapter": ([*QWEN, "--load_in_4bit"], ["add --use_peft"]),
    "tool with vLLM": ([*QWEN, "--tools", "python", "--use_vllm"], ["--tools python", "leave one of them out"]),
    "vLLM on the CPU": (["--use_vllm", "--use_cpu"], ["--use_vllm needs a GPU", "leave it out"]),
    "two types": (["--bf16", "true", "--fp16", "true"], ["--bf16 and --fp16 exclude each other", "Set one"]),
    "vLLM's option without vLLM": (["--vllm_mode", "server"], ["--vllm_mode", "without --use_vllm", "leave"]),
    "LoRA's option without LoRA": (["--lora_r", "8"], ["--lora_r", "without --use_peft: add it"]),
    "watchdog below 0": (["--watchdog_minutes", "-1"], ["--watchdog_minutes must be at least 0; found -1.0"]),
    "broken schedule": (["--epsilon_high_schedule", "x"], ["'x'", "such as 0.875:0.26"]),
    "penalty below 0": (["--method", "lpro", "--lambda=-1"], ["found -1.0"]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_says_what_was_met_and_the_way_out_before_weights_are_loaded(name, tmp_path, capsys, monkeypatch):
    def loaded(*_, **__):
        raise AssertionError("weights were loaded")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", loaded)
    monkeypatch.setattr("transformers.PreTrainedModel.from_pretrained", loaded)
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    monkeypatch.chdir(tmp_path)
    rows = [{"problem": f"{i}+1?", "answer": str(i + 1)} for i in range(40)]
    for file, lines in {
        "text.jsonl": [{"txt": "1"}],
        "bad.jsonl": [rows[0], {"problem": "?", "answer": r"\frac{1}{"}, *rows[2:]],
        "three.jsonl": rows[:3],
    }.items():
        (tmp_path / file).write_text("".join(json.dumps(row) + "\n" for row in lines))
    argv, expected = REFUSALS[name]
    if "RECIPE" in argv:
        (tmp_path / "recipe.yaml").write_text(argv[-1] + "\n")
        argv = ["--config", "recipe.yaml"]
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["train", *([] if "--method" in argv else ["--method", "grpo"]), *argv]) == 2
    told = " ".join(capsys.readouterr().err.split())
    for part in expected:
        assert part in told
    assert "Traceback" not in told
    assert sorted(tmp_path.rglob("*")) == before, "something was written"


def test_an_option_without_effect_passes_where_its_switch_was_set_knowingly(tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("method: grpo\nuse_peft: true\nlora_r: 8\n")
    assert parse(["--config", str(recipe), "--use_peft", "false"]).model.use_peft is False


# --- with the weights loaded ---------------------------------------------------------------------------------------


@pytest.fixture
def frozen(tmp_path):
    """An adapter as PEFT loads it unless asked otherwise."""
    tokenizer = tiny.tokenizer()
    get_peft_model(tiny.model(tokenizer), LoraConfig(task_type="CAUSAL_LM")).save_pretrained(tmp_path / "adapter")
    return PeftModel.from_pretrained(tiny.model(tokenizer), tmp_path / "adapter")


def test_a_frozen_adapter_is_refused(frozen, tmp_path):
    with pytest.raises(UserError, match=r"no trainable parameters.*is_trainable=True.*--use_peft"):
        require_trainable(frozen)
    require_trainable(PeftModel.from_pretrained(tiny.model(tiny.tokenizer()), tmp_path / "adapter", is_trainable=True))


def test_ends_and_padding_are_named():
    tokenizer = AutoTokenizer.from_pretrained(embedded.MODEL)
    model = AutoModelForCausalLM.from_pretrained(embedded.MODEL)
    said, doubt = ends_of(model, tokenizer)
    assert said == "a completion ends at <|im_end|> (2); padded with <|endoftext|> (0)"
    assert doubt is None


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (tiny.CHATML, "<|im_end|>"),
        ("{% for m in messages %}{{ m['content'] }}\n{% endfor %}", None),
        ("{% for m in messages %}{{ m['content'] }}<|endoftext|><|im_end|>{% endfor %}", "<|endoftext|>"),
        (None, None),
    ],
)
def test_the_end_of_a_template_is_read_off_what_it_writes(template, end):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = template
    assert template_end(tokenizer) == (None if end is None else tokenizer.convert_tokens_to_ids(end))


def test_a_template_whose_end_no_completion_has_is_said():
    """As Qwen2.5's base models: their generation ends at <|endoftext|>, a turn of the template at <|im_end|>."""
    tokenizer = tiny.tokenizer()
    model = tiny.model(tokenizer)
    tokenizer.eos_token = "<|endoftext|>"
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    _, doubt = ends_of(model, tokenizer)
    assert doubt.startswith("the chat template ends an answer with <|im_end|> (2), at which no completion ends.")
    assert "add 2 to eos_token_id" in doubt


def test_without_an_end_token_no_run_begins():
    tokenizer = tiny.tokenizer()
    model = tiny.model(tokenizer)
    tokenizer.eos_token = model.generation_config.eos_token_id = None
    with pytest.raises(UserError, match=r"names an EOS token.*eos_token_id in generation_config.json"):
        ends_of(model, tokenizer)


CUT = Completion("and so on", 3, truncated=True)


def ready(tmp_path, limit, *, allow=False, ends=True):
    """`check_ready` on the tiny model, whose completions end with one token in seven, or never."""
    trainer = build(RolloutTrainer, RolloutConfig, tmp_path)
    tokenizer = trainer.processing_class
    if not ends:
        trainer.model.generation_config.eos_token_id = tokenizer.eos_token_id
        with torch.no_grad():  # all words alike, and a thousand against one for each of them
            trainer.model.get_input_embeddings().weight[:3] = 0
    asked = SimpleNamespace(
        max_new_tokens=limit,
        arguments=SimpleNamespace(allow_truncated=allow, tools="none", reward_funcs=["accuracy"]),
        trainer=trainer.args,
    )
    task = SimpleNamespace(tokenizer=tokenizer, train=trainer.train_dataset)
    state = torch.get_rng_state()
    check_ready(asked, trainer, task)
    assert torch.equal(torch.get_rng_state(), state), "training would draw other numbers"
    return trainer


def test_the_share_that_ends_is_said(tmp_path, capsys):
    trainer = ready(tmp_path, 100)
    told = capsys.readouterr().out
    assert "of 4 completions of training prompts ended within 100 tokens" in told
    assert trainer.model.training


def test_answers_that_never_end_are_refused_unless_allowed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(readiness, "sampled", lambda *_: [CUT] * 4)
    with pytest.raises(UserError, match=r"none of 4 .* --max_completion_length 3,.*--allow_truncated goes on"):
        ready(tmp_path, 3)
    ready(tmp_path, 3, allow=True)


def test_completions_that_are_cut_are_not_counted(tmp_path, capsys):
    with pytest.raises(UserError, match="none of 4"):
        ready(tmp_path, 2, ends=False)


# --- while it goes on ----------------------------------------------------------------------------------------------


class Frozen(torch.optim.SGD):
    """Holds the weights and leaves them as they are."""

    def step(self, closure=None):
        pass


def guarded_run(tmp_path, reward_func=None, **changes):
    run = RunFolder(tmp_path / "run")
    run.claim()
    trainer = build(
        RolloutTrainer, RolloutConfig, tmp_path, **({"reward_funcs": reward_func} if reward_func else {}), **changes
    )
    guard = Guard(run)
    trainer.add_callback(guard)
    return run, trainer, guard


def test_a_run_that_learns_says_so(tmp_path, capsys):
    _, trainer, guard = guarded_run(tmp_path)
    trainer.train()
    assert guard.trained is True
    guard.conclude()
    assert "trained nothing" not in capsys.readouterr().out


def test_the_guard_changes_no_bit_of_a_run(tmp_path):
    _, watched, _ = guarded_run(tmp_path / "a")
    watched.train()
    plain = build(RolloutTrainer, RolloutConfig, tmp_path / "b")
    plain.train()
    assert fingerprint(watched.model) == fingerprint(plain.model)
    assert all(torch.equal(p, q) for p, q in zip(watched.model.parameters(), plain.model.parameters(), strict=True))


def test_an_optimizer_that_changes_nothing_stops_the_run(tmp_path):
    _, trainer, _ = guarded_run(tmp_path)
    trainer.optimizer = Frozen(trainer.model.parameters(), lr=1.0)
    with pytest.raises(UserError, match=r"step 1 changed none of the trained weights.*--dtype float32"):
        trainer.train()


def test_a_run_without_signal_has_trained_nothing_and_says_so(tmp_path, capsys):
    _, trainer, guard = guarded_run(tmp_path, reward_func=lambda completions, **_: [1.0] * len(completions))
    trainer.train()
    assert guard.trained is False
    guard.conclude()
    told = " ".join(capsys.readouterr().out.split())
    assert "warning: this run has trained nothing." in told
    assert "cli.py filter-data" in told


def test_a_learning_rate_of_0_does_not_stop_the_run(tmp_path):
    _, trainer, guard = guarded_run(tmp_path, learning_rate=0.0)
    trainer.train()
    assert guard.trained is False


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_stops_the_run_before_it_reaches_the_weights(tmp_path, broken):
    run, trainer, _ = guarded_run(tmp_path)
    (run.checkpoints / "checkpoint-1").mkdir(parents=True)
    (run.checkpoints / "checkpoint-1" / "complete.json").write_text('{"step": 1}')
    before = fingerprint(trainer.model)
    trainer.model.get_input_embeddings().weight.register_hook(lambda gradient: gradient * broken)
    with pytest.raises(UserError, match=r"gradient of step 1 is not finite.*checkpoint-1\. Lower --learning_rate"):
        trainer.train()
    assert fingerprint(trainer.model) == before


def test_the_norm_is_that_of_all_gradients():
    model = torch.nn.Linear(2, 1)
    model.weight.grad, model.bias.grad = torch.tensor([[3.0, 4.0]]), torch.tensor([12.0])
    assert gradient_norm(model) == 13.0  # √(3² + 4² + 12²)


def test_a_fingerprint_sees_one_bit_and_only_what_is_trained():
    model = torch.nn.Linear(2, 1)
    model.bias.requires_grad_(False)
    before = fingerprint(model)
    model.bias.data += 1
    assert fingerprint(model) == before
    model.weight.data[0, 1] = torch.nextafter(model.weight.data[0, 1], torch.tensor(9.0))
    assert fingerprint(model) != before


def test_a_stall_is_written_down_once_with_the_stack_of_who_waits(tmp_path):
    with (tmp_path / "err").open("w+") as err:
        dog = Watchdog(0.05 / 60, tmp_path / "stacks.txt", err)
        waiting = threading.Event()

        def a_collective_that_never_ends():
            waiting.wait(300)

        stuck = threading.Thread(target=a_collective_that_never_ends)
        stuck.start()
        state, control = TrainerState(), TrainerControl()
        dog.on_train_begin(None, state, control)
        deadline = time.monotonic() + 120
        while "goes on waiting" not in (tmp_path / "err").read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)  # several times as long as a stall
        dog.on_train_end(None, state, control)
        waiting.set()
        stuck.join()
    for file in ("stacks.txt", "err"):
        text = (tmp_path / file).read_text()
        assert text.count("a_collective_that_never_ends") == 1, text
        assert "(--watchdog_minutes)" in text


def test_a_run_that_moves_is_left_alone(tmp_path):
    dog = Watchdog(30, tmp_path / "stacks.txt")
    dog.on_train_begin(None, None, None)
    for _ in range(3):
        dog.on_substep_end(None, None, None)
    dog.on_train_end(None, None, None)
    assert not (tmp_path / "stacks.txt").exists()


def test_samples_are_short_where_training_allows_very_long_ones(monkeypatch, capsys):
    """Nobody waits for 32,768 tokens before step 1, and nothing is concluded from the first 2,048 of them."""
    from types import SimpleNamespace

    from commands.training import readiness

    monkeypatch.setattr(readiness, "sampled", lambda *_: [CUT] * 4)
    monkeypatch.setattr(readiness, "require_trainable", lambda _: None)
    monkeypatch.setattr(readiness, "ends_of", lambda *_: ("at the end", None))
    accelerator = SimpleNamespace(unwrap_model=lambda model: model)
    trainer = SimpleNamespace(accelerator=accelerator, model=None, reward_funcs=[])
    task = SimpleNamespace(tokenizer=None)
    long = SimpleNamespace(max_new_tokens=32768, arguments=SimpleNamespace(allow_truncated=False, reward_funcs=[]))
    readiness.check_ready(long, trainer, task)
    assert "0 of 4 completions of training prompts ended within 2048 tokens" in capsys.readouterr().out
    long.max_new_tokens = 2048
    with pytest.raises(UserError, match="--max_completion_length 2048"):
        readiness.check_ready(long, trainer, task)
