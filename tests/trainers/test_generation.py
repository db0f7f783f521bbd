"""What callbacks are shown of a generation is what was sampled, scored and trained on; and where the time went."""

import time

import pytest
import torch

from tests.trainers.runs import Watch, build
from trainers import GRPOMethodConfig, GRPOMethodTrainer, LPROConfig, LPROTrainer
from trainers.seam import PhaseClock, group_metrics

NAN = float("nan")


def watched(trainer_class, config_class, path, **changes):
    trainer, watch = build(trainer_class, config_class, path, **changes), Watch()
    trainer.train_dataset = trainer.train_dataset.add_column("answer", [str(i) for i in range(8)])
    trainer.add_callback(watch)
    return trainer, watch


def test_callbacks_see_what_was_trained_on(tmp_path):
    trainer, watch = watched(LPROTrainer, LPROConfig, tmp_path, max_steps=8, per_device_train_batch_size=8)
    trained = []
    compute = trainer._compute_loss

    def spy(model, inputs):
        trained.append((inputs["completion_ids"], inputs["completion_mask"], inputs["advantages"]))
        return compute(model, inputs)

    trainer._compute_loss = spy
    trainer.train()
    assert [generation.step for generation in watch.seen] == [1, 5]  # LPRO makes four passes
    for generation, step in zip(watch.seen, (0, 4), strict=True):
        ids, _, advantages = trained[step]
        texts = trainer.processing_class.batch_decode(ids, skip_special_tokens=True)
        # The batch was shuffled after callbacks saw it; the method's weights of groups come on top of advantages.
        assert sorted(texts) == sorted(generation.completions)
        signs = sorted(zip(texts, advantages.sign().tolist(), strict=True))
        shown = torch.tensor(generation.advantages).sign().tolist()
        assert signs == sorted(zip(generation.completions, shown, strict=True))
        by_prompt = {prompt: i for i, prompt in enumerate(trainer.train_dataset["prompt"][:4])}
        assert [int(gold) % 4 for gold in generation.golds] == [by_prompt[prompt] for prompt in generation.prompts]
        assert len(set(generation.prompts[:4])) == 1
        assert generation.group_size == 4
        assert generation.rewards["parity"] == generation.reward


def test_length_and_truncation_are_those_of_the_tokens(tmp_path):
    trainer, watch = watched(
        GRPOMethodTrainer, GRPOMethodConfig, tmp_path, max_steps=4, mask_truncated_completions=True
    )
    generated = []
    inner = trainer._generate_single_turn

    def spy(*args, **kwargs):
        output = inner(*args, **kwargs)
        generated.extend(output[0])
        return output

    trainer._generate_single_turn = spy
    trainer.train()
    lengths = [length for generation in watch.seen for length in generation.lengths]
    truncated = [cut for generation in watch.seen for cut in generation.truncated]
    assert lengths == [len(ids) for ids in generated]
    assert truncated == [
        ids[-1] not in {*trainer.eos_token_ids, trainer.processing_class.pad_token_id} for ids in generated
    ]
    assert len(set(truncated)) == 2, "no completion was cut, or all were"


def test_measuring_is_not_shown(tmp_path):
    trainer, watch = watched(
        GRPOMethodTrainer,
        GRPOMethodConfig,
        tmp_path,
        max_steps=2,
        eval_strategy="steps",
        eval_steps=1,
        eval_on_start=True,
    )
    trainer.train()
    assert [generation.step for generation in watch.seen] == [1, 2]


@pytest.fixture
def skip_time(monkeypatch):
    """A function that lets the clock run ahead."""
    real, ahead = time.perf_counter, [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: real() + ahead[0])

    def skip(seconds):
        ahead[0] += seconds

    return skip


def test_the_phases_of_a_step_add_up_to_it(tmp_path, skip_time):
    def slow(completions, **_):
        skip_time(100)
        return [float(i) for i, _ in enumerate(completions)]

    trainer = build(
        GRPOMethodTrainer,
        GRPOMethodConfig,
        tmp_path,
        reward_funcs=slow,
        num_iterations=2,
        max_steps=4,
        eval_strategy="steps",
        eval_steps=1,
    )
    trainer.train()
    steps = [row for row in trainer.state.log_history if "step_time" in row]
    for row in steps:
        parts = [row[f"time/{phase}"] for phase in ("generate", "reward", "logprobs", "train")]
        assert sum(parts) == pytest.approx(row["step_time"], abs=1e-9)
        assert min(parts) >= 0
    generating = [row["time/generate"] > 0 for row in steps]
    assert generating == [True, False, True, False]
    for row in steps[::2]:
        assert 100 <= row["time/reward"] < 150, "the reward took 100 s, and as long again in each evaluation"


def test_a_phase_within_a_phase_counts_once(skip_time):
    clock = PhaseClock()
    with clock.phase("logprobs"):
        skip_time(20)
        with clock.phase("generate"):
            skip_time(30)
        skip_time(1)
    taken = clock.take(100)
    assert taken == pytest.approx(
        {"time/generate": 30, "time/logprobs": 21, "time/reward": 0, "time/train": 49}, abs=1
    )
    assert clock.take(0.0) == dict.fromkeys(taken, 0.0)


def test_what_could_not_be_graded_is_neither_right_nor_wrong():
    accuracy = torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0], [1, 0, NAN, NAN], [0, 0, 0, NAN]])
    lengths = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8], [10, 20, 30, 40], [9, 9, 9, 90]])
    assert group_metrics(accuracy, lengths, torch.tensor([False, False, True, False])) == {
        "groups/effective": 0.25,
        "groups/all_correct": 0.25,
        "groups/all_wrong": 0.25,
        "completions/mean_length_correct": pytest.approx((1 + 2 + 3 + 4 + 10) / 5),
        "completions/mean_length_incorrect": pytest.approx((5 + 6 + 7 + 8 + 20 + 27) / 8),
    }
