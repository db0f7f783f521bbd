"""Training with a Python tool: the policy learns from its own tokens, never from the tool's."""

import pytest
import torch

from commands.training.tool_rollout import from_policy, tool_rollout
from evaluation.sandbox import Result
from evaluation.tools import STOP
from tests.trainers.runs import Recomputed, build, parity, same, trajectory
from trainers import RolloutConfig

BLOCK = f"```python\nprint(6 * 7)\n```\n{STOP}"
SAID = "\n42\n```\n"


class Seen(Recomputed):
    """Keeps the batches that were trained on."""

    def _generate_and_score_completions(self, inputs):
        self.batches = [*getattr(self, "batches", []), super()._generate_and_score_completions(inputs)]
        return self.batches[-1]


def interpreter(codes):
    assert set(codes) <= {"print(6 * 7)\n"}
    return [Result("42\n", None) for _ in codes]


def first_asks_then_policy(trainer, rows, budgets):
    """Every second row asks for code once; all else is the policy's own."""
    tokenizer = trainer.processing_class
    ids = tokenizer(BLOCK, add_special_tokens=False)["input_ids"]
    has_asked = [BLOCK in tokenizer.decode(row) for row in rows]
    own = from_policy(trainer, rows, budgets)
    return [ids if i % 2 == 0 and not any(has_asked) else made for i, made in enumerate(own)]


def trainer_with(rollout, path, reward=parity, **changes):
    class WithTool(Seen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, rollout_func=rollout, **options)

    return build(WithTool, RolloutConfig, path, reward_funcs=reward, **changes)


def test_training_masks_the_tools_tokens(tmp_path):
    texts = []

    def reward(completions, model_text, programs, **_):
        texts.extend(zip(completions, model_text, programs, strict=True))
        return [float(len(text) % 5) for text in model_text]

    rollout = tool_rollout(interpreter, sample=first_asks_then_policy)
    trainer = trainer_with(rollout, tmp_path, reward, max_completion_length=64)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    trainer.train()
    assert any(not torch.equal(p, before[name]) for name, p in trainer.model.named_parameters())

    tokenizer = trainer.processing_class
    masked = []
    for batch in trainer.batches:
        for ids, mask, real in zip(batch["completion_ids"], batch["tool_mask"], batch["completion_mask"], strict=True):
            masked.append(tokenizer.decode(ids[(mask == 0) & (real == 1)]))
    assert sorted(set(masked)) == ["", SAID]
    assert masked.count(SAID) == len(masked) // 2
    for completion, own, programs in texts:
        assert completion.startswith(BLOCK + SAID) == bool(programs)
        assert SAID not in own


def test_without_programs_training_is_trls(tmp_path):
    """Sampling through the rollout is sampling as TRL does it, bit for bit."""
    ours = trajectory(trainer_with(tool_rollout(interpreter), tmp_path / "ours"))
    assert same(ours, trajectory(build(Recomputed, RolloutConfig, tmp_path / "theirs")))


def test_an_output_that_does_not_fit_ends_the_completion(tmp_path):
    # The block is 38 tokens (bytes), so 2 are left for an output of 8.
    rollout = tool_rollout(interpreter, sample=first_asks_then_policy)
    trainer = trainer_with(rollout, tmp_path, max_completion_length=len(BLOCK) + 2)
    found = rollout(["1 + 1 ="], trainer)
    assert [len(ids) for ids in found["completion_ids"]] == [len(BLOCK) + 2]
    assert found["env_mask"] == [[1] * len(BLOCK) + [0, 0]]


def test_vllm_is_refused(tmp_path):
    from errors import UserError

    trainer = trainer_with(tool_rollout(interpreter), tmp_path)
    trainer.args.use_vllm = True
    with pytest.raises(UserError, match="use_vllm"):
        tool_rollout(interpreter)(["1 + 1 ="], trainer)
