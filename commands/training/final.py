"""The trained model goes whole into a run's `final/`, or not at all; while the disk is full it is kept in memory."""

import shutil
import time

from accelerate.utils import gather_object

from commands.terminal.console import say
from errors import UserError, is_full
from runs.files import sync
from runs.folder import RunFolder
from trainers import RolloutTrainer

PAUSE, TRIES = 10.0, 360
"""Seconds between tries on a full disk, and how many: an hour in all."""


def save_final(trainer: RolloutTrainer, run: RunFolder) -> None:
    """Save the model beside its place and move it there.

    Raises:
        UserError: The disk was full all the time.
    """
    for tried in range(TRIES):
        failed = _save(trainer, run)
        if not any(gather_object([failed is not None])):  # processes wait together, for they may save together
            return
        if failed is not None and not is_full(failed):
            raise failed
        if not tried:
            say(
                f"\nwarning: {run.final} cannot be written, the disk is full. Free some space: the trained model is "
                f"kept in memory, and saving is tried again every {PAUSE:g} s for {PAUSE * TRIES / 60:g} minutes. "
                "Ctrl-C gives it up."
            )
        time.sleep(PAUSE)
    saved = run.last_checkpoint()
    kept = f"the same command goes on from {saved}" if saved else "no checkpoint was due (--save_steps), so it is lost"
    raise UserError(f"the trained model could not be written to {run.final}, the disk is full; {kept}.")


def _save(trainer: RolloutTrainer, run: RunFolder) -> Exception | None:
    """Save once; returns why that failed, and then leaves nothing behind."""
    making, main = run.path / ".final", trainer.accelerator.is_main_process
    try:
        trainer.save_model(str(making))
        if main:
            shutil.rmtree(making / "ref", ignore_errors=True)  # what an adapter began as, for this run's KL term alone
            sync(making)
            shutil.rmtree(run.final, ignore_errors=True)  # of the same run, which went back
            making.rename(run.final)
    except Exception as error:
        if main:
            shutil.rmtree(making, ignore_errors=True)
        return error
    return None
