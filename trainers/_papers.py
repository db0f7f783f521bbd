"""Where each method comes from, for the cards of models that were trained by it; `_paper` as TRL names it.

An `id` is arXiv's; what has none was published as a model card.
"""

LPRO: dict[str, str] = {
    "title": "Nexus-1.5B: Length-Penalized Reward Optimization for Robust Mathematical Reasoning",
    "citation": """\
@techreport{neuriton2026nexus,
  title       = {Nexus-1.5B: Length-Penalized Reward Optimization for Robust Mathematical Reasoning},
  author      = {{Neuriton Team}},
  institution = {Neuriton},
  year        = {2026}
}""",
}
REPO: dict[str, str] = {
    "title": "Qwen2.5-Math-1.5B-REPO: Rank-Enhanced Preference Optimization",
    "citation": """\
@misc{repo2026,
  title        = {Qwen2.5-Math-1.5B-REPO: Rank-Enhanced Preference Optimization},
  year         = {2026},
  howpublished = {Model card}
}""",
}
KNOWRL: dict[str, str] = {
    "title": "KnowRL: Boosting LLM Reasoning via Reinforcement Learning with Minimal-Sufficient Knowledge Guidance",
    "id": "2604.12627",
    "citation": """\
@misc{yu2026knowrl,
  title         = {KnowRL: Boosting LLM Reasoning via Reinforcement Learning with Minimal-Sufficient Knowledge
                   Guidance},
  author        = {Linhao Yu and Tianmeng Yang and Siyu Ding and Renren Jin and Naibin Gu and Xiangzhao Hao and
                   Shuaiyi Nie and Deyi Xiong and Weichong Yin and Yu Sun and Hua Wu},
  year          = {2026},
  eprint        = {2604.12627},
  archivePrefix = {arXiv}
}""",
}
INTUITOR: dict[str, str] = {
    "title": "Learning to Reason without External Rewards",
    "id": "2505.19590",
    "citation": """\
@article{zhao2025learning,
  title   = {Learning to Reason without External Rewards},
  author  = {Xuandong Zhao and Zhewei Kang and Aosong Feng and Sergey Levine and Dawn Song},
  journal = {arXiv preprint arXiv:2505.19590},
  year    = {2025}
}""",
}
RENT: dict[str, str] = {
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
TTRL: dict[str, str] = {
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
