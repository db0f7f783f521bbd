"""`cli.py train`: problems in, a trained model out, measured on held-out problems before and after."""

import dataclasses
import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from tqdm.auto import tqdm
from transformers import PrinterCallback, ProgressCallback
from transformers.trainer_utils import get_last_checkpoint
from trl import get_peft_config, get_quantization_config
from trl.models import unwrap_model_for_generation

from commands._arguments import parse
from commands._console import Bar, MetricsLine, say
from commands._errors import UserError
from commands._help import train_help
from commands._problems import Task, prepare
from commands._settings import Settings
from data import render_prompt
from evaluation.held_out import Measurement, compare, measure
from rewards import REWARDS
from trainers import METHODS, RolloutTrainer


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError, DataError: The arguments or the data cannot work; nothing was written.
    """
    if {"-h", "--help"} & set(argv):
        say(train_help())
        return
    settings = parse(argv)
    _announce(settings)
    if settings.embedded and settings.trainer.use_cpu:
        torch.set_num_threads(1)  # too small a model to share; `accelerate launch` asks for every core
    task = prepare(settings)
    run_folder = _run_folder(settings)
    trainer = _build(settings, task)
    say(f"run       {run_folder}")
    before = _measure(settings, trainer, task, "before")
    started = time.perf_counter()
    try:
        trainer.train(resume_from_checkpoint=settings.trainer.resume_from_checkpoint)
    except KeyboardInterrupt:
        _say_interrupted(trainer, run_folder)
        raise
    seconds = time.perf_counter() - started
    after = _measure(settings, trainer, task, "after")
    trainer.save_model(str(run_folder / "final"))
    if trainer.accelerator.is_main_process:
        _report(settings, task, run_folder, seconds, before, after)


def _announce(settings: Settings) -> None:
    """One line on what is trained, and for the embedded default how to train a real model."""
    method, name = settings.arguments.method, settings.model_name
    if not settings.embedded:
        say(f"{method.upper()} on {name}")
        return
    say(f"{method.upper()} on the embedded arithmetic model (recipes/embedded.yaml). For a real one:")
    say(
        f"          accelerate launch cli.py train --method {method} "
        "--model_name_or_path Qwen/Qwen2.5-Math-1.5B-Instruct --dataset_name math"
    )
    if settings.arguments.dataset_name != "arithmetic":
        say("          The embedded model knows small sums only: expect no reward on other problems.")


def _run_folder(settings: Settings) -> Path:
    """`--output_dir`, or a new folder below outputs/ with the same name on every process."""
    config = settings.trainer
    if config.output_dir in (None, "trainer_output"):
        model = "embedded" if settings.embedded else settings.model_name.rstrip("/").split("/")[-1]
        name = [f"outputs/{settings.arguments.method}-{model}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"]
        config.output_dir = broadcast_object_list(name)[0]
    if (Path(config.output_dir) / "run.json").exists():
        raise UserError(
            f"--output_dir {config.output_dir} holds the results of a finished run, which another would overwrite. "
            "Name a new folder, or leave --output_dir out for one below outputs/."
        )
    return Path(config.output_dir)


def _build(settings: Settings, task: Task) -> RolloutTrainer:
    """The method's trainer with TRL's own model loading."""
    model, config = settings.model, settings.trainer
    given = config.model_init_kwargs if isinstance(config.model_init_kwargs, dict) else {}
    config.model_init_kwargs = {
        "dtype": model.dtype,
        "revision": model.model_revision,
        "attn_implementation": model.attn_implementation,
        **given,
    }
    trainer_class, _ = METHODS[settings.arguments.method]
    trainer = trainer_class(
        model=settings.model_name,
        reward_funcs=[REWARDS[name] for name in settings.arguments.reward_funcs],
        args=config,
        train_dataset=task.train,
        eval_dataset=task.held_out if config.eval_strategy != "no" else None,
        processing_class=task.tokenizer,
        peft_config=get_peft_config(model),
        quantization_config=get_quantization_config(model),
    )
    for callback in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(callback)
    if not config.disable_tqdm:
        trainer.add_callback(Bar)
    trainer.add_callback(MetricsLine)
    return trainer


def _measure(settings: Settings, trainer: RolloutTrainer, task: Task, when: str) -> Measurement | None:
    """Greedy completions of the held-out problems by the model as it is now."""
    if task.held_out is None:
        return None
    args, accelerator = trainer.args, trainer.accelerator
    prompts = [render_prompt(prompt, task.tokenizer) for prompt in task.held_out["prompt"]]
    hidden = bool(args.disable_tqdm) or not accelerator.is_main_process
    with (
        tqdm(total=len(prompts), desc=f"held out, {when}", disable=hidden, leave=False) as bar,
        unwrap_model_for_generation(
            trainer.model_wrapped, accelerator, gather_deepspeed3_params=args.ds3_gather_for_generation
        ) as model,
    ):
        return measure(
            model,
            task.tokenizer,
            task.held_out,
            prompts,
            max_new_tokens=settings.max_new_tokens,
            batch_size=args.per_device_eval_batch_size,
            share=(accelerator.process_index, accelerator.num_processes),
            progress=lambda done: bar.update(done * accelerator.num_processes),
        )


def _say_interrupted(trainer: RolloutTrainer, folder: Path) -> None:
    """Where an interrupted run can go on from."""
    saved = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    way_on = f"continue with --resume_from_checkpoint {saved}" if saved else "no checkpoint was due yet (--save_steps)"
    say(f"\nstopped at step {trainer.state.global_step}; {way_on}")


def _report(
    settings: Settings,
    task: Task,
    folder: Path,
    seconds: float,
    before: Measurement | None,
    after: Measurement | None,
) -> None:
    """Results to the terminal, to `run.json` and, problem by problem, to `held_out.jsonl`."""
    run: dict[str, Any] = {
        "method": settings.arguments.method,
        "model": "embedded" if settings.embedded else settings.model_name,
        "data": task.source,
        "seed": settings.trainer.seed,
        "training_seconds": round(seconds, 1),
    }
    if before is not None and after is not None and task.held_out is not None:
        change = compare(before, after)
        run |= {"before": before.summary(), "after": after.summary()}
        run["change"] = {name: dataclasses.asdict(difference) for name, difference in change.items()}
        rows = zip(task.held_out["problem"], task.held_out["answer"], before.rows(), after.rows(), strict=True)
        with (folder / "held_out.jsonl").open("w") as file:
            for problem, answer, was, now in rows:
                record = {"problem": problem, "answer": answer, "before": was, "after": now}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        _say_results(run)
    (folder / "run.json").write_text(json.dumps(run, indent=1) + "\n")
    say(f"trained in {seconds:.0f} s; model in {folder / 'final'}")


def _say_results(run: dict[str, Any]) -> None:
    """Before, after and paired change, ± one standard error."""
    before, after, change = run["before"], run["after"], run["change"]
    say(f"\nheld out: {before['problems']} problems, greedy; ± is one standard error")
    say(f"{'':14}{'before':>16}{'after':>16}{'change, 95 % interval':>30}")
    for name, scale, unit, key in (("accuracy", 100, " %", "accuracy"), ("length", 1, "", "mean_length")):
        cells = [f"{scale * r[key]:.1f} ± {scale * r[key + '_se']:.1f}{unit}" for r in (before, after)]
        moved = {k: scale * v for k, v in change[name].items()}
        span = f"{moved['mean']:+.1f} [{moved['low']:+.1f}, {moved['high']:+.1f}]"
        say(f"{name:14}{cells[0]:>16}{cells[1]:>16}{span:>30}")
    if not math.isclose(after["truncated"], 0):
        say(f"{'cut off':14}{before['truncated']:>16.1%}{after['truncated']:>16.1%}")
