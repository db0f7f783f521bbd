"""Reward → advantage → loss: the methods, each a Config and a Trainer on top of TRL's GRPO.

A new method is one file beside these (`lpro.py` is the pattern), its mathematics a function in `advantages.py`, and
one line in `METHODS`.
"""

from trainers import _trl as _trl  # first: it refuses another release
from trainers._checkpoint import unlike as unlike
from trainers._config import RolloutConfig
from trainers._generation import Generation as Generation
from trainers._generation import RolloutCallback as RolloutCallback
from trainers._rollout import RolloutTrainer
from trainers._strategy import strategy_of as strategy_of
from trainers.grpo import BaselineConfig, BaselineTrainer
from trainers.intuitor import IntuitorConfig, IntuitorTrainer
from trainers.knowrl import KnowRLConfig, KnowRLTrainer
from trainers.lpro import LPROConfig, LPROTrainer
from trainers.rent import RENTConfig, RENTTrainer
from trainers.repo import REPOConfig, REPOTrainer
from trainers.ttrl import TTRLConfig, TTRLTrainer

METHODS: dict[str, tuple[type[RolloutTrainer], type[RolloutConfig]]] = {
    "grpo": (BaselineTrainer, BaselineConfig),
    "lpro": (LPROTrainer, LPROConfig),
    "repo": (REPOTrainer, REPOConfig),
    "knowrl": (KnowRLTrainer, KnowRLConfig),
    "intuitor": (IntuitorTrainer, IntuitorConfig),
    "rent": (RENTTrainer, RENTConfig),
    "ttrl": (TTRLTrainer, TTRLConfig),
}
