"""The page of a run is written whatever of its record is there."""

from commands.cards.page import write_card
from runs.folder import RunFolder

SIDE = {"problems": 1, "accuracy": 1.0, "accuracy_se": float("nan"), "mean_length": 30.0, "mean_length_se": None}
CHANGE = {"mean": 0.5, "standard_error": float("nan"), "low": float("nan"), "high": None}


def test_a_result_without_an_error_is_shown_without_one(tmp_path):
    """A held-out file of one row: its standard error is NaN, which `run.json` holds as null."""
    run = RunFolder(tmp_path)
    run.update(before=SIDE, after=SIDE, change={"accuracy": CHANGE, "length": CHANGE})
    write_card(run)
    page = run.readme.read_text()
    assert "| accuracy | 100.0 % | 100.0 % | +50.0 |" in page
    assert "| length in tokens | 30.0 | 30.0 | +0.5 |" in page
    assert "nan" not in page


def test_a_record_of_nothing_is_a_page_too(tmp_path):
    write_card(RunFolder(tmp_path))
    assert RunFolder(tmp_path).readme.read_text().count("It was not measured on any benchmark") == 1
