"""TTRL, the majority vote as the gold: a completion is right if it ends as most of its group do.

Paper: TTRL, arXiv 2504.16084. Test-Time Reinforcement Learning votes among 64 completions and trains on 32 of them;
here the group votes on itself, so groups should be large.

Keeps no state between steps.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accelerate.utils import gather_object

from boxed import last_boxed
from trainers.self_reward import SelfRewardConfig, SelfRewardTrainer


@dataclass
class TTRLConfig(SelfRewardConfig):
    """GRPOConfig with TRL's defaults."""


class TTRLTrainer(SelfRewardTrainer):
    """GRPO on agreement with the majority."""

    title = "TTRL, the majority vote as the gold: a completion is right if it ends as most of its group do"
    source = "TTRL, arXiv 2504.16084"
    equation = r"""
    A_i = z(u_i), u_i = 1[a_i = mode(a_1, …, a_G)]     a_i what the last box of completion i holds
    """
    difference = """
        Differs from GRPO with accuracy in: the gold. It makes a model agree with itself: where its most frequent
        answer is wrong it learns the wrong one, and groups grow unanimous until nothing is left to learn. Answers are
        compared as text without blanks; of those named equally often the first sampled wins; a completion without a
        box is never right.
    """
    _paper = {
        "title": "TTRL: Test-Time Reinforcement Learning",
        "id": "2504.16084",
        "citation": """\
@article{zuo2025ttrl,
  title   = {TTRL: Test-Time Reinforcement Learning},
  author  = {Yuxin Zuo and others},
  journal = {arXiv preprint arXiv:2504.16084},
  year    = {2025}
}""",
    }
    own_reward = "majority"
    _tag_names = ["trl", "ttrl"]

    def majority(self, completions: Sequence[Any], **_: Any) -> list[float]:
        """Return the reward: 1 for the answer that most of the group give; a group may lie on several processes."""
        answers = gather_object([answer_of(completion) for completion in completions])
        size = (self.num_generations if self.mode == "train" else self.num_generations_eval) or 1
        votes = [vote for start in range(0, len(answers), size) for vote in agreement(answers[start : start + size])]
        first = self.accelerator.process_index * len(completions)
        return votes[first : first + len(completions)]


def answer_of(completion: Any) -> str | None:
    r"""Return what the last box of a text, or of the last of a list of messages, holds, without blanks.

    >>> answer_of(r"It is \boxed{1 / 2}."), answer_of([{"content": "It is 4."}])
    ('1/2', None)
    """
    text = completion if isinstance(completion, str) else completion[-1].get("content") or ""
    box = last_boxed(text)
    return "".join(box.split()) or None if box is not None else None


def agreement(answers: Sequence[str | None]) -> list[float]:
    """Return 1 for each of the most frequent answers of a group, 0 for others and for none.

    >>> agreement(["4", "5", "4", None]), agreement([None, None])
    ([1.0, 0.0, 1.0, 0.0], [0.0, 0.0])
    """
    given = Counter(answer for answer in answers if answer is not None)
    winner = given.most_common(1)[0][0] if given else None
    return [float(answer is not None and answer == winner) for answer in answers]
