import re
import subprocess
import sys
from collections import Counter

import datasets
import pytest

from data import DataError, build_prompts, load_problems
from data._arithmetic_families import FAMILIES
from data.arithmetic import problems
from data.arithmetic_knowledge import with_points
from data.knowledge import duplicates, knowledge_records, leaks

TRAIN = load_problems("arithmetic", config="knowledge").dataset
HELD_OUT = load_problems("arithmetic", config="knowledge", split="test").dataset


def kinds_of(row) -> dict[str, str]:
    return dict(zip(row["kp_list"], row["kp_kinds"], strict=True))


def test_the_problems_are_the_hard_ones_of_the_arithmetic_unchanged():
    extra = {"kp_list", "kp_kinds", "fitting_kept_kp_index", "row"}
    for dataset, split in ((TRAIN, "train"), (HELD_OUT, "held_out")):
        rows = [{name: row[name] for name in row if name not in extra} for row in dataset]
        assert rows == problems(len(dataset), split=split, levels=[4])


def test_the_rows_are_records_of_knowledge_points():
    for dataset in (TRAIN, HELD_OUT):
        for record, row in zip(knowledge_records(dataset), dataset, strict=True):
            (fitting,) = record.selected("fitting")
            assert fitting == FAMILIES[row["family"]].hint  # word for word what the model was taught
            assert kinds_of(row)[fitting] == "true"


def test_the_selected_ones_are_the_first_with_places_as_the_rules_can_choose_them():
    selected = load_problems("arithmetic", config="selected").dataset
    columns = ["css_kept_kp_index", "cbrs_kept_kp_index"]
    assert selected.remove_columns(columns).to_list() == TRAIN.select(range(80)).to_list()
    for record in knowledge_records(selected):
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

    from data import prompt_length
    from embedded import MODEL

    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    prompts = build_prompts(TRAIN, "knowrl", hints="all")["prompt"]
    assert max(prompt_length(prompt, tokenizer) for prompt in prompts) + 160 <= 512  # completion, positions


def test_the_order_of_the_points_does_not_depend_on_the_process():
    code = "from data.arithmetic_knowledge import load_arithmetic_knowledge as f; print(f('test')[:3]['kp_list'])"
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert made.stdout.strip() == str(HELD_OUT[:3]["kp_list"])


def test_an_unknown_split_or_configuration_is_refused():
    with pytest.raises(DataError, match="configurations knowledge, selected, met --dataset_config 'hints'"):
        load_problems("arithmetic", config="hints")
    with pytest.raises(DataError, match="arithmetic has the splits train, test, held_out, met 'dev'"):
        load_problems("arithmetic", config="knowledge", split="dev")
