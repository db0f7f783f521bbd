"""What a training run found, to the terminal and to its folder."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from trl import GRPOConfig

from commands._console import say
from commands._problems import Task
from commands._settings import Settings
from evaluation.held_out import Measurement, compare


def report(
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
        "settings": _chosen(settings),
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


def _chosen(settings: Settings) -> dict[str, Any]:
    """Every setting that differs from TRL's default; no paths, no tokens."""
    chosen: dict[str, Any] = {"reward_funcs": settings.arguments.reward_funcs}
    for field in dataclasses.fields(settings.trainer):
        value = getattr(settings.trainer, field.name, None)
        default = GRPOConfig.__dataclass_fields__.get(field.name)
        known = isinstance(value, int | float | str | list) and value != []
        if known and (default is None or value != default.default):
            chosen[field.name] = value
    for hidden in ("hub_token", "output_dir", "run_name", "logging_dir", "seed"):
        chosen.pop(hidden, None)
    return chosen


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
