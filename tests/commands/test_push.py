"""Pushing to a Hub that fails in every way: nothing is lost, what may pass is tried again, the way on is exact."""

import json
import re
import shlex
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import ModelCard, close_session, constants
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

import cli
import commands.hub
import embedded
from commands.sample_record import weights_mark
from runs.folder import RunFolder
from tests.commands.hub_stand_in import HubStandIn

TOKEN = "hf_" + "secretsecret" * 2
BASE = "owner/base"
TRAIN = [
    "train", "--method", "lpro", "--max_steps", "1", "--eval_problems", "20", "--sample_steps", "0",
    "--per_device_train_batch_size", "16",
]  # fmt: skip


@pytest.fixture
def hub(monkeypatch):
    """The real client, before a stand-in of the Hub; nobody waits."""
    stand_in = HubStandIn(TOKEN, known={BASE: {"license": "other", "license_name": "base-licence"}})
    stand_in.waits = []
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "ENDPOINT", stand_in.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("commands.hub.sleep", stand_in.waits.append)
    patient = SimpleNamespace(**{**vars(time), "sleep": stand_in.waits.append})
    monkeypatch.setattr("huggingface_hub.utils._http.time", patient)
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    yield stand_in
    close_session()
    stand_in.close()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of one step."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert cli.main([*TRAIN, "--output_dir", str(folder)]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path):
    return RunFolder(shutil.copytree(trained, tmp_path / "my run"))


def push(folder, *options, to="me/mine"):
    return cli.main(["push", str(folder), "--to", to, *options])


def loads(files, folder):
    """Whether transformers loads what arrived."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    AutoTokenizer.from_pretrained(folder)
    made, base = (AutoModelForCausalLM.from_pretrained(path) for path in (folder, embedded.MODEL))
    return made.num_parameters() == base.num_parameters()


def told(capsys):
    return " ".join(capsys.readouterr().err.split())


def test_a_run_pushes_its_model_at_its_end_and_its_token_is_written_nowhere(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN_PATH", "/nowhere")
    hub.fail("/commit/", 503, "reset")
    run = tmp_path / "run"
    asked = ["--output_dir", str(run), "--push_to_hub", "true", "--hub_model_id", "me/mine", "--hub_token", TOKEN]
    monkeypatch.setenv("HF_TOKEN", "")
    assert cli.main([*TRAIN, *asked]) == 0
    files = hub.repositories["model", "me/mine"]
    assert {"model.safetensors", "tokenizer.json", "README.md", "run.json", "config.yaml"} <= set(files)
    assert "training_args.bin" not in files
    assert len(hub.commits) == 1
    assert loads(files, tmp_path / "loaded")
    seen = capsys.readouterr()
    assert f"pushed    {hub.url}/me/mine" in seen.out
    assert TOKEN not in seen.out + seen.err
    secret = TOKEN.encode()
    assert not [path for path in run.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert not [path for _, path, _, body in hub.requests if secret in body or TOKEN in path]
    assert {authorization for _, path, authorization, _ in hub.requests} == {f"Bearer {TOKEN}", None}


def test_a_second_push_sends_nothing(hub, run, capsys):
    assert push(run.path) == 0
    commits, stored = list(hub.commits), len(hub.sent("PUT"))
    assert push(run.path) == 0
    assert hub.commits == commits
    assert len(hub.sent("PUT")) == stored


@pytest.mark.parametrize("where", ["repos/create", "preupload", "objects/batch", "/store/", "/commit/"])
@pytest.mark.parametrize("faults", [(500, 500), ("reset",), (2.0,)], ids=["500-500-200", "reset", "silence"])
def test_what_passes_is_tried_again(hub, run, where, faults, monkeypatch):
    monkeypatch.setattr(commands.hub, "SECONDS", 0.3)
    hub.fail(where, *faults)
    assert push(run.path) == 0
    assert len(hub.waits) == len(faults)
    assert len(hub.commits) == 1
    assert hub.repositories["model", "me/mine"]["model.safetensors"] == (run.final / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("where", "fault", "tries"),
    [
        ("repos/create", 403, 1),
        ("/commit/", 503, 4),
        ("/store/", 500, 24),
        ("preupload", 502, 24),
        ("/commit/", 401, 1),
        ("/store/", 403, 1),
    ],
)
def test_what_does_not_pass_is_code_3_with_a_command_that_then_works(hub, run, where, fault, tries, capsys, tmp_path):
    before = {path: path.read_bytes() for path in run.final.iterdir()}
    if where == "preupload":  # the first asks whether one may write
        hub.repositories["model", "me/mine"] = {}
    hub.fail(where, *[fault] * 200)
    assert push(run.path) == 3
    message = told(capsys)
    assert hub.commits == []
    assert where == "/store/" or len(hub.sent(path=where)) == tries
    assert {path: path.read_bytes() for path in run.final.iterdir()} == before
    again = shlex.split(re.search(r"Try again with: (.*)", message)[1])
    assert again == ["python", "cli.py", "push", str(run.path), "--to", "me/mine"]
    hub._faults.clear()
    assert cli.main(again[2:]) == 0
    assert loads(hub.repositories["model", "me/mine"], tmp_path / "loaded")


def test_what_two_writers_get_is_tried_again(hub, run):
    hub.fail("/commit/", 409, 412)
    assert push(run.path) == 0
    assert len(hub.waits) == 2
    assert len(hub.commits) == 1


def test_the_hub_says_how_long_to_wait(hub, run, capsys):
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    hub.fail("/commit/", (429, "77"), (503, later))
    assert push(run.path) == 0
    assert hub.waits[0] == 77
    assert 90 < hub.waits[1] <= 100
    assert "Trying again in 77 s" in capsys.readouterr().out


def test_a_wait_of_hours_is_not_begun(hub, run, capsys):
    hub.fail("/commit/", (429, "86400"))
    assert push(run.path) == 3
    assert hub.waits == []
    assert "it asks to wait 86400 s" in told(capsys)


@pytest.mark.parametrize("where", ["repos/create", "/commit/"])
def test_an_answer_that_drips_has_an_end(hub, run, where, monkeypatch, capsys):
    monkeypatch.setattr(commands.hub, "PATIENCE", 1.0, raising=False)
    hub.fail(where, "drip")
    begin = time.perf_counter()
    assert push(run.path) == 3
    assert time.perf_counter() - begin < 8
    assert re.search("no whole answer within .* Try again with", told(capsys))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_the_repository_ignores_is_not_left_out_unsaid(hub, run, name, capsys):
    hub.ignored.add(name)
    assert push(run.path) == 3
    assert re.search(rf"me/mine: its \.gitignore keeps out {name}\b.*Try again with", told(capsys))
    assert hub.commits == []
    hub.ignored.clear()
    assert push(run.path) == 0


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_what_arrived_is_held_against_what_was_sent(hub, run, name, capsys):
    hub.lost.add(name)
    assert push(run.path) == 3
    assert re.search(rf"me/mine: .* is not as it was sent: {name}\.", told(capsys))
    hub.lost.clear()
    assert push(run.path) == 0
    hub.lost.add(name)  # the repository keeps what it had, of the same length
    content = bytearray((run.final / name).read_bytes())
    content[-3] ^= 1
    (run.final / name).write_bytes(content)
    assert push(run.path) == 3
    assert f"is not as it was sent: {name}." in told(capsys)


def in_shards(run):
    AutoModelForCausalLM.from_pretrained(run.final).save_pretrained(run.final, max_shard_size="300KB")
    (run.final / "model.safetensors").unlink(missing_ok=True)


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_a_tensor(run):
    index = run.final / "model.safetensors.index.json"
    facts = json.loads(index.read_text())
    facts["weight_map"]["one.more"] = next(iter(facts["weight_map"].values()))
    index.write_text(json.dumps(facts))


UNUSABLE = {
    "none": lambda run: (run.final / "model.safetensors").unlink(),
    "half": lambda run: half(run.final / "model.safetensors"),
    "empty": lambda run: (run.final / "model.safetensors").write_bytes(b""),
    "another file": lambda run: (run.final / "model.safetensors").write_text("version https://git-lfs"),
    "a shard is lost": lambda run: (in_shards(run), next(run.final.glob("model-00001*")).unlink()),
    "half a shard": lambda run: (in_shards(run), half(next(run.final.glob("model-00002*")))),
    "a tensor is lost": lambda run: (in_shards(run), without_a_tensor(run)),
    "no index": lambda run: (in_shards(run), (run.final / "model.safetensors.index.json").unlink()),
    "a broken index": lambda run: (in_shards(run), half(run.final / "model.safetensors.index.json")),
    "no adapter": lambda run: (with_adapter(run), (run.final / "adapter_model.safetensors").unlink()),
    "half an adapter": lambda run: (with_adapter(run), half(run.final / "adapter_model.safetensors")),
}


@pytest.mark.parametrize("spoil", UNUSABLE.values(), ids=UNUSABLE)
def test_weights_that_nobody_can_load_are_not_sent(hub, run, spoil, capsys):
    spoil(run)
    assert push(run.path) == 2
    message = told(capsys)
    assert re.search(r"final must hold whole weights .*: .*safetensors.* Nothing was sent", message)
    assert hub.requests == []


def test_shards_are_sent_with_their_index(hub, run, tmp_path):
    in_shards(run)
    assert push(run.path) == 0
    files = hub.repositories["model", "me/mine"]
    assert len([name for name in files if name.endswith(".safetensors")]) > 1
    assert loads(files, tmp_path / "loaded")


def moved(path, to):
    """Put a link in a file's or a folder's place."""
    to.parent.mkdir(parents=True, exist_ok=True)
    path.rename(to)
    path.symlink_to(to)


LINKS = {
    "a system file": lambda run: (run.final / "notes.txt").symlink_to("/etc/passwd"),
    "a file that is gone": lambda run: (run.final / "vocab.txt").symlink_to(run.final / "gone.txt"),
    "weights in a cache": lambda run: moved(run.final / "model.safetensors", run.path.parent / "blobs" / "1"),
    "a folder": lambda run: moved(run.final, run.path.parent / "elsewhere"),
    "text": lambda run: moved(run.config, run.path.parent / "private.yaml"),
    "a picture": lambda run: moved(run.plots, run.path.parent / "pictures"),
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_a_link_out_of_the_folder_is_refused_before_anything_is_sent(hub, run, link, capsys):
    link(run)
    assert push(run.path) == 2
    message = told(capsys)
    assert "is a link to" in message
    assert f"cp -rL '{run.path}' COPY" in message
    assert hub.requests == []


def test_a_link_within_the_folder_is_followed(hub, run):
    moved(run.final / "model.safetensors", run.path / "blobs" / "1")
    assert push(run.path) == 0
    arrived = hub.repositories["model", "me/mine"]["model.safetensors"]
    assert arrived == (run.path / "blobs" / "1").read_bytes()


def test_a_report_and_a_data_set_with_a_link_out_of_them_are_refused(hub, run, tmp_path, capsys):
    (tmp_path / "secret").write_text("a secret")
    mine = report(tmp_path / "eval-mine", weights_mark(str(run.final)))
    (mine / "report.md").unlink()
    (mine / "report.md").symlink_to(tmp_path / "secret")
    assert push(run.path, "--evaluation", str(mine)) == 2
    assert not (run.path / "evaluations").exists()
    data = tmp_path / "data"
    data.mkdir()
    (data / "filter.json").write_text(json.dumps({"status": "finished"}))
    (data / "learnable.jsonl").write_text("")
    (data / "counts.jsonl").symlink_to(tmp_path / "secret")
    assert push(data, to="me/data") == 2
    assert told(capsys).count("is a link to") == 2
    assert hub.requests == []


@pytest.mark.parametrize("refused", ["no token", "another's", "only readable"])
def test_without_permission_nothing_is_begun(hub, tmp_path, refused, monkeypatch, capsys):
    if refused == "no token":
        monkeypatch.setenv("HF_TOKEN", "hf_wrongwrongwrong")
    else:
        hub.read_only.add("me/mine")
    if refused == "only readable":  # which creating it is content with
        hub.repositories["model", "me/mine"] = {}
    asked = ["--push_to_hub", "true", "--hub_model_id", "me/mine", "--output_dir", str(tmp_path / "run")]
    assert cli.main([*TRAIN, *asked]) == 2
    assert re.search(r"me/mine was asked for, .*\b40[13]\b.*Log in with `hf auth login`", told(capsys))
    assert hub.waits == []
    assert not (tmp_path / "run").exists()


def test_offline_is_told_as_that(hub, run, monkeypatch, capsys):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert push(run.path) == 2
    message = told(capsys)
    assert "HF_HUB_OFFLINE=1 keeps every command from the Hub. Unset it" in message
    assert "auth login" not in message


def test_a_store_of_chunks_that_fails_is_code_3_too(hub, run, monkeypatch, capsys):
    """The client's other protocol for large files, with retries of its own."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setattr("commands.hub.WAITS", ())
    assert push(run.path) == 3
    assert hub.sent(path="xet-write-token")
    assert "Try again with: python cli.py push" in told(capsys)


def with_adapter(run):
    """Give the run an adapter in place of its model."""
    shutil.copytree(run.final, run.path / "merged")
    model = AutoModelForCausalLM.from_pretrained(run.final)
    shutil.rmtree(run.final)
    get_peft_model(model, LoraConfig(r=2, task_type="CAUSAL_LM")).save_pretrained(run.final)
    AutoTokenizer.from_pretrained(embedded.MODEL).save_pretrained(run.final)
    run.update(base={"hub_id": BASE, "revision": "main"}, model=BASE)


def test_an_adapter_names_its_base_and_a_merged_model_is_one_of_its_own(hub, run, tmp_path):
    with_adapter(run)
    assert push(run.path) == 0
    files = hub.repositories["model", "me/mine"]
    assert {"adapter_config.json", "adapter_model.safetensors"} <= set(files)
    assert "model.safetensors" not in files
    facts = ModelCard(files["README.md"].decode()).data
    assert (facts.base_model, facts.base_model_relation, facts.library_name) == (BASE, "adapter", "peft")
    assert (facts.license, facts.license_name) == ("other", "base-licence")  # what its base's card says
    assert push(run.path / "merged", to="me/merged") == 0
    merged = hub.repositories["model", "me/merged"]
    assert "adapter_config.json" not in merged
    page = ModelCard(merged["README.md"].decode())
    assert "its adapter merged into the base" in page.text
    assert (page.data.base_model_relation, page.data.library_name) == ("finetune", "transformers")
    assert loads(merged, tmp_path / "loaded")


def report(folder, weights):
    """What evaluate of an older version left of one benchmark: a score with its error, 250 of 500 right."""
    folder.mkdir()
    result = {
        "benchmark": "math500", "shots": 0, "n_samples": 1, "metric": "avg@1", "score": 0.5, "se": 0.02, "strict": 0.5,
        "lenient": 0.5, "truncated": 0, "without_answer": 0, "timeouts": 0, "problems": 500, "ungradable": 0,
        "smoke": False, "clean_score": 0.4, "clean_problems": 490, "settings": {"prompt": "qwen-cot", "tools": False},
        "overlap": {"training": "mine", "exact": 3, "near": 7},
    }  # fmt: skip
    record = {"question": {"model": "a/model", "weights": weights}, "results": [result]}
    (folder / "evaluation.json").write_text(json.dumps(record))
    for name in ("report.md", "report.json", "report.png"):
        (folder / name).write_bytes(b"of " + folder.name.encode())
    return folder


def test_an_evaluation_of_this_model_goes_into_its_card_and_one_of_another_is_refused(hub, run, tmp_path, capsys):
    assert push(run.path, "--evaluation", str(report(tmp_path / "other", "0123"))) == 2
    assert "of a/model, whose weights are not those of" in told(capsys)
    assert not (run.path / "evaluations").exists()
    mine = report(tmp_path / "eval-mine", weights_mark(str(run.final)))
    assert push(run.path, "--evaluation", str(mine), "--license", "mit") == 0
    files = hub.repositories["model", "me/mine"]
    page = ModelCard(files["README.md"].decode())
    assert page.data.license == "mit"
    (result,) = [result for result in page.data.eval_results if result.dataset_name == "MATH-500"]
    assert (result.metric_value, result.dataset_type) == (50.0, "HuggingFaceH4/MATH-500")
    assert result.metric_name == "accuracy in %, 95 % interval [45.5, 54.5], 0-shot, avg@1, 500 problems"
    assert (result.metric_args["low"], result.metric_args["high"]) == (45.53, 54.47)
    assert (
        "| 50.0 % [45.5, 54.5] | 500 | 0-shot, avg@1, qwen-cot, greedy | 3 equal, 7 nearly | 40.0 % of 490 |"
        in page.text
    )
    assert files["evaluations/eval-mine/report.png"] == b"of eval-mine"


def test_no_folder_of_this_machine_is_published(hub, run, tmp_path):
    """A data file, a reward's file and a base are named; where they lie is nobody's business."""
    with_adapter(run)
    data, base, reward = "/private/lab/d.jsonl", "/private/models/base", "/private/lab/mine.py:f"
    record = run.read()
    command = f"cli.py train --dataset_name {data} --reward_funcs={reward} --output_dir '{run.path}'"
    run.update(
        base={"hub_id": None},
        model=base,
        command=command,
        rewards={reward: 1.0},
        data={**record["data"], "name": data},
    )
    run.config.write_text(
        run.config.read_text() + f"dataset_name: {data}  # flag\nmodel_name_or_path: {base}  # flag\n"
    )
    adapter = run.final / "adapter_config.json"
    adapter.write_text(json.dumps({**json.loads(adapter.read_text()), "base_model_name_or_path": base}))
    kept = report(tmp_path / "eval-mine", weights_mark(str(run.final)))
    of = json.loads((kept / "evaluation.json").read_text())
    of["question"] |= {"model": str(run.final), "benchmarks": {"d": {"source": data}}}
    (kept / "evaluation.json").write_text(json.dumps(of))
    (kept / "report.md").write_text(f"# {run.final}\n\n{data}\n")
    assert push(run.path, "--evaluation", str(kept)) == 0
    files = hub.repositories["model", "me/mine"]
    told = {name: content.decode() for name, content in files.items() if name.endswith((".md", ".json", ".yaml"))}
    assert {"README.md", "run.json", "config.yaml", "evaluations/eval-mine/evaluation.json"} <= set(told)
    assert not [name for name, text in told.items() if "/private" in text or str(tmp_path) in text]
    assert "problems of `d.jsonl`" in " ".join(told["README.md"].split())
    assert "| `mine.py:f` | 1 |" in told["README.md"]
    assert "dataset_name: d.jsonl  # flag" in told["config.yaml"]
    assert told["evaluations/eval-mine/report.md"] == "# my run/final\n\nd.jsonl\n"
    assert data in run.config.read_text(), "what lies here goes on from the file"


def test_a_filtered_data_set_is_pushed_too(hub, tmp_path):
    folder = tmp_path / "filtered"
    problems = tmp_path / "d.jsonl"
    rows = [{"problem": f"Compute {i}+1.", "answer": str(i + 1)} for i in range(4)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["filter-data", "--dataset", str(problems), "--samples", "4", "--low", "0", "--high", "3"]
    asked += ["--output-dir", str(folder)]
    hub.fail("/commit/", *[503] * 4)
    assert cli.main([*asked, "--push-to-hub", "me/data"]) == 3
    assert json.loads((folder / "filter.json").read_text())["status"] == "finished"
    assert push(folder, to="me/data") == 0
    files = hub.repositories["dataset", "me/data"]
    assert {"README.md", "counts.jsonl", "learnable/train.parquet", "histogram.png"} <= set(files)
    assert not [name for name in files if "samples" in name]
    assert str(tmp_path) not in files["README.md"].decode()
    assert "# d.jsonl, learnable for the embedded model" in files["README.md"].decode()
    commits = len(hub.commits)
    assert push(folder, to="me/data") == 0
    assert len(hub.commits) == commits
    (folder / "counts.jsonl").write_text("{}\n")
    hub.ignored.add("counts.jsonl")
    assert push(folder, to="me/data") == 3
    assert len(hub.commits) == commits


def test_a_run_that_pushes_at_its_end_holds_what_arrived_against_it_too(hub, tmp_path, capsys):
    hub.ignored.add("model.safetensors")
    asked = ["--output_dir", str(tmp_path / "run"), "--push_to_hub", "true", "--hub_model_id", "me/mine"]
    assert cli.main([*TRAIN, *asked]) == 3
    assert "its .gitignore keeps out model.safetensors" in told(capsys)
    assert (tmp_path / "run" / "final" / "model.safetensors").is_file()


def test_a_mistake_is_told_before_anything_is_sent(hub, run, tmp_path, capsys):
    (tmp_path / "run.json").write_text(json.dumps({"status": "failed"}))
    for asked in ([tmp_path], [run.path, "--license", "apache2"], [run.path, "--evaluation", str(tmp_path)]):
        assert push(*asked) == 2
    assert "Did you mean 'apache-2.0'?" in told(capsys)
    assert hub.requests == []


def test_what_a_hub_strategy_would_do_is_not_promised(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    asked = ["--push_to_hub", "true", "--hub_strategy", "checkpoint", "--output_dir", str(tmp_path / "run")]
    assert cli.main([*TRAIN, *asked]) == 2
    assert "--hub_strategy" in told(capsys)
    assert not Path(tmp_path / "run").exists()
