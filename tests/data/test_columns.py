import datasets
import pytest

from data import DataError
from data.columns import RESERVED_COLUMNS, cell_text, final_answer, map_columns


def mapped(*rows: dict, **options):
    names = dict.fromkeys(name for row in rows for name in row)
    source = datasets.Dataset.from_dict({name: [row.get(name) for row in rows] for name in names})
    return map_columns(source, "the set", **options)


def pairs(problems) -> list[tuple[str, str]]:
    return list(zip(problems.dataset["problem"], problems.dataset["answer"], strict=True))


BOXED = r"We add, so the sum is $\boxed{\frac{1}{2}}$."
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "P"}]


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"problem": "P", "answer": "7"}, "7"),
        ({"question": "P", "final_answer": "7"}, "7"),
        ({"prompt": "P", "ground_truth": "7"}, "7"),
        ({"query": "P", "gold": "7"}, "7"),
        ({"instruction": "P", "target": 7}, "7"),
        ({"problem": "P", "expected_answer": 7.0}, "7"),
        ({"problem": "P", "solution": "$7$"}, "$7$"),
        ({"problem": "P", "final_answer": ["7"]}, "7"),
        ({"problem": "P", "final_answer": ["7", "8"]}, "7, 8"),
        pytest.param({"question": "P", "answer": "2 * 617 = 1234\n#### 1,234"}, "1234", id="gsm8k"),
        pytest.param(
            {"problem": "P", "level": "Level 1", "type": "Algebra", "solution": BOXED}, r"\frac{1}{2}", id="math"
        ),
        pytest.param({"problem": "P", "answer": "7", "solution": BOXED}, "7", id="math500"),
        pytest.param({"problem": "P", "answer": r"\boxed{236}"}, "236", id="boxed-short"),
        pytest.param({"prompt": CHAT, "reward_model": {"ground_truth": "7", "style": "rule"}}, "7", id="knowrl"),
        pytest.param({"problem": "P", "answer": BOXED, "solution": "7"}, "7", id="worked-answer-short-solution"),
        pytest.param({"problem": "P", "answer": BOXED, "solution": "words " * 40}, r"\frac{1}{2}", id="two-texts"),
    ],
)
def test_a_known_layout_maps(row, answer):
    assert pairs(mapped(row)) == [("P", answer)]


def test_the_order_of_names_decides_between_short_answers():
    assert pairs(mapped({"problem": "P", "question": "Q", "gold": "2", "answer": "1"})) == [("P", "1")]


def test_named_columns_win():
    row = {"problem": "P", "answer": "1", "text": "Q", "meta": {"key": {"value": "2"}}}
    problems = mapped(row, problem_column="text", answer_column="meta.key.value")
    assert pairs(problems) == [("Q", "2")]
    assert "left out: column answer (answer is made of another column)" in problems.mapping


def test_the_mapping_says_which_column_became_what():
    problems = mapped({"question": "P", "answer": "#### 7"})
    assert problems.mapping == (
        "problem <- question (as it stands)",
        "answer <- answer (what follows its last ####, without commas)",
        "solution <- answer (the whole text)",
    )
    assert problems.dataset["solution"][0] == "#### 7"
    assert mapped({"prompt": CHAT, "gold": "7"}).mapping[0] == "problem <- prompt (the last message of the user)"


def test_other_columns_stay_as_they_are():
    problems = mapped({"problem": "P", "answer": "7", "level": 3, "tags": ["a"]}, {"problem": "Q", "answer": "8"})
    assert problems.dataset["level"][:] == [3, None]
    assert problems.dataset["tags"][:] == [["a"], None]


@pytest.mark.parametrize("name", ["ground_truth", "solution", "gold"])
def test_what_became_problem_or_answer_keeps_its_own_name_too(name):
    """A reward written for TRL asks for the column by the name that the data set gives it."""
    problems = mapped({"question": "P", name: "7"})
    assert pairs(problems) == [("P", "7")]
    assert (problems.dataset["question"][:], problems.dataset[name][:]) == (["P"], ["7"])


def test_a_nested_answer_keeps_its_column():
    problems = mapped({"prompt": CHAT, "reward_model": {"ground_truth": "7"}})
    assert problems.dataset["reward_model"][:] == [{"ground_truth": "7"}]
    assert "prompt" not in problems.dataset.column_names  # an argument of TRL's


@pytest.mark.parametrize("name", RESERVED_COLUMNS)
def test_a_column_with_a_name_of_trl_is_dropped_and_named(name):
    problems = mapped({"problem": "P", "answer": "7", name: "x"})
    assert name not in problems.dataset.column_names
    assert any(name in line and "TRL" in line for line in problems.mapping)


def test_the_row_counts_the_source_whatever_it_had():
    problems = mapped(
        {"problem": "P", "answer": "7", "row": 70},
        {"problem": "", "answer": "8", "row": 80},
        {"problem": "Q", "answer": "9", "row": 90},
    )
    assert problems.dataset["row"][:] == [0, 2]
    assert pairs(problems) == [("P", "7"), ("Q", "9")]


def test_rows_without_problem_or_answer_are_left_out_and_named():
    rows = [{"problem": "P", "answer": str(i)} for i in range(6)]
    rows[1]["problem"], rows[3]["answer"], rows[4]["answer"] = "  ", "", None
    problems = mapped(*rows)
    assert problems.dropped == (1, 3, 4)
    assert problems.dataset["row"][:] == [0, 2, 5]
    assert "left out: 1 rows without problem, row 1" in problems.mapping
    assert "left out: 2 rows without answer, row 3, 4" in problems.mapping


def test_a_solution_that_states_no_answer_is_left_out():
    rows = [{"problem": "P", "solution": text} for text in (BOXED, "no mark", r"cut \boxed{5", BOXED, BOXED, BOXED)]
    assert mapped(*rows).dropped == (1, 2)


def test_a_missing_problem_names_the_columns_the_nearest_and_the_option():
    with pytest.raises(DataError) as error:
        mapped({"problems": "P", "answer": "7"})
    message = str(error.value)
    assert "\n" not in message
    for part in ("the set", "problem, question, prompt", "problems, answer", "Is it 'problems'?", "--problem_column"):
        assert part in message


def test_a_missing_answer_says_why_a_candidate_will_not_do():
    with pytest.raises(DataError, match=r"'solution' is no use: it holds long texts without .*--answer_column"):
        mapped({"problem": "P", "solution": "words " * 40})


def test_a_named_column_that_is_not_there_gets_a_suggestion():
    with pytest.raises(
        DataError, match=r"--answer_column .* no 'anwser'; its columns are problem, answer\. Did you mean 'answer'"
    ):
        mapped({"problem": "P", "answer": "7"}, answer_column="anwser")


def test_no_rows_and_no_usable_row_are_errors():
    with pytest.raises(DataError, match="the set has no rows"):
        map_columns(datasets.Dataset.from_dict({"problem": [], "answer": []}), "the set")
    with pytest.raises(DataError, match="no row of the set has both"):
        mapped({"problem": "", "answer": "7"}, {"problem": "P", "answer": ""})


def test_the_fingerprint_follows_content_and_order_only():
    one, two = {"problem": "P", "answer": "7"}, {"problem": "Q", "answer": "8"}
    # sha256 of the JSON pairs, a line each: printf '["P", "7"]\n["Q", "8"]\n' | sha256sum
    assert mapped(one, two).fingerprint == "cca9b25a4411378d9cb0afc637ee3cfb87cf6e8674805caad00e181e624cb7b0"
    assert mapped({**one, "level": 1}, two).fingerprint == mapped(one, two).fingerprint
    assert mapped(two, one).fingerprint != mapped(one, two).fingerprint
    assert mapped(one, {"problem": "Q", "answer": "9"}).fingerprint != mapped(one, two).fingerprint


@pytest.mark.parametrize(
    ("text", "worked", "answer"),
    [
        ("#### 1\n#### -2,000.5", True, "-2000.5"),
        ("1,234", False, "1,234"),  # a short answer is not rewritten: it may be a list
        ("no mark", True, ""),
        (r"\boxed{1}\boxed{2}", False, "2"),
        (r"\fbox{3}", True, "3"),
        (r"\boxed 4$", True, "4"),
        (r"\boxed{5", True, ""),
    ],
)
def test_the_final_answer_of_a_gold(text, worked, answer):
    assert final_answer(text, worked=worked) == answer


def test_cells_become_text():
    assert [cell_text(cell) for cell in (None, float("nan"), 18.0, 0.25, 7, ["1", 2.0], "a")] == [
        "",
        "",
        "18",
        "0.25",
        "7",
        "1, 2",
        "a",
    ]
