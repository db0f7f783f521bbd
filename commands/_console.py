"""What a person sees: lines on the main process, one per logging step beside TRL's progress bar."""

import sys
from typing import Any

from accelerate import PartialState
from tqdm import tqdm
from transformers import ProgressCallback, TrainerCallback
from typing_extensions import override


def say(text: str = "") -> None:
    """Print a line, once however many processes there are."""
    if PartialState().is_main_process:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Bar(ProgressCallback):
    """The progress bar of transformers, without the forty metrics it prints at each logging step."""

    @override
    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        pass


class MetricsLine(TrainerCallback):
    """One compact line per logging step, above the bar if there is one."""

    @override
    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if state.is_world_process_zero and logs and "loss" in logs:
            tqdm.write(metrics_line(state.global_step, state.max_steps, logs))


def metrics_line(step: int, steps: int, logs: dict[str, Any]) -> str:
    """The metrics that tell whether a run learns, in one line.

    What has no value in this window is left out: rewards in a step that re-uses a generation, the length of wrong
    answers where none was wrong.

    Args:
        step: Optimizer steps done.
        steps: Optimizer steps in all.
        logs: Means over the logging window, as TRL names them.
    """
    parts = [
        (form, name)
        for form, name in (
            ("reward {:.2f}", "reward"),
            ("accuracy {:.0%}", "rewards/accuracy/mean"),
            ("length {:.0f}", "completions/mean_length"),
            ("(right {:.0f})", "completions/mean_length_correct"),
            ("(wrong {:.0f})", "completions/mean_length_incorrect"),
            ("cut {:.0%}", "completions/clipped_ratio"),
            ("groups that teach {:.0%}", "groups/effective"),
            ("all right {:.0%}", "groups/all_correct"),
            ("all wrong {:.0%}", "groups/all_wrong"),
            ("entropy {:.2f}", "entropy"),
            ("clipped {:.1%}", "clip_ratio/region_mean"),
            ("KL {:.3f}", "kl"),
            ("{:.1f} s/step", "step_time"),
        )
        if logs.get(name) is not None
    ]
    return f"step {step}/{steps}  " + "  ".join(form.format(float(logs[name])) for form, name in parts)
