"""Dynamic sampling: every group that is trained on has signal, whoever drew it, and nothing else changes."""

import math
import warnings
from collections import Counter

import pytest
import torch
from datasets import Dataset

from tests import tiny
from tests.trainers.runs import PROMPTS, Watch, build, parity, same, settings, trajectory
from trainers import GRPOMethodConfig, GRPOMethodTrainer, KnowRLConfig, RolloutConfig
from trainers.generation import Rollout, RolloutRow
from trainers.resampling import Resampler, other_problems

GOOD = {"3 + 4 =", "a b ="}
RESAMPLE = {"zero_variance": "resample"}


def good_only(prompts, completion_ids, **_):
    """Rewards that differ within a group for half of the prompts, and never for the others."""
    return [
        i % 2 + len(ids) / 1000 if prompt in GOOD else 0.0
        for i, (prompt, ids) in enumerate(zip(prompts, completion_ids, strict=True))
    ]


class OneProcess:
    num_processes, process_index = 1, 0


def fake_sample(size, log):
    """Completions whose reward differs within a group where the problem's number is even."""

    def sample(inputs):
        log.append([row["prompt"] for row in inputs[::size]])
        rewards = torch.tensor([[float(i % size if row["prompt"] % 2 == 0 else 1)] for i, row in enumerate(inputs)])
        rows = [RolloutRow(row, [row["prompt"]], [i], None, "", None, {}) for i, row in enumerate(inputs)]
        lengths = torch.tensor([row["prompt"] for row in inputs])
        return Rollout(rows, rewards, lengths, lengths > 100)

    return sample


def rows(*problems, size=4):
    return [{"prompt": problem} for problem in problems for _ in range(size)]


def numbers(first):
    return iter([{"prompt": number} for number in range(first, first + 500)])


def test_only_places_without_signal_are_filled():
    log = []
    resampler = Resampler(OneProcess(), fake_sample(4, log), torch.ones(1), 4, 10)
    kept, tried = resampler.fill(rows(2, 3, 4, 5), numbers(11))
    assert [row.inputs["prompt"] for row in kept.rows[::4]] == [2, 12, 4, 14]
    assert [row.prompt_ids for row in kept.rows] == [[row.inputs["prompt"]] for row in kept.rows]
    assert kept.lengths.tolist() == [row.inputs["prompt"] for row in kept.rows]
    assert kept.rewards.view(4, 4).tolist() == [[0, 1, 2, 3]] * 4
    # two of four had signal, so for two places four are drawn: as many as it should take
    assert log == [[2, 3, 4, 5], [11, 12, 13, 14]]
    assert sum(len(rollout.lengths) for rollout in tried) == 32


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_no_more_than_the_given_batches_are_drawn(batches):
    log = []
    resampler = Resampler(OneProcess(), fake_sample(4, log), torch.ones(1), 4, batches)
    kept, _ = resampler.fill(rows(1, 3), iter([{"prompt": 2 * n + 1} for n in range(500)]))
    assert sum(map(len, log)) == 2 * batches
    assert [row.inputs["prompt"] for row in kept.rows[::4]] == [1, 3]


def test_nothing_is_drawn_where_every_group_has_signal():
    log = []
    Resampler(OneProcess(), fake_sample(4, log), torch.ones(1), 4, 10).fill(rows(2, 4), numbers(1))
    assert log == [[2, 4]]


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_all_processes_draw_equally_many(processes):
    """With G = 4 on 3 processes only multiples of three groups divide; shares are contiguous and cover all once."""
    shares = []
    for index in range(processes):
        resampler = Resampler(OneProcess(), None, torch.ones(1), 4, 10)
        resampler._accelerator = type("Some", (), {"num_processes": processes, "process_index": index})
        wanted = resampler._wanted(2, 0.9, 12, 100)
        shares.append(resampler._share([{"prompt": n} for n in range(wanted)]))
    assert len({len(share) for share in shares}) == 1
    assert [row["prompt"] for share in shares for row in share] == [n for n in range(wanted) for _ in range(4)]
    assert wanted == {2: 3, 3: 3, 4: 3}[processes]


def test_other_problems_come_in_an_order_that_the_seed_decides():
    data = Dataset.from_dict({"prompt": [str(n) for n in range(20)]})

    def taken(seed, count=45):
        others = other_problems(data, ["3", "4"], seed)
        return [next(others)["prompt"] for _ in range(count)]

    first = taken("42 7 0")
    assert first == taken("42 7 0") != taken("42 8 0")
    assert sorted(first[:18], key=int) == [str(n) for n in range(20) if n not in (3, 4)]
    assert Counter(first[18:38]) == Counter(str(n) for n in range(20))


def test_what_is_trained_on_has_signal_and_belongs_together(tmp_path):
    size = {"per_device_train_batch_size": 12}
    trainer, watch = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, good_only, **RESAMPLE, **size), Watch()
    trainer.add_callback(watch)
    batch = trainer._generate_and_score_completions(rows("1 + 1 =", "3 + 4 =", "22 + 2 ="))
    (seen,) = watch.seen
    assert set(seen.prompts) <= GOOD
    assert len(seen.prompts) == 12
    for i, prompt in enumerate(seen.prompts):  # text, ids, reward and advantage of one row
        ids = batch["prompt_ids"][i][batch["prompt_mask"][i].bool()]
        assert trainer.processing_class.decode(ids) == prompt
        completion = batch["completion_ids"][i][batch["completion_mask"][i].bool()]
        assert len(completion) == seen.lengths[i]
        assert seen.rewards["good_only"][i] == pytest.approx(i % 2 + len(completion) / 1000)
    rewards = torch.tensor(seen.reward, dtype=torch.float64).view(3, 4)
    z = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    assert batch["advantages"].tolist() == pytest.approx(z.flatten().tolist(), abs=1e-4)
    assert batch["num_items_in_batch"] == batch["completion_mask"].sum() == sum(seen.lengths)


def test_curves_are_those_of_everything_that_was_drawn(tmp_path):
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, good_only, **RESAMPLE)
    trainer._generate_and_score_completions(rows("1 + 1 =", "3 + 4 =", "22 + 2 =", "a b ="))
    logged = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    drawn = 4 * logged["resample/batches"]
    assert drawn >= 6
    assert logged["resample/unfilled"] == 0
    good = logged["groups/effective"] * drawn
    assert logged["reward"] * drawn == pytest.approx(0.5 * good, abs=0.02 * drawn)
    assert logged["frac_reward_zero_std"] == pytest.approx(1 - logged["groups/effective"])
    for name in ("mean_length", "min_length", "max_length", "clipped_ratio", "mean_terminated_length"):
        assert len(trainer._metrics["train"][f"completions/{name}"]) == 1  # of all, not of each drawing
    assert logged["completions/min_length"] <= logged["completions/mean_length"] <= logged["completions/max_length"]


def test_a_batch_that_needs_no_other_problem_is_as_without(tmp_path):
    resampled = trajectory(build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, **RESAMPLE))
    kept = trajectory(build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path))
    for row in resampled[0]:
        assert row.pop("resample/batches", 1) == 1
        assert row.pop("resample/unfilled", 0) == 0
    ours, theirs = resampled[0], kept[0]
    assert [{k: v for k, v in row.items() if "reward" not in k} for row in ours] == [
        {k: v for k, v in row.items() if "reward" not in k} for row in theirs
    ]  # means of rewards are taken in float64
    assert same((theirs, resampled[1]), kept)


def test_the_same_seed_trains_on_the_same_prompts(tmp_path):
    def prompts(**changes):
        watch, trainer = (
            Watch(),
            build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, good_only, **RESAMPLE, **changes),
        )
        trainer.add_callback(watch)
        trainer.train()
        return [generation.prompts for generation in watch.seen]

    steps = {"max_steps": 3, "per_device_train_batch_size": 8}
    assert prompts(**steps) == prompts(**steps)
    # several generations within one optimizer step draw other problems each
    several = {**steps, "gradient_accumulation_steps": 2, "steps_per_generation": 1}
    assert len(prompts(**several)) == 6


def test_a_run_without_any_signal_ends_with_a_word_and_its_weights(tmp_path):
    def nothing(completion_ids, **_):
        return [1.0] * len(completion_ids)

    trainer = build(
        GRPOMethodTrainer, GRPOMethodConfig, tmp_path, nothing, **RESAMPLE, max_steps=9, max_generation_batches=3
    )
    with pytest.warns(UserWarning, match=r"found 0 of 1 groups .* 3 tried \(3 all low, 0 all high\).*training ends"):
        trainer.train()
    assert trainer.state.global_step == 1


def test_what_stays_empty_is_left_out_of_the_loss(tmp_path):
    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, good_only, **RESAMPLE, max_generation_batches=1)
    with pytest.warns(UserWarning, match="found 1 of 2 groups"):
        batch = trainer._generate_and_score_completions(rows("1 + 1 =", "3 + 4 ="))
    assert batch["completion_mask"][:4].sum() == 0
    assert batch["completion_mask"][4:].sum() > 0
    assert batch["num_items_in_batch"] == batch["completion_mask"].sum()


def test_logged_columns_stay_beside_their_completions(tmp_path):
    def logging(prompts, completion_ids, log_extra, **columns):
        log_extra("asked", list(prompts))
        return good_only(prompts, completion_ids, **columns)

    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, logging, **RESAMPLE)
    trainer._generate_and_score_completions(rows("1 + 1 =", "3 + 4 ="))
    assert list(trainer._logs["extra"]["asked"]) == list(trainer._logs["prompt"])


@pytest.mark.parametrize("method", ["lpro", "repo", "intuitor", "ttrl", "rent"])
def test_every_method_can_resample(method, tmp_path):
    from trainers import METHODS

    trainer, config = METHODS[method]
    made = build(trainer, config, tmp_path, good_only, **RESAMPLE, beta=0.0, num_iterations=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.train()
    assert made.state.global_step >= 1
    assert math.isfinite(made.state.log_history[0]["grad_norm"])


def test_hints_are_watched_apart(tmp_path):
    def accuracy(completion_ids, hint_count, **_):
        return [float(i % 4 == 0) if count else 0.0 for i, count in enumerate(hint_count)]

    trainer = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, accuracy)
    hinted = [{**row, "hint_count": 2} for row in rows("1 + 1 =")]
    plain = [{**row, "hint_count": 0} for row in rows("3 + 4 =", "a b =")]
    trainer._generate_and_score_completions(hinted + plain)
    logged = {name: values[-1] for name, values in trainer._metrics["train"].items() if name.startswith("hints/")}
    assert logged == {
        "hints/accuracy_with": 0.25,
        "hints/all_wrong_with": 0.0,
        "hints/accuracy_without": 0.0,
        "hints/all_wrong_without": 1.0,
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"max_generation_batches": 0}, "--max_generation_batches counts batches, at least 1; found 0"),
        ({**RESAMPLE, "loss_type": "grpo"}, "--zero_variance resample needs --loss_type dapo"),
        ({"epsilon_high_schedule": "0.5"}, "takes share:value.*found '0.5'"),
        ({"epsilon_high_schedule": "0.5:0.2,0.5:0.1"}, "shares of training that rise"),
        ({"epsilon_high_schedule": "1:0.2"}, "between 0 and 1"),
        ({"epsilon_high_schedule": "0.5:0.2", "loss_type": "sapo"}, "does not clip above"),
    ],
)
def test_what_cannot_work_is_refused(changes, told, tmp_path):
    with pytest.raises(ValueError, match=told):
        RolloutConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **changes)


def test_a_stream_cannot_be_drawn_from_again(tmp_path):
    given = {
        "model": build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path).model,
        "reward_funcs": parity,
        "args": GRPOMethodConfig(**settings(tmp_path), **RESAMPLE),
        "train_dataset": PROMPTS.to_iterable_dataset(),
        "processing_class": tiny.tokenizer(),
    }
    with pytest.raises(ValueError, match=r"not a stream\. Use --zero_variance drop"):
        GRPOMethodTrainer(**given)


def test_the_cards_schedule_steps_once():
    config = KnowRLConfig(output_dir="unused", use_cpu=True, bf16=False)
    values = [config.epsilon_high_at(step, 2960) for step in (0, 2589, 2590, 2959)]
    assert values == [0.28, 0.28, 0.26, 0.26]  # `step` optimizer steps are done; the 2,591st is the first at 0.26
