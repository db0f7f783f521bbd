"""What it costs a run to be watched: metrics, completions, samples, plots, bar.

    python benchmarks/logging_overhead.py --pairs 3

Question, put before the runs: does all logging take at most 3 % of the step time of the embedded default?

(1) Within one run: the seconds spent in the callbacks and in handing generations to them, over those of training.
(2) The same training with and without them, alternating in one process; the median of the pairs' ratios.

The first finds small costs, the second also those that nobody thought of.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from commands.arguments import parse
from commands.terminal.console import Bar, MetricsTable
from commands.training.problems import prepare
from commands.training.recorder import Recorder
from commands.training.run import choose_folder
from commands.training.trainer import Samples, built_or_refused

OURS = (Recorder, Samples, MetricsTable, Bar)
EVENTS = ("on_train_begin", "on_generation", "on_log", "on_step_end", "on_train_end")


class Stopwatch:
    """Adds up the time in functions, the outermost alone where they call each other."""

    def __init__(self):
        self.seconds, self._depth = 0.0, 0

    def timed(self, function):
        """The same function, its time counted."""

        def wrapped(*args, **kwargs):
            self._depth += 1
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self.seconds += time.perf_counter() - started

        return wrapped


def train(steps: int, watched: bool) -> tuple[float, float]:
    """Seconds of one training, and of the logging in it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        asked = ["--max_steps", str(steps), "--eval_problems", "0", "--output_dir", f"{folder}/run"]
        settings = parse(["--method", "lpro", *asked])
        task = prepare(settings)
        trainer = built_or_refused(settings, task, choose_folder(settings))
        watch = Stopwatch()
        for callback in list(trainer.callback_handler.callbacks):
            if not isinstance(callback, OURS):
                continue
            if not watched:
                trainer.remove_callback(callback)
            for event in EVENTS:
                if hasattr(callback, event):
                    setattr(callback, event, watch.timed(getattr(callback, event)))
        trainer._show_callbacks = watch.timed(trainer._show_callbacks)
        trainer.group_metrics = watch.timed(trainer.group_metrics)
        started = time.perf_counter()
        trainer.train()
        return time.perf_counter() - started, watch.seconds


def main() -> None:
    """Alternate, then tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train(2, watched=True)  # imports and caches
    shares, ratios = [], []
    for pair in range(arguments.pairs):
        runs = {}
        for watched in (True, False) if pair % 2 else (False, True):
            runs[watched] = train(arguments.steps, watched)
        seconds, logging = runs[True]
        shares.append(logging / seconds)
        ratios.append(seconds / runs[False][0])
        print(
            f"pair {pair + 1}: logging {logging:.2f} s of {seconds:.1f} s = {shares[-1]:.2%}; "
            f"with/without = {seconds:.1f}/{runs[False][0]:.1f} s = {ratios[-1]:.3f}",
            flush=True,
        )
    print(f"median: {median(shares):.2%} of the time, with/without {median(ratios):.3f}")


if __name__ == "__main__":
    main()
