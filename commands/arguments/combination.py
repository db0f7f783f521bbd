"""The numbers of a batch that must agree: derived from `--prompts_per_step` and `--group_size`, and checked.

prompts per step × group size = completions per optimizer step = batch per device × processes × accumulation
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from errors import UserError

# Fields of Combination, and the options that set them.
FLAGS = {
    "prompts": "prompts_per_step",
    "group_size": "group_size",
    "per_device": "per_device_train_batch_size",
    "accumulation": "gradient_accumulation_steps",
    "per_generation": "steps_per_generation",
    "generation_batch": "generation_batch_size",
    "eval_batch": "per_device_eval_batch_size",
}
OPTIONS = {**FLAGS, "group_size": "num_generations"}


@dataclass(frozen=True)
class Combination:
    """One choice of the numbers.

    Attributes:
        processes: That train together.
        prompts: Asked for behind each optimizer step; None leaves them to follow.
        group_size: Completions of each prompt.
        per_device: Completions that a process takes at a time.
        accumulation: How often it does, for one optimizer step.
        per_generation: How often it does, for all that is sampled at a time; None is as often as for a step.
        generation_batch: The same, said in completions of all processes.
        eval_batch: Completions that a process takes at a time to evaluate; None where nothing is, during training.
        eval_group: Completions of each prompt there; None is as many as in training.
    """

    processes: int
    prompts: int | None
    group_size: int
    per_device: int
    accumulation: int
    per_generation: int | None
    generation_batch: int | None
    eval_batch: int | None
    eval_group: int | None

    @property
    def step(self) -> int:
        """Completions behind one optimizer step, of all processes."""
        return self.per_device * self.processes * self.accumulation

    @property
    def near_prompts(self) -> int:
        """The prompts per step asked for, or what the other numbers come nearest to."""
        return self.prompts or max(1, round(self.step / self.group_size))

    def broken_rule(self) -> str | None:
        """The first rule that the numbers break, with the numbers; None if TRL takes them and they are as asked."""
        each, group, processes = self.per_device * self.processes, self.group_size, _processes(self.processes)
        sampled = self.generation_batch or each * (self.per_generation or self.accumulation)
        if self.prompts is not None and self.prompts * group != self.step:
            return (
                f"prompts per step × group size ({self.prompts} × {group} = {self.prompts * group}) must equal batch "
                f"per device × processes × gradient accumulation ({self.per_device} × {self.processes} × "
                f"{self.accumulation} = {self.step})"
            )
        if self.generation_batch and self.per_generation:
            return (
                "--steps_per_generation and --generation_batch_size say the same in two ways, so one of them must be "
                f"left out; found {self.per_generation} and {self.generation_batch}"
            )
        if sampled % each:
            return (
                "--generation_batch_size must be a multiple of the completions taken at a time "
                f"({self.per_device} per device × {processes} = {each}); found {sampled}"
            )
        if sampled % group:
            return (
                f"the completions sampled at a time must make whole groups of --group_size {group}; found {sampled} "
                f"(batch per device {self.per_device} × {processes} × {sampled // each} at a time)"
            )
        if (self.eval_batch or 0) * self.processes % (self.eval_group or group):
            return (
                f"what is evaluated at a time must make whole groups of {self.eval_group or group}; found "
                f"--per_device_eval_batch_size {self.eval_batch} on {processes}"
            )
        return None

    def flags(self, asked: "Combination") -> str:
        """As typed; numbers that say how to sample or evaluate only where they differ from those asked for."""
        shown = {name for name in FLAGS if getattr(self, name) != getattr(asked, name)}
        shown |= {"group_size", "per_device", "accumulation"} | ({"prompts"} if self.prompts else set())
        values = {flag: getattr(self, name) for name, flag in FLAGS.items() if name in shown}
        return " ".join(f"--{flag} {'none' if value is None else value}" for flag, value in values.items())


def asked_for(values: Any, processes: int) -> Combination:
    """What the options say before anything is derived.

    Args:
        values: Namespace of all options.
        processes: That train together.
    """
    numbers = {name: getattr(values, option) for name, option in OPTIONS.items()}
    if numbers["group_size"] is None:
        raise UserError("--group_size needs a number of completions per prompt; found none.")
    if str(getattr(values.eval_strategy, "value", values.eval_strategy)) == "no":
        numbers["eval_batch"] = None
    return Combination(processes=processes, eval_group=values.num_generations_eval, **numbers)


def derive(asked: Combination, free: set[str]) -> Combination | None:
    """Choose the numbers that are left free so that all fit, with the largest batch per device.

    Args:
        asked: The numbers as they are; a free `per_device` is a bound, for it was chosen to fit the memory.
        free: Out of `per_device` and `accumulation`.

    Returns:
        None where nothing fits.
    """
    return next((found for found in _derivations(asked, free) if not found.broken_rule()), None)


def _derivations(asked: Combination, free: set[str]) -> Iterator[Combination]:
    """All that keeps what is not free, the largest batch per device first."""
    if asked.prompts is None or not free:
        yield asked
        return
    each, rest = divmod(asked.prompts * asked.group_size, asked.processes)
    for size in reversed(divisors(each) if rest == 0 else []):
        kept = "accumulation" in free or each // size == asked.accumulation
        if kept and (size <= asked.per_device if "per_device" in free else size == asked.per_device):
            yield replace(asked, per_device=size, accumulation=each // size)


def divisors(n: int) -> list[int]:
    """In rising order.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [d for d in range(1, math.isqrt(n) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})


def refusal(asked: Combination, free: set[str]) -> str:
    """The rule that is broken and the numbers that break it."""
    others = (
        replace(asked, eval_batch=None),
        replace(asked, generation_batch=None),
        replace(asked, per_generation=None),
    )
    for found in (derive(other, free) for other in others):
        if found is not None:  # all but one number agree, so that one's rule is broken
            return str(replace(asked, per_device=found.per_device, accumulation=found.accumulation).broken_rule())
    if asked.prompts is None or not free:
        return str(asked.broken_rule())
    fixed = [
        f"--{FLAGS[name]} {getattr(asked, name)}"
        for name in ("per_device", "accumulation", "per_generation", "generation_batch", "eval_batch")
        if name not in free and getattr(asked, name) is not None
    ]
    limit = [f"at most {asked.per_device} per device"] if "per_device" in free else []
    return (
        "prompts per step × group size must equal batch per device × processes × gradient accumulation, and what is "
        f"sampled at a time must make whole groups; found {asked.prompts} × {asked.group_size} = "
        f"{asked.prompts * asked.group_size} with {', '.join([_processes(asked.processes), *fixed, *limit])}"
    )


def _processes(number: int) -> str:
    return f"{number} process{'' if number == 1 else 'es'}"
