"""Training on what a vLLM server has sampled: its log-probabilities count, whatever passes our trainers spare."""

import math

import pytest
import torch
from trl import GRPOConfig, GRPOTrainer

from tests import tiny
from tests.trainers.runs import UNEVEN, Gradients, apart, build
from tests.vllm_server import serving, without_vllm
from trainers import METHODS, GRPOMethodConfig, GRPOMethodTrainer

RATIO = "sampling/importance_sampling_ratio"
DIFFERENCE = "sampling/sampling_logp_difference"


@pytest.fixture
def server(monkeypatch):
    """It samples from weights a little beside those that are trained, until it is sent others."""
    model = tiny.model(tiny.tokenizer()).double()
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    with serving(model) as running:
        without_vllm(monkeypatch, running)
        yield running


def trained(server, path, trainer_class=GRPOMethodTrainer, config_class=GRPOMethodConfig, **changes):
    """A finished run of two optimizer steps, and the gradients of each."""
    options = {**UNEVEN, "use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": server.url, **changes}
    server.drawn.clear()
    trainer, watch = build(trainer_class, config_class, path, **options), Gradients()
    trainer.model.double()
    trainer.add_callback(watch)
    trainer.train()
    return watch.steps, trainer


def test_with_the_trained_weights_the_ratio_is_1_at_every_generation(server, tmp_path):
    _, trainer = trained(server, tmp_path, num_iterations=1, max_steps=3, temperature=0.8)
    rows = [row for row in trainer.state.log_history if f"{RATIO}/mean" in row]
    assert len(rows) == server.updates == 3, "weights are sent once for each step's generation"
    for row in rows:
        assert row[f"{DIFFERENCE}/max"] < 1e-5
        assert row[f"{RATIO}/min"] == pytest.approx(1, abs=1e-4)
        assert row[f"{RATIO}/max"] == pytest.approx(1, abs=1e-4)
    sent = dict(server.model.named_parameters())  # after two steps: the third's change was not sent
    assert all(not torch.equal(p, sent[name]) for name, p in trainer.model.named_parameters())


def ratios(server, mode):
    """Importance ratios of what was drawn, from passes of ours over one completion at a time, without padding."""
    model, found = tiny.model(tiny.tokenizer()).double(), []
    for prompt, ids, sampled in server.drawn:
        with torch.no_grad():
            logps = model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        differences = [logps[t, token].item() - sampled[t] for t, token in enumerate(ids)]
        found += [math.exp(sum(differences))] if mode.startswith("sequence") else map(math.exp, differences)
    return found


@pytest.mark.parametrize("mode", ["token_truncate", "sequence_mask"])
def test_with_other_weights_the_ratio_is_that_of_the_two_models_up_to_its_limit(mode, server, tmp_path):
    server.learns = False
    limit = 0.5
    options = {"vllm_importance_sampling_mode": mode, "vllm_importance_sampling_clip_max": limit}
    options |= {"max_steps": 1, "num_iterations": 1}
    _, trainer = trained(server, tmp_path, **options)
    bound = {"token_truncate": lambda r: min(r, limit), "sequence_mask": lambda r: r if r <= limit else 0.0}[mode]
    raw = ratios(server, mode)
    assert max(raw) > limit, "the limit is never met"
    found = trainer.state.log_history[0]
    assert found[f"{RATIO}/mean"] == pytest.approx(sum(map(bound, raw)) / len(raw), rel=1e-4)
    assert abs(found[f"{RATIO}/mean"] - 1) > 0.05


CASES = {
    "one step for each generation": {"num_iterations": 1},
    "several iterations": {},
    "ratios of whole completions": {"vllm_importance_sampling_mode": "sequence_truncate"},
    "no correction, several iterations": {"vllm_importance_sampling_correction": False},
    "the mask of off-policy completions": {"off_policy_mask_threshold": 0.5},
}


@pytest.mark.parametrize("case", CASES)
def test_whatever_is_spared_the_gradient_is_trls(case, server, tmp_path):
    """The server keeps its own weights, so that old log-probabilities and those of sampling differ by far."""
    server.learns = False
    options = {"vllm_importance_sampling_mode": "token_truncate", **CASES[case]}
    ours, trainer = trained(server, tmp_path, **options)
    assert trainer.args.lean
    theirs, _ = trained(server, tmp_path, GRPOTrainer, GRPOConfig, **options)
    assert apart(ours, theirs) <= 1e-6


def test_log_probabilities_stay_with_their_completions_when_groups_are_drawn_anew(server, tmp_path):
    trainer, config = METHODS["knowrl"]
    rewards = {"reward_funcs": lambda completion_ids, **_: [float(ids[0] % 3 == 0) for ids in completion_ids]}
    _, trainer = trained(
        server,
        tmp_path,
        trainer,
        config,
        num_iterations=1,
        max_steps=2,
        num_generations=2,
        max_generation_batches=3,
        **rewards,
    )
    rows = [row for row in trainer.state.log_history if f"{RATIO}/mean" in row]
    assert rows[0]["resample/batches"] > 1, "nothing was drawn anew"
    assert max(row[f"{DIFFERENCE}/max"] for row in rows) < 1e-5


def test_self_certainty_is_read_off_the_trained_model(server, tmp_path):
    """Not off the sampling server, which sends the log-probability of one token at each place."""
    server.learns = False
    trainer, config = METHODS["intuitor"]
    lean, _ = trained(server, tmp_path, trainer, config, reward_funcs=[], beta=0.0)
    plain, _ = trained(server, tmp_path, trainer, config, reward_funcs=[], beta=0.0, lean=False)
    assert apart(lean, plain) <= 1e-6


def test_truncated_sampling_shows_in_the_ratio(server, tmp_path):
    """With top-p the server's probabilities are divided by the mass Z that is kept, so each ratio is Z at most 1."""
    _, trainer = trained(
        server, tmp_path, num_iterations=1, max_steps=1, top_p=0.7, vllm_importance_sampling_mode="token_truncate"
    )
    found = trainer.state.log_history[0]
    assert found[f"{RATIO}/max"] <= 1 + 1e-5
    assert 0.7 - 1e-5 <= found[f"{RATIO}/min"] < 0.95
