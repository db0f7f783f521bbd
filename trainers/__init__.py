"""Reward → advantage → loss: the methods, each a Config and a Trainer on top of TRL's GRPO.

A new method is one file beside these (`lpro.py` is the pattern), its mathematics a function in `advantages.py`, and
one line in `METHODS`.
"""

from trainers._config import RolloutConfig
from trainers._rollout import RolloutTrainer
from trainers.grpo import BaselineConfig, BaselineTrainer
from trainers.lpro import LPROConfig, LPROTrainer
from trainers.repo import REPOConfig, REPOTrainer

METHODS: dict[str, tuple[type[RolloutTrainer], type[RolloutConfig]]] = {
    "grpo": (BaselineTrainer, BaselineConfig),
    "lpro": (LPROTrainer, LPROConfig),
    "repo": (REPOTrainer, REPOConfig),
}
