"""The rules against brute force over all subsets, and on oracles where the best subset is planted."""

from collections import Counter
from fractions import Fraction
from itertools import combinations
from random import Random

import pytest

from data import load_problems
from data.knowledge import (
    RULES,
    AccuracyOracle,
    JointRemoval,
    base_sweep,
    cbrs,
    css,
    css_plan,
    css_subsets,
    harmless_points,
    interactions,
    joint_removal,
    leave_one_out,
    max_score,
    random_subset,
    record_of,
    selection_table,
)

SAMPLES = 32
SEEDS = range(150)


def all_subsets(n):
    return [frozenset(chosen) for size in range(n + 1) for chosen in combinations(range(n), size)]


def table_oracle(table, n):
    """An oracle of fixed numbers, and the list of subsets it was asked to measure."""
    asked = []

    def measure(subset):
        asked.append(subset)
        return table[subset]

    return AccuracyOracle(measure, n), asked


def random_table(seed, *, runs=None, levels=SAMPLES):
    """Accuracies k/levels of every subset; few levels make many ties."""
    rng = Random(seed)
    n = rng.randint(1, 6)

    def draw():
        return rng.randint(0, levels) / levels

    return n, {s: [draw() for _ in range(runs)] if runs else draw() for s in all_subsets(n)}


def order(subset):
    return (len(subset), sorted(subset))


def planted(*, useful=(0.3,), harmful=(), pair=False):
    """A(S) = .3 + what the useful points in S give - what the harmful ones cost.

    With `pair` two more points come last; at least one of them gives .2, and each costs a little of its own, .02 and
    .01: together they are redundant, each alone is harmless to remove, and the first is the better one to remove.
    """
    effects = [*useful, *(-cost for cost in harmful)]
    first = len(effects)

    def accuracy(subset):
        total = 0.3 + sum(effects[place] for place in subset if place < first)
        if pair and subset & {first, first + 1}:
            total += 0.2 - 0.02 * (first in subset) - 0.01 * (first + 1 in subset)
        return total

    n = first + 2 * pair
    return AccuracyOracle(accuracy, n), {subset: accuracy(subset) for subset in all_subsets(n)}


def best_in(table):
    return min(table, key=lambda s: (-round(table[s], 9), *order(s)))


# --- each rule against its definition, spelled out over all subsets


@pytest.mark.parametrize("levels", [SAMPLES, 4])
def test_max_score_is_the_best_of_nothing_all_and_all_but_one(levels):
    for seed in SEEDS:
        n, table = random_table(seed, levels=levels)
        base = {s: a for s, a in table.items() if len(s) in (0, n - 1, n)}
        assert max_score(table_oracle(table, n)[0]) == best_in(base), seed


@pytest.mark.parametrize(("rule", "samples"), [("s-loo", 0), ("t-loo", 1)])
@pytest.mark.parametrize("levels", [SAMPLES, 4])
def test_leave_one_out_keeps_what_hurts_to_lose(rule, samples, levels):
    for seed in SEEDS:
        n, table = random_table(seed, levels=levels)
        exact = {s: Fraction(a) for s, a in table.items()}
        everything = frozenset(range(n))
        reference = max(exact[everything], exact[frozenset()])
        without = {i: exact[everything - {i}] for i in range(n)}
        needed = {i for i in range(n) if without[i] < reference - Fraction(samples, SAMPLES)}
        easy = exact[frozenset()] >= max(exact[everything], *without.values())
        assert RULES[rule].pick(table_oracle(table, n)[0]) == (set() if easy else needed), seed


@pytest.mark.parametrize("levels", [SAMPLES, 4])
def test_css_is_the_best_of_its_candidates_by_enumeration_of_all_subsets(levels):
    shapes = Counter()
    for seed in SEEDS:
        n, table = random_table(seed, levels=levels)
        everything = frozenset(range(n))
        reference = max(table[everything], table[frozenset()])
        harmless = {i for i in range(n) if table[everything - {i}] >= reference}
        outright = {i for i in harmless if table[everything - {i}] == max(table[everything - {j}] for j in harmless)}
        # Candidates are told by what they lack: everything removed outright, and else harmless points only.
        allowed = {s for s in table if harmless and outright <= everything - s <= harmless}
        allowed |= {frozenset(), everything}
        assert css(table_oracle(table, n)[0]) == best_in({s: table[s] for s in allowed}), seed
        shapes[len(outright), len(harmless) - len(outright)] += 1
    assert len(shapes) > 5  # the seeds met many sizes of N and C, none with more than the six that are enumerated


@pytest.mark.parametrize("levels", [SAMPLES, 4])
def test_cbrs_is_near_the_best_in_all_runs_or_else_in_most(levels):
    agreed = Counter()
    for seed in SEEDS:
        n, table = random_table(seed, runs=3, levels=levels)
        base = [s for s in table if len(s) in (0, n - 1, n)]
        near = [{s for s in base if table[s][r] >= max(table[c][r] for c in base) - 1 / SAMPLES} for r in range(3)]
        common = set.intersection(*near)
        votes = Counter(s for run in near for s in run)
        pool = common or {s for s in base if votes[s] == max(votes.values())}
        means = {s: sum(table[s]) / 3 for s in pool}
        assert cbrs(table_oracle(table, n)[0]) == best_in(means), seed
        agreed[bool(common)] += 1
    assert min(agreed[True], agreed[False]) > 10  # both ways to answer were met


def test_cbrs_answers_nothing_all_or_all_but_one():
    for seed in SEEDS:
        n, table = random_table(seed, runs=8)
        assert len(cbrs(table_oracle(table, n)[0])) in (0, n - 1, n)


def test_css_is_never_worse_than_no_points_and_all_points():
    for seed in SEEDS:
        n, table = random_table(seed)
        assert table[css(table_oracle(table, n)[0])] >= max(table[frozenset()], table[frozenset(range(n))])


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_deterministic_and_keeps_points_there_are(rule):
    for seed in range(40):
        n, table = random_table(seed, levels=2)
        kept = RULES[rule].pick(table_oracle(table, n)[0])
        # The same numbers met in another order: nothing may depend on the order in which a set or a cache is walked.
        again, _ = table_oracle(dict(reversed(table.items())), n)
        for subset in reversed(base_sweep(again)):
            again(subset)
        assert RULES[rule].pick(again) == kept <= frozenset(range(n))


# --- planted oracles: what each rule finds, and where the leave-one-out rules must fail


def test_all_rules_but_random_find_the_one_harmful_point():
    oracle, table = planted(useful=(0.2, 0.1), harmful=(0.15,))
    assert best_in(table) == {0, 1}
    for rule in ("max-score", "s-loo", "t-loo", "cbrs", "css"):
        assert RULES[rule].pick(oracle) == {0, 1}, rule


def test_css_removes_several_harmful_points_where_cbrs_can_remove_one():
    oracle, table = planted(useful=(0.3,), harmful=(0.1, 0.08, 0.06))
    assert css(oracle) == best_in(table) == {0}
    assert cbrs(oracle) == max_score(oracle) == {0, 2, 3}  # without the most harmful one


@pytest.mark.parametrize("harmful", [(), (0.1,), (0.1, 0.07)])
def test_css_finds_the_best_subset_where_pruning_interacts_and_leave_one_out_does_not(harmful):
    oracle, table = planted(useful=(0.3,), harmful=harmful, pair=True)
    pair = {len(harmful) + 1, len(harmful) + 2}
    best = frozenset({0, max(pair)})
    assert best_in(table) == best
    assert pair <= harmless_points(oracle)  # each is harmless alone ...
    assert css(oracle) == best
    for rule in ("s-loo", "t-loo"):
        kept = RULES[rule].pick(oracle)
        assert kept == {0}  # ... so that both go, though one of them is needed:
        assert table[best] - table[kept] == pytest.approx(0.19)  # .2 - .01
    assert (cbrs(oracle) == best) == (not harmful)  # one removal is enough only where nothing else is harmful


def test_tied_substitutes_are_removed_together_so_css_keeps_all():
    # Either of two points is enough and neither costs anything: both are in N, K∖N is bad, and single removals, which
    # would be as good as K with a point less, are no candidates. The definition has it so; max-score sees them.
    oracle = AccuracyOracle(lambda subset: 0.5 if subset else 0.2, 2)
    assert css_plan(oracle) == ({0, 1}, ())
    assert css(oracle) == {0, 1}
    assert max_score(oracle) == {0}


def test_leave_one_out_keeps_none_of_an_easy_problem():
    # A_0 = 1 and losing any point hurts: {i : A_-i < 1} would be all of them.
    oracle = AccuracyOracle(lambda subset: 1.0 if not subset else 0.5, 3)
    assert leave_one_out(oracle) == frozenset()


def test_a_tolerance_of_one_sample_forgives_one_sample():
    # Losing point 0 costs one sample of 32, losing point 1 costs two.
    samples = {frozenset({0, 1}): 32, frozenset({1}): 31, frozenset({0}): 30, frozenset(): 0}
    oracle = AccuracyOracle(lambda subset: samples[subset] / 32, 2)
    assert RULES["s-loo"].pick(oracle) == {0, 1}
    assert RULES["t-loo"].pick(oracle) == {1}


def test_a_tie_in_decimals_is_a_tie():
    # 0.8 - 0.1 is 0.7000000000000001 in floating point: point 1 loses exactly the tolerance and may go.
    scores = {frozenset({0, 1}): 0.8, frozenset({0}): 0.7, frozenset({1}): 0.1, frozenset(): 0.0}
    assert leave_one_out(AccuracyOracle(scores.__getitem__, 2), tolerance=0.1) == {0}


def test_ties_go_to_fewer_points_or_on_request_to_more():
    oracle = AccuracyOracle(lambda subset: 0.5, 3)
    assert [rule(oracle) for rule in (max_score, cbrs, css)] == [set(), set(), set()]
    assert [rule(oracle, prefer="more") for rule in (max_score, cbrs, css)] == [{0, 1, 2}] * 3


def test_css_enumerates_the_six_best_removals_only():
    oracle, _ = planted(useful=(0.3,), harmful=(0.05, 0.04, 0.03, 0.02, 0.01))
    assert css_plan(oracle) == ({1}, (2, 3, 4, 5))
    assert css_plan(oracle, near=0.015) == ({1, 2}, (3, 4, 5))  # .04 is .01 from .05, .03 is .02 from it
    oracle, _ = planted(useful=(0.3,), harmful=(0.04, 0.035, 0.03, 0.025, 0.02, 0.015, 0.01, 0.005))
    assert css_plan(oracle) == ({1}, (2, 3, 4, 5, 6, 7))
    assert css(oracle) == {0, 8}  # the least harmful point stays, though it is better without


def test_random_draws_as_many_as_css_or_as_asked():
    oracle, _ = planted(useful=(0.1, 0.2, 0.1), harmful=(0.1, 0.08))
    assert len(random_subset(oracle)) == len(css(oracle)) == 3
    draws = Counter(place for seed in range(600) for place in random_subset(oracle, size=2, seed=seed))
    # Each of five points is in 2/5 of the draws: 240 of 600, standard deviation sqrt(600*.4*.6) = 12.
    assert all(180 < draws[place] < 300 for place in range(5))
    with pytest.raises(ValueError, match="from 0 to 5, the number of points, met 6"):
        random_subset(oracle, size=6)


# --- what the rules cost


@pytest.mark.parametrize("rule", ["max-score", "s-loo", "t-loo", "cbrs"])
def test_a_rule_measures_as_many_subsets_as_it_declares(rule):
    for seed in SEEDS:
        n, table = random_table(seed)
        oracle, asked = table_oracle(table, n)
        RULES[rule].pick(oracle)
        assert len(asked) == len(set(asked)) == RULES[rule].subsets(n)


@pytest.mark.parametrize("levels", [SAMPLES, 4])
def test_css_measures_as_many_subsets_as_its_sizes_say_and_never_more_than_declared(levels):
    for seed in SEEDS:
        n, table = random_table(seed, levels=levels)
        removed, optional = css_plan(table_oracle(table, n)[0])
        oracle, asked = table_oracle(table, n)
        css(oracle)
        assert len(asked) == len(set(asked)) == css_subsets(n, len(removed), len(optional)), seed
        assert len(asked) <= RULES["css"].subsets(n)


def test_the_declared_maximum_of_css_is_reached():
    # No points are worst, and every removal gains, each another amount: N has one point, C the others, six at most.
    for n in range(2, 9):
        oracle = AccuracyOracle(lambda subset: 0.5 - 0.01 * sum(i + 1 for i in subset) if subset else 0.0, n)
        css(oracle)
        assert len(oracle.measured) == RULES["css"].subsets(n)
        if n <= 7:
            assert len(oracle.measured) == 2 ** (n - 1) + n + 2 - 2  # K∖N and ∅ are in the base sweep


def test_rules_that_share_an_oracle_share_what_was_measured():
    for seed in SEEDS:
        n, table = random_table(seed)
        oracle, asked = table_oracle(table, n)
        for rule in RULES.values():
            rule.pick(oracle)
        removed, optional = css_plan(oracle)
        assert len(asked) == len(set(asked)) == css_subsets(n, len(removed), len(optional))


def test_a_random_subset_of_given_size_costs_nothing():
    oracle, asked = table_oracle({}, 4)
    random_subset(oracle, size=2)
    assert asked == []


# --- the oracle


def test_runs_are_averaged_and_remembered():
    calls = []
    oracle = AccuracyOracle(lambda subset: calls.append(subset) or [0.25, 0.75], 2)
    assert oracle([0]) == oracle({0}) == oracle((0, 0)) == 0.5
    assert oracle.runs([0]) == (0.25, 0.75)
    assert calls == [{0}]
    assert oracle.measured == {frozenset({0}): (0.25, 0.75)}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (1.5, "number from 0 to 1"),
        (-0.1, "number from 0 to 1"),
        (float("nan"), "number from 0 to 1"),
        ([], "at least one"),
        ([0.5, 62.5], "shares, not percentages"),
    ],
)
def test_what_is_no_accuracy_is_refused(found, message):
    with pytest.raises(ValueError, match=message):
        AccuracyOracle(lambda subset: found, 2)([0])


def test_places_are_checked():
    with pytest.raises(ValueError, match=r"places from 0 to 1, met \[0, 2\]"):
        AccuracyOracle(lambda subset: 0.5, 2)([0, 2])


@pytest.mark.parametrize("rule", RULES)
def test_a_problem_without_points_keeps_none(rule):
    assert RULES[rule].pick(AccuracyOracle(lambda subset: 0.5, 0)) == frozenset()
    assert RULES[rule].subsets(0) == 1


# --- what the rules did to a set of problems


def substitutes(subset):
    """Three points: 0 is useful, 1 and 2 stand in for each other; removing either is harmless, both is not."""
    return 0.2 + 0.4 * (0 in subset) + 0.3 * bool(subset & {1, 2})


def additive(subset):
    """Point 0 is useful, 1 and 2 are each a little harmful."""
    return 0.4 + 0.4 * (0 in subset) - 0.1 * (1 in subset) - 0.05 * (2 in subset)


def test_substitutes_are_a_paradox():
    removal = joint_removal(AccuracyOracle(substitutes, 3))
    # A_K = .9 = A_-1 = A_-2; without both .6.
    assert removal == JointRemoval(size=2, joint=pytest.approx(0.6), single=pytest.approx(0.9))
    assert removal.paradox


def test_independent_harm_is_none():
    removal = joint_removal(AccuracyOracle(additive, 3))
    # A_-1 = .75 and A_-2 = .70, on average .725; without both .8.
    assert removal == JointRemoval(size=2, joint=pytest.approx(0.8), single=pytest.approx(0.725))
    assert not removal.paradox


def test_fewer_than_two_points_do_not_interact():
    assert joint_removal(AccuracyOracle(lambda subset: len(subset) / 3, 3)) is None  # every removal hurts


def test_interactions_are_counted_by_the_number_of_points_removed():
    removals = [JointRemoval(2, 0.5, 0.75), JointRemoval(2, 0.5, 0.625), JointRemoval(2, 0.75, 0.5), None]
    removals += [JointRemoval(2, 0.5, 0.5), JointRemoval(3, 0.9, 0.5)]
    assert interactions(removals) == [
        {"size": 2, "problems": 4, "paradox": 0.5, "drop": 0.1875},  # (.25 + .125) / 2; a tie is no paradox
        {"size": 3, "problems": 1, "paradox": 0.0, "drop": 0.0},
    ]
    assert interactions([None]) == []


def picked(oracles, *rules):
    """What rules keep of each problem, also "none" and "all"."""
    pick = {"none": lambda oracle: frozenset(), "all": lambda oracle: oracle.everything}
    pick |= {rule: RULES[rule].pick for rule in RULES}
    return {rule: [pick[rule](oracle) for oracle in oracles] for rule in rules}


def test_the_table_has_accuracy_and_points_of_every_rule():
    oracles = [AccuracyOracle(substitutes, 3), AccuracyOracle(additive, 3)]
    rows = {row["rule"]: row for row in selection_table(picked(oracles, "none", "all", *RULES), oracles)}
    assert list(rows) == ["none", "all", *RULES]
    expected = {
        "none": ((0.2 + 0.4) / 2, 0),
        "all": ((0.9 + 0.65) / 2, 3),
        "max-score": ((0.9 + 0.75) / 2, 2),  # {0, 1} or {0, 2}; {0, 2}
        "s-loo": ((0.6 + 0.8) / 2, 1),  # {0} both times: right for the second, the paradox for the first
        "css": ((0.9 + 0.8) / 2, 2),  # K, since 1 and 2 tie for N; {0}
    }
    for rule, numbers in expected.items():
        assert (rows[rule]["accuracy"], rows[rule]["points"]) == pytest.approx(numbers), rule
    assert rows["random"]["points"] == rows["css"]["points"]  # matched in number, not in choice


def test_the_table_counts_problems_that_no_sample_solves():
    judges = [AccuracyOracle(lambda subset: 0.0, 1), AccuracyOracle(lambda subset: len(subset) / 2, 1)]
    rows = selection_table({"none": [[], []], "all": [[0], [0]]}, judges)
    assert [row["none_correct"] for row in rows] == [1.0, 0.5]


def test_fresh_samples_take_away_the_luck_of_the_choice():
    # Points do nothing: accuracy is one half with any of them, measured with 32 samples. The best of six noisy means
    # looks better than it is; judged by fresh samples it is one half again. 300 problems: the error is .09/sqrt(300).
    rng = Random(0)

    def oracle():
        return AccuracyOracle(lambda subset: sum(rng.random() < 0.5 for _ in range(32)) / 32, 4)

    oracles, judges = [oracle() for _ in range(300)], [oracle() for _ in range(300)]
    kept = picked(oracles, "max-score")
    (flattered,), (fair,) = selection_table(kept, oracles), selection_table(kept, judges)
    assert flattered["accuracy"] > 0.58  # the mean of the largest of six normal draws is 1.27 sd, .5 + 1.27 * .088
    assert fair["accuracy"] == pytest.approx(0.5, abs=0.025)


@pytest.mark.shared
def test_the_published_cbrs_selections_have_the_form_that_our_rule_gives(shared_data):
    sizes = Counter()
    for path in sorted((shared_data / "benchmarks").glob("knowrl_kp_*.jsonl")):
        for record in map(record_of, load_problems(str(path)).dataset):
            for rule in ("cbrs", "css"):
                removed = len(record.points) - len(record.kept[rule])
                sizes[rule, "none" if not record.kept[rule] else min(removed, 2)] += 1
    # Removing two or more but not all: never by CBRS, in 54 problems by CSS.
    assert sizes == {
        ("cbrs", "none"): 683, ("cbrs", 0): 59, ("cbrs", 1): 632,
        ("css", "none"): 670, ("css", 0): 65, ("css", 1): 585, ("css", 2): 54,
    }  # fmt: skip
