"""`cli.py filter-data` on the embedded model: real samples, real processes, real kills."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from commands import filter_data
from data import load_problems
from errors import UserError

ROOT = Path(__file__).parents[2]
RESULTS = ["counts.jsonl", "set_aside.jsonl", "learnable.jsonl", "learnable/train.parquet", "histogram.png"]
SMALL = ["--limit", "24", "--batch-size", "16"]
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def rows(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def run(out, *options):
    filter_data.main([*SMALL, "--output-dir", str(out), *options])
    return {name: (out / name).read_bytes() for name in RESULTS if (out / name).exists()}


def command(out, *options):
    return [sys.executable, str(ROOT / "cli.py"), "filter-data", *SMALL, "--output-dir", str(out), *options]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One undisturbed run, and its results."""
    out = tmp_path_factory.mktemp("filter") / "done"
    return out, run(out)


def verdicts(path):
    return {row["id"]: row["verdict"] for row in rows(path / "counts.jsonl")}


def test_what_is_kept_is_what_all_samples_would_have_kept(done, tmp_path):
    run(tmp_path / "all", "--all-samples")
    every = {row["id"]: row for row in rows(tmp_path / "all" / "counts.jsonl")}
    assert all(row["n_drawn"] == 8 for row in every.values())
    assert verdicts(done[0]) == {
        name: "learnable" if 2 <= row["n_correct"] <= 5 else "too_hard" if row["n_correct"] < 2 else "too_easy"
        for name, row in every.items()
    }
    assert sum(row["n_drawn"] for row in rows(done[0] / "counts.jsonl")) < 24 * 8
    kept = [row["problem"] for row in rows(done[0] / "learnable.jsonl")]
    assert kept == [row["problem"] for row in every.values() if 2 <= row["n_correct"] <= 5]


def test_the_result_is_a_data_set_that_train_takes(done):
    for source in ("learnable", "learnable.jsonl", "."):
        loaded = load_problems(str(done[0] / source))
        assert list(loaded.dataset["problem"]) == [row["problem"] for row in rows(done[0] / "learnable.jsonl")]
        assert list(loaded.dataset["answer"]) == [row["answer"] for row in rows(done[0] / "learnable.jsonl")]


def test_the_same_command_again_and_another_zone_load_no_model(done, monkeypatch, capsys):
    """Samples on record suffice for a zone whose verdicts come no later; the same files come out for the same zone."""
    out, results = done

    def never(*_args, **_kwargs):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("commands.engine.AutoModelForCausalLM.from_pretrained", never)
    before = {row["id"]: row for row in rows(out / "counts.jsonl")}
    assert run(out) == results
    run(out, "--low", "2", "--high", "8")  # two right are enough
    assert verdicts(out) == {
        name: "too_hard" if row["verdict"] == "too_hard" else "learnable" for name, row in before.items()
    }
    assert run(out) == results
    assert "too easy" in capsys.readouterr().out


def test_another_zone_draws_only_what_is_missing(done, tmp_path):
    out = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(done[0]), str(out)], check=True)
    had = len(rows(out / "samples" / "process-00000.jsonl"))
    again = run(out, "--low", "1", "--high", "6")
    fresh = run(tmp_path / "fresh", "--low", "1", "--high", "6")
    kept = [json.loads(line)["id"] for line in again["counts.jsonl"].splitlines() if b'"learnable"' in line]
    assert kept == [json.loads(line)["id"] for line in fresh["counts.jsonl"].splitlines() if b'"learnable"' in line]
    new = len(rows(out / "samples" / "process-00000.jsonl")) - had
    assert 0 < new < len(rows(tmp_path / "fresh" / "samples" / "process-00000.jsonl")) / 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(done, tmp_path, seed):
    """Killed once while it samples; `benchmarks/filtering.py --kills 10` does so ten times."""
    out, chance = tmp_path / "killed", random.Random(seed)
    process = subprocess.Popen(
        command(out), env=ENV, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    samples, enough = out / "samples" / "process-00000.jsonl", chance.randrange(1, 9_000)
    while process.poll() is None and not (samples.exists() and samples.stat().st_size > enough):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "counts.jsonl").exists()
    with samples.open("ab") as file:
        file.write(b'{"id": "torn')
    assert run(out) == done[1]
    assert samples.read_bytes() == (done[0] / "samples" / "process-00000.jsonl").read_bytes()


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path):
    narrow = ["--batch-size", "4", "--max-new-tokens", "32"]  # two blocks, short texts
    one = run(tmp_path / "one", *narrow)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    told = subprocess.run(
        [*launch, *command(tmp_path / "two", *narrow)[1:]],
        env=ENV,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    assert {name: (tmp_path / "two" / name).read_bytes() for name in one} == one
    shares = [len(rows(tmp_path / "two" / "samples" / f"process-0000{i}.jsonl")) for i in (0, 1)]
    assert min(shares) > 0


def test_it_stops_when_enough_learnable_problems_are_found(tmp_path):
    run(tmp_path / "some", "--limit", "200", "--max-problems", "10")
    counts = rows(tmp_path / "some" / "counts.jsonl")
    assert len(rows(tmp_path / "some" / "learnable.jsonl")) == 10
    assert len(counts) < 200
    assert len(counts) % 16 == 0  # whole blocks


def test_giving_up_the_unlikely_says_how_many_are_expected_to_be_missed(tmp_path, capsys):
    run(tmp_path / "out", "--limit", "80", "--stop-when-unlikely", "0.3")
    counts = rows(tmp_path / "out" / "counts.jsonl")
    given_up = [row for row in counts if row["chance_missed"] is not None]
    assert given_up
    assert all(row["verdict"] != "learnable" and row["n_drawn"] < 8 for row in given_up)
    missed = sum(row["chance_missed"] for row in given_up)
    assert (
        f"{len(given_up)} problems given up as unlikely; among them {missed:.1f} learnable" in capsys.readouterr().out
    )


def test_duplicates_and_golds_that_cannot_be_read_are_set_aside(tmp_path, capsys):
    source = tmp_path / "d.jsonl"
    lines = [("What is 6+2*4?", "14"), ("What is 1+1?", r"\frac{"), (" What is 6+2*4?", "14"), ("2+3?", "5")]
    lines += [("2+3?", "6"), ("What is 9-2*3?", "3")]
    source.write_text("".join(json.dumps({"problem": p, "answer": a}) + "\n" for p, a in lines))
    run(tmp_path / "out", "--dataset", str(source))
    aside = [(row["row"], row["reason"]) for row in rows(tmp_path / "out" / "set_aside.jsonl")]
    assert aside == [
        (1, "its answer cannot be read"),
        (2, "the same problem as row 0"),
        (3, "the same problem stands there with another answer"),
        (4, "the same problem stands there with another answer"),
    ]
    assert [row["row"] for row in rows(tmp_path / "out" / "counts.jsonl")] == [0, 5]
    assert "2 set aside: the same problem stands there with another answer (row 3, 4)" in capsys.readouterr().out


def test_problems_beyond_the_model_are_told_with_the_way_out(tmp_path, capsys):
    source = tmp_path / "d.jsonl"
    source.write_text(json.dumps({"problem": "Prove Goldbach.", "answer": "1729"}) + "\n")
    run(tmp_path / "out", "--dataset", str(source))
    told = capsys.readouterr().out
    assert "1 too hard (100.0%)" in told
    assert "too hard for this model" in told
    assert "cli.py train" not in told
    assert (tmp_path / "out" / "learnable.jsonl").read_text() == ""


MISTAKES = {
    "typo": (["--batchsize", "4"], "no option --batchsize; did you mean --batch-size?"),
    "zone": (["--low", "6"], "needs 0 ≤ --low ≤ --high ≤ --samples; found 6, 5 and 8"),
    "greedy": (["--temperature", "0"], "Sample with a temperature above 0"),
    "both": (["--all-samples", "--stop-when-unlikely", "0.1"], "give one of them"),
    "chance": (["--stop-when-unlikely", "2"], "takes a probability, 0 to 1; found '2'"),
    "model": (["--model", "nowhere/at-all"], "--model nowhere/at-all"),
    "data": (["--dataset", "arithmatic"], "Did you mean 'arithmetic'?"),
    "vllm": (["--engine", "vllm"], "needs the package vllm"),
    "context": (["--max-new-tokens", "100000"], "Lower --max-new-tokens to"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_paragraph_and_samples_nothing(mistake, tmp_path):
    options, told = MISTAKES[mistake]
    with pytest.raises(UserError) as error:
        filter_data.main([*SMALL, "--output-dir", str(tmp_path / "out"), *options])
    assert told in str(error.value)
    assert not list((tmp_path / "out").glob("samples/*.jsonl"))


def test_another_question_does_not_go_on_in_the_same_folder(done, tmp_path):
    with pytest.raises(UserError, match=r"differs in seed \(42, now 3\), temperature \(1.0, now 0.7\)"):
        filter_data.main([*SMALL, "--output-dir", str(done[0]), "--temperature", "0.7", "--seed", "3"])
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="it holds something else"):
        filter_data.main([*SMALL, "--output-dir", str(tmp_path)])


def test_a_folder_that_is_being_written_is_left_alone(done):
    from runs.folder import SampleFolder

    folder = SampleFolder(done[0], "filter.json")
    folder.claim()
    try:
        with pytest.raises(UserError, match="is being written by another"):
            filter_data.main([*SMALL, "--output-dir", str(done[0])])
    finally:
        folder.release()


def test_the_card_is_valid_and_says_how_it_was_made(done):
    card = DatasetCard.load(done[0] / "README.md")
    assert [part["config_name"] for part in card.data.configs] == ["learnable", "counts"]
    assert (card.data.license, card.data.task_categories) == ("apache-2.0", ["text-generation"])
    for fact in ("the embedded model solved 2 to 5 times of 8", "| temperature | `1.0` |", "| 8 |", "| fingerprint |"):
        assert fact in card.text


def test_a_push_that_cannot_work_stops_before_anything_is_sampled(tmp_path):
    with pytest.raises(UserError, match="a push to me/x was asked for, and HF_HUB_OFFLINE=1 keeps"):
        filter_data.main([*SMALL, "--output-dir", str(tmp_path / "out"), "--push-to-hub", "me/x"])
    assert not (tmp_path / "out").exists()


def test_every_option_has_both_spellings_and_is_in_the_help(capsys):
    with pytest.raises(SystemExit):
        filter_data.main(["--help"])
    told = capsys.readouterr().out
    assert "--stop-when-unlikely" in told
    assert "example: accelerate launch cli.py filter-data" in told


def test_a_zone_of_everything_is_refused(tmp_path):
    with pytest.raises(UserError, match="keep every problem"):
        filter_data.main([*SMALL, "--low", "0", "--high", "8", "--output-dir", str(tmp_path / "out")])


def test_no_problem_is_given_up_before_it_was_tried():
    """A pool in which nothing is likely: the chance of a new problem is below P, and it is sampled all the same."""
    from argparse import Namespace

    from commands.filtering.work import wanted_samples
    from data import Zone

    more = wanted_samples(Namespace(all_samples=False, stop_when_unlikely=0.9), Zone(), [(0, 7)] * 100)
    assert more([]) == 1
    assert more([Namespace(correct=False)]) == 0
