"""Copies of training problems are found, edited ones too, and others are left alone."""

import json
import random
import re

import pytest

from data import SHOTS
from evaluation.benchmarks import BENCHMARKS
from evaluation.contamination import Match, clean_score, find_overlap

TRAINING = [shot.problem for bank in SHOTS.values() for shot in bank]


def test_the_same_problem_in_other_typesetting_is_exact():
    theirs = [r"Find all real   \(x\) with \(\sqrt{2x+7}=x+2\)", r"求 $\left( 1,2 \right)$ 的和"]
    ours = [r"find all real $x$ with $\sqrt{2x+7} = x + 2$.", "求(1,2)的和。"]
    assert find_overlap(ours, theirs, training_ids=["p", "q"], benchmark_ids=["a", "b"]) == [
        Match("a", "p", 1.0, exact=True),
        Match("b", "q", 1.0, exact=True),
    ]


def test_the_share_is_that_of_the_benchmarks_runs():
    """12 tokens have 8 runs of 5; a change of the last leaves 7 of them, one of the sixth 3, for 5 go through it."""
    words = [f"w{letter}" for letter in "abcdefghijkl"]
    problem = " ".join(words)
    (last,) = find_overlap([" ".join([*words[:-1], "other"])], [problem])
    assert (last.share, last.exact) == (7 / 8, False)
    assert find_overlap([" ".join([*words[:-1], "other"])], [problem], share=0.9) == []
    middle = " ".join([*words[:5], "other", *words[6:]])
    assert find_overlap([middle], [problem]) == []
    assert [match.share for match in find_overlap([middle], [problem], share=3 / 8)] == [3 / 8]
    long = find_overlap([problem + " and a long story after it that none of the others has"], [problem])
    assert [(match.share, match.exact) for match in long] == [(1.0, False)]


def test_the_best_of_several_is_named_and_exact_is_better_than_near():
    words = [f"w{letter}" for letter in "abcdefghijkl"]
    near, more = " ".join([*words[:-1], "x"]), " ".join([*words, "x"])
    matches = find_overlap([near, more, " ".join(words), near], [" ".join(words)])
    assert matches == [Match("0", "2", 1.0, exact=True)]
    assert [match.training_id for match in find_overlap([near, near], [" ".join(words)])] == ["0"]


def test_a_short_problem_matches_only_exactly():
    assert find_overlap(["What is 1+1?"], ["What is 1+2?"]) == []
    assert len(find_overlap(["What is 1 + 1?"], ["What is 1+1"])) == 1


def test_demonstrations_do_not_match_each_other():
    assert [match.exact for match in find_overlap(TRAINING, TRAINING)] == [True] * len(TRAINING)
    for i, problem in enumerate(TRAINING):
        assert find_overlap(TRAINING[:i] + TRAINING[i + 1 :], [problem]) == []


def test_the_clean_score_is_that_of_the_rest():
    matches = [Match("b", "0", 1.0, exact=True)]
    found, problems = clean_score(["a", "b", "c"], [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], matches)
    assert (found.mean, found.standard_error, problems) == (0.25, 0.25, 2)
    assert clean_score(["b"], [[1.0]], matches) is None


def test_settings_out_of_range_are_refused():
    for wrong in ({"n": 0}, {"share": 0.0}, {"share": 1.5}):
        with pytest.raises(ValueError, match="at least 1 token and a share lies in"):
            find_overlap([], [], **wrong)


def problems_of(folder, name):
    lines = (folder / "benchmarks" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line)["problem"] for line in lines if line]


def edited(problem, how, rng):
    """A copy with a few edits that keep it the same problem, or nearly."""
    if how == "typesetting":
        return problem.replace(" ", "  ").replace("$", "\\$").upper()
    if how == "preface":
        return f"Here is a problem for you, think about it carefully. {problem}"
    if how == "numbers":  # two of them
        places = list(re.finditer(r"\d+", problem))
        for found in sorted(rng.sample(places, min(2, len(places))), key=lambda f: -f.start()):
            problem = problem[: found.start()] + str(rng.randint(100, 999)) + problem[found.end() :]
        return problem
    names = re.findall(r"(?<!^)(?<![.?!] )\b[A-Z][a-z]+\b|^[A-Z][a-z]+", problem)
    return problem.replace(names[0], "Zebulon") if names else problem


@pytest.mark.shared
def test_edited_copies_are_found_and_little_else(shared_data):
    """Of 400 test problems of GSM8K half are planted among its training problems, 50 with each kind of edit."""
    rng = random.Random(0)
    training, benchmark = problems_of(shared_data, "gsm8k_train"), problems_of(shared_data, "gsm8k_test")
    chosen = rng.sample(benchmark, 400)
    kinds = ["typesetting", "preface", "numbers", "names"]
    planted = [edited(problem, kinds[i % 4], rng) for i, problem in enumerate(chosen[:200])]
    found = {int(match.benchmark_id): match for match in find_overlap(training + planted, chosen)}
    per_kind = {kind: sum(i in found for i in range(200) if kinds[i % 4] == kind) / 50 for kind in kinds}
    assert per_kind == dict.fromkeys(kinds, 1.0)  # recall
    assert max(found) < 200  # precision: none of those that were not planted
    assert all(found[i].exact for i in range(0, 200, 4))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("training", "benchmark", "exact", "near"), [("math_train", "math500", 0, 49), ("gsm8k_train", "gsm8k_test", 0, 2)]
)
def test_the_overlap_of_the_training_sets_is_as_documented(shared_data, training, benchmark, exact, near):
    matches = find_overlap(problems_of(shared_data, training), problems_of(shared_data, benchmark))
    assert (sum(m.exact for m in matches), sum(not m.exact for m in matches)) == (exact, near)


@pytest.mark.shared
def test_the_texts_that_mmlu_takes_from_math_are_found(shared_data):
    """74 of its rows, by an independent comparison of the texts (in the manifest of the files)."""
    matches = find_overlap(problems_of(shared_data, "math_train"), problems_of(shared_data, "mmlu_stem"))
    assert sum(match.exact for match in matches) == 74


@pytest.mark.shared
def test_demonstrations_are_in_no_benchmark(shared_data):
    for entry in (entry for entry in BENCHMARKS.values() if entry.file):
        assert find_overlap(TRAINING, problems_of(shared_data, entry.file)) == [], entry.title
