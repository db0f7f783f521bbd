"""The batch numbers of a run: what was left open is derived, what contradicts is answered with what would fit."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from commands.arguments.combination import OPTIONS, Combination, asked_for, derive, divisors, refusal
from errors import UserError


def offers_near(asked: Combination, free: set[str], count: int = 3) -> list[Combination]:
    """The combinations that fit and are most like the one asked for, the nearest first; what is free may be any."""
    found = {offer for offer in _neighbours(asked) if not offer.broken_rule()}
    return sorted(found, key=lambda offer: (_distance(asked, offer, free), offer.flags(asked)))[:count]


def _neighbours(asked: Combination) -> Iterator[Combination]:
    """Combinations with a group and prompts not far away, no larger batch per device, and whole groups in evaluation.

    Without a fixed interval of generation the prompts next to a multiple of the processes always fit, so there are
    always enough.
    """
    ways = {(asked.per_generation, asked.generation_batch), (None, None)}
    ways |= {(asked.per_generation, None), (None, asked.generation_batch)}
    for group in _groups(asked):
        whole = group // math.gcd(group, asked.processes) if asked.eval_group is None else asked.eval_group
        eval_batch = asked.eval_batch and math.ceil(asked.eval_batch / whole) * whole
        for prompts in _prompts(asked, group):
            each = prompts * group // asked.processes
            for size in {max(d for d in divisors(each) if d <= asked.per_device), each // asked.accumulation}:
                if not 0 < size <= asked.per_device or each % size:
                    continue
                for per_generation, generation_batch in ways:
                    yield Combination(
                        processes=asked.processes,
                        prompts=asked.prompts and prompts,
                        group_size=group,
                        per_device=size,
                        accumulation=each // size,
                        per_generation=per_generation,
                        generation_batch=generation_batch,
                        eval_batch=eval_batch,
                        eval_group=asked.eval_group,
                    )


def _groups(asked: Combination) -> set[int]:
    """Group sizes from half to double that can be reached by counting or by dividing the step."""
    low, high = max(2, asked.group_size // 2), 2 * asked.group_size
    near = {*range(asked.group_size - 4, asked.group_size + 5), *divisors(asked.step)}
    return {group for group in near if low <= group <= high}


def _prompts(asked: Combination, group: int) -> set[int]:
    """Prompts per step next to those asked for, so that the step divides by the processes, and by what is asked."""
    found = set()
    for unit in (
        asked.processes,
        asked.processes * asked.per_device,
        asked.processes * asked.accumulation,
        asked.step,
    ):
        multiple = unit // math.gcd(unit, group)
        nearest = asked.near_prompts // multiple
        found |= {multiple * k for k in range(nearest - 1, nearest + 4) if k > 0}
    return found


def _distance(asked: Combination, offer: Combination, free: set[str]) -> float:
    """How much a person would notice: group and prompts first, then memory, then accumulation and what is given up."""
    ratios = (
        (2.0, offer.group_size / asked.group_size),
        (2.0, offer.near_prompts / asked.near_prompts),
        (0.5, offer.per_device / asked.per_device),
        (0.0 if "accumulation" in free else 0.25, offer.accumulation / asked.accumulation),
        (0.25, (offer.eval_batch or 1) / (asked.eval_batch or 1)),
    )
    given_up = (asked.per_generation != offer.per_generation) + (asked.generation_batch != offer.generation_batch)
    return sum(weight * abs(math.log(ratio)) for weight, ratio in ratios) + given_up


def settle_batch(values: Any, levels: Mapping[str, int], processes: int) -> set[str]:
    """Derive the batch per device and the accumulation where `prompts_per_step` is asked for; check them in any case.

    Args:
        values: Namespace of all options; derived ones are set in it.
        levels: How strong each option's source is; what is as strong as `prompts_per_step` stays as it is.
        processes: That train together.

    Returns:
        The options that were derived.

    Raises:
        UserError: The numbers contradict each other: the rule, the numbers, and three combinations that fit.
    """
    level = levels["prompts_per_step"]
    parts = {name: levels[OPTIONS[name]] for name in ("per_device", "accumulation")}
    overruled = values.prompts_per_step is not None and min(parts.values()) > level
    if overruled:  # flags for both say all of it, whatever the recipe's
        values.prompts_per_step = None
    asked = asked_for(values, processes)
    free = {name for name in parts if parts[name] < level and asked.prompts is not None}
    found = derive(asked, free)
    if found is None:
        offers = "; ".join(f"({i}) {offer.flags(asked)}" for i, offer in enumerate(offers_near(asked, free), 1))
        raise UserError(f"{refusal(asked, free)}. Each of these fits: {offers}.")
    for name in free:
        setattr(values, OPTIONS[name], getattr(found, name))
    return {OPTIONS[name] for name in free} | ({"prompts_per_step"} if overruled else set())
