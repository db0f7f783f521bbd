"""Reward → advantage → loss: the methods, each a Config and a Trainer on top of TRL's GRPOTrainer.

A new method is one file beside these (`lpro.py` is the pattern), its mathematics a function in `advantages.py`, and
one line in `METHODS`.
"""

from trainers.config import RolloutConfig
from trainers.config import strategy_of as strategy_of
from trainers.generation import Generation as Generation
from trainers.generation import RolloutCallback as RolloutCallback
from trainers.grpo import GRPOMethodConfig, GRPOMethodTrainer
from trainers.intuitor import IntuitorConfig, IntuitorTrainer
from trainers.knowrl import KnowRLConfig, KnowRLTrainer
from trainers.lpro import LPROConfig, LPROTrainer
from trainers.rent import RENTConfig, RENTTrainer
from trainers.repo import REPOConfig, REPOTrainer
from trainers.resume import topology_mismatch as topology_mismatch
from trainers.seam import RolloutTrainer
from trainers.ttrl import TTRLConfig, TTRLTrainer

METHODS: dict[str, tuple[type[RolloutTrainer], type[RolloutConfig]]] = {
    "grpo": (GRPOMethodTrainer, GRPOMethodConfig),
    "lpro": (LPROTrainer, LPROConfig),
    "repo": (REPOTrainer, REPOConfig),
    "knowrl": (KnowRLTrainer, KnowRLConfig),
    "intuitor": (IntuitorTrainer, IntuitorConfig),
    "rent": (RENTTrainer, RENTConfig),
    "ttrl": (TTRLTrainer, TTRLConfig),
}
