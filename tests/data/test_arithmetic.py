import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from random import Random

import datasets
import pytest

from data import DataError, build_prompts, load_problems, prompt_length
from data.arithmetic import FAMILIES, draw, problems, split_of, with_points
from data.arithmetic_corpus import drill, example, write
from data.knowledge import duplicates, leaks, record_of

ALL = (1, 2, 3, 4)
TRAIN = load_problems("arithmetic", config="knowledge").dataset
HELD_OUT = load_problems("arithmetic", config="knowledge", split="test").dataset
ROWS = problems(2600, levels=ALL) + problems(1300, split="held_out", levels=ALL)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(map(int, re.findall(r"\d+", text))))


def solved_from_text(row: dict) -> Fraction:
    """The answer by a closed formula of the numbers in the order of the text: a route without steps."""
    text = row["problem"]
    n = [Fraction(x) for x in re.findall(r"\d+", text)]
    formulas = {
        "share": lambda total, friends, more: total / friends + more,
        "times": lambda count, factor: count * (1 + factor),
        "distractor": lambda a, b, c, d: a + b + d,
        "equation": lambda factor, shift, value: (value - shift) / factor,
        "bundles": lambda own, count, size, gone: own + count * size - gone,
        "takings": lambda a, b, c, d: a * b + c * d,
        "sequence": lambda first, second, third, places, last: first + 4 * (second - first),
        "perimeter": lambda a, b: 2 * a + 2 * b,
        "posts": lambda gap, road: road / gap + 1,
        "mean": lambda a, b, c: (a + b + c) / 3,
    }
    if row["family"] in ("precedence", "brackets"):
        return Fraction(eval(re.search(r"[\d(][\d+*()]+", text)[0]))  # Python knows the order of operations
    if row["family"] == "change":
        first_is_paid = text.index(" has ") if " has " in text else None
        count, price, paid = (n[1], n[2], n[0]) if first_is_paid else n
        return paid - count * price
    return formulas[row["family"]](*n)


def test_no_operands_of_the_held_out_problems_occur_in_training():
    train = {numbers(row["problem"]) for row in problems(9000, levels=ALL, seed=3)}
    held_out = {numbers(row["problem"]) for row in problems(2200, split="held_out", levels=ALL, seed=4)}
    assert train.isdisjoint(held_out)
    assert len(held_out) > 300  # the claim is about many operands, not about a few


def test_the_corpus_of_the_warm_start_has_training_operands_only():
    rng = Random(0)
    held_out = {numbers(row["problem"]) for row in problems(2200, split="held_out", levels=ALL)}
    for _ in range(5000):
        question = example(rng)[0][-1]["content"].split("\n\n")[0]  # the instruction and the hints have no operands
        assert numbers(question) not in held_out, question
    assert drill(rng)[0] == drill(Random(1))[0]  # the question of a drill has no operands at all


def test_the_corpus_writes_a_method_and_carries_its_slips_on():
    # The wrong method of "precedence" is left to right; without slips its last result is (a+b)*c.
    rng = Random(0)
    problem = next(p for p in (draw("precedence", rng) for _ in range(100)) if p.text.startswith("What is"))
    a, b, c = (int(x) for x in re.findall(r"\d+", problem.text))
    right = Counter(re.findall(r"boxed\{(\d+)", write(problem, rng, p_right=1.0))[0] for _ in range(1000))
    wrong = Counter(re.findall(r"boxed\{(\d+)", write(problem, rng, p_right=0.0))[0] for _ in range(1000))
    assert right.most_common(1)[0][0] == str(a + b * c)
    assert wrong.most_common(1)[0][0] == str((a + b) * c)
    assert 0.95 < right[str(a + b * c)] / 1000 < 0.99  # two steps, each right with .985: .970; three errors are .016


def test_the_wording_is_independent_of_the_method_and_changes_no_result():
    rng = Random(0)
    problem = draw("takings", rng)
    texts = {p: [write(problem, rng, p_right=p) for _ in range(2000)] for p in (0.0, 1.0)}
    words = {p: sum(len(text.split()) for text in group) / 2000 for p, group in texts.items()}
    assert words[0.0] == pytest.approx(words[1.0], abs=0.7)  # standard deviation 7 words: the error is .22
    for text in (text for group in texts.values() for text in group):
        results = re.findall(r"=(\d+)\.", text)
        assert re.findall(r"boxed\{(\d+)\}", text) == results[-1:]
        assert set(re.findall(r"(?:makes|number is) (\d+)", text)) <= set(results)


def test_about_a_fifth_of_the_operands_is_held_out():
    # By rejection: of the draws of a family, which are independent of the split, a fifth must be held out.
    rng = Random(0)
    operands = {numbers(draw(family, rng).text) for family in FAMILIES for _ in range(2000)}
    share = sum(split_of(" ".join(map(str, o))) == "held_out" for o in operands) / len(operands)
    assert share == pytest.approx(0.2, abs=0.02)  # some 4000 multisets: the standard error is .006


def test_every_answer_follows_from_the_text_alone():
    assert [row for row in ROWS if solved_from_text(row) != int(row["answer"])] == []
    assert {row["family"] for row in ROWS} == set(FAMILIES)


def test_every_equation_of_every_worked_solution_is_true():
    for row in ROWS:
        equations = re.findall(r"(\d+)([-+*/])(\d+)=(\d+)\.", row["solution"])
        for a, sign, b, value in equations:
            a, b = Fraction(a), Fraction(b)
            assert {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else None}[sign] == int(value), row
        assert len(equations) >= 2, row


def test_a_worked_solution_ends_in_its_last_result_boxed():
    for row in ROWS:
        *_, last = re.findall(r"=(\d+)\.", row["solution"])
        assert last == row["answer"]
        assert row["solution"].endswith(f"\\boxed{{{row['answer']}}}.")


def test_each_number_of_a_solution_comes_from_the_text_or_from_an_earlier_step():
    constants = {"sequence": set(), "perimeter": {2}, "posts": {1}, "mean": {3}}  # knowledge, not operands
    for row in ROWS:
        known = set(numbers(row["problem"])) | constants.get(row["family"], set())
        for a, _, b, value in re.findall(r"(\d+)([-+*/])(\d+)=(\d+)\.", row["solution"]):
            assert {int(a), int(b)} <= known, row
            known.add(int(value))


def test_texts_are_distinct():
    texts = [row["problem"] for row in problems(8000)]
    assert len(set(texts)) == 8000


def test_families_and_levels_have_the_same_share_for_any_n():
    for n in (10, 130, 1000):
        assert set(Counter(row["family"] for row in problems(n)).values()) == {n // 10}
    assert {row["family"]: row["level"] for row in ROWS} == {name: family.level for name, family in FAMILIES.items()}
    assert {row["level"] for row in problems(100)} == {1, 2, 3}
    assert {row["level"] for row in problems(100, levels=[4])} == {4}


def test_a_longer_list_begins_with_the_shorter_one():
    assert problems(500)[:77] == problems(77)


def test_seeds_and_splits_give_other_problems():
    first = {row["problem"] for row in problems(200)}
    assert len(first & {row["problem"] for row in problems(200, seed=1)}) < 40
    assert not first & {row["problem"] for row in problems(200, split="held_out")}


def test_another_process_with_another_hash_seed_makes_the_same_problems_and_points():
    code = (
        "from data.arithmetic import load_with_points, problems; "
        "print([row['problem'] for row in problems(50, split='held_out')], load_with_points('test')[:3]['kp_list'])"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    texts = [row["problem"] for row in problems(50, split="held_out")]
    assert made.stdout.strip() == f"{texts} {HELD_OUT[:3]['kp_list']}"


def test_the_problems_of_seed_0_stay_as_they_are():
    golden = {
        "change": ("Clara has 26 dollars and buys 6 shells for 3 dollars each. How many dollars are left?", "8"),
        "precedence": ("What is 6+2*4?", "14"),
        "brackets": ("Compute (5+4)*4.", "36"),
        "times": ("Olga has 3 pears. Felix has 4 times as many. How many pears do they have together?", "15"),
        "equation": ("What is x if 4x+8=40?", "8"),
    }
    rows = {row["family"]: (row["problem"], row["answer"]) for row in problems(10)}
    assert {family: rows[family] for family in golden} == golden
    assert problems(1, split="held_out") == [
        {
            "problem": "Mia has 17 dollars and buys 2 balls for 5 dollars each. How many dollars are left?",
            "answer": "7",
            "solution": "2*5=10. 17-10=7. The answer is \\boxed{7}.",
            "level": 1,
            "family": "change",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 10, "split": "test"}, "one of train, held_out, but it is 'test'"),
        ({"n": -1}, "not be negative, but it is -1"),
        ({"n": 10, "levels": ()}, "levels must be among"),
        ({"n": 10, "levels": (3, 5)}, r"they are \[3, 5\]"),
        ({"n": 100_000, "split": "held_out", "levels": (4,)}, "ask for fewer problems"),
    ],
)
def test_bad_arguments_are_refused_with_the_way_out(arguments, message):
    with pytest.raises(ValueError, match=message):
        problems(**arguments)


# --- the hard problems with knowledge points


def kinds_of(row) -> dict[str, str]:
    return dict(zip(row["kp_list"], row["kp_kinds"], strict=True))


def test_the_problems_are_the_hard_ones_of_the_arithmetic_unchanged():
    extra = {"kp_list", "kp_kinds", "fitting_kept_kp_index", "row"}
    for dataset, split in ((TRAIN, "train"), (HELD_OUT, "held_out")):
        rows = [{name: row[name] for name in row if name not in extra} for row in dataset]
        assert rows == problems(len(dataset), split=split, levels=[4])


def test_the_rows_are_records_of_knowledge_points():
    for dataset in (TRAIN, HELD_OUT):
        for record, row in ((record_of(row), row) for row in dataset):
            (fitting,) = record.selected("fitting")
            assert fitting == FAMILIES[row["family"]].hint  # word for word what the model was taught
            assert kinds_of(row)[fitting] == "true"


def test_the_selected_ones_are_the_first_with_places_as_the_rules_can_choose_them():
    selected = load_problems("arithmetic", config="selected").dataset
    columns = ["css_kept_kp_index", "cbrs_kept_kp_index"]
    assert selected.remove_columns(columns).to_list() == TRAIN.select(range(80)).to_list()
    for record in map(record_of, selected):
        assert len(record.kept["cbrs"]) in (0, 4, 5)  # nothing, all but one, all
        assert record.kept["css"]
    assert load_problems("arithmetic", config="selected", split="test").dataset.to_list() == HELD_OUT.to_list()


def test_each_problem_has_two_true_two_useless_and_one_misleading_point():
    for row in TRAIN:
        assert Counter(row["kp_kinds"]) == {"true": 2, "useless": 2, "misleading": 1}
        assert duplicates(row["kp_list"]) == []


def test_a_point_is_true_misleading_or_useless_by_the_family_of_the_problem():
    hints = {name: family.hint for name, family in FAMILIES.items() if family.hint}
    for row in TRAIN:
        known = {name: kind for name, hint in hints.items() if (kind := kinds_of(row).get(hint))}
        assert known.pop(row["family"]) == "true"
        assert list(known.values()) == ["useless"]  # one hint of another family


def test_the_place_of_the_fitting_point_says_nothing():
    places = Counter(row["fitting_kept_kp_index"][0] for row in TRAIN)
    # 600 problems, 5 places: 120 each, standard deviation sqrt(600 * .2 * .8) = 9.8.
    assert all(80 < places[place] < 160 for place in range(5))


def test_no_point_leaks_anything_of_its_problem():
    for row in [*TRAIN, *HELD_OUT]:
        for point in row["kp_list"]:
            assert leaks(point, row["problem"], row["answer"], row["solution"]) == [], (point, row["problem"])


def test_the_points_hold_no_numbers_in_digits():
    # Digits would be read as operands, by which the held-out problems are told from the others.
    assert not [point for row in TRAIN for point in row["kp_list"] if re.search(r"\d", point)]


def test_hints_are_worded_as_the_model_was_taught():
    row = {"problem": "P?", **with_points(problems(1, levels=[4])[0])}
    prompt = build_prompts(datasets.Dataset.from_list([row]), "plain", hints="fitting")["prompt"][0]
    assert prompt == [{"role": "user", "content": f"{row['problem']}\n\n## Hint\n1. {FAMILIES[row['family']].hint}"}]


def test_the_longest_prompt_and_completion_fit_the_embedded_model():
    from transformers import AutoTokenizer

    from embedded import MODEL

    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    prompts = build_prompts(TRAIN, "knowrl", hints="all")["prompt"]
    assert max(prompt_length(prompt, tokenizer) for prompt in prompts) + 160 <= 512  # completion, positions


def test_an_unknown_split_or_configuration_is_refused():
    with pytest.raises(DataError, match="configurations knowledge, selected, met --dataset_config 'hints'"):
        load_problems("arithmetic", config="hints")
    with pytest.raises(DataError, match="arithmetic has the splits train, test, held_out, met 'dev'"):
        load_problems("arithmetic", config="knowledge", split="dev")
