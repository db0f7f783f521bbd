"""`cli.py train`: problems in, a trained model out, measured on held-out problems before and after."""

import time
from collections.abc import Sequence

import torch
from accelerate import PartialState
from tqdm.auto import tqdm
from trl.models import unwrap_model_for_generation

from commands.arguments import PRINT_CONFIG, parse
from commands.arguments.help import train_help
from commands.arguments.print_config import config_yaml
from commands.arguments.settings import Settings
from commands.hub import require_repository
from commands.processes import require_processes, require_strategy
from commands.push import push_model
from commands.terminal.console import say
from commands.training.dry_run import dry_run
from commands.training.final import save_final
from commands.training.guard import Guard, guarded
from commands.training.problems import Task, prepare
from commands.training.readiness import check_ready
from commands.training.results import report
from commands.training.run import choose_folder, claimed, open_record, recorded
from commands.training.stop import Stop
from commands.training.trainer import built_or_refused, keep_secrets, walled_in
from data import render_prompt
from evaluation.held_out import Measurement, measure
from rewards import keep_offenders
from runs.folder import RunFolder
from runs.records import seconds_at
from trainers import RolloutTrainer

DRY_RUN = {"--dry_run", "--dry-run"}


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError, DataError: The arguments or the data cannot work; nothing was written.
    """
    if {"-h", "--help", "--help-all", "--help_all"} & set(argv):
        say(train_help(everything=not {"-h", "--help"} & set(argv)))
        return
    asked = [arg for arg in argv if arg not in (*PRINT_CONFIG, *DRY_RUN)]
    settings = parse(asked)
    if PRINT_CONFIG & set(argv):
        say(config_yaml(settings, portable=False))
        return
    require_processes(PartialState())
    require_strategy(PartialState(), settings.trainer)
    _announce(settings)
    keep_secrets(settings)
    if settings.embedded and settings.trainer.use_cpu:
        torch.set_num_threads(1)  # too small a model to share; `accelerate launch` asks for every core
    if DRY_RUN & set(argv):
        dry_run(settings)
        return
    task = prepare(settings)
    run = choose_folder(settings)
    repository = _repository(settings)
    with claimed(run, settings, task):
        trainer = built_or_refused(settings, task, run)
        check_ready(settings, trainer, task)
    say(f"model     {_described(trainer)}")
    say(f"run       {run.path}")
    keep_offenders(run.offenders)
    if trainer.accelerator.is_main_process:
        open_record(run, settings, task, asked)
    with guarded(settings, trainer, run) as guard, recorded(run):
        _train(settings, trainer, task, run, guard)
    if repository and trainer.accelerator.is_main_process:
        say(f"pushed    {push_model(run, run.final, repository)}")


def _train(settings: Settings, trainer: RolloutTrainer, task: Task, run: RunFolder, guard: Guard) -> None:
    """Measure, train, save, measure, report."""
    before = _measure(settings, trainer, task, "before")
    checkpoint, stop = settings.trainer.resume_from_checkpoint, Stop(trainer.accelerator)
    earlier = seconds_at(run, int(checkpoint.rpartition("-")[2])) if checkpoint else 0.0
    started = time.perf_counter()
    trainer.add_callback(stop)
    try:
        with stop.listening():
            trainer.train(resume_from_checkpoint=checkpoint)
        if stop.asked:
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        saved = run.last_checkpoint()
        way_on = f"the same command with --output_dir {run.path} goes on" if saved else "nothing was saved yet"
        say(f"\nstopped at step {trainer.state.global_step}, saved {saved.name if saved else 'nowhere'}: {way_on}")
        raise
    seconds = earlier + time.perf_counter() - started
    save_final(trainer, run)  # before anything else can go wrong
    if guard.trained is not None and trainer.accelerator.is_main_process:
        run.update(trained=guard.trained)
    if trainer.state.global_step < trainer.state.max_steps and trainer.accelerator.is_main_process:
        run.update(
            ended_early=f"after {trainer.state.global_step} of {trainer.state.max_steps} steps: no group with "
            "rewards that differ was found any more"
        )
    after = _measure(settings, trainer, task, "after")
    if trainer.accelerator.is_main_process:
        report(run, task, seconds, before, after)


def _repository(settings: Settings) -> str | None:
    """Where the model shall be pushed; made sure of here, and pushed to by us alone, once all is saved."""
    config = settings.trainer
    if not config.push_to_hub:
        return None
    config.push_to_hub = False
    if not PartialState().is_main_process:
        return None
    return require_repository(str(config.hub_model_id), "model", private=config.hub_private_repo)


def _announce(settings: Settings) -> None:
    """One line on what is trained, and for the embedded default how to train a real model."""
    method, name = settings.arguments.method, settings.model_name
    if not settings.embedded:
        say(f"{method.upper()} on {name}")
    else:
        say(f"{method.upper()} on the embedded arithmetic model (recipes/embedded.yaml). For a real one:")
        say(f"          accelerate launch cli.py train --method {method} --dataset_name math \\")
        say("              --model_name_or_path Qwen/Qwen2.5-Math-1.5B-Instruct")
        if settings.arguments.dataset_name != "arithmetic":
            say("          The embedded model knows small sums only: expect no reward on other problems.")
    for note in settings.notes:
        say(f"          {note}")


def _described(trainer: RolloutTrainer) -> str:
    """How large the model is, what of it learns, and where."""
    parameters = list(trainer.accelerator.unwrap_model(trainer.model).parameters())
    sizes = [getattr(p, "ds_numel", p.numel()) for p in parameters]  # DeepSpeed shows a shard as empty
    total = sum(sizes)
    trained = sum(size for p, size in zip(parameters, sizes, strict=True) if p.requires_grad)
    share = "all trained" if trained == total else f"{trained:,} ({trained / total:.2%}) trained"
    dtype = str(parameters[0].dtype).removeprefix("torch.")
    args = trainer.args
    autocast = ", bfloat16 autocast" if args.bf16 else ", float16 autocast" if args.fp16 else ""
    processes = trainer.accelerator.num_processes
    where = f"{trainer.accelerator.device.type}{f', {processes} processes' if processes > 1 else ''}"
    return f"{total:,} parameters, {share}; {dtype}{autocast} on {where}"


def _measure(settings: Settings, trainer: RolloutTrainer, task: Task, when: str) -> Measurement | None:
    """Greedy completions of the held-out problems by the model as it is now, with Python where training has it."""
    if task.held_out is None:
        return None
    args, accelerator = trainer.args, trainer.accelerator
    prompts = [render_prompt(prompt, task.tokenizer) for prompt in task.held_out["prompt"]]
    hidden = bool(args.disable_tqdm) or not accelerator.is_main_process
    with (
        # None: a bar on a terminal only
        tqdm(total=len(prompts), desc=f"held out, {when}", disable=hidden or None, leave=False) as bar,
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
            sandbox=walled_in() if settings.arguments.tools == "python" else None,
        )
