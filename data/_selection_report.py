"""What selection rules did to a set of problems, and how often pruning two points at once misleads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from data._oracle import AccuracyOracle, Subset
from data._selection import RULES, harmless_points


@dataclass(frozen=True)
class JointRemoval:
    """Several points, each harmless to remove alone, removed together.

    Attributes:
        size: How many points were removed, m.
        joint: Accuracy without all of them, A(K∖S).
        single: Mean accuracy without each one of them, the mean of A_-i over S.
    """

    size: int
    joint: float
    single: float

    @property
    def paradox(self) -> bool:
        """Whether removing them together is worse than removing one: they stand in for each other."""
        return self.joint < self.single


def joint_removal(oracle: AccuracyOracle, removed: Iterable[int] | None = None) -> JointRemoval | None:
    """Compare removing points together with removing each alone.

    Args:
        oracle: The accuracies; K + 3 subsets at most are measured.
        removed: The points; by default all harmless ones.

    Returns:
        The comparison, None for fewer than two points, which cannot interact.
    """
    gone: Subset = harmless_points(oracle) if removed is None else frozenset(removed)
    if len(gone) < 2:
        return None
    single = fmean(oracle(oracle.without(place)) for place in gone)
    return JointRemoval(len(gone), oracle(oracle.without(*gone)), round(single, 9))


def interactions(removals: Iterable[JointRemoval | None]) -> list[dict[str, Any]]:
    """Return the pruning interaction paradox by the number m of points removed together.

    Returns:
        Rows with `size` m, `problems`, `paradox` (the share of them where joint < single; published: 0.36 to 0.59)
        and `drop`, the mean of single - joint where it is positive (0.0 where it never is). What the published mean
        drop averages over is not known.
    """
    met = [removal for removal in removals if removal is not None]
    rows = []
    for size in sorted({removal.size for removal in met}):
        same = [removal for removal in met if removal.size == size]
        worse = [removal.single - removal.joint for removal in same if removal.paradox]
        rows.append(
            {
                "size": size,
                "problems": len(same),
                "paradox": len(worse) / len(same),
                "drop": fmean(worse) if worse else 0.0,
            }
        )
    return rows


def select_all(oracles: Sequence[AccuracyOracle], rule: str, *, seed: int = 0) -> list[Subset]:
    """Return what a rule keeps of each problem.

    Args:
        oracles: One for each problem.
        rule: A key of `RULES`, "none" or "all".
        seed: Of the rule "random"; each problem draws by itself.

    Raises:
        ValueError: There is no such rule.
    """
    if rule == "none":
        return [frozenset() for _ in oracles]
    if rule == "all":
        return [oracle.everything for oracle in oracles]
    if rule not in RULES:
        raise ValueError(f"a rule is one of none, all, {', '.join(RULES)}, met {rule!r}; name one of them")
    if rule == "random":
        return [RULES[rule].pick(oracle, seed=f"{seed} {place}") for place, oracle in enumerate(oracles)]
    return [RULES[rule].pick(oracle) for oracle in oracles]


def selection_report(
    oracles: Sequence[AccuracyOracle],
    rules: Sequence[str] = ("none", "all", *RULES),
    *,
    judges: Sequence[AccuracyOracle] | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return accuracy and number of points for each rule, the columns of the published table.

    Args:
        oracles: One for each problem, which the rules choose by.
        rules: Keys of `RULES`, "none" and "all", in the order of the rows.
        judges: Oracles of the same problems that accuracy is read from. By default those the rules chose by, which
            flatters them: the best of several noisy means is partly the luckiest. Fresh samples do not.
        seed: Of the rule "random".

    Returns:
        Rows with `rule`, `accuracy` (mean over problems), `points` (mean number kept) and `none_correct` (share of
        problems without any right sample).

    Raises:
        ValueError: There is no problem or no such rule, or judges and oracles differ in number.
    """
    judges = oracles if judges is None else judges
    if not oracles or len(judges) != len(oracles):
        raise ValueError(f"each problem needs one oracle and one judge, met {len(oracles)} and {len(judges)}")
    return selection_table({rule: select_all(oracles, rule, seed=seed) for rule in rules}, judges)


def selection_table(
    kept: Mapping[str, Sequence[Iterable[int]]], judges: Sequence[AccuracyOracle]
) -> list[dict[str, Any]]:
    """Return accuracy and number of points for selections that are there already.

    Args:
        kept: For each rule what it keeps of each problem.
        judges: One oracle for each problem, which accuracy is read from.

    Returns:
        Rows as of `selection_report`, and `none_correct`: the share of problems that no sample of the judge solves.
    """
    rows = []
    for rule, subsets in kept.items():
        chosen = [frozenset(subset) for subset in subsets]
        accuracies = [judge(subset) for judge, subset in zip(judges, chosen, strict=True)]
        none_correct = fmean(accuracy == 0 for accuracy in accuracies)
        row = {"rule": rule, "accuracy": fmean(accuracies), "points": fmean(map(len, chosen))}
        rows.append({**row, "none_correct": none_correct})
    return rows
