"""The page of a run is written whatever of its record is there, and is a valid card whose programs run."""

import json
import re
import shutil
from urllib.parse import unquote

import pytest
from huggingface_hub import DatasetCard, ModelCard
from huggingface_hub.repocard import REGEX_YAML_BLOCK, metadata_load
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results
from markdown_it import MarkdownIt
from transformers.pipelines import PIPELINE_REGISTRY

import embedded
from commands.cards.licence import LICENCES
from commands.cards.page import write_card
from commands.filtering.card import write_card as write_data_card
from commands.sample_record import weights_mark
from runs.files import append_jsonl
from runs.folder import RunFolder, SampleFolder
from runs.plots import draw
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


# Names with markup in them

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "a|b](javascript:alert(1))",
    "x\n---\nlicense: mit\n---\n# y",
    "`*a* _b_ [c](https://d.example) $e$ ``` &lt;",
]
OURS = re.compile(r"</?(?:details|code)>|<summary>[\w' ]+</summary>")


def parts(page):
    """Tokens of a page, those within lines in place of their line."""
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(page):
        yield from token.children or [token]


def report(run, folder, benchmark):
    """A report of this model in its run."""
    result = {
        "benchmark": benchmark, "shots": 0, "n_samples": 1, "metric": "avg@1", "score": 0.5, "se": 0.02,
        "problems": 500, "smoke": False,
    }  # fmt: skip
    question = {"model": "a/model", "weights": weights_mark(str(run.final))}
    (run.path / "evaluations" / folder).mkdir(parents=True)
    (run.path / "evaluations" / folder / "report.md").write_text("")
    record = run.path / "evaluations" / folder / "evaluation.json"
    record.write_text(json.dumps({"question": question, "results": [result]}))


def require_text(page, name):
    """The page shows a name as it is, and has no markup of its own for it."""
    tokens = list(parts(page))
    html = "".join(token.content for token in tokens if token.type.startswith("html"))
    assert not OURS.sub("", html).strip()
    targets = [str(token.attrs.get("href", token.attrs.get("src"))) for token in tokens if token.attrs]
    assert not [target for target in targets if "javascript" in target or "d.example" in target]
    assert not [token for token in tokens if token.type == "hr"]
    shown = "".join(token.content for token in tokens if not token.type.startswith("html"))
    assert " ".join(name.split()) in shown
    assert shown.count(" ".join(name.split())) >= 3


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_with_markup_is_text_in_the_card_of_a_model(run, tmp_path, name):
    other = RunFolder(tmp_path / "run")
    shutil.copytree(run.path, other.path)
    report(other, "a [b](c)", name)
    filtered = {**FILTERED, "data": name, "model": name}
    base = {"license": "other", "license_name": name, "license_link": f"javascript:{name}"}
    other.update(model=name, base=base, data={"name": name, "problems": 9, "filtered": filtered})
    other.update(
        rewards={name: 1.0}, prompt={**run.read()["prompt"], "messages": [{"role": "system", "content": name}]}
    )
    write_card(other)
    page = ModelCard.load(other.readme)
    require_text(page.text, name)
    (target,) = [target for token in parts(page.text) if "report.md" in (target := str(token.attrs.get("href")))]
    assert (other.path / unquote(target)).is_file()
    facts = page.data.to_dict()
    assert facts["license"] == "other"
    assert facts["license_name"] == " ".join(name.split())
    assert page.data.eval_results[0].dataset_name == f"{' '.join(name.split())}, held out"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_with_markup_is_text_in_the_card_of_a_data_set(tmp_path, name):
    folder = SampleFolder(tmp_path / "data", "filter.json")
    result = {
        "kept": 2, "problems": 9, "histogram": [1, 2], "samples": 9, "samples_saved": 0.0, "truncated": 0,
        "without_answer": 0, "given_up": 0, "set_aside": {name: 3},
    }  # fmt: skip
    question = {"data": name, "model": name, "system_prompt": name}
    folder.update(question=question, zone={"low": 1, "high": 2, "samples": 4}, result=result, command=f"cli.py {name}")
    write_data_card(folder)
    page = DatasetCard.load(folder.path / "README.md")
    require_text(page.text, name)
    assert page.data.to_dict().get("license") is None
    assert "learnable for" in page.data.pretty_name
