"""RENT, negative entropy as the only reward: the policy is paid for being sure of its next token.

Paper: RENT, arXiv 2505.22660. Maximizing Confidence Alone Improves Reasoning; here all of a completion's own tokens
count.
"""

from dataclasses import dataclass
from typing import Any

from trainers.self_reward import ConfidenceConfig, SelfRewardTrainer, log_repetition


@dataclass
class RENTConfig(ConfidenceConfig):
    """GRPOConfig with Intuitor's values."""


class RENTTrainer(SelfRewardTrainer):
    """GRPO on negative entropy."""

    title = "RENT, negative entropy as the only reward: the policy is paid for being sure of its next token"
    source = "RENT, arXiv 2505.22660"
    equation = r"""
    A_i = z(u_i), u_i = −1/|o_i| Σ_t H(p_t)     H the entropy in nats at the sampling temperature
    """
    difference = """
        Differs from Intuitor in: entropy, which a few likely tokens decide, for KL(U ‖ p), which the unlikely ones do.
        In the Intuitor paper's comparison it drove a 1.5B model into repetition. Nothing but β and the number of steps
        holds it back: watch `completions/repetition`, and stop early. Keeps no state between steps.
    """
    _paper = {
        "title": "Maximizing Confidence Alone Improves Reasoning",
        "id": "2505.22660",
        "citation": """\
@article{prabhudesai2025maximizing,
  title   = {Maximizing Confidence Alone Improves Reasoning},
  author  = {Mihir Prabhudesai and others},
  journal = {arXiv preprint arXiv:2505.22660},
  year    = {2025}
}""",
    }
    own_reward = "negative_entropy"
    reads_policy = True
    _tag_names = ["trl", "rent"]

    def negative_entropy(self, completion_ids, log_metric, **_: Any) -> list[float]:
        """Return the reward: minus the mean entropy over a completion's own tokens, in nats."""
        log_repetition(completion_ids, log_metric)
        tokens = self.policy_tokens()
        assert tokens.entropy is not None, "the policy's head returns it"
        return (-(tokens.entropy * tokens.mask).sum(1) / tokens.mask.sum(1).clamp(min=1)).tolist()
