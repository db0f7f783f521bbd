"""Accuracies from graded samples, and what the rules make of them."""

from argparse import Namespace
from collections.abc import Iterable
from statistics import fmean

from commands.selecting.points import JUDGED, Pointed, subset_id
from data.knowledge import RULES, AccuracyOracle, base_sweep, css, css_candidates
from evaluation.sampler import Sample

Subset = frozenset[int]
DEEP = {"css", "random"}
"""Rules that measure more than the base sweep; random takes as many points as css."""


class Grades:
    """Which samples are right, by problem and subset."""

    def __init__(self) -> None:
        self._right: dict[str, dict[int, bool]] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        """Take samples in, in any order, some perhaps again."""
        for sample in samples:
            self._right.setdefault(sample.id, {})[sample.index] = sample.correct is True

    def accuracies(self, name: str, samples: int, runs: int) -> tuple[float, ...]:
        """Return the accuracy of each of several equal parts (R,) of the first samples."""
        right, part = self._right[name], samples // runs
        return tuple(fmean(right[i] for i in range(start, start + part)) for start in range(0, samples, part))

    def oracle(self, one: Pointed, options: Namespace) -> AccuracyOracle:
        """What the rules choose by."""
        return AccuracyOracle(
            lambda subset: self.accuracies(subset_id(one.problem.id, subset), options.samples, options.runs),
            len(one.points),
        )

    def judge(self, one: Pointed, options: Namespace) -> AccuracyOracle:
        """What the choice is judged by: fresh samples, if there are any."""
        if not options.judge_samples:
            return self.oracle(one, options)
        return AccuracyOracle(
            lambda subset: self.accuracies(subset_id(one.problem.id, subset, JUDGED), options.judge_samples, 1),
            len(one.points),
        )


def solved(oracle: AccuracyOracle, options: Namespace) -> bool:
    """Whether nothing but A(∅) = 1 needs to be known, which any rule answers with ∅."""
    return options.stop_when_solved and oracle(()) == 1.0


def sweep(oracle: AccuracyOracle, options: Namespace) -> list[Subset]:
    """The subsets that every rule needs."""
    return [frozenset()] if solved(oracle, options) else base_sweep(oracle)


def deeper(oracle: AccuracyOracle, options: Namespace) -> list[Subset]:
    """The subsets that the rules asked for need beyond the sweep, which tells them."""
    if not DEEP & set(options.rule) or solved(oracle, options):
        return []
    base = set(base_sweep(oracle))
    return [subset for subset in css_candidates(oracle, near=options.near) if subset not in base]


def choose(rule: str, oracle: AccuracyOracle, name: str, options: Namespace) -> Subset:
    """Return what a rule keeps of a problem.

    Args:
        rule: A key of `RULES`, "none" or "all".
        oracle: Of the problem.
        name: Its id, which the rule `random` draws by.
        options: Of the command.
    """
    if rule == "all":
        return oracle.everything
    if rule == "none" or solved(oracle, options):
        return frozenset()
    if rule == "random":
        size = len(css(oracle, near=options.near, prefer=options.prefer))
        return RULES[rule].pick(oracle, size=size, seed=f"{options.seed} {name}")
    own = {
        "max-score": {"prefer": options.prefer},
        "t-loo": {"tolerance": options.tolerance},
        "cbrs": {"tolerance": options.tolerance, "prefer": options.prefer},
        "css": {"near": options.near, "prefer": options.prefer},
    }
    return RULES[rule].pick(oracle, **own.get(rule, {}))
