"""The batch arithmetic: what is derived fits, what is offered is valid for TRL, what is announced is what TRL does."""

import itertools
import re
from types import SimpleNamespace

import pytest
from trl import GRPOConfig

from commands.arguments import parse
from commands.arguments.batch import check_batch
from commands.arguments.settle import settle_batch
from errors import UserError
from tests.trainers.runs import PROMPTS, build, parity
from trainers import GRPOMethodConfig, GRPOMethodTrainer

TRL_DEFAULTS = {
    "prompts_per_step": None,
    "num_generations": 8,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "steps_per_generation": None,
    "generation_batch_size": None,
    "per_device_eval_batch_size": 8,
    "eval_strategy": "no",
    "num_generations_eval": None,
}


def settled(processes=1, weaker=(), **asked):
    """Settle what is asked by flags, but for the `weaker` names, which a recipe says."""
    values = SimpleNamespace(**{**TRL_DEFAULTS, **asked})
    levels = {name: 2 if name in asked else 0 for name in TRL_DEFAULTS} | dict.fromkeys(weaker, 1)
    derived = settle_batch(values, levels, processes)
    return values, derived


# --- what is derived -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("processes", "prompts", "group", "bound", "batch", "accumulation"),
    [
        (1, 16, 8, 128, 128, 1),  # 128 completions at once
        (1, 32, 8, 128, 128, 2),
        (1, 20, 8, 128, 80, 2),  # 160 = 2 × 80: 128 does not divide it
        (8, 16, 8, 8, 8, 2),  # 128 on 8 processes: 16 each, at most 8 at once
        (4, 6, 2, 8, 3, 1),
        (1, 13, 7, 8, 7, 13),
        (3, 1, 3, 8, 1, 1),  # a group over three processes
        (1, 1, 11, 8, 1, 11),  # 11 is prime and over the bound
    ],
)
def test_the_largest_batch_within_the_bound_is_derived(processes, prompts, group, bound, batch, accumulation):
    values, derived = settled(
        processes,
        prompts_per_step=prompts,
        num_generations=group,
        per_device_train_batch_size=bound,
        weaker=["per_device_train_batch_size"],
    )
    assert (values.per_device_train_batch_size, values.gradient_accumulation_steps) == (batch, accumulation)
    assert accepted_by_trl(processes, values)
    assert derived == {"per_device_train_batch_size", "gradient_accumulation_steps"}


def test_what_is_fixed_at_the_same_level_stays():
    values, derived = settled(prompts_per_step=16, per_device_train_batch_size=4)
    assert (values.per_device_train_batch_size, values.gradient_accumulation_steps) == (4, 32)
    assert derived == {"gradient_accumulation_steps"}
    values, derived = settled(prompts_per_step=2, gradient_accumulation_steps=4)
    assert (values.per_device_train_batch_size, values.gradient_accumulation_steps) == (4, 4)
    assert derived == {"per_device_train_batch_size"}


def test_flags_for_both_parts_overrule_the_prompts_of_a_recipe():
    flags = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    values, derived = settled(prompts_per_step=16, **flags, weaker=["prompts_per_step"])
    assert values.prompts_per_step is None
    assert (values.per_device_train_batch_size, values.gradient_accumulation_steps) == (4, 2)
    assert derived == {"prompts_per_step"}
    with pytest.raises(UserError, match=r"\(16 × 8 = 128\) must equal .* \(4 × 1 × 2 = 8\)"):
        settled(prompts_per_step=16, **flags)


def test_an_accumulation_that_would_need_more_memory_is_refused():
    """16 × 8 completions in 4 rounds are 32 at a time, and the recipe allows 8."""
    with pytest.raises(
        UserError, match="found 16 × 8 = 128 with 1 process, --gradient_accumulation_steps 4, at most 8"
    ):
        settled(prompts_per_step=16, gradient_accumulation_steps=4)


def test_nothing_is_derived_unless_asked_for():
    values, derived = settled(num_generations=4, per_device_train_batch_size=12)
    assert derived == set()
    assert values.per_device_train_batch_size == 12


def test_an_interval_of_generation_that_is_asked_for_must_fit():
    """3 prompts × 8 = 24 per step; 36 sampled at a time would be 4.5 groups, so 8 at once cannot do, 12 could."""
    values, _ = settled(prompts_per_step=3, steps_per_generation=3, weaker=["steps_per_generation"])
    assert values.per_device_train_batch_size * 3 % 8 == 0
    with pytest.raises(UserError, match="must be a multiple of the completions taken at a time"):
        settled(generation_batch_size=20)


def test_flags_derive_over_the_bound_of_the_embedded_recipe():
    settings = parse(["--method", "lpro", "--prompts_per_step", "20"])
    config = settings.trainer
    assert (config.per_device_train_batch_size, config.gradient_accumulation_steps) == (80, 2)
    assert config.generation_batch_size == 160
    assert settings.sources["gradient_accumulation_steps"] == "derived"


# --- what is offered -----------------------------------------------------------------------------------------------


def accepted_by_trl(processes, values):
    """Whether TRL builds its config of these values on so many processes, and what was asked for comes out."""

    class Config(GRPOConfig):
        world_size = property(lambda self: processes)

    given = {name: value for name, value in vars(values).items() if name != "prompts_per_step"}
    try:
        config = Config(output_dir="unused", use_cpu=True, bf16=False, report_to="none", **given)
    except ValueError:
        return False
    step = config.per_device_train_batch_size * processes * config.gradient_accumulation_steps
    asked = values.prompts_per_step
    return asked is None or asked * config.num_generations == step


def offers(message):
    """The options of each combination, read from the flags in the message."""
    for listed in re.findall(r"\(\d\) (.+?)(?:;|\.$)", message):
        yield {
            {"group_size": "num_generations"}.get(name, name): None if value == "none" else int(value)
            for name, value in re.findall(r"--(\w+) (\w+)", listed)
        }


TABLE = list(itertools.product([1, 2, 3, 8], [1, 6, 8], [2, 4, 7, 16], [1, 4]))
ASKED = [{}, {"prompts_per_step": 1}, {"prompts_per_step": 13}, {"prompts_per_step": 32}]
SAMPLED = [{}, {"steps_per_generation": 3}, {"generation_batch_size": 48}, {"eval_strategy": "steps"}]


WEAKER = [(), ("per_device_train_batch_size", "gradient_accumulation_steps")]


def refusal(processes, weaker, given):
    """The paragraph, or None and the values that were settled on."""
    try:
        return None, settled(processes, weaker, **given)[0]
    except UserError as error:
        return str(error), SimpleNamespace(**{**TRL_DEFAULTS, **given})


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("sampled", SAMPLED, ids=str)
def test_a_conflict_is_answered_with_three_combinations_that_trl_takes(asked, sampled):
    """And only a conflict is: what TRL would take, with what was asked for, is never refused."""
    refused = 0
    for weaker, (processes, batch, group, accumulation) in itertools.product(WEAKER, TABLE):
        given = {
            "per_device_train_batch_size": batch,
            "num_generations": group,
            "gradient_accumulation_steps": accumulation,
            **asked,
            **sampled,
        }
        message, values = refusal(processes, weaker, given)
        assert accepted_by_trl(processes, values) == (message is None), (processes, given)
        if message is not None:
            refused += 1
            offered = list(offers(message))
            assert len({str(offer) for offer in offered}) == 3
            for offer in offered:
                assert accepted_by_trl(processes, SimpleNamespace(**{**vars(values), **offer})), (message, offer)
                assert offer["per_device_train_batch_size"] <= batch, "more memory than was asked for"
    assert refused > 20


def test_the_rule_that_is_told_is_the_one_that_is_broken():
    """Also where the batch is derived, and could be but for the evaluation."""
    with pytest.raises(UserError, match=r"^what is evaluated at a time must make whole groups of 16; found .* 8 on 1"):
        settled(prompts_per_step=4, num_generations=16, eval_strategy="steps")


def test_an_offer_can_be_typed():
    """As flags instead of those that were refused, on the real command line."""
    with pytest.raises(UserError) as refused:
        parse(["--method", "lpro", "--prompts_per_step", "16", "--per_device_train_batch_size", "5"])
    for flags in re.findall(r"\(\d\) (.+?)(?:;|\.$)", str(refused.value)):
        parse(["--method", "lpro", *flags.split()])


# --- what is announced ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"max_steps": 3},
        {"max_steps": -1, "num_train_epochs": 1.5, "per_device_train_batch_size": 12},  # 3 prompts; 2 of 8 left out
        {"max_steps": 7, "per_device_train_batch_size": 12, "num_iterations": 2},  # into the second epoch
        {"max_steps": -1, "num_train_epochs": 1, "gradient_accumulation_steps": 3, "steps_per_generation": 1},
        {
            "max_steps": 3,
            "per_device_train_batch_size": 2,
            "steps_per_generation": 4,
        },  # two prompts, half a group each
        {"max_steps": -1, "num_train_epochs": 2, "gradient_accumulation_steps": 2, "num_iterations": 3},
    ],
    ids=str,
)
def test_the_plan_is_what_trl_does(changes, tmp_path):
    generations = []

    def reward(prompts, completion_ids, **_):
        generations.append(prompts)
        return parity(completion_ids)

    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=reward, **changes)
    plan = check_batch(trainer.args, len(PROMPTS))
    trainer.train()
    assert len(generations) == plan.generations
    assert {len(prompts) for prompts in generations} == {plan.completions_per_generation}
    assert plan.completions_per_generation == plan.prompts_per_generation * 4
    assert trainer.state.global_step == plan.optimizer_steps
    assert trainer.state.epoch == pytest.approx(plan.epochs)
    assert plan.prompts_left_out_per_epoch == 8 - plan.generations_per_epoch * plan.prompts_per_generation
    step = trainer.state.train_batch_size * trainer.args.gradient_accumulation_steps
    assert (plan.completions_per_step, plan.prompts_per_step) == (step, step / 4)


def plan(problems=1024, **changes):
    options = [part for name, value in changes.items() for part in (f"--{name}", str(value))]
    return check_batch(parse(["--method", "lpro", *options]).trainer, problems)


def test_the_plan_reads_as_a_newcomer_would_say_it():
    assert plan().lines() == [
        "16 prompts × 8 completions = 128 per generation, 2 optimizer steps on each",
        "80 steps = 40 generations, 0.62 epochs of 1,024 prompts; 0 left out each epoch",
    ]


def test_a_step_of_several_generations_or_of_a_part_says_so():
    several = plan(gradient_accumulation_steps=8, steps_per_generation=1, num_iterations=1, max_steps=1, problems=200)
    assert several.lines() == [
        "16 prompts × 8 completions = 128 per generation, 8 generations per optimizer step",
        "1 step = 8 generations, 0.67 epochs of 200 prompts; 8 left out each epoch",
    ]
    part = plan(steps_per_generation=4, num_iterations=1, max_steps=4)
    assert part.lines() == [
        "64 prompts × 8 completions = 512 per generation, 4 optimizer steps on each",
        "an optimizer step takes 128 of these completions, as many as 16 prompts give",
        "4 steps = 1 generation, 0.06 epochs of 1,024 prompts; 0 left out each epoch",
    ]


def test_lines_fit_the_terminal_at_any_size():
    for size, problems in itertools.product([8, 4096, 131_072], [131_072, 10**7]):
        lines = plan(problems, per_device_train_batch_size=size, steps_per_generation=2, max_steps=10**6).lines()
        assert max(map(len, lines)) <= 90


def test_fewer_problems_than_a_generation_takes_are_refused():
    with pytest.raises(
        UserError, match=r"15 training problems, but each generation takes 16 prompts .* \(now 16\) to 15"
    ):
        plan(15)
