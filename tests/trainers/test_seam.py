"""What the seam adds to TRL: lengths, dropped groups, token norms, metrics and checks, against explicit loops."""

import math
import re
import statistics
import warnings
from fractions import Fraction

import numpy
import pytest
import torch
from trl import GRPOConfig

from errors import RewardError
from tests.trainers.runs import apart, build, gradients, parity, same, settings, trajectory
from trainers import METHODS, GRPOMethodConfig, GRPOMethodTrainer, LPROConfig, LPROTrainer, REPOConfig, REPOTrainer
from trainers.advantages import length_penalized_advantages, rank_advantages
from trainers.generation import GenerationState

ROWS = [{"prompt": p} for p in ("1 + 1 =", "22 + 2 =", "a =") for _ in range(4)]
# Three groups of four; old log-probs come with the batch.
WIDE = {"per_device_train_batch_size": 12, "num_iterations": 2, "lean": False}


def first_group_flat(completion_ids, **_):
    """Equal rewards in the first group, uneven ones in the others."""
    return [1.0 if i < 4 else float((sum(ids) + i) % 3) for i, ids in enumerate(completion_ids)]


def accuracy(completion_ids, **_):
    """All right, all wrong, mixed."""
    return [1.0] * 4 + [0.0] * 4 + [1.0, 0.0, 0.0, 1.0]


def rollout(trainer):
    return trainer._generate_and_score_completions([dict(row) for row in ROWS])


def off_policy_loss(trainer, batch):
    """TRL's loss on the batch, after old log-probs were moved so that ratios differ from one and some are clipped."""
    torch.manual_seed(1)
    noise = 0.4 * torch.randn(batch["old_per_token_logps"].shape)
    moved = {**batch, "old_per_token_logps": batch["old_per_token_logps"] + noise}
    trainer.current_gradient_accumulation_steps = 1
    return trainer._compute_loss(trainer.model, moved).item(), (-noise).exp()


def clipped_objective(ratio, advantage, low, high):
    return min(ratio * advantage, max(1 - low, min(1 + high, ratio)) * advantage)


def mean_over_groups(ratios, mask, advantages, low, high, groups):
    """The cards' objective in loops: mean over groups of Σ_t min(ρA, clip(ρ)A) / Σ|o|, negated."""
    means = []
    for g in groups:
        rows = range(4 * g, 4 * g + 4)
        values = [
            clipped_objective(ratios[i][t].item(), advantages[i], low, high)
            for i in rows
            for t in range(ratios.size(1))
            if mask[i][t]
        ]
        means.append(statistics.mean(values))
    return -statistics.mean(means)


def test_lpro_trains_on_the_cards_objective(tmp_path):
    trainer = build(LPROTrainer, LPROConfig, tmp_path, zero_variance="keep", **WIDE)
    batch = rollout(trainer)
    loss, ratios = off_policy_loss(trainer, batch)
    rewards, lengths = trainer.generation.rewards.view(3, 4), trainer.generation.lengths.view(3, 4)
    advantages = length_penalized_advantages(rewards, lengths, penalty=0.1).flatten().tolist()
    expected = mean_over_groups(ratios, batch["completion_mask"], advantages, 0.20, 0.28, range(3))
    assert loss == pytest.approx(expected, abs=1e-6)
    assert list(trainer._logs["advantages"]) == pytest.approx(advantages, abs=1e-6)


def test_repo_trains_on_the_cards_objective(tmp_path):
    trainer = build(REPOTrainer, REPOConfig, tmp_path, **WIDE)
    batch = rollout(trainer)
    loss, ratios = off_policy_loss(trainer, batch)
    advantages = rank_advantages(trainer.generation.rewards.view(3, 4)).flatten().tolist()
    expected = mean_over_groups(ratios, batch["completion_mask"], advantages, 0.2, 0.2, range(3))
    assert loss == pytest.approx(expected, abs=1e-6)
    # The published code minimises max(ρA, clip(ρ)A) instead, which is another number on this batch.
    flipped = mean_over_groups(ratios, batch["completion_mask"], [-a for a in advantages], 0.2, 0.2, range(3))
    assert abs(loss + flipped) > 1e-3


def test_the_norms_differ_where_groups_differ_in_length(tmp_path):
    """Otherwise the tests above could not tell `group` from `batch`."""
    losses = {}
    for norm in ("group", "batch"):
        trainer = build(REPOTrainer, REPOConfig, tmp_path, token_norm=norm, **WIDE)
        losses[norm] = off_policy_loss(trainer, rollout(trainer))[0]
    assert abs(losses["group"] - losses["batch"]) > 1e-3


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_dropped_groups_leave_the_loss_and_its_normaliser(norm, tmp_path):
    trainer = build(
        LPROTrainer, LPROConfig, tmp_path, reward_funcs=first_group_flat, token_norm=norm, length_penalty=0.3, **WIDE
    )
    batch = rollout(trainer)
    mask = torch.zeros(12, batch["completion_ids"].size(1), dtype=torch.bool)
    for i, length in enumerate(trainer.generation.lengths.tolist()):
        mask[i, :length] = True
    assert batch["num_items_in_batch"].item() == mask[4:].sum().item()
    assert batch["completion_mask"][:4].sum().item() == 0
    assert list(trainer._logs["advantages"])[:4] == [0.0] * 4

    loss, ratios = off_policy_loss(trainer, batch)
    rewards, lengths = trainer.generation.rewards.view(3, 4), trainer.generation.lengths.view(3, 4)
    advantages = length_penalized_advantages(rewards, lengths, penalty=0.3).flatten().tolist()
    assert any(advantages[:4]), "the equation itself would push on the flat group"
    if norm == "group":
        expected = mean_over_groups(ratios, mask, advantages, 0.20, 0.28, (1, 2))
    else:
        tokens = [(i, t) for i in range(4, 12) for t in range(mask.size(1)) if mask[i, t]]
        values = [clipped_objective(ratios[i, t].item(), advantages[i], 0.20, 0.28) for i, t in tokens]
        expected = -statistics.mean(values)
    assert loss == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("trainer", "config"), [(LPROTrainer, LPROConfig), (REPOTrainer, REPOConfig)], ids=["lpro", "repo"]
)
def test_micro_batches_add_up_to_the_same_objective(trainer, config, tmp_path):
    """Three groups as one batch of twelve, and as three of four rows each that TRL has shuffled across groups."""
    losses = {}
    for rows in (12, 4):
        steps = 12 // rows
        built = build(
            trainer,
            config,
            tmp_path,
            reward_funcs=first_group_flat,
            zero_variance="drop",
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=steps,
            num_iterations=2,
            lean=False,
        )
        torch.manual_seed(3)
        built.current_gradient_accumulation_steps = steps
        parts = []
        for _ in range(steps):
            inputs = built._prepare_inputs([dict(row) for row in ROWS])
            noise = torch.sin(inputs["completion_ids"].double()).float() / 2  # the same for a token wherever it lands
            moved = {**inputs, "old_per_token_logps": inputs["old_per_token_logps"] + noise}
            parts.append(built._compute_loss(built.model, moved).item())
            built._step += 1
        losses[rows] = sum(parts)
    assert losses[12] == pytest.approx(losses[4], abs=1e-6)
    assert abs(losses[12]) > 1e-3


def test_dropping_every_group_trains_nothing_and_stays_finite(tmp_path):
    trainer = build(
        LPROTrainer,
        LPROConfig,
        tmp_path,
        reward_funcs=lambda completion_ids, **_: [1.0] * len(completion_ids),
        weight_decay=0.0,
        beta=0.0,
    )
    before = {name: p.clone() for name, p in trainer.model.named_parameters()}
    trainer.train()
    assert all(torch.equal(p, before[name]) for name, p in trainer.model.named_parameters())
    assert [row["loss"] for row in trainer.state.log_history if "loss" in row] == [0.0, 0.0]


def test_in_a_kept_group_without_spread_only_length_pushes(tmp_path):
    trainer = build(
        LPROTrainer,
        LPROConfig,
        tmp_path,
        reward_funcs=first_group_flat,
        zero_variance="keep",
        token_norm="batch",
        **WIDE,
    )
    advantages = rollout(trainer)["advantages"][:4].tolist()
    lengths = trainer.generation.lengths[:4].tolist()
    assert sorted(range(4), key=lambda i: -advantages[i]) == sorted(range(4), key=lambda i: lengths[i])


def test_lengths_are_generated_tokens_even_where_trl_blanks_the_mask(tmp_path):
    """Truncated completions lose their mask, not their length; the end token counts once."""
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, mask_truncated_completions=True, **WIDE)
    batch = rollout(trainer)
    ends = set(trainer.eos_token_ids)
    for ids, mask, length in zip(
        batch["completion_ids"], batch["completion_mask"], trainer.generation.lengths, strict=True
    ):
        row = ids.tolist()
        stop = next((t + 1 for t, token in enumerate(row) if token in ends), None)
        assert length.item() == (stop or 8)
        assert mask.sum().item() == (stop or 0)
    assert any(mask.sum() == 0 for mask in batch["completion_mask"]), "no completion was truncated"


def test_tool_tokens_do_not_count(tmp_path, monkeypatch):
    """What a tool or an environment wrote has mask 0."""
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path)

    def scripted(prompts, trainer):
        return {
            "prompt_ids": [[70, 71]] * len(prompts),
            "completion_ids": [[80, 81, 82, 83, trainer.eos_token_ids[0]]] * len(prompts),
            "logprobs": None,
            "env_mask": [[1, 0, 0, 1, 1]] * len(prompts),
        }

    trainer.rollout_func = scripted
    trainer._generate_and_score_completions([dict(row) for row in ROWS[:4]])
    assert trainer.generation.lengths.tolist() == [3, 3, 3, 3]


def test_tool_tokens_are_no_loss_tokens_of_a_group_either(tmp_path):
    """Two groups of equal length, one with two tool tokens per row: 12 and 20 loss tokens, scales 32/24 and 32/40."""
    trainer = build(REPOTrainer, REPOConfig, tmp_path, per_device_train_batch_size=8, zero_variance="drop")

    def scripted(prompts, trainer):
        end = trainer.eos_token_ids[0]
        return {
            "prompt_ids": [[70, 71]] * 8,
            "completion_ids": [[80 + i, 81, 82, 83, end] for i in range(8)],
            "logprobs": None,
            "env_mask": [[1, 0, 0, 1, 1]] * 4 + [[1] * 5] * 4,
        }

    trainer.rollout_func = scripted
    batch = trainer._generate_and_score_completions([dict(row) for row in ROWS[:8]])
    unscaled = torch.tensor(list(trainer._logs["advantages"]))
    assert batch["num_items_in_batch"].item() == 32
    expected = unscaled * torch.tensor([32 / 24] * 4 + [32 / 40] * 4)
    assert batch["advantages"].tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_metrics_say_which_groups_can_teach_and_how_long_right_and_wrong_are(tmp_path):
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=[accuracy, parity], **WIDE)
    rollout(trainer)
    metrics = trainer._metrics["train"]
    assert metrics["groups/all_correct"] == [pytest.approx(1 / 3)]
    assert metrics["groups/all_wrong"] == [pytest.approx(1 / 3)]
    right = [0, 1, 2, 3, 8, 11]
    lengths = trainer.generation.lengths.tolist()
    assert metrics["completions/mean_length_correct"] == [statistics.mean(lengths[i] for i in right)]
    wrong = [i for i in range(12) if i not in right]
    assert metrics["completions/mean_length_incorrect"] == [statistics.mean(lengths[i] for i in wrong)]
    assert set(metrics) >= {"rewards/accuracy/mean", "rewards/parity/mean"}
    totals = [sum(row) for row in trainer.generation.rewards.tolist()]
    effective = [len(set(totals[i : i + 4])) > 1 for i in (0, 4, 8)]
    assert metrics["groups/effective"] == [pytest.approx(statistics.mean(effective))]


def test_an_answer_that_could_not_be_graded_is_neither_right_nor_wrong(tmp_path):
    def accuracy(completions, **_):
        return [None, 1.0, 1.0, 0.0] + [None] * 4 + [0.0] * 4

    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=[accuracy, parity], **WIDE)
    rollout(trainer)
    metrics, lengths = trainer._metrics["train"], trainer.generation.lengths.tolist()
    assert metrics["groups/all_correct"] == [0.0]
    assert metrics["groups/all_wrong"] == [pytest.approx(1 / 3)]
    assert metrics["completions/mean_length_correct"] == [statistics.mean(lengths[1:3])]
    assert metrics["completions/mean_length_incorrect"] == [statistics.mean([lengths[3], *lengths[8:]])]


def test_without_an_accuracy_column_nothing_is_claimed_about_correctness(tmp_path):
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path)
    rollout(trainer)
    assert not [name for name in trainer._metrics["train"] if "correct" in name or "wrong" in name]


def line_of(function):
    return function.__code__.co_firstlineno


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (1e300, "float 1e+300"),  # infinite in float32, which TRL keeps rewards in
        pytest.param(10**400, f"int 1{'0' * 59}", id="10**400"),
        pytest.param(10**5000, "int without a repr", id="10**5000"),  # more digits than Python writes
        ("high", "str 'high'"),
        ("1.0", "str '1.0'"),  # TRL cannot read it, whatever is written in it
        (b"1", "bytes b'1'"),
        ([1.0], "list [1.0]"),
        (torch.ones(2), "Tensor tensor([1., 1.])"),
        (1j, "complex 1j"),
    ],
)
def test_what_is_no_reward_names_function_line_and_row(bad, shown, tmp_path):
    def clarity(completions, **_):
        return [0.0, None, bad, 1.0]

    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=clarity)
    told = rf"clarity \(test_seam.py, line {line_of(clarity)}\) returned {re.escape(shown)} for completion 2 of this"
    with pytest.raises(RewardError, match=told):
        trainer._generate_and_score_completions([dict(row) for row in ROWS[:4]])


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        ([0.0, 1.0], "2 values for 4 completions"),
        (None, "NoneType None"),
        ({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}, "dict {'a': 1.0"),
        ((x for x in (1.0, 2.0, 3.0, 4.0)), "generator <generator"),
        ({1.0, 2.0, 3.0, 4.0}, "set {1.0, 2.0"),
        ({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}.values(), "dict_values dict_values([1.0"),
        (map(float, "1234"), "map <map"),
        (1.0, "float 1.0"),
        ("good", "str 'good'"),
        (bytearray(4), "bytearray bytearray(b"),
        (torch.tensor(1.0), "Tensor tensor(1.)"),
        (numpy.array(1.0), "ndarray array(1.)"),
        (torch.ones(4, 1), "list [1.0] for completion 0"),
    ],
)
def test_what_is_no_list_of_rewards_is_told(returned, shown, tmp_path):
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=lambda **_: returned)
    with pytest.raises(RewardError, match=f"returned {re.escape(shown)}"):
        trainer._generate_and_score_completions([dict(row) for row in ROWS[:4]])


@pytest.mark.parametrize(
    "returned",
    [
        (0.0, 1.0, 0.0, 1.0),
        [False, True, False, True],
        range(4),
        numpy.array([0.0, 1.0, 0.0, 1.0]),
        numpy.array([0, 1, 0, 1], dtype=object),
        torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.bfloat16, requires_grad=True),
        [torch.tensor(0.0), numpy.float32(1.0), Fraction(0), 1],
    ],
    ids=str,
)
def test_sequences_arrays_and_tensors_of_numbers_are_lists_of_rewards(returned, tmp_path):
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=lambda **_: returned)
    trainer._generate_and_score_completions([dict(row) for row in ROWS[:4]])
    assert trainer.generation.rewards.flatten().tolist() == [float(reward) for reward in returned]


def test_an_error_inside_a_reward_names_its_own_file_and_line(tmp_path):
    def shares(completions, **_):
        def share(text):
            return 1 / len(text.split("never there")[1:])

        return [share(text) for text in completions]

    async def later(completions, **_):
        return shares(completions)

    line = line_of(shares) + 2  # of the division
    for function in (shares, later):
        trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=function)
        told = rf"{function.__name__} \(test_seam.py, line {line}\) failed on 4 completions with ZeroDivisionError"
        with pytest.raises(RewardError, match=told):
            trainer._generate_and_score_completions([dict(row) for row in ROWS[:4]])


def test_an_async_reward_is_checked_too(tmp_path):
    async def slow(completions, **_):
        return [0.0, 1.0, math.inf, 1.0]

    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=slow)
    with pytest.raises(RewardError, match=r"slow .* returned inf"):
        trainer._generate_and_score_completions([dict(row) for row in ROWS[:4]])


class Score:
    """A reward may be an object; TRL names it by its class or `__name__`."""

    __name__ = "score"

    def __init__(self, value):
        self.value = value

    def __call__(self, completions, **_):
        return [self.value] * len(completions)


class AsyncScore(Score):
    async def __call__(self, completions, **_):
        return [self.value] * len(completions)


@pytest.mark.parametrize("kind", [Score, AsyncScore])
def test_rewards_that_are_objects_are_called_named_and_checked(kind, tmp_path):
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=kind(0.5))
    trainer._generate_and_score_completions([dict(row) for row in ROWS[:4]])
    assert trainer._metrics["train"]["rewards/score/mean"] == [0.5]
    broken = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, reward_funcs=kind(math.inf))
    with pytest.raises(RewardError, match=r"score \(test_seam.py, line \d+\) returned inf"):
        broken._generate_and_score_completions([dict(row) for row in ROWS[:4]])


def test_none_is_not_an_error_and_gets_no_advantage(tmp_path):
    def partial(completions, **_):
        return [0.0, None, 1.0, 1.0]

    trainer = build(REPOTrainer, REPOConfig, tmp_path, reward_funcs=partial)
    trainer._generate_and_score_completions([dict(row) for row in ROWS[:4]])
    assert list(trainer._logs["advantages"]) == [-1.0, 0.0, 0.5, 0.5]


def test_reward_weights_form_the_total(tmp_path):
    def first(completions, **_):
        return [1.0, 0.0, 1.0, 0.0]

    def second(completions, **_):
        return [0.0, 1.0, 1.0, None]

    trainer = build(REPOTrainer, REPOConfig, tmp_path, reward_funcs=[first, second], reward_weights=[1.0, 0.1])
    trainer._generate_and_score_completions([dict(row) for row in ROWS[:4]])
    # totals 1.0, 0.1, 1.1, 0.0
    assert list(trainer._logs["advantages"]) == pytest.approx([1 / 3, -1 / 3, 1, -1])


@pytest.mark.parametrize(("accumulation", "warned"), [(1, False), (2, False), (4, True), (8, True)])
def test_passes_that_fall_into_one_optimizer_step_are_told(accumulation, warned, tmp_path):
    changes = {"num_iterations": 4, "steps_per_generation": 1, "gradient_accumulation_steps": accumulation}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        LPROConfig(**settings(tmp_path, **changes))
    assert warned == any("--num_iterations 4 has no effect here" in str(one.message) for one in told)


def test_four_passes_in_one_optimizer_step_are_one(tmp_path):
    """What the warning says: the same gradients as of one pass, and no ratio that could be clipped."""
    all_in_one = {"num_iterations": 4, "steps_per_generation": 1, "gradient_accumulation_steps": 4}
    with pytest.warns(UserWarning, match="the gradient is that of one pass"):
        ours, trainer = gradients(LPROTrainer, LPROConfig, tmp_path, **all_in_one)
    once, _ = gradients(LPROTrainer, LPROConfig, tmp_path, num_iterations=1, gradient_accumulation_steps=1)
    assert apart(ours, once) <= 1e-6
    assert [row["clip_ratio/region_mean"] for row in trainer.state.log_history[:-1]] == [0.0, 0.0]


def test_training_steps_need_nothing_of_the_state_of_a_generation(tmp_path):
    """It is dropped when the next one begins, in an evaluation too, and no checkpoint has it."""

    class Forgetful(METHODS["intuitor"][0]):
        def compute_loss(self, *args, **kwargs):
            self.generation = GenerationState()
            return super().compute_loss(*args, **kwargs)

    options = {"num_iterations": 2, "max_steps": 4, "beta": 0.0, "reward_funcs": []}
    options |= {"eval_strategy": "steps", "eval_steps": 1, "learning_rate": 1e-2}
    config = METHODS["intuitor"][1]
    forgetful = trajectory(build(Forgetful, config, tmp_path, **options))
    assert same(forgetful, trajectory(build(METHODS["intuitor"][0], config, tmp_path, **options)))


def test_evaluation_works_with_any_group_size(tmp_path):
    for size in (1, 2):
        trainer = build(
            LPROTrainer, LPROConfig, tmp_path, num_generations_eval=size, eval_strategy="steps", eval_on_start=True
        )
        assert math.isfinite(trainer.evaluate()["eval_loss"])


def test_evaluation_drops_and_reweights_nothing(tmp_path):
    """Its loss is a measurement: of every completion, by TRL's own mean."""
    trainer = build(LPROTrainer, LPROConfig, tmp_path, reward_funcs=first_group_flat, eval_strategy="steps", **WIDE)
    trainer.model.eval()
    batch = rollout(trainer)
    assert batch["completion_mask"].sum(1).tolist() == trainer.generation.lengths.tolist()
    assert batch["num_items_in_batch"].item() == trainer.generation.lengths.sum().item()
    assert batch["advantages"].tolist() == pytest.approx(list(trainer._logs["advantages"])[-12:])
    assert any(list(trainer._logs["advantages"])[-12:-8])


@pytest.mark.parametrize("args", [None, GRPOConfig])
def test_a_config_without_our_fields_is_refused(args, tmp_path):
    args = args and args(**settings(tmp_path))
    with pytest.raises(TypeError, match="LPROTrainer needs its method's config as `args`"):
        LPROTrainer(model="unused", reward_funcs=parity, args=args)


# --- configuration -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["lpro", "repo"])
@pytest.mark.parametrize("option", [{"scale_rewards": "none"}, {"multi_objective_aggregation": "normalize_then_sum"}])
def test_an_option_that_the_method_makes_meaningless_is_refused(method, option, tmp_path):
    with pytest.raises(ValueError, match=r"would have no effect: .* use --method grpo"):
        METHODS[method][1](**settings(tmp_path, **option))
    METHODS["grpo"][1](**settings(tmp_path, **option))


@pytest.mark.parametrize("loss_type", ["grpo", "bnpo", "dr_grpo"])
def test_token_choices_need_a_loss_over_tokens(loss_type, tmp_path):
    with pytest.raises(ValueError, match=r"--token_norm group needs --loss_type dapo or cispo"):
        GRPOMethodConfig(**settings(tmp_path, loss_type=loss_type, token_norm="group"))
    with pytest.raises(ValueError, match="--zero_variance drop needs"):
        GRPOMethodConfig(**settings(tmp_path, loss_type=loss_type, zero_variance="drop"))


def test_a_penalty_that_can_outvote_correctness_warns(tmp_path):
    with pytest.warns(UserWarning, match=r"not below 1/\(G−1\) = 0.333"):
        LPROConfig(**settings(tmp_path, length_penalty=0.34))


@pytest.mark.parametrize("penalty", [-0.1, math.nan, math.inf])
def test_a_penalty_must_be_a_number_from_zero_up(penalty, tmp_path):
    with pytest.raises(ValueError, match="must be a number ≥ 0"):
        LPROConfig(**settings(tmp_path, length_penalty=penalty))


def test_the_cards_defaults(tmp_path):
    base = {k: v for k, v in settings(tmp_path).items() if k not in ("num_generations", "learning_rate")}
    lpro, repo = LPROConfig(**base), REPOConfig(**base)
    assert (lpro.num_generations, lpro.epsilon, lpro.epsilon_high, lpro.length_penalty) == (4, 0.20, 0.28, 0.10)
    assert (lpro.num_iterations, lpro.learning_rate, lpro.beta) == (4, 1e-6, 0.0)
    assert (lpro.token_norm, lpro.zero_variance) == ("group", "drop")
    assert (repo.num_generations, repo.epsilon, repo.epsilon_high) == (4, 0.2, None)
    assert (repo.num_iterations, repo.learning_rate, repo.token_norm) == (4, 1e-6, "group")
    # One optimizer step per pass over a generation, so that the four passes are four steps.
    assert lpro.steps_per_generation == lpro.gradient_accumulation_steps
