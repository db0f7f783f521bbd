"""Intuitor, RENT and TTRL: what they are paid for, what it costs, and what mixes in."""

import math

import pytest
import torch
from trl import GRPOTrainer

from tests.trainers.runs import build, settings
from trainers import METHODS, GRPOMethodConfig, GRPOMethodTrainer
from trainers.intuitor import IntuitorConfig, IntuitorTrainer
from trainers.rent import RENTConfig, RENTTrainer
from trainers.self_reward import correlation, repetition
from trainers.ttrl import TTRLConfig, TTRLTrainer, agreement

ROWS = [{"prompt": "1 + 1 =", "answer": "2"}] * 4 + [{"prompt": "a b =", "answer": "3"}] * 4
TWO = {"per_device_train_batch_size": 8, "num_generations": 4}


def direct(trainer, model=None, temperature=0.9, shifted=False):
    """u of every sampled completion by the definition, from full logits in float64, without padding."""
    prompts, completions = trainer.generation.prompt_ids, trainer.generation.completion_ids
    values = []
    for prompt, completion in zip(prompts, completions, strict=True):
        with torch.no_grad():
            logits = (model or trainer.model)(input_ids=torch.tensor([prompt + completion])).logits[0].double()
        logits = logits / temperature
        kl = logits.logsumexp(-1) - logits.mean(-1) - math.log(logits.size(-1))
        start = len(prompt) - 1 + shifted
        values.append(kl[start : start + len(completion)].mean().item())
    return values


def passes(trainer):
    """Counts passes of the policy over whole batches."""
    count, inner = [0], GRPOTrainer._get_per_token_logps_and_entropies

    def counted(self, model, *args, **kwargs):
        count[0] += getattr(model, "func", model) is self.model
        return inner(self, model, *args, **kwargs)

    return count, counted


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_iterations": 2},
        {"num_iterations": 2, "beta": 0.0},
        {"num_iterations": 2, "mask_truncated_completions": True},
        {"certainty_temperature": "raw"},
        {"certainty_temperature": "raw", "certainty_alignment": "shifted"},
        {"certainty_alignment": "shifted", "num_iterations": 2},
        {"steps_per_generation": 2, "gradient_accumulation_steps": 2, "per_device_train_batch_size": 4},
    ],
    ids=str,
)
def test_the_reward_is_the_definition(tmp_path, options):
    trainer = build(IntuitorTrainer, IntuitorConfig, tmp_path, reward_funcs=[], **{**TWO, **options})
    trainer._generate_and_score_completions(ROWS)
    raw = options.get("certainty_temperature") == "raw"
    expected = direct(trainer, temperature=1.0 if raw else 0.9, shifted="certainty_alignment" in options)
    assert trainer.generation.rewards[:, 0].tolist() == pytest.approx(expected, abs=1e-5)
    assert trainer.generation.truncated.any(), "no completion was cut, so nothing is said of truncated ones"


@pytest.mark.parametrize(("iterations", "policy_passes"), [(1, 1), (2, 1)])
def test_no_pass_is_made_where_trl_makes_one(tmp_path, monkeypatch, iterations, policy_passes):
    """With two iterations TRL needs old log-probabilities; with one, the method makes the only pass."""
    trainer = build(IntuitorTrainer, IntuitorConfig, tmp_path, reward_funcs=[], num_iterations=iterations, **TWO)
    count, counted = passes(trainer)
    monkeypatch.setattr(GRPOTrainer, "_get_per_token_logps_and_entropies", counted)
    trainer._generate_and_score_completions(ROWS)
    assert count[0] == policy_passes
    grpo = build(GRPOMethodTrainer, GRPOMethodConfig, tmp_path, num_iterations=iterations, lean=False, **TWO)
    count[0] = 0
    grpo._generate_and_score_completions(ROWS)
    assert count[0] == policy_passes - (iterations == 1)


def test_the_reference_scores_where_it_is_asked_to(tmp_path):
    with pytest.warns(UserWarning, match="gamed"):
        trainer = build(
            IntuitorTrainer, IntuitorConfig, tmp_path, reward_funcs=[], certainty_scorer="reference", **TWO
        )
    with torch.no_grad():
        for p in trainer.model.parameters():
            p.mul_(1.3)
    trainer._generate_and_score_completions(ROWS)
    assert trainer.generation.rewards[:, 0].tolist() == pytest.approx(direct(trainer, trainer.ref_model), abs=1e-5)
    assert direct(trainer) != pytest.approx(direct(trainer, trainer.ref_model), abs=1e-2)


def test_pure_advantages_are_those_of_grpo_with_that_reward(tmp_path):
    trainer = build(IntuitorTrainer, IntuitorConfig, tmp_path, reward_funcs=[], **TWO)
    batch = trainer._generate_and_score_completions(ROWS)
    u = torch.tensor(direct(trainer)).view(2, 4)
    expected = (u - u.mean(1, keepdim=True)) / (u.std(1, keepdim=True) + 1e-4)
    assert batch["advantages"].tolist() == pytest.approx(expected.flatten().tolist(), abs=1e-3)


def even(completion_ids, **_):
    return [float(sum(ids) % 2 == 0) for ids in completion_ids]


def longer(completion_ids, **_):
    return [float(len(ids)) for ids in completion_ids]


@pytest.mark.parametrize("combine", ["z_each", "sum"])
def test_other_rewards_mix_in_as_stated(tmp_path, combine):
    trainer = build(
        IntuitorTrainer,
        IntuitorConfig,
        tmp_path,
        reward_funcs=[even, longer],
        reward_weights=[1.0, 0.5],
        self_weight=2.0,
        external_weight=3.0,
        combine=combine,
        **TWO,
    )
    batch = trainer._generate_and_score_completions(ROWS)
    u, e, n = trainer.generation.rewards.double().T.reshape(3, 2, 4)
    assert trainer.reward_func_names == ["self_certainty", "even", "longer"]
    r = e + 0.5 * n

    def z(x):
        return (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-4)

    expected = 2 * z(u) + 3 * z(r) if combine == "z_each" else z(2 * u + 3 * r)
    assert batch["advantages"].double().view(2, 4).numpy() == pytest.approx(expected.numpy(), abs=1e-4)


def test_without_external_weight_other_rewards_are_only_watched(tmp_path):
    watched = build(IntuitorTrainer, IntuitorConfig, tmp_path, reward_funcs=[longer], **TWO)
    alone = build(IntuitorTrainer, IntuitorConfig, tmp_path, reward_funcs=[], **TWO)
    for trainer in (watched, alone):
        torch.manual_seed(11)
        trainer.batch = trainer._generate_and_score_completions(ROWS)
    assert torch.equal(watched.batch["advantages"], alone.batch["advantages"])
    assert "rewards/longer/mean" in watched._metrics[watched.mode]


def test_health_is_logged(tmp_path):
    trainer = build(IntuitorTrainer, IntuitorConfig, tmp_path, reward_funcs=[accuracy], max_steps=2, **TWO)
    trainer.train()
    row = next(row for row in trainer.state.log_history if "loss" in row)
    assert row["rewards/self_certainty/mean"] > 0
    assert 0 <= row["completions/repetition"] <= 1
    assert -1 <= row["self_certainty/correlation_with_accuracy"] <= 1


def accuracy(completion_ids, **_):
    return even(completion_ids)


def test_certainty_rises_when_it_is_trained_on(tmp_path):
    trainer = build(
        IntuitorTrainer, IntuitorConfig, tmp_path, reward_funcs=[], max_steps=12, beta=0.0, num_iterations=2, **TWO
    )
    trainer.train()
    values = [row["rewards/self_certainty/mean"] for row in trainer.state.log_history if row.get("reward") is not None]
    assert sum(values[-3:]) / 3 > sum(values[:3]) / 3


def test_rent_pays_for_low_entropy(tmp_path):
    trainer = build(RENTTrainer, RENTConfig, tmp_path, reward_funcs=[], **TWO)
    trainer._generate_and_score_completions(ROWS)
    prompts, completions = trainer.generation.prompt_ids, trainer.generation.completion_ids
    for prompt, completion, reward in zip(
        prompts, completions, trainer.generation.rewards[:, 0].tolist(), strict=True
    ):
        with torch.no_grad():
            logits = trainer.model(input_ids=torch.tensor([prompt + completion])).logits[0].double() / 0.9
        p = logits[len(prompt) - 1 : -1].softmax(-1)
        assert reward == pytest.approx((p * p.log()).sum(-1).mean().item(), abs=1e-5)


def test_ttrl_pays_for_the_answer_of_most(tmp_path):
    trainer = build(TTRLTrainer, TTRLConfig, tmp_path, reward_funcs=[], **TWO)
    texts = [r"\boxed{1}", r"\boxed{2}", r"so \boxed{ 1 }", "none", r"\boxed{7}", r"\boxed{8}", r"\boxed{8}", ""]
    assert trainer.majority(texts) == [1, 0, 1, 0, 0, 1, 1, 0]
    messages = [[{"role": "assistant", "content": text}] for text in texts]
    assert trainer.majority(messages) == [1, 0, 1, 0, 0, 1, 1, 0]


def test_no_answer_is_no_majority():
    assert agreement([None, None, "4"]) == [0, 0, 1]


def test_repetition_and_correlation():
    assert repetition([1, 2, 3, 4] * 3) == pytest.approx(1 - 4 / 9)  # nine runs, four of them different
    assert repetition([1, 2, 3]) == 0
    x, y = torch.tensor([1.0, 2.0, 3.0, float("nan")]), torch.tensor([1.0, 0.0, 5.0, 9.0])
    assert correlation(x, y) == pytest.approx(torch.corrcoef(torch.stack([x[:3], y[:3]]))[0, 1].item())
    assert math.isnan(correlation(torch.ones(3), torch.tensor([0.0, 1.0, 1.0])))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("certainty_scorer", "nobody", "--certainty_scorer is one of policy, reference; found 'nobody'"),
        ("combine", "both", "--combine is one of z_each, sum; found 'both'"),
        ("scale_rewards", "none", "--scale_rewards none would have no effect"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, name, value, told):
    with pytest.raises(ValueError, match=told):
        IntuitorConfig(**settings(tmp_path), **{name: value})


def test_a_reference_that_is_not_loaded_cannot_score(tmp_path):
    with pytest.raises(ValueError, match="needs a reference model, so --beta above 0; found 0"):
        IntuitorConfig(**settings(tmp_path), certainty_scorer="reference", beta=0.0)


@pytest.mark.parametrize("method", ["intuitor", "rent", "ttrl"])
def test_golds_are_needed_only_to_train_on_them(tmp_path, method):
    config = METHODS[method][1]
    assert not config(**settings(tmp_path)).needs_answers
    assert config(**settings(tmp_path), external_weight=1.0).needs_answers
