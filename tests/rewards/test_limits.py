"""What meets a limit scores 0, is counted to the last text, and is kept for whoever wants to see it."""

import json

import pytest

from rewards import REWARDS, golds_are_parsable, keep_offenders
from rewards import verifier as verifier_module
from rewards.verifier import Verifier
from rewards.worker_pool import Outcome, WorkerPool


@pytest.fixture
def verifier(monkeypatch):
    """A judge that meets limits at will, on texts with 'slow' and 'greedy' in them, in place of the real one."""
    pool = WorkerPool("tests.rewards.fakes:judge", workers=2, limit=0.5)
    verifier = Verifier(pool)
    monkeypatch.setattr(verifier_module, "_verifier", verifier)
    yield verifier
    pool.close()


def box(answer):
    return f"\\boxed{{{answer}}}"


SLOW, SLOW_TOO, GREEDY, BROKEN = "x^{slow}+1", "x^{slow}+2", "x^{greedy}+1", "x^{broken}+1"
ANSWERS = ["x", SLOW, SLOW_TOO, SLOW, GREEDY, GREEDY, GREEDY, "y"]
TEXTS = [f"text {i}: {box(answer)}" for i, answer in enumerate(ANSWERS)]
GOLDS = ["x"] * len(TEXTS)


def test_each_text_that_meets_a_limit_is_counted(verifier):
    report = verifier.report(GOLDS, TEXTS)
    assert report.verdicts == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert (report.timeouts, report.out_of_memory) == (3, 3)


def test_nothing_is_counted_where_no_limit_is_met(verifier):
    report = verifier.report(["x", "x"], [box("x"), box("y")])
    assert (report.verdicts, report.timeouts, report.out_of_memory) == ([1.0, 0.0], 0, 0)


def test_a_gold_that_meets_a_limit_gives_no_verdict_and_is_counted_with_each_text(verifier):
    report = verifier.report(["x^{slow}", "x^{slow}", "x^{?}"], [box("x"), box("y"), box("x")])
    assert (report.verdicts, report.timeouts, report.out_of_memory) == ([None, None, None], 2, 0)
    assert golds_are_parsable(["x^{slow}", "x^{?}", "x", "18"]) == [False, False, True, True]


def test_a_gold_that_takes_too_much_memory_is_counted_where_others_do_not(verifier, monkeypatch):
    monkeypatch.setattr(verifier.pool, "run", starving(lambda item: "huge" in item[0]))
    report = verifier.report(["x^{huge}", "x^{huge}"], [box("x"), box("y")])
    assert (report.verdicts, report.timeouts, report.out_of_memory) == ([None, None], 0, 2)


@pytest.mark.parametrize("status", ["memory", "died"])
def test_a_machine_that_grants_no_gold_its_memory_is_an_error(verifier, monkeypatch, status):
    monkeypatch.setattr(verifier.pool, "run", starving(lambda item: True, status))
    with pytest.raises(RuntimeError, match="ulimit -v"):
        verifier.report(["x", "y"], [box("x+0"), box("y+0")])


def starving(fails, status="memory"):
    """A `WorkerPool.run` on a machine that refuses memory to some items."""
    return lambda items: [Outcome(status, None, 0.1) if fails(item) else Outcome("ok", 1.0, 0.1) for item in items]


def test_pairs_are_judged_once(verifier, monkeypatch):
    sent = []
    run = verifier.pool.run
    monkeypatch.setattr(verifier.pool, "run", lambda items: sent.extend(items) or run(items))
    texts = [f"{i} times: {box(answer)}" for i, answer in enumerate(["x", "y", "x", "x", "y"])]
    assert verifier.report(["x"] * 5, texts).verdicts == [1.0, 0.0, 1.0, 1.0, 0.0]
    assert sorted(sent) == [("x", "", "boxed"), ("x", box("x"), "boxed"), ("x", box("y"), "boxed")]
    assert verifier.report(["x"] * 5, texts[::-1]).verdicts == [0.0, 1.0, 1.0, 0.0, 1.0]
    assert len(sent) == 3


def test_what_met_a_limit_is_tried_again_in_the_next_call(verifier, monkeypatch):
    assert verifier.report(["x"], [box(SLOW)]).timeouts == 1
    monkeypatch.setattr(verifier.pool, "limit", 0.6)
    assert verifier.report(["x"], [box(SLOW)]).timeouts == 1


def test_no_more_is_remembered_than_agreed(verifier, monkeypatch):
    monkeypatch.setattr(verifier_module, "REMEMBERED", 10)
    verifier.report(["x"] * 50, [box(f"y+{i}") for i in range(50)])
    assert len(verifier._known) == 10


def test_an_error_on_one_text_is_told_and_counted(verifier, caplog):
    report = verifier.report(["x"] * 3, [box(BROKEN), box("x"), box(BROKEN)])
    assert report.verdicts == [0.0, 1.0, 0.0]
    assert (report.timeouts, report.out_of_memory, report.errors) == (0, 0, 2)
    (warning,) = caplog.messages
    assert "x^{broken}" in warning
    assert "KeyError" in warning


def test_accuracy_tells_trl_how_often_limits_were_met(verifier):
    told = []
    rewards = REWARDS["accuracy"](TEXTS, answer=GOLDS, log_metric=lambda name, value: told.append((name, value)))
    assert rewards == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert told == [("reward/verify_timeouts", 3), ("reward/verify_out_of_memory", 3), ("reward/verify_errors", 0)]


def test_accuracy_tells_zeros_so_that_every_process_tells_the_same_names(verifier):
    told = []
    REWARDS["accuracy"]([box("18")], answer=["18"], log_metric=lambda name, value: told.append((name, value)))
    assert told == [("reward/verify_timeouts", 0), ("reward/verify_out_of_memory", 0), ("reward/verify_errors", 0)]


def test_the_first_failures_are_kept(verifier, tmp_path):
    keep_offenders(tmp_path / "run" / "offenders.jsonl", most=2)
    long = "x" * 50_000 + box(SLOW)
    verifier.report(["x", "x"], [long, box("x")])
    verifier.report(["x"], [box(GREEDY)])
    verifier.report(["x"], [box(GREEDY + "+1")])
    first, second = map(json.loads, (tmp_path / "run" / "offenders.jsonl").read_text().splitlines())
    assert first["seconds"] >= 0.5  # the limit that it met
    assert (first["gold"], first["reason"], first["text"]) == ("x", "timeout", long[-20_000:])
    assert (second["gold"], second["reason"], second["text"]) == ("x", "memory", box(GREEDY))


def test_without_a_place_nothing_is_kept(verifier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    verifier.report(GOLDS, TEXTS)
    assert list(tmp_path.iterdir()) == []


def test_counts_reach_the_log_of_a_run(verifier, tiny_model, tiny_tokenizer, tmp_path):
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    def accuracy_of_hostile_texts(completions, log_metric, **_):
        return REWARDS["accuracy"](TEXTS[: len(completions)], answer=GOLDS[: len(completions)], log_metric=log_metric)

    settings = {"per_device_train_batch_size": 4, "num_generations": 4, "max_completion_length": 4, "max_steps": 1}
    quiet = {"use_cpu": True, "report_to": "none", "logging_steps": 1, "save_strategy": "no", "disable_tqdm": True}
    trainer = GRPOTrainer(
        model=tiny_model,
        processing_class=tiny_tokenizer,
        reward_funcs=accuracy_of_hostile_texts,
        args=GRPOConfig(output_dir=str(tmp_path), **settings, **quiet),
        train_dataset=Dataset.from_dict({"prompt": ["1+1="] * 4}),
    )
    trainer.train()
    (log,) = [entry for entry in trainer.state.log_history if "reward/verify_timeouts" in entry]
    # of the first four texts three are slow
    assert (log["reward/verify_timeouts"], log["reward/verify_out_of_memory"]) == (3.0, 0.0)
