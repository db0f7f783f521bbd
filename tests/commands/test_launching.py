"""Every shipped configuration is one of accelerate's; a launcher that starts less than it was asked for is caught."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from accelerate import DistributedType
from accelerate.commands import launch
from accelerate.commands.config.config_args import load_config_from_file

from commands import processes
from commands.processes import asked_of_accelerate, require_processes, require_strategy
from errors import UserError

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "accelerate_configs"
EXPECTED = {  # type, processes, machines
    "cpu": (DistributedType.NO, 1, 1),
    "single_gpu": (DistributedType.NO, 1, 1),
    "ddp": (DistributedType.MULTI_GPU, 8, 1),
    "fsdp2": (DistributedType.FSDP, 8, 1),
    "zero2": (DistributedType.DEEPSPEED, 8, 1),
    "zero3": (DistributedType.DEEPSPEED, 8, 1),
    "two_nodes": (DistributedType.DEEPSPEED, 16, 2),
}
WORKER = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1] + os.environ.get('RANK', '0'), 'w'))"


def test_every_configuration_is_accelerates():
    """It refuses keys that it does not know, but for those within a mapping: these are options of its launcher."""
    assert {path.stem for path in CONFIGS.iterdir()} == set(EXPECTED)
    options = launch.launch_command_parser()._option_string_actions
    for name, expected in EXPECTED.items():
        config = load_config_from_file(str(CONFIGS / f"{name}.yaml"))
        assert (config.distributed_type, config.num_processes, config.num_machines) == expected, name
        assert not [
            key for part in (config.fsdp_config, config.deepspeed_config) for key in part if f"--{key}" not in options
        ]


def parsed(name, *words):
    """What the launcher makes of a configuration."""
    words = ["--config_file", str(CONFIGS / f"{name}.yaml"), *words, "--main_process_port", "0", "cli.py"]
    return launch._validate_launch_command(launch.launch_command_parser().parse_args(words))[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fsdp2", {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_RESHARD_AFTER_FORWARD": "true",
                   "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT", "FSDP_OFFLOAD_PARAMS": "false"}),
        ("zero2", {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}),
        ("zero3", {"ACCELERATE_DEEPSPEED_ZERO_STAGE": "3", "ACCELERATE_DEEPSPEED_ZERO3_SAVE_16BIT_MODEL": "true",
                   "ACCELERATE_DEEPSPEED_ZERO3_INIT": "true", "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE": "none"}),
        ("two_nodes", {"ACCELERATE_DEEPSPEED_ZERO_STAGE": "3", "ACCELERATE_DEEPSPEED_ZERO3_SAVE_16BIT_MODEL": "true"}),
    ],
)  # fmt: skip
def test_what_a_configuration_tells_the_processes(name, expected):
    args = parsed(name)
    if name == "fsdp2":
        made = launch.prepare_multi_gpu_env(args)
    else:
        args.deepspeed_fields_from_accelerate_config = ""
        command, made = launch.prepare_deepspeed_cmd_env(args)
        assert command is None, "the launcher of DeepSpeed would start the other machine over ssh"
    assert made.items() >= expected.items()


def launched(folder, name, *words):
    """Start `accelerate launch` on a script that writes down its environment."""
    script = folder / "worker.py"
    script.write_text(WORKER)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(CONFIGS / f"{name}.yaml")]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*command, *words, str(script), str(folder) + "/"], env=env, stderr=subprocess.PIPE)


def test_two_machines_meet(tmp_path):
    """Each of two launchers starts its half, and all know each other; without DeepSpeed, which CI lacks."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = ["--multi_gpu", "--num_processes", "4", "--main_process_ip", "127.0.0.1", "--main_process_port", port]
    both = [launched(tmp_path, "two_nodes", *words, "--machine_rank", str(rank)) for rank in range(2)]
    for one in both:
        _, err = one.communicate(timeout=300)
        assert one.returncode == 0, err[-1000:]
    found = [json.loads((tmp_path / str(rank)).read_text()) for rank in range(4)]
    assert [one["LOCAL_RANK"] for one in found] == ["0", "1", "0", "1"]
    assert {(one["WORLD_SIZE"], one["MASTER_PORT"]) for one in found} == {("4", port)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cpu", "--num_processes", "2"], "was asked for 2 processes and started 1"),
        (["--config_file", "accelerate_configs/fsdp2.yaml", "--num_processes", "2", "--main_process_port", "0"],
         "FSDP was asked for"),
    ],
)  # fmt: skip
def test_a_launch_that_would_train_otherwise_is_refused(words, told, tmp_path):
    """Told once, and by the first process, whichever fails first."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--quiet", *words, "cli.py", "train"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    options = ["--method", "grpo", "--output_dir", str(tmp_path / "run")]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode != 0
    assert " ".join(done.stderr.split()).count(told) == 1, done.stderr[-2000:]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("python /x/bin/accelerate launch --config_file {cpu} --num_processes 3 cli.py train --num_processes 9", 3),
        ("python -m accelerate.commands.launch --config_file {ddp} --cpu cli.py train", 8),
        ("/usr/bin/python3 /x/accelerate-launch --cpu --num_processes=2 cli.py", 2),
        ("python -m accelerate.commands.accelerate_cli launch --config_file {cpu} cli.py", 1),
        ("python /x/bin/accelerate launch --cpu cli.py train", None),
        ("python /x/bin/accelerate test", None),
        ("python tools/accelerate launch --no_such_option 1 cli.py", None),
        ("bash launch.sh --num_processes 2", None),
    ],
)
def test_what_a_launcher_was_asked_for(command, number, monkeypatch):
    monkeypatch.setattr(processes, "default_config_file", "/nowhere")
    places = {name: CONFIGS / f"{name}.yaml" for name in EXPECTED}
    assert asked_of_accelerate(command.format(**places).split()) == number


def test_the_users_own_default_configuration_counts(monkeypatch):
    monkeypatch.setattr(processes, "default_config_file", str(CONFIGS / "ddp.yaml"))
    monkeypatch.setattr("accelerate.commands.config.config_args.default_config_file", str(CONFIGS / "ddp.yaml"))
    assert asked_of_accelerate(["python", "accelerate", "launch", "cli.py"]) == 8


def state(kind, number):
    return SimpleNamespace(distributed_type=kind, num_processes=number)


def test_processes_that_do_not_know_each_other_are_refused(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="started 2 processes, but each of them is alone"):
        require_processes(state(DistributedType.NO, 1))
    require_processes(state(DistributedType.MULTI_CPU, 2))


def test_a_run_without_a_launcher_is_let_alone(monkeypatch):
    """A scheduler's variables say nothing: its script may start one process by hand."""
    for name, value in (("WORLD_SIZE", "16"), ("SLURM_NTASKS", "8"), ("MASTER_ADDR", "node1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    require_processes(state(DistributedType.NO, 1))


ARGS = SimpleNamespace(fsdp=None, deepspeed=None, deepspeed_plugin=None)


@pytest.mark.parametrize("name", ["FSDP", "DEEPSPEED"])
def test_a_strategy_that_accelerate_would_leave_out_is_refused(name, monkeypatch):
    require_strategy(state(DistributedType.MULTI_CPU, 2), ARGS)
    monkeypatch.setenv(f"ACCELERATE_USE_{name}", "true")
    for kind in (DistributedType.NO, DistributedType.MULTI_CPU):
        with pytest.raises(UserError, match="was asked for"):
            require_strategy(state(kind, 2), ARGS)
    require_strategy(state(DistributedType.MULTI_GPU, 2), ARGS)  # which becomes FSDP once the trainer is there
    require_strategy(state(DistributedType.DEEPSPEED, 2), ARGS)


def test_what_could_not_be_saved_as_a_model_is_refused(monkeypatch):
    def zero(**values):
        return SimpleNamespace(deepspeed_config={"zero_optimization": values})

    kept = {"stage": 3, "stage3_gather_16bit_weights_on_model_save": True}
    there = state(DistributedType.DEEPSPEED, 2)
    for values in (kept, {"stage": 2}):
        require_strategy(there, SimpleNamespace(**{**vars(ARGS), "deepspeed_plugin": zero(**values)}))
    with pytest.raises(UserError, match="zero3_save_16bit_model"):
        require_strategy(there, SimpleNamespace(**{**vars(ARGS), "deepspeed_plugin": zero(stage=3)}))
    monkeypatch.setenv("FSDP_STATE_DICT_TYPE", "SHARDED_STATE_DICT")
    with pytest.raises(UserError, match="FULL_STATE_DICT"):
        require_strategy(state(DistributedType.MULTI_GPU, 2), ARGS)
