from random import Random

import pytest

from data.knowledge import RULES, AccuracyOracle, JointRemoval, interactions, joint_removal, selection_report


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
    assert joint_removal(AccuracyOracle(substitutes, 3), removed={1}) is None


def test_named_points_are_compared_whether_harmless_or_not():
    removal = joint_removal(AccuracyOracle(additive, 3), removed=[0, 1])
    # K∖{0,1} = {2}: .35; A_-0 = .25, A_-1 = .75, on average .5.
    assert removal == JointRemoval(size=2, joint=pytest.approx(0.35), single=pytest.approx(0.5))


def test_interactions_are_counted_by_the_number_of_points_removed():
    removals = [JointRemoval(2, 0.5, 0.75), JointRemoval(2, 0.5, 0.625), JointRemoval(2, 0.75, 0.5), None]
    removals += [JointRemoval(2, 0.5, 0.5), JointRemoval(3, 0.9, 0.5)]
    assert interactions(removals) == [
        {"size": 2, "problems": 4, "paradox": 0.5, "drop": 0.1875},  # (.25 + .125) / 2; a tie is no paradox
        {"size": 3, "problems": 1, "paradox": 0.0, "drop": 0.0},
    ]
    assert interactions([None]) == []


def test_the_report_has_accuracy_and_points_of_every_rule():
    oracles = [AccuracyOracle(substitutes, 3), AccuracyOracle(additive, 3)]
    rows = {row["rule"]: (row["accuracy"], row["points"]) for row in selection_report(oracles)}
    assert list(rows) == ["none", "all", *RULES]
    expected = {
        "none": ((0.2 + 0.4) / 2, 0),
        "all": ((0.9 + 0.65) / 2, 3),
        "max-score": ((0.9 + 0.75) / 2, 2),  # {0, 1} or {0, 2}; {0, 2}
        "s-loo": ((0.6 + 0.8) / 2, 1),  # {0} both times: right for the second, the paradox for the first
        "css": ((0.9 + 0.8) / 2, 2),  # K, since 1 and 2 tie for N; {0}
    }
    for rule, numbers in expected.items():
        assert rows[rule] == pytest.approx(numbers), rule
    assert rows["random"][1] == rows["css"][1]  # matched in number, not in choice


def test_fresh_samples_take_away_the_luck_of_the_choice():
    # Points do nothing: accuracy is one half with any of them, measured with 32 samples. The best of six noisy means
    # looks better than it is; judged by fresh samples it is one half again. 300 problems: the error is .09/sqrt(300).
    rng = Random(0)

    def oracle():
        return AccuracyOracle(lambda subset: sum(rng.random() < 0.5 for _ in range(32)) / 32, 4)

    oracles, judges = [oracle() for _ in range(300)], [oracle() for _ in range(300)]
    (flattered,) = selection_report(oracles, ["max-score"])
    (fair,) = selection_report(oracles, ["max-score"], judges=judges)
    assert flattered["accuracy"] > 0.58  # the mean of the largest of six normal draws is 1.27 sd, .5 + 1.27 * .088
    assert fair["accuracy"] == pytest.approx(0.5, abs=0.025)


def test_the_random_rule_draws_for_each_problem_by_itself():
    oracles = [AccuracyOracle(additive, 3) for _ in range(30)]
    shares = selection_report(oracles, ["random"])[0]["accuracy"], selection_report(oracles, ["random"])[0]["accuracy"]
    # One point each: {0} .8, {1} .3, {2} .35. The same lot for all would give one of these three.
    assert shares[0] == shares[1]
    assert min(abs(shares[0] - one) for one in (0.8, 0.3, 0.35)) > 0.01


def test_wrong_arguments_are_told():
    with pytest.raises(ValueError, match=r"one of none, all, max-score, .*met 'best'"):
        selection_report([AccuracyOracle(additive, 3)], ["best"])
    with pytest.raises(ValueError, match="one oracle and one judge, met 0 and 0"):
        selection_report([])
    with pytest.raises(ValueError, match="met 2 and 1"):
        selection_report([AccuracyOracle(additive, 3)] * 2, judges=[AccuracyOracle(additive, 3)])
