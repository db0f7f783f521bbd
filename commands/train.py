"""`cli.py train`: problems in, a trained model out, measured on held-out problems before and after."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

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
from commands._results import report
from commands._settings import Settings
from data import render_prompt
from evaluation.held_out import Measurement, measure
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
    with _tidy(run_folder):
        trainer = _built_or_refused(settings, task)
    say(f"run       {run_folder}")
    before = _measure(settings, trainer, task, "before")
    started = time.perf_counter()
    try:
        trainer.train(resume_from_checkpoint=settings.trainer.resume_from_checkpoint)
    except KeyboardInterrupt:
        _say_interrupted(trainer, run_folder)
        raise
    seconds = time.perf_counter() - started
    trainer.save_model(str(run_folder / "final"))  # before anything else can go wrong
    after = _measure(settings, trainer, task, "after")
    if trainer.accelerator.is_main_process:
        report(settings, task, run_folder, seconds, before, after)


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


@contextmanager
def _tidy(folder: Path) -> Iterator[None]:
    """Refuse a folder that cannot be written; leave no empty one behind when what follows fails."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except FileExistsError as error:
        raise UserError(f"--output_dir {folder} must be a folder that can be written; it is a file.") from error
    except (UserError, OSError) as error:
        for path in missing:
            with suppress(OSError):  # only empty folders go
                path.rmdir()
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"--output_dir {folder} must be a folder that can be written: {error.strerror}. Name another."
        ) from error


def _built_or_refused(settings: Settings, task: Task) -> RolloutTrainer:
    """The trainer; what TRL, transformers or PEFT refuse is told like any other wrong argument."""
    try:
        return _build(settings, task)
    except (ValueError, OSError, ImportError) as error:
        raise UserError(f"the trainer could not be built: {' '.join(str(error).split())}") from error


def _build(settings: Settings, task: Task) -> RolloutTrainer:
    """The method's trainer with TRL's own model loading."""
    model, config = settings.model, settings.trainer
    if config.hub_token:  # or the trainer would write it into training_args.bin, and push that
        os.environ["HF_TOKEN"], config.hub_token = config.hub_token, None
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
