"""What is refused of vLLM's options and servers before weights are loaded, and what is told of it."""

import json
import re
import shlex
import socket
import warnings
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from accelerate import PartialState
from transformers import AutoConfig

import cli
import embedded
from commands.arguments import parse
from commands.arguments.pairs import truncation_notes
from commands.training import vllm_server as checked
from commands.training.memory_lines import shape_of, vllm_line, work_of
from commands.training.vllm_server import vllm_window
from errors import UserError
from evaluation import vllm
from tests.vllm_server import serving

DOCUMENT = (Path(__file__).parents[2] / "docs" / "vllm.md").read_text()
GPU = ["--method", "grpo", "--use_vllm", "--use_cpu", "false"]
SERVER = [*GPU, "--vllm_mode", "server"]
FEW = ["--max_problems", "32", "--eval_problems", "0"]


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    monkeypatch.setattr(vllm, "installed", lambda: "0.30.0")
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)


@pytest.fixture
def server():
    with serving() as running:
        running.name = "somewhere/else/model"  # the folder of the embedded model is called so
        yield running


def refusal(argv, monkeypatch, capsys):
    """What `cli.py train` says on its way out, without having loaded weights."""

    def loaded(*_, **__):
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("transformers.PreTrainedModel.from_pretrained", loaded)
    assert cli.main(["train", *argv]) == 2
    return " ".join(capsys.readouterr().err.split())


# --- options -------------------------------------------------------------------------------------------------------

OPTIONS = {
    "no such mode": ([*GPU, "--vllm_mode", "colocated"], ["one of colocate, server", "Did you mean 'colocate'?"]),
    "no such correction": ([*GPU, "--vllm_importance_sampling_mode", "token"], ["one of token_truncate", "'token'"]),
    "more than all memory": ([*GPU, "--vllm_gpu_memory_utilization", "1.5"], ["at most 1; found 1.5"]),
    "parts that do not divide": (
        [*GPU, "--vllm_tensor_parallel_size", "2"],
        ["must divide the number of processes, 1", "found 2", "Name 1."],
    ),
    "the server's own": ([*SERVER, "--vllm_tensor_parallel_size", "2"], ["give --tensor-parallel-size to the server"]),
    "no room": ([*GPU, *FEW, "--vllm_max_model_length", "100"], ["do not fit vLLM's", "100 positions", "Lower"]),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_are_refused_with_the_way_out(name, monkeypatch, capsys):
    argv, expected = OPTIONS[name]
    told = refusal(argv, monkeypatch, capsys)
    assert all(part in told for part in expected), told


@pytest.mark.parametrize(
    ("found", "expected"),
    [(None, "which is not installed. Install it (pip install"), ("0.33.0", ">=0.22.0, <=0.31.0; found 0.33.0. ")],
)
def test_a_vllm_that_is_not_there_or_not_known_to_trl(found, expected, monkeypatch, capsys):
    monkeypatch.setattr(vllm, "installed", lambda: found)
    assert expected in refusal(GPU, monkeypatch, capsys)


def test_the_range_is_that_of_which_trl_warns(monkeypatch):
    module = import_module("trl.import_utils")
    ends = sorted(str(one).strip("<>=") for one in vllm.supported())
    for found, warned in ((ends[0], False), (ends[1], False), ("99.0", True)):
        monkeypatch.setattr(module, "_is_package_available", lambda *_, found=found, **__: (True, found))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            module.is_vllm_available()
        assert bool(caught) is warned
    assert f"from {ends[0]} to {ends[1]}" in str(caught[0].message)


def test_truncated_sampling_is_told_where_it_is_corrected_for():
    settings = parse([*GPU, "--top_p", "0.9", "--top_k", "20"])
    assert any("with --top_p 0.9 --top_k 20 vLLM samples from other probabilities" in n for n in settings.notes)
    assert max(map(len, settings.notes)) <= 90
    assert not parse(GPU).notes
    settings.trainer.vllm_importance_sampling_correction = False
    assert not truncation_notes(settings.trainer)


def test_memory_is_divided_between_vllm_and_training():
    """The embedded model: 190k weights; 4 layers, 2 keys and values of 16 numbers of 2 bytes in each for a token."""
    settings = parse([*GPU, "--vllm_gpu_memory_utilization", "0.5"])
    config = AutoConfig.from_pretrained(embedded.MODEL)
    shape, work = shape_of(config), work_of(settings, 100)
    token = (
        2
        * 2
        * config.num_hidden_layers
        * config.num_key_value_heads
        * config.hidden_size
        // config.num_attention_heads
    )
    room = int((0.5 * 80e9 - 2 * shape.weights) / (token * work.tokens))
    told = vllm_line(settings, shape, work, 80_000_000_000)
    assert told.startswith("by vLLM, which takes 50% of each device (--vllm_gpu_memory_utilization), 40.0 GB:")
    assert told.endswith(f"at most {room:,} × {work.tokens:,} tokens")
    assert vllm_line(settings, shape, work, 2 * shape.weights).endswith("too little, raise it")


# --- the server ----------------------------------------------------------------------------------------------------


def test_a_server_that_fits_is_named_and_its_window_held_to(server, monkeypatch, capsys):
    settings = parse([*SERVER, "--vllm_server_base_url", f"{server.url}/v1/"])
    assert vllm_window(settings) == 256
    assert settings.trainer.vllm_server_base_url == server.url, "as TRL's client needs it"
    assert f"somewhere/else/model at {server.url}: 1 worker, 256 tokens" in capsys.readouterr().out
    server.window = 60
    told = refusal([*SERVER, *FEW, "--vllm_server_base_url", server.url], monkeypatch, capsys)
    assert "do not fit vLLM's" in told
    assert "60 positions" in told


UNFIT = {
    "still loading, or dead": ({"status": {"/health": 503}}, ["its engine is not well (/health answers 503)", "log"]),
    "no vLLM at all": ({"status": {"/health": 404}}, ["something else listens there", "trl vllm-serve --model"]),
    "broken": ({"status": {"/v1/models": 500}}, ["500", "trl vllm-serve --model"]),
    "another model": ({"name": "Qwen/Qwen2.5-0.5B"}, ["found Qwen/Qwen2.5-0.5B", "--served-model-name"]),
    "plain": ({"status": {"/server_info": 404}}, ["a plain `vllm serve`", "trl vllm-serve --model"]),
    "without a world": ({"status": {"/get_world_size": 404}}, ["a plain `vllm serve`"]),
    "without workers": ({"world": 0}, ["at least one worker", "it names 0"]),
    "without weights": ({"weight_transfer_config": None}, ["--weight-transfer-config is None"]),
    "raw probabilities": (
        {"model_config": {"logprobs_mode": "raw_logprobs"}},
        ["--logprobs-mode processed_logprobs", "found raw_logprobs", "--vllm_importance_sampling_correction false"],
    ),
    "something else": ({"info": []}, ["what answers there is none"]),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_server_that_cannot_sample_for_a_run_is_refused(name, server, monkeypatch, capsys):
    changes, expected = UNFIT[name]
    for key, value in changes.items():
        if key in server.info:
            server.info[key] = value
        else:
            setattr(server, key, value)
    told = refusal([*SERVER, "--vllm_server_base_url", server.url], monkeypatch, capsys)
    assert all(part in told for part in expected), told


def test_nobody_and_somebody_who_says_nothing(monkeypatch, capsys):
    assert vllm.SECONDS < 25
    told = refusal([*SERVER, "--vllm_server_base_url", "http://127.0.0.1:9"], monkeypatch, capsys)
    assert "needs at http://127.0.0.1:9 a running vLLM server: [Errno 111] Connection refused. Start it" in told
    monkeypatch.setattr(vllm, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        argv = [*SERVER, "--vllm_server_host", "127.0.0.1", "--vllm_server_port", str(silent.getsockname()[1])]
        assert "no whole answer within 0.3 s" in refusal(argv, monkeypatch, capsys)
    told = refusal([*SERVER, "--vllm_server_base_url", "localhost:8000"], monkeypatch, capsys)
    assert "begins with http://" in told


def test_a_port_for_weights_that_is_taken(server, monkeypatch, capsys):
    with socket.create_server(("", 0)) as other:
        port = str(other.getsockname()[1])
        argv = [*SERVER, "--vllm_server_base_url", server.url, "--vllm_group_port", port]
        assert f"--vllm_group_port {port}" in refusal(argv, monkeypatch, capsys)


def test_every_process_stops_for_what_the_main_one_was_told(monkeypatch):
    """A process that does not ask takes the main one's word, which `broadcast_object_list` brings."""
    asked = []
    monkeypatch.setattr(checked, "_asked", asked.append)
    monkeypatch.setattr(checked, "PartialState", lambda: SimpleNamespace(is_main_process=False))
    monkeypatch.setattr(checked, "broadcast_object_list", lambda _: ["there is none.", None])
    settings = parse(SERVER)
    with pytest.raises(UserError, match="there is none"):
        vllm_window(settings)
    assert not asked
    assert PartialState().is_main_process


# --- the document --------------------------------------------------------------------------------------------------


def test_commands_in_the_document_are_parsed():
    from trl.scripts.vllm_serve import ScriptArguments, build_command

    text = "\n".join(re.findall(r"```bash\n(.*?)```", DOCUMENT, re.DOTALL)).replace("\\\n", " ")
    lines = [line.split(" #")[0].strip() for line in text.splitlines() if line.strip()]
    trains = [line.split("cli.py train ")[1] for line in lines if "cli.py train" in line]
    assert len(trains) >= 2
    for line in trains:
        assert parse([*shlex.split(line), "--use_cpu", "false"]).trainer.use_vllm
    (serve,) = [line for line in lines if "vllm serve" in line]
    words = shlex.split(serve)
    given = words[words.index("serve") + 2 :]
    made = build_command(ScriptArguments(model="m"))
    pairs = {"--weight-transfer-config": json.dumps({"backend": "nccl"}), "--logprobs-mode": "processed_logprobs"}
    for option, value in pairs.items():
        assert made[made.index(option) + 1] == value == given[given.index(option) + 1]
    assert "VLLM_SERVER_DEV_MODE=1" in serve


def test_flags_in_the_document_are_known():
    from commands.arguments.settings import TrainArguments
    from trainers import GRPOMethodConfig

    known = set(GRPOMethodConfig.__dataclass_fields__) | set(TrainArguments.__dataclass_fields__)
    flags = {flag for flag in re.findall(r"`--(\w+)", DOCUMENT) if "_" in flag}
    assert len(flags) > 10
    assert flags <= known, flags - known
