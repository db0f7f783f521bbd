"""What a generation, an optimizer step and an epoch hold, in prompts and completions, as TRL will make them."""

import textwrap
from dataclasses import dataclass
from math import ceil

from errors import UserError
from trainers import RolloutConfig


@dataclass(frozen=True)
class BatchPlan:
    """The arithmetic of a run, of all processes together.

    Attributes:
        problems: Training prompts that there are.
        group_size: Completions of each prompt.
        prompts_per_generation: Prompts sampled at a time.
        completions_per_generation: The product of the two.
        generations_per_epoch: Each sees new prompts.
        prompts_left_out_per_epoch: Others each epoch, by shuffling; TRL drops an incomplete last generation.
        optimizer_steps_per_generation: Below 1 where a step takes several generations.
        prompts_per_step: Completions of a step, counted in groups; a fraction where a step takes part of a group.
        completions_per_step: Completions behind one optimizer step.
        generations: In all.
        optimizer_steps: In all.
        epochs: In all.
    """

    problems: int
    group_size: int
    prompts_per_generation: int
    completions_per_generation: int
    generations_per_epoch: int
    prompts_left_out_per_epoch: int
    optimizer_steps_per_generation: float
    prompts_per_step: float
    completions_per_step: int
    generations: int
    optimizer_steps: int
    epochs: float

    def lines(self) -> list[str]:
        """Two lines of at most 90 characters for the terminal; three where a step is not a whole generation."""
        each = self.optimizer_steps_per_generation
        used = f"{_count(each, 'optimizer step')} on each"
        if each < 1:
            used = f"{1 / each:g} generations per optimizer step"
        lines = [
            f"{_count(self.prompts_per_generation, 'prompt')} × {self.group_size} completions = "
            f"{self.completions_per_generation:,} per generation, {used}"
        ]
        if self.completions_per_step < self.completions_per_generation:
            lines.append(
                f"an optimizer step takes {self.completions_per_step:,} of these completions, as many as "
                f"{_count(self.prompts_per_step, 'prompt')} give"
            )
        whole = (
            f"{_count(self.optimizer_steps, 'step')} = {_count(self.generations, 'generation')}, {self.epochs:.2f} "
            f"epochs of {_count(self.problems, 'prompt')}; {self.prompts_left_out_per_epoch:,} left out each epoch"
        )
        return [*lines, *textwrap.wrap(whole, 90)]


def check_batch(config: RolloutConfig, problems: int) -> BatchPlan:
    """Work out what a run on this many problems will do.

    Args:
        config: Finished: TRL has derived the generation batch.
        problems: Training prompts.

    Raises:
        UserError: There are fewer prompts than one generation takes, so no step could be made.
    """
    batch, group = config.generation_batch_size, config.num_generations
    assert batch is not None, "GRPOConfig derives it"
    assert config.steps_per_generation is not None, "GRPOConfig derives it"
    assert group is not None, "TRL's default is a number"
    prompts = batch // group
    if problems < prompts:
        raise UserError(
            f"there are {problems} training problems, but each generation takes {prompts} prompts (= {batch} "
            f"completions / --group_size {group}): no step could be made. Add problems, or lower --prompts_per_step "
            f"(now {prompts * config.gradient_accumulation_steps / config.steps_per_generation:g}) to {problems} or "
            "less."
        )
    # TRL's sampler repeats each generation's prompts for as many batches as it is used; an optimizer step takes
    # --gradient_accumulation_steps of them, the last of an epoch what is left.
    uses = config.num_iterations * config.steps_per_generation
    accumulate = config.gradient_accumulation_steps
    batches_per_epoch = problems // prompts * uses
    steps_per_epoch = ceil(batches_per_epoch / accumulate)
    steps = config.max_steps if config.max_steps > 0 else ceil(config.num_train_epochs * steps_per_epoch)
    epochs, begun = divmod(steps, steps_per_epoch)
    batches = epochs * batches_per_epoch + begun * accumulate
    per_step = config.per_device_train_batch_size * config.world_size * accumulate
    return BatchPlan(
        problems=problems,
        group_size=group,
        prompts_per_generation=prompts,
        completions_per_generation=batch,
        generations_per_epoch=problems // prompts,
        prompts_left_out_per_epoch=problems % prompts,
        optimizer_steps_per_generation=uses / accumulate,
        prompts_per_step=per_step / group,
        completions_per_step=per_step,
        generations=ceil(batches / uses),
        optimizer_steps=steps,
        epochs=batches / batches_per_epoch,
    )


def _count(number: float, noun: str) -> str:
    """`1 step`, `1,024 steps`, `2.5 steps`."""
    shown = f"{number:,.0f}" if number == int(number) else f"{number:.3g}"
    return f"{shown} {noun}{'' if number == 1 else 's'}"
