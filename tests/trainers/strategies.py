"""Runs that must come out alike however their work is divided: on one process, or by `torch.distributed.run` on two.

    python -m torch.distributed.run --standalone --nproc_per_node 2 -m tests.trainers.strategies STRATEGY FOLDER

Accelerate leaves FSDP out on the CPU. It is had here by calling the type of the processes by another name.
"""

import json
import os
import sys
from pathlib import Path

import torch
from accelerate import DistributedType, PartialState
from accelerate.state import AcceleratorState

from tests.trainers.runs import build, logged
from tests.trainers.test_processes import GROUP, ROWS, Watch, by_row, scripted
from trainers import METHODS

DEEPSPEED = {
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
    "zero_allow_untested_optimizer": True,
}
# Without the threshold DeepSpeed would leave parameters whole that are as small as all of the tiny model's.
ZERO3 = {"stage": 3, "stage3_param_persistence_threshold": 0, "stage3_gather_16bit_weights_on_model_save": True}
ON_CPU = {"use_cpu": False, "ddp_backend": "gloo"}  # transformers hands the backend on without --deepspeed alone
STRATEGIES = {
    "one": {},
    "zero2": ON_CPU,
    "zero3": ON_CPU,
    "fsdp2": {"fsdp": True, "fsdp_config": {"version": 2, "state_dict_type": "FULL_STATE_DICT"}},
}
STEPS = 4
# Adam divides each gradient by its own size, so that in float32 rounding alone moves weights whose gradient is nearly
# nothing. In float64 what two processes are off by is small on every CPU. DeepSpeed knows no float64.
FLOAT64 = ("one", "fsdp2")


def trained(strategy, path, method="lpro", checkpoint=None, dtype=torch.float64, **changes):
    """Four steps on scripted completions and rewards; two on each generation, so that one checkpoint lies within."""
    trainer_class, config = METHODS[method]
    rows = ROWS if strategy == "one" else ROWS // 2
    settings = {
        "per_device_train_batch_size": rows, "num_generations": GROUP, "num_iterations": 2, "max_steps": STEPS,
        "learning_rate": 0.01, "save_strategy": "steps", "save_steps": 3, "beta": 0.0,
    }  # fmt: skip
    trainer = build(trainer_class, config, path, by_row, **{**settings, **STRATEGIES[strategy], **changes})
    trainer.rollout_func = scripted
    trainer.model.to(dtype)
    watch = Watch()
    trainer.add_callback(watch)
    trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model(str(path / "final"))
    return trainer, {"log": logged(trainer)[:-1], "seen": watch.seen}


def sampled(strategy, path):
    """Whether processes whose completions end at different times, and who lack different groups, go on together."""
    trainer = build(
        *METHODS["knowrl"], path, lambda completion_ids, **_: [float(len(ids) % 3) for ids in completion_ids],
        **{"max_completion_length": 24, "num_generations": GROUP, "save_strategy": "no", **STRATEGIES[strategy]},
    )  # fmt: skip
    trainer.train()
    return trainer.state.global_step


def dtype_of(strategy):
    """What is computed in."""
    return torch.float64 if strategy in FLOAT64 else torch.float32


def cases(strategy, path, dtype):
    """What is compared, by name."""
    trainer, straight = trained(strategy, path / "lpro", dtype=dtype)
    parts = [getattr(p, "ds_tensor", p) for p in trainer.model.parameters()]  # of ZeRO-3
    held = sum(p.to_local().numel() if hasattr(p, "to_local") else p.numel() for p in parts)
    kind = trainer.accelerator.distributed_type
    _, again = trained(strategy, path / "resumed", checkpoint=str(path / "lpro" / "checkpoint-3"), dtype=dtype)
    _, certain = trained(strategy, path / "intuitor", "intuitor", external_weight=1.0, dtype=dtype)
    return {
        "type": kind.value, "processes": trainer.accelerator.num_processes, "held": held,
        "lpro": straight, "resumed": again, "intuitor": certain, "steps": sampled(strategy, path / "knowrl"),
    }  # fmt: skip


def allow_fsdp():
    """Make accelerate take its way to FSDP on CPU processes."""
    begin = AcceleratorState.__init__

    def init(self, *args, **kwargs):
        if PartialState._shared_state.get("distributed_type") == DistributedType.MULTI_CPU:
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_XPU
        begin(self, *args, **kwargs)

    AcceleratorState.__init__ = init


if __name__ == "__main__":
    chosen, folder = sys.argv[1], Path(sys.argv[2])
    if chosen == "fsdp2":
        allow_fsdp()
    elif chosen.startswith("zero"):
        from deepspeed import ops

        ops.__compatible_ops__.clear()  # or it compiles, for minutes, what gloo does as well
        asked = folder / "deepspeed.json"
        asked.write_text(json.dumps({**DEEPSPEED, "zero_optimization": ZERO3 if chosen == "zero3" else {"stage": 2}}))
        os.environ.update(ACCELERATE_USE_DEEPSPEED="true", ACCELERATE_DEEPSPEED_CONFIG_FILE=str(asked))
    found = cases(chosen, folder, dtype_of(chosen))
    if PartialState().is_main_process:
        (folder / "found.json").write_text(json.dumps(found))
    torch.distributed.barrier()
    os._exit(0)  # gloo now and then aborts while the interpreter shuts down
