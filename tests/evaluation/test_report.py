"""Reports show what was measured beside what is claimed; a protocol has what repeating a measurement needs."""

import hashlib
import json
from importlib.metadata import version

import pytest
from matplotlib.axes import Axes
from matplotlib.image import imread

from data import build_preset
from evaluation.benchmarks import CLAIMS, SUITES, Settings, claims_for, load_benchmark
from evaluation.report import details, notes, protocol, table, with_interval, write_report
from evaluation.statistics import score_of


def result(benchmark="math500", **changes):
    plain = {
        "benchmark": benchmark, "shots": 4, "n_samples": 2, "metric": "avg@2", "score": 0.75, "se": 0.02,
        "low": 0.71, "high": 0.788, "strict": 0.75, "lenient": 0.775,
        "truncated": 30, "without_answer": 40, "timeouts": 0, "problems": 500,
        "ungradable": 0, "smoke": False, "claims": claims_for("seeds-cot", benchmark),
    }  # fmt: skip
    return {**plain, **changes}


def test_the_measured_row_stands_below_the_claims():
    lines = table([result("gsm8k", shots=8), result()], model="mine").splitlines()
    assert lines[0] == "| Model | GSM8K (8-shot, avg@2) | MATH-500 (4-shot, avg@2) |"
    assert "| Nexus-1.5B (Nexus card) | 85.2 | 80.2 |" in lines
    assert "| Qwen2.5-Math-1.5B-REPO (REPO card) | 85.2 | – |" in lines  # its card says MATH
    assert lines[-1] == "| **mine** | **75.0 [71.0, 78.8]** | **75.0 [71.0, 78.8]** |"


def test_details_count_texts_not_problems():
    assert details([result(clean_score=0.74, clean_problems=480)]).splitlines()[-1] == (
        "| MATH-500 | 500 | 0 | 2 | 75.0 | 77.5 | 3.0 | 4.0 | 0 | 74.0 of 480 |"  # 30 and 40 of 1,000 texts
    )


def test_notes_tell_what_is_missing_and_which_claims_lie_outside():
    said = "\n".join(notes([result(ungradable=3, timeouts=2, clean_score=0.7, clean_problems=9)]))
    assert "3 golds cannot be graded" in said
    assert "2 answers took the verifier too long" in said
    assert "on the 9 problems unlike any that was trained on, 70.0 %" in said
    assert "80.2 of Nexus-1.5B (Nexus card) lies outside" in said
    assert "75.8 of" not in said
    smoke = "\n".join(notes([result(smoke=True)]))
    assert "smoke test on 500 problems" in smoke
    assert "outside" not in smoke
    assert "(smoke test)" in table([result(smoke=True)])


@pytest.mark.parametrize(
    ("right", "problems", "inside", "outside"),
    # Clopper and Pearson: [0, 11.6], [0.1, 17.2], [45.5, 54.5] and [88.4, 100]
    [(0, 30, 5.0, 12.0), (1, 30, 17.0, 18.0), (250, 500, 54.0, 55.0), (30, 30, 89.0, 88.0)],
)
def test_a_claim_lies_outside_where_the_interval_says_so(right, problems, inside, outside):
    found = score_of([[1.0]] * right + [[0.0]] * (problems - right))
    measured = {"score": found.mean, "se": found.standard_error, "low": found.low, "high": found.high}
    said = notes([result(problems=problems, claims={"near": inside, "far": outside}, **measured)])
    told = [note for note in said if "outside" in note]
    assert told == [f"MATH-500: {outside} of far lies outside the measured interval."]


def test_a_result_of_an_older_version_gets_its_interval_from_its_error():
    """0 and 15 of 30, without `low` and `high`; 0 of 30 with an error of 0 excluded every claim once."""
    old = {name: value for name, value in result(problems=30, n_samples=1).items() if name not in ("low", "high")}
    none, half = {**old, "score": 0.0, "se": 0.0}, {**old, "score": 0.5, "se": (0.25 / 29) ** 0.5}
    assert (with_interval(none), with_interval(half, " %")) == ("0.0 [0.0, 11.6]", "50.0 % [31.3, 68.7]")
    assert not [note for note in notes([{**none, "claims": {"card": 5.0}}]) if "outside" in note]


def test_the_picture_has_the_interval_and_stays_within_0_and_100(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Axes, "errorbar", lambda axes, x, y, **style: drawn.append((x, style["xerr"])))
    write_report([result(score=0.0, low=0.0, high=0.1157), result()], tmp_path, model="m")
    ((scores, (left, right)),) = drawn
    assert [score - low for score, low in zip(scores, left, strict=True)] == pytest.approx([0.0, 71.0])
    assert [score + high for score, high in zip(scores, right, strict=True)] == pytest.approx([11.57, 78.8])


def test_a_report_is_written_as_text_json_and_picture(tmp_path):
    results = [result(), result("mine/own.jsonl", se=float("nan"), claims={})]
    paths = write_report(results, tmp_path / "new", model="m", protocol={"seed": 1})
    text = paths["md"].read_text()
    assert "**75.0 [71.0, 78.8]**" in text
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


def test_a_name_with_markup_is_text_in_the_report(tmp_path):
    """Of a benchmark or a model; its protocol stays within its fence."""
    name = "<img src=x>|`*a*`"
    paths = write_report([result(f"{name}.jsonl", claims={})], tmp_path, model=name, protocol={"p": "\n```\n# x"})
    page = paths["md"].read_text()
    assert "# &lt;img src=x&gt;&#124;\\`\\*a\\*\\`\n" in page
    assert "<img" not in page.partition("## Protocol")[0]
    assert all(line.count("|") == 3 for line in page.splitlines()[2:5])
    assert json.loads(paths["json"].read_text())["model"] == name


# Protocol ------------------------------------------------------------------------------------------------------------

SETTINGS = Settings(shots=1, samples=2, temperature=0.7)


@pytest.fixture
def measured(tmp_path, tiny_tokenizer):
    path = tmp_path / "mine.jsonl"
    rows = [{"id": "a", "problem": "1+1?", "answer": "2"}, {"id": "b", "problem": "picture?", "answer": "???"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark = load_benchmark(str(path))

    def describe(preset="qwen-cot", **changes):
        prompts = build_preset(benchmark.dataset, preset, shots=1)["prompt"][:]
        given = {"model": "m", "tokenizer": tiny_tokenizer, "prompts": prompts, "benchmark": benchmark}
        return protocol(**{**given, "settings": SETTINGS, "engine": "transformers", **changes})

    return describe


def test_the_first_prompt_is_written_as_the_model_sees_it(measured, tiny_tokenizer):
    prompt = measured()["prompt"]
    assert prompt["first"].startswith("<|im_start|>system\nPlease reason step by step")
    assert prompt["first"].endswith("\n\n1+1?<|im_end|>\n<|im_start|>assistant\n")
    assert prompt["template_sha256"] == hashlib.sha256(tiny_tokenizer.chat_template.encode()).hexdigest()
    assert prompt["system"].startswith("Please reason")
    base = measured("base")["prompt"]
    assert base["first"].endswith("\n\nQuestion: 1+1?\nAnswer:")
    assert (base["templated"], base["system"]) == (False, None)


def test_everything_that_moves_a_score_is_in_it(measured, monkeypatch, tiny_tokenizer):
    monkeypatch.setenv("HF_TOKEN", "hf_thisIsASecret")
    found = measured(revision="abc", adapter="ad", seeds=[1, 2], sampling={"repetition_penalty": 1.0})
    assert found["model"] == {"name": "m", "revision": "abc", "adapter": "ad"}
    assert found["sampling"] == {
        "temperature": 0.7, "top_p": 1.0, "max_new_tokens": 2048, "samples": 2, "tools": False, "seeds": [1, 2],
        "repetition_penalty": 1.0,
    }  # fmt: skip
    assert found["engine"]["torch"] == version("torch")
    assert found["scoring"]["math-verify"] == version("math-verify")
    assert found["scoring"]["metric"] == "avg@2"
    assert (found["dataset"]["problems"], found["dataset"]["ungradable"]) == (1, ["b"])
    assert len(found["dataset"]["fingerprint"]) == 64
    assert "hf_thisIsASecret" not in json.dumps(found)
    monkeypatch.setattr(tiny_tokenizer, "chat_template", tiny_tokenizer.chat_template + " ")
    assert measured()["prompt"]["template_sha256"] != found["prompt"]["template_sha256"]


def test_an_unknown_engine_and_no_prompt_are_refused(measured):
    with pytest.raises(ValueError, match="one of transformers, vllm, found 'vlm'"):
        measured(engine="vlm")
    with pytest.raises(ValueError, match="found none"):
        measured(prompts=[])
