"""The page of a run is written whatever of its record is there, and is a valid card whose programs run."""

import re
import shutil

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard import REGEX_YAML_BLOCK, metadata_load
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results
from transformers.pipelines import PIPELINE_REGISTRY

import embedded
from commands.cards.licence import LICENCES
from commands.cards.page import write_card
from runs.folder import RunFolder
from runs.plots import draw
from runs.records import append_jsonl
from trainers import METHODS

SIDE = {"problems": 1, "accuracy": 1.0, "accuracy_se": float("nan"), "mean_length": 30.0, "mean_length_se": None}
CHANGE = {"mean": 0.5, "standard_error": float("nan"), "low": float("nan"), "high": None}
MEASURED = {
    "problems": 400, "accuracy": 0.9275, "accuracy_se": 0.013, "accuracy_low": 0.897, "accuracy_high": 0.951,
    "mean_length": 30.6, "mean_length_se": 0.3,
}  # fmt: skip
INTERVAL = {"mean": 0.4975, "standard_error": 0.026, "low": 0.445, "high": 0.55, "p": 0.0, "better": 201, "worse": 2}
FILTERED = {
    "data": "pool", "model": "a/model", "temperature": 1.0, "zone": {"samples": 8, "low": 2, "high": 5},
    "result": {"kept": 2000, "problems": 9000, "too_hard": 4000, "too_easy": 3000},
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the embedded model as it ends."""
    run = RunFolder(tmp_path_factory.mktemp("card") / "run")
    shutil.copytree(embedded.MODEL, run.final)
    steps = [{"step": s, "reward": 0.1 * s, "rewards/accuracy/mean": 0.1 * s, "entropy": 0.1} for s in (1, 2)]
    append_jsonl(run.metrics, steps)
    draw(run)
    run.config.write_text(
        "method: lpro      # flag\nlearning_rate: 0.0003      # embedded recipe\nseed: 1   # default\n"
    )
    run.update(
        status="finished", method="lpro", model="embedded", base={"license": "apache-2.0"}, steps=2, seed=42,
        data={"name": "pool", "hub_id": "owner/pool", "problems": 2000, "fingerprint": "0" * 64, "filtered": FILTERED},
        prompt={"style": "plain", "system": None, "messages": [], "template": True, "max_new_tokens": 128},
        rewards={"accuracy": 1.0, "boxed_format": 0.1}, before={**MEASURED, "accuracy": 0.43}, after=MEASURED,
        change={"accuracy": INTERVAL, "length": INTERVAL}, overlap={"exact": 1, "near": 2, "rest": None},
        command="cli.py train", versions={"trl": "1.16.0"}, hardware={"cpus": 2}, training_seconds=60.0,
    )  # fmt: skip
    write_card(run)
    return run


def test_a_result_without_an_error_is_shown_without_one(tmp_path):
    """A held-out file of one row: its standard error is NaN, which `run.json` holds as null."""
    run = RunFolder(tmp_path)
    run.update(before=SIDE, after=SIDE, change={"accuracy": CHANGE, "length": CHANGE})
    write_card(run)
    page = run.readme.read_text()
    assert "| accuracy | 100.0 % [2.5, 100.0] | 100.0 % [2.5, 100.0] | +50.0 |" in page
    assert "| length in tokens | 30.0 | 30.0 | +0.5 |" in page
    assert "nan" not in page


def test_a_record_of_nothing_is_a_page_too(tmp_path):
    write_card(RunFolder(tmp_path / "empty"))
    assert "\n# empty\n" in RunFolder(tmp_path / "empty").readme.read_text()


def test_the_head_is_what_the_hub_takes(run):
    text = run.readme.read_text()
    facts = metadata_load(run.readme)
    assert REGEX_YAML_BLOCK.match(text)
    assert facts["pipeline_tag"] in PIPELINE_REGISTRY.get_supported_tasks()
    assert facts["license"] in LICENCES
    assert facts["datasets"] == ["owner/pool"]
    card = ModelCard.load(run.readme)
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value, result.metric_args["standard_error"]) == ("accuracy", 92.75, 1.3)
    assert (result.metric_args["low"], result.metric_args["high"]) == (89.7, 95.1)
    assert result.metric_name == "accuracy in %, 95 % interval [89.7, 95.1], greedy, 400 problems"
    assert model_index_to_eval_results(eval_results_to_model_index("run", [result])) == ("run", [result])
    assert card.content.strip() == text.strip()


def test_the_essential_stands_first(run):
    lines = ModelCard.load(run.readme).text.strip().splitlines()
    assert lines[0] == "# run"
    assert lines[2] == (
        "**43.0 % → 92.8 %** of 400 held-out problems right, greedy: +49.8 [+44.5, +55.0] points, the 95 % interval "
        "paired by problem (201 better, 2 worse)."
    )


def test_the_table_has_intervals_of_scores_and_half_widths_of_lengths(run):
    page = run.readme.read_text()
    assert "| accuracy | 43.0 % [89.7, 95.1] | 92.8 % [89.7, 95.1] | +49.8 [+44.5, +55.0] |" in page
    assert "| length in tokens | 30.6 ± 0.6 | 30.6 ± 0.6 |" in page
    assert "with at most 128 tokens; brackets and ± are 95 % intervals over problems." in page


def test_the_card_of_an_older_run_has_intervals_too(run, tmp_path):
    """371 of 400, of which the record has the error only."""
    other, record = RunFolder(tmp_path), run.read()
    for side in ("before", "after"):
        record[side] = {name: record[side][name] for name in ("problems", "accuracy", "accuracy_se", "mean_length")}
    record["change"] = {
        name: {key: INTERVAL[key] for key in ("mean", "standard_error", "low", "high")} for name in record["change"]
    }
    other.update(**record)
    write_card(other)
    page = ModelCard.load(other.readme)
    assert "92.8 % [89.8, 95.1]" in page.text
    assert "the 95 % interval paired by problem.\n" in page.text
    (result,) = page.data.eval_results
    assert "95 % interval [89.8, 95.1]" in result.metric_name


def test_every_link_and_picture_is_there(run):
    targets = re.findall(r"\]\(([^)\s]+)\)", run.readme.read_text())
    assert "plots/reward.png" in targets
    local = [target for target in targets if not target.startswith("https://")]
    assert all((run.path / target).is_file() for target in local)


def test_what_it_was_made_of_is_told(run):
    page = run.readme.read_text()
    assert "2,000 of 9,000 problems of `pool`, those that a/model solved 2 to 5 times of 8" in page
    assert "1 equal a training problem and 2 nearly do" in page
    assert "| `accuracy` | 1 | Reward 1 for a last" in page
    assert "| `learning_rate` | `0.0003` | embedded recipe |" in page


def test_the_programs_of_the_card_compile_and_the_first_gives_an_answer(run, monkeypatch, capsys):
    programs = re.findall(r"```python\n(.*?)```", run.readme.read_text(), re.DOTALL)
    assert len(programs) == 2  # transformers and vLLM
    for program in programs:
        compile(program, "card", "exec")
    monkeypatch.chdir(run.path)
    exec(programs[0], {})
    assert re.search(r"\\boxed\{\d+\}", capsys.readouterr().out)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_equation_and_a_citation(run, tmp_path, method):
    other = RunFolder(tmp_path)
    other.update(**{**run.read(), "method": method})
    write_card(other)
    page = other.readme.read_text()
    assert "A_i = " in page
    entry = re.search(r"```bibtex\n(@.*?)```", page, re.DOTALL)[1]
    assert entry.count("{") == entry.count("}")
    assert METHODS[method][0]._paper["title"] in " ".join(entry.split())
