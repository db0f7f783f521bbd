"""`cli.py train --dry-run`: all that a run does up to its first optimizer step, which is made and thrown away."""

import tempfile
from contextlib import suppress

from commands.arguments.settings import Settings
from commands.prompts import say_block
from commands.terminal.table import duration
from commands.training.guard import Guard
from commands.training.memory_lines import memory_lines
from commands.training.problems import Task, prepare
from commands.training.readiness import check_ready
from commands.training.run import choose_folder, claimed
from commands.training.trainer import built_or_refused
from data import prompt_length
from errors import UserError
from runs.folder import RunFolder
from trainers import RolloutTrainer

# What a run writes or sends besides its folder, and what would outlast one step.
QUIET = {
    "save_strategy": "no",
    "eval_strategy": "no",
    "push_to_hub": False,
    "report_to": [],
    "eval_on_start": False,
    "load_best_model_at_end": False,
    "logging_steps": 1,
    "max_steps": 1,
}


def dry_run(settings: Settings) -> None:
    """Check everything, make one step on the run's data and shapes, and say what a run would do; nothing is kept.

    Raises:
        UserError: What a run would be refused for.
    """
    task = prepare(settings)
    _require_folder(settings, task)
    longest = max(prompt_length(prompt, task.tokenizer) for prompt in task.train["prompt"])
    say_block("memory", memory_lines(settings, longest))
    for name, value in QUIET.items():
        setattr(settings.trainer, name, value)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(folder)
        settings.trainer.output_dir = str(run.checkpoints)
        trainer = built_or_refused(settings, task, run)
        check_ready(settings, trainer, task)
        trainer.add_callback(Guard(run))
        trainer.train()
        say_block("dry run", _account(trainer, task))


class _Enough(UserError):
    """The folder could be had."""


def _require_folder(settings: Settings, task: Task) -> None:
    """Refuse the folder that a run would be refused, and leave no trace of having asked."""
    with suppress(_Enough), claimed(choose_folder(settings), settings, task):
        raise _Enough


def _account(trainer: RolloutTrainer, task: Task) -> list[str]:
    """What the step took, and what all of them would take."""
    found = trainer.state.log_history[0]
    seconds = {name: found.get(f"time/{name}") or 0.0 for name in ("generate", "reward", "logprobs", "train")}
    sampling, training = seconds["generate"] + seconds["reward"] + seconds["logprobs"], seconds["train"]
    plan = task.plan
    whole = plan.generations * sampling + plan.optimizer_steps * training
    return [
        f"one generation took {sampling:.2f} s ({seconds['generate']:.2f} sampling, {seconds['reward']:.2f} rewards), "
        f"one optimizer step on it {training:.2f} s",
        f"{plan.generations:,} generations and {plan.optimizer_steps:,} steps: about {duration(whole)} without saving "
        "and measuring, if answers keep their length",
        "nothing was kept; the same command without --dry-run is the run",
    ]
