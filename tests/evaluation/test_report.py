"""Reports show what was measured beside what is claimed, with everything a reader must know."""

import json

import pytest
from matplotlib.image import imread

from evaluation.benchmarks import SUITES
from evaluation.report import CLAIMS, claims_for, details, notes, table, write_report


def result(benchmark="math500", **changes):
    plain = {
        "benchmark": benchmark, "shots": 4, "n_samples": 2, "metric": "avg@2", "score": 0.75, "se": 0.02,
        "strict": 0.75, "lenient": 0.775, "truncated": 30, "without_answer": 40, "timeouts": 0, "problems": 500,
        "ungradable": 0, "smoke": False, "claims": claims_for("seeds-cot", benchmark),
    }  # fmt: skip
    return {**plain, **changes}


def test_the_measured_row_stands_below_the_claims():
    lines = table([result("gsm8k", shots=8), result()], model="mine").splitlines()
    assert lines[0] == "| Model | GSM8K (8-shot, avg@2) | MATH-500 (4-shot, avg@2) |"
    assert "| Nexus-1.5B (Nexus card) | 85.2 | 80.2 |" in lines
    assert "| Qwen2.5-Math-1.5B-REPO (REPO card) | 85.2 | – |" in lines  # its card says MATH
    assert lines[-1] == "| **mine** | **75.0 ± 3.9** | **75.0 ± 3.9** |"  # 1.96 · 2.0


def test_details_count_texts_not_problems():
    assert details([result(clean_score=0.74, clean_problems=480)]).splitlines()[-1] == (
        "| MATH-500 | 500 | 0 | 2 | 75.0 | 77.5 | 3.0 | 4.0 | 0 | 74.0 of 480 |"  # 30 and 40 of 1,000 texts
    )


def test_notes_tell_what_is_missing_and_which_claims_lie_outside():
    said = "\n".join(notes([result(ungradable=3, timeouts=2, clean_score=0.7, clean_problems=9)]))
    assert "3 golds cannot be graded" in said
    assert "2 answers took the verifier too long" in said
    assert "on the 9 problems unlike any that was trained on, 70.0 %" in said
    assert "80.2 of Nexus-1.5B (Nexus card) lies outside" in said  # 75 ± 3.9
    assert "75.8 of" not in said
    smoke = "\n".join(notes([result(smoke=True)]))
    assert "smoke test on 500 problems" in smoke
    assert "outside" not in smoke
    assert "(smoke test)" in table([result(smoke=True)])


def test_a_report_is_written_as_text_json_and_picture(tmp_path):
    results = [result(), result("mine/own.jsonl", se=float("nan"), claims={})]
    paths = write_report(results, tmp_path / "new", model="m", protocol={"seed": 1})
    text = paths["md"].read_text()
    assert "75.0 ± unknown" in text
    assert '"seed": 1' in text
    assert "own (4-shot" in text
    content = json.loads(paths["json"].read_text())
    assert content["results"][1]["se"] is None
    assert content["results"][0]["claims"]["Nexus-1.5B (Nexus card)"] == 80.2
    picture = imread(paths["png"])
    assert picture.shape[0] > 150
    blue = (abs(picture[..., :3] - (0.0, 0x72 / 255, 0xB2 / 255)) < 0.05).all(-1)
    assert blue.sum() > 50  # the measured points


def test_no_results_no_report(tmp_path):
    with pytest.raises(ValueError, match="at least one result"):
        write_report([], tmp_path, model="m")


def test_claims_cover_the_suites_of_their_cards():
    for suite, sources in CLAIMS.items():
        names = {name for name, _ in SUITES[suite]}
        for row in sources.values():
            assert names ^ row.keys() <= {"math", "math500"}
    # The KnowRL card's own averages check the transcription: 70.08, 73.46, 74.16.
    means = [sum(row.values()) / len(row) for row in CLAIMS["knowrl"].values()]
    assert [round(mean, 2) for mean in means] == pytest.approx([70.08, 73.46, 74.16], abs=0.011)
