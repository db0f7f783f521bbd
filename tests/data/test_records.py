import datasets
import pytest

from data import DataError, load_problems
from data.knowledge import (
    KnowledgeRecord,
    format_point,
    kept_column,
    record_of,
    split_point,
)

POINTS = ["Angles of a triangle add up to a straight angle.", "Opposite sides are equal.", "Areas add up."]
ROW = {
    "problem": "P?",
    "answer": "7",
    "kp_list": POINTS,
    "css_kept_kp_index": [0, 2],
    "css_selected_kps": [POINTS[0], POINTS[2]],
    "cbrs_kept_kp_index": [],
}
# Rows, and points of each: all, kept by CSS, kept by CBRS. Counted with `json` alone, not by the code under test.
RELEASED = {
    "aime24": (30, 199, 108, 132),
    "aime25": (30, 206, 124, 119),
    "amc23": (40, 242, 126, 139),
    "brumo25": (30, 197, 129, 125),
    "cmimc25": (40, 272, 196, 180),
    "hmmt25": (30, 207, 122, 125),
    "math500": (500, 2574, 910, 894),
    "olympiadbench": (674, 4152, 1817, 1861),
}


def released(folder, name):
    path = folder / "benchmarks" / f"knowrl_kp_{name}.jsonl"
    return [record_of(row) for row in load_problems(str(path)).dataset]


def test_a_released_row_becomes_a_record():
    record = record_of(ROW)
    assert record == KnowledgeRecord("P?", "7", tuple(POINTS), {"css": (0, 2), "cbrs": ()})
    assert [record.selected(hints) for hints in ("none", "all", "css", "cbrs")] == [
        (),
        tuple(POINTS),
        (POINTS[0], POINTS[2]),
        (),
    ]


def test_a_row_survives_writing_and_reading(tmp_path):
    other = {"problem": "Q?", "answer": "1", "kp_list": ["One."], "css_kept_kp_index": [0], "cbrs_kept_kp_index": [0]}
    rows = [{name: ROW[name] for name in other}, other]
    datasets.Dataset.from_list(rows).to_parquet(tmp_path / "points.parquet")
    back = load_problems(str(tmp_path / "points.parquet")).dataset
    assert [record_of(row) for row in back] == [record_of(row) for row in rows]


def test_a_rule_with_a_hyphen_has_a_column_with_an_underscore():
    assert kept_column("s-loo") == "s_loo_kept_kp_index"
    assert record_of({**ROW, kept_column("s-loo"): [1]}).kept["s-loo"] == (1,)


def test_the_one_selection_of_a_training_file_is_called_kept():
    row = {"problem": "P?", "kp_list": POINTS, "kept_kp_index": [1]}
    assert record_of(row).selected("kept") == (POINTS[1],)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kp_list": None}, "row 7 has nothing"),
        ({"kp_list": "One."}, "row 7 has 'One.'"),
        ({"kp_list": ["One.", " ", "Two."]}, r"number 1 \(from 0\) of row 7 is ' '"),
        ({"kp_list": ["One.", None, "Two."]}, "of row 7 is None"),
        ({"css_kept_kp_index": [0, 3]}, r"css_kept_kp_index of row 7 .* from 0 to 2, .* holds \[0, 3\]"),
        ({"css_kept_kp_index": [-1, 2]}, r"holds \[-1, 2\]"),
        ({"css_kept_kp_index": [2, 0]}, "ascending"),
        ({"css_kept_kp_index": [0, 0]}, "each once"),
        ({"css_kept_kp_index": [0.0, 2]}, "whole numbers"),
        ({"css_kept_kp_index": [False, True]}, "whole numbers"),
        ({"cbrs_kept_kp_index": None}, r"cbrs_kept_kp_index of row 7 .*\[\] for none; it holds None"),
        ({"css_kept_kp_index": [0, 1]}, "css_selected_kps and css_kept_kp_index differ"),
    ],
)
def test_a_wrong_row_is_named_with_what_was_met(change, message):
    with pytest.raises(DataError, match=message):
        record_of({**ROW, **change}, "row 7")


def test_a_problem_may_have_no_points_and_then_nothing_is_kept():
    record = record_of({"problem": "P?", "kp_list": [], "css_kept_kp_index": []})
    assert record.selected("all") == record.selected("css") == ()
    with pytest.raises(DataError, match="css_kept_kp_index of row 7"):
        record_of({"problem": "P?", "kp_list": [], "css_kept_kp_index": [0]}, "row 7")


def test_an_unknown_rule_is_told_which_there_are():
    message = r"one of none, all, css, cbrs here, met 'cbs': .*cbs_kept_kp_index.*Did you mean"
    with pytest.raises(DataError, match=message):
        record_of(ROW).selected("cbs")


def test_a_point_splits_into_what_it_was_made_of():
    assert split_point(format_point("A holds.", "Only if\nB.")) == ("A holds.", "Only if\nB.")
    assert split_point("**Knowledge Point**: A.\n    **Key Considerations**: B.") == ("A.", "B.")  # four blanks
    assert split_point("**Knowledge Point**: A.\n   \n   **Key Considerations**: B.") == ("A.", "B.")
    assert split_point(" Plain words. ") == ("Plain words.", "")


@pytest.mark.shared
@pytest.mark.parametrize("name", RELEASED)
def test_every_released_file_loads_and_counts(shared_data, name):
    rows = released(shared_data, name)
    n_points, css, cbrs = (sum(len(row.selected(hints)) for row in rows) for hints in ("all", "css", "cbrs"))
    assert (len(rows), n_points, css, cbrs) == RELEASED[name]
    assert all(split_point(point)[1] for row in rows for point in row.points)  # every one has both halves


@pytest.mark.shared
def test_the_averages_are_those_of_the_published_table(shared_data):
    rows = [row for name in RELEASED for row in released(shared_data, name)]
    averages = [sum(len(row.selected(hints)) for row in rows) / len(rows) for hints in ("all", "css", "cbrs")]
    # Published: 5.86, 2.57 and 2.60 points over 1,374 problems.
    assert averages == [pytest.approx(mean, abs=5e-4) for mean in (5.858, 2.571, 2.602)]
