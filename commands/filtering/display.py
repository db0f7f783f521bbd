"""What a person sees of the filter: a bar while it works, then the histogram, what was saved, and the way on."""

import shlex
from argparse import Namespace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from commands.filtering.work import Progress
from commands.terminal.console import say

WIDTH = 46  # of the longest bar of the histogram


class Bar:
    """Samples drawn or not needed any more, of this process's share, scaled to all processes.

    Args:
        problems: In all.
        samples: Per problem.
        processes: That share them.
        shown: Whether this process shows it.
    """

    def __init__(self, problems: int, samples: int, processes: int, shown: bool):
        self._processes, self._total = processes, problems * samples
        # None: a bar on a terminal only
        hidden = None if shown else True
        self._bar = tqdm(total=self._total, unit="sample", dynamic_ncols=True, disable=hidden, smoothing=0.05)

    def show(self, found: Progress) -> None:
        """Move on to what was found."""
        done = min(self._total, (found.drawn + found.spared) * self._processes)
        verdicts = {name: count * self._processes for name, count in found.verdicts.items()}
        about = "~" if self._processes > 1 else ""
        self._bar.set_postfix_str(
            f"{about}{verdicts['learnable']} learnable, {verdicts['too_easy']} easy, {verdicts['too_hard']} hard",
            refresh=False,
        )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Leave the last state standing."""
        self._bar.close()


def tell(summary: dict[str, Any], options: Namespace, path: Path) -> None:
    """Print the histogram and the rest of the account."""
    for line in ["", *histogram_lines(summary["histogram"], options.low, options.high)]:
        say(line)
    say()
    n = summary["problems"]
    parts = [f"{summary[name]:,} {label} ({summary[name] / n:.1%})" for name, label in LABELS.items()]
    say(f"problems  {n:,}: {', '.join(parts)}")
    if summary["kept"] < summary["learnable"]:
        say(f"          the first {summary['kept']:,} learnable ones are kept (--max-problems)")
    say(
        f"samples   {summary['samples']:,} drawn, {summary['samples_saved']:.1%} of the samples and "
        f"{summary['tokens_saved']:.1%} of the tokens saved by stopping early"
    )
    if options.stop_when_unlikely:
        say(
            f"          {summary['given_up']:,} problems given up as unlikely; among them "
            f"{summary['expected_missed']:.1f} learnable ones are expected to be missed"
        )
    if summary["truncated"]:
        say(f"          {summary['truncated'] / summary['samples']:.1%} cut off at --max-new-tokens")
    for line in advice(summary, options):
        say(f"          {line}")
    say(f"result    {path}: counts.jsonl, learnable.jsonl, learnable/, histogram.png")
    if summary["kept"]:
        way_on = train_options(options, path / "learnable")
        say(f"train     accelerate launch cli.py train --method lpro \\\n              {way_on}")


LABELS = {"learnable": "learnable", "too_easy": "too easy", "too_hard": "too hard"}


def advice(summary: dict[str, Any], options: Namespace) -> list[str]:
    """What to do where hardly anything is learnable."""
    if summary["learnable"] >= 0.05 * summary["problems"]:
        return []
    if summary["truncated"] > 0.5 * summary["samples"]:
        return ["Hardly any is learnable, and most solutions were cut off: raise --max-new-tokens."]
    if summary["without_answer"] > 0.5 * summary["samples"]:
        return ["Hardly any is learnable, and most solutions have no \\boxed{} answer: look at --prompt-style."]
    if summary["too_hard"] > summary["too_easy"]:
        return ["Hardly any is learnable: too hard for this model. Take easier problems, or a stronger model."]
    return ["Hardly any is learnable: too easy for this model. Take harder problems."]


def histogram_lines(bars: list[float], low: int, high: int) -> list[str]:
    r"""The histogram as text, the zone marked.

    >>> print("\n".join(histogram_lines([4.0, 2.0, 1.0], 1, 1)))
     right  problems
       0         4 ██████████████████████████████████████████████
     ▸ 1         2 ███████████████████████
       2         1 ████████████
    """
    most = max(max(bars), 1e-9)
    lines = [" right  problems"]
    for right, bar in enumerate(bars):
        mark = "▸" if low <= right <= high else " "
        lines.append(
            f" {mark} {right:<3} {count_label(bar):>7} {'█' * max(round(WIDTH * bar / most), bar >= 0.5)}".rstrip()
        )
    return lines


def count_label(bar: float) -> str:
    """An expected number has a place behind the point where that says something."""
    return f"{bar:,.1f}" if 0 < bar < 10 and bar != round(bar) else f"{bar:,.0f}"


def train_options(options: Namespace, dataset: Path) -> str:
    """Options of `train` with which the model samples as it was measured."""
    parts = ["--dataset_name", str(dataset)]
    if not options.embedded:
        parts += ["--model_name_or_path", options.model]
        if options.revision:
            parts += ["--model_revision", options.revision]
        if options.trust_remote_code:
            parts += ["--trust_remote_code", "true"]
    if options.prompt_style != ("plain" if options.embedded else "boxed"):
        parts += ["--prompt_style", options.prompt_style]
    if options.system_prompt is not None:
        parts += ["--system_prompt", options.system_prompt]
    if options.temperature != 1.0:
        parts += ["--temperature", str(options.temperature)]
    if options.top_p != 1.0:
        parts += ["--top_p", str(options.top_p)]
    if options.top_k:
        parts += ["--top_k", str(options.top_k)]
    parts += ["--max_completion_length", str(options.max_new_tokens)]
    return shlex.join(parts)
