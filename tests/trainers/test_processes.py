"""Two processes are one with the same batch, and end together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate import PartialState

from tests import tiny
from tests.trainers.runs import build
from trainers import LPROConfig, LPROTrainer, RolloutCallback

ROOT = Path(__file__).parents[2]
GROUP, ROWS = 4, 8


class Watch(RolloutCallback):
    def __init__(self):
        self.seen = []

    def on_generation(self, args, state, generation):
        self.seen.append({"prompts": generation.prompts, "advantages": generation.advantages})


def by_row(completion_ids, **_):
    """A reward that only a row's place in the whole batch decides."""
    first = PartialState().process_index * len(completion_ids)
    return [float((3 * (first + i)) % 5) for i in range(len(completion_ids))]


def scripted(prompts, trainer):
    """Completions that only a row's place in the whole batch decides, and the step."""
    first = PartialState().process_index * len(prompts)
    rows = [7 * (first + i) + trainer.state.global_step for i in range(len(prompts))]
    ids = [[(row * (t + 3)) % 200 + 3 for t in range(2 + row % 5)] for row in rows]
    return {"prompt_ids": trainer.processing_class(prompts)["input_ids"], "completion_ids": ids, "logprobs": None}


def run(path, rows):
    """Three steps on scripted completions, so that nothing is drawn by chance."""
    watch = Watch()
    trainer = build(
        LPROTrainer, LPROConfig, path, by_row, per_device_train_batch_size=rows, num_generations=GROUP,
        max_steps=3, num_iterations=1, learning_rate=0.1,
        optim="sgd",
    )  # fmt: skip
    trainer.rollout_func = scripted
    trainer.add_callback(watch)
    trainer.train()
    return watch.seen, {
        name: p.detach().clone() for name, p in trainer.accelerator.unwrap_model(trainer.model).named_parameters()
    }


def raises_on_the_second(completion_ids, **_):
    if PartialState().process_index == 1:
        raise RuntimeError("this reward is broken")
    return [float(sum(ids) % 5) for ids in completion_ids]


def launch(*words, timeout):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    return subprocess.run(
        [*command, "tests.trainers.test_processes", *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_two_processes_train_as_one_with_their_batch(tmp_path):
    """The same prompts and advantages, and weights up to the rounding of a sum in another order."""
    done = launch("same", str(tmp_path / "two"), timeout=600)
    assert (tmp_path / "two.json").exists(), done.stderr[-2000:]
    seen, weights = run(tmp_path / "one", ROWS)
    before = dict(tiny.model(tiny.tokenizer()).named_parameters())
    two = json.loads((tmp_path / "two.json").read_text())
    assert [row["prompts"] for row in two] == [row["prompts"] for row in seen]
    for ours, theirs in zip(two, seen, strict=True):
        assert ours["advantages"] == pytest.approx(theirs["advantages"], abs=1e-6)
    theirs = torch.load(tmp_path / "two.pt", weights_only=True)
    far = [(p - theirs[name]).abs().max().item() for name, p in weights.items()]
    assert max(far) < 1e-6, max(far)
    moved = [(p - before[name]).abs().max().item() for name, p in weights.items()]
    assert max(moved) > 1e-3, "nothing was learned, so nothing could differ"


def test_a_reward_that_raises_on_one_process_ends_both(tmp_path):
    done = launch("raise", str(tmp_path), timeout=600)  # left alone, the other one would wait for 1,800 s
    assert done.returncode != 0
    assert "this reward is broken" in done.stderr


if __name__ == "__main__":
    what, where = sys.argv[1:]
    if what == "raise":
        build(LPROTrainer, LPROConfig, where, raises_on_the_second).train()
    else:
        found, trained = run(where, ROWS // 2)
        if PartialState().is_main_process:
            torch.save(trained, f"{where}.pt")
            Path(f"{where}.json").write_text(json.dumps(found))
        torch.distributed.barrier()
        os._exit(0)  # gloo now and then aborts while the interpreter shuts down
