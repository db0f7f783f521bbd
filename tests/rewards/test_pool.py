import asyncio
import errno
import os
import signal
import subprocess
import threading
import time
from random import Random

import pytest

import shortage
from errors import UserError
from rewards import worker_pool
from rewards.worker_pool import Batch, WorkerPool, default_workers

MIB = 1 << 20
LIMIT = 1.0


@pytest.fixture(scope="module")
def pool():
    pool = WorkerPool("tests.rewards.fakes:act", workers=2, limit=LIMIT, memory=64 * MIB)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def patient():
    """Whose limit is only met where something hangs."""
    pool = WorkerPool("tests.rewards.fakes:act", workers=2, limit=60, memory=64 * MIB)
    yield pool
    pool.close()


def statuses(outcomes):
    return [outcome.status for outcome in outcomes]


def values(outcomes):
    return [outcome.value for outcome in outcomes]


def test_results_come_in_the_order_of_the_items(pool):
    items = [("sleep", 0.05)] + [("give", i) for i in range(200)]
    assert values(pool.run(items)) == [0.05, *range(200)]


def test_no_items_no_outcomes():
    assert WorkerPool("nothing:here").run([]) == []


@pytest.mark.parametrize("kind", ["spin", "spin_in_c", "ignore_signals_and_sleep", "stop"])
def test_an_endless_item_costs_nothing_but_itself(pool, kind):
    items = [("give", i) for i in range(100)]
    outcomes = pool.run([*items[:50], (kind,), *items[50:]])
    assert statuses(outcomes) == ["ok"] * 50 + ["timeout"] + ["ok"] * 50
    assert LIMIT <= outcomes[50].seconds < 20 * LIMIT
    assert values(outcomes[:50] + outcomes[51:]) == list(range(100))


def test_eight_endless_items_run_at_the_same_time(patient, tmp_path):
    """So they take as long as one: none of these ends before all eight are there, and there are two workers."""
    outcomes = patient.run([("meet", [str(tmp_path), 8])] * 8 + [("give", i) for i in range(100)])
    assert statuses(outcomes) == ["ok"] * 108
    assert len(list(tmp_path.iterdir())) == 8


def test_eight_endless_items_end(pool):
    outcomes = pool.run([("spin",)] * 8 + [("give", i) for i in range(100)])
    assert statuses(outcomes) == ["timeout"] * 8 + ["ok"] * 100


def test_good_items_are_answered_however_many_endless_ones_there_are(pool):
    outcomes = pool.run([("spin",)] * 11 + [("give", i) for i in range(30)])
    assert statuses(outcomes) == ["timeout"] * 11 + ["ok"] * 30


def test_a_slow_item_within_the_limit_keeps_its_result(patient):
    slow = 0.6
    assert worker_pool.GRACE_SECONDS < slow < patient.limit
    outcomes = patient.run([("sleep", slow), *[("give", i) for i in range(64)], ("sleep", slow)])
    assert values(outcomes) == [slow, *range(64), slow]


def test_what_stands_behind_a_slow_item_does_not_wait_for_it(tmp_path):
    """Two items of one chunk and one worker that end only together."""
    pool = WorkerPool("tests.rewards.fakes:act", workers=1, limit=60)
    pool.run([("give", 1)])
    meeting = ("meet", [str(tmp_path), 2])
    assert statuses(pool.run([meeting, meeting, *[("give", i) for i in range(30)]])) == ["ok"] * 32
    assert len(pool.idle) == 1
    pool.close()


def test_a_worker_at_low_priority_is_not_kept():
    pool = WorkerPool("tests.rewards.fakes:act", workers=1)
    assert statuses(pool.run([("sleep", worker_pool.PATIENCE_SECONDS + 0.2)])) == ["ok"]
    (worker,) = values(pool.run([("pid",)]))
    assert os.getpriority(os.PRIO_PROCESS, worker) == os.getpriority(os.PRIO_PROCESS, 0)
    pool.close()


def test_a_batch_has_a_deadline(patient, monkeypatch):
    """Of 11 · 0.15 s / 2 workers + 12 limits; when it has come, what is undecided has met a limit."""
    items = [("spin",)] * 10 + [("give", 7)]
    begin = time.monotonic()
    batch = Batch(patient, items)
    assert batch.deadline - begin == pytest.approx(11 * 0.15 / 2 + 12 * patient.limit, abs=1)
    batch.deadline = begin + 3
    monkeypatch.setattr(worker_pool, "SLOW_LANES", 1)
    monkeypatch.setattr(worker_pool, "GRACE_SECONDS", 0.1)
    outcomes = batch.run()
    assert statuses(outcomes) == ["timeout"] * 10 + ["ok"]
    assert time.monotonic() - begin < patient.limit


@pytest.mark.parametrize("kind", ["allocate", "allocate_and_swallow"])
def test_memory_beyond_the_limit_is_refused_and_told(pool, kind):
    items = [("give", i) for i in range(20)]
    outcomes = pool.run([*items[:10], (kind, 4096 * MIB), *items[10:]])
    assert statuses(outcomes) == ["ok"] * 10 + ["memory"] + ["ok"] * 10


def test_memory_within_the_limit_is_granted_to_each_item_anew(pool):
    assert statuses(pool.run([("allocate", 30 * MIB)] * 20)) == ["ok"] * 20


@pytest.mark.parametrize(("seed", "workers"), [(0, 2), (1, 1), (2, 3)])
def test_every_item_gets_its_own_outcome_whatever_the_mixture(seed, workers):
    expected = {"spin": "timeout", "stop": "timeout", "die": "died", "crash": "died", "recurse": "memory"}
    expected |= {"fail": "error", "give": "ok", "sleep": "ok", "allocate": "memory"}
    random = Random(seed)
    kinds = random.choices([*expected], [2, 1, 2, 1, 1, 1, 85, 6, 1], k=120)
    parts = {"sleep": lambda i: 0.01 * (i % 30), "allocate": lambda i: 4096 * MIB}
    items = [(kind, parts.get(kind, lambda i: i)(i)) for i, kind in enumerate(kinds)]
    pool = WorkerPool("tests.rewards.fakes:act", workers=workers, limit=0.8, memory=64 * MIB)
    for (kind, part), outcome in zip(items, pool.run(items), strict=True):
        assert outcome.status == expected[kind], kind
        assert outcome.status != "ok" or outcome.value == part
    assert values(pool.run([("give", i) for i in range(50)])) == list(range(50))
    pool.close()


@pytest.mark.parametrize("kind", ["die", "crash"])
def test_an_item_that_ends_its_worker_costs_nothing_but_itself(pool, kind):
    items = [("give", i) for i in range(20)]
    outcomes = pool.run([*items[:10], (kind,), *items[10:]])
    assert statuses(outcomes) == ["ok"] * 10 + ["died"] + ["ok"] * 10


def test_an_item_whose_worker_was_killed_from_outside_is_tried_again(pool, tmp_path):
    assert values(pool.run([("die_once", str(tmp_path / "died"))])) == ["alive"]


def test_an_overflowing_stack_is_told_as_memory(pool):
    assert statuses(pool.run([("recurse",), ("give", 1)])) == ["memory", "ok"]


def test_an_error_is_told_with_its_traceback(pool):
    failed, good = pool.run([("fail", "here"), ("give", 1)])
    assert failed.status == "error"
    assert "KeyError: 'here'" in failed.value
    assert "in _fail" in failed.value
    assert good.value == 1


def test_a_result_that_cannot_be_sent_is_an_error(pool):
    failed, good = pool.run([("return_an_object",), ("give", 1)])
    assert failed.status == "error"
    assert "the result cannot be sent" in failed.value
    assert good.value == 1


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\x00\ud800\u2028\n", "½" * 100_000])
def test_any_text_arrives_whole(pool, text):
    assert values(pool.run([("length", text), ("give", text[:1000])])) == [len(text), text[:1000]]


def test_workers_are_kept_for_the_next_batch(pool):
    first = set(values(pool.run([("pid",)] * 50)))
    assert len(first) <= 2
    assert set(values(pool.run([("pid",)] * 50))) & first


def test_an_old_worker_is_replaced(monkeypatch):
    monkeypatch.setattr(worker_pool, "RECYCLED_AFTER", 3)
    pool = WorkerPool("tests.rewards.fakes:act", workers=1)
    assert len({*values(pool.run([("pid",)])), *values(pool.run([("pid",)] * 2)), *values(pool.run([("pid",)]))}) == 2
    pool.close()


def test_idle_workers_may_be_killed_from_outside(pool):
    for pid in set(values(pool.run([("pid",)] * 50))):
        os.kill(pid, signal.SIGKILL)
    assert values(pool.run([("give", i) for i in range(50)])) == list(range(50))


def test_the_fork_server_may_be_killed_from_outside(pool):
    pool.run([("give", 1)])
    os.kill(pool.fork_server.pid, signal.SIGKILL)
    assert values(pool.run([("give", i) for i in range(50)])) == list(range(50))


def test_a_closed_pool_opens_again(pool):
    pool.close()
    assert values(pool.run([("give", 1)])) == [1]


def test_a_function_that_cannot_be_imported_is_told():
    with pytest.raises(RuntimeError, match="No module named 'nowhere'"):
        WorkerPool("nowhere:act").run([("give", 1)])


def test_examples_are_run_before_anything_else():
    with pytest.raises(RuntimeError, match="KeyError: 'example'"):
        WorkerPool("tests.rewards.fakes:act", examples=[("fail", "example")]).run([("give", 1)])


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(shortage, "PAUSES", (0.01, 0.01, 0.01))


def test_a_short_want_of_processes_is_waited_for(impatient):
    pool = WorkerPool("tests.rewards.fakes:act", workers=2, examples=[("starve", [1, 3])])
    assert values(pool.run([("sleep", 0.01)] * 20)) == [0.01] * 20
    pool.close()


def test_a_lasting_want_of_processes_is_told_and_costs_no_answer(impatient):
    pool = WorkerPool("tests.rewards.fakes:act", workers=2, examples=[("starve", [1, 10_000])])
    with pytest.raises(
        UserError, match=r"Resource temporarily unavailable.*no answer is counted wrong.*\(ulimit -u\)"
    ):
        pool.run([("sleep", 0.01)] * 20)
    assert pool.idle == []


def test_a_fork_server_that_cannot_be_started_is_waited_for_and_told(impatient, monkeypatch):
    start, refused = subprocess.Popen, iter([errno.EAGAIN, errno.ENOMEM])

    def popen(*arguments, **options):
        for number in refused:
            raise OSError(number, os.strerror(number))
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    pool = WorkerPool("tests.rewards.fakes:act", workers=1)
    assert values(pool.run([("give", 1)])) == [1]
    pool.close()
    refused = iter([errno.ENOMEM] * 100)
    with pytest.raises(UserError, match="Cannot allocate memory"):
        pool.run([("give", 1)])


def test_secrets_stay_outside(monkeypatch):
    for name in ("HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    pool = WorkerPool("tests.rewards.fakes:act", workers=1)
    (environment,) = values(pool.run([("environment",)]))
    pool.close()
    assert "PATH" in environment
    assert "secret" not in environment.values()


def test_workers_load_no_torch(patient):
    assert values(patient.run([("loaded_with", "rewards.judge")])) == [[]]


def test_threads_share_a_pool(pool):
    results = {}

    def run(name):
        results[name] = values(pool.run([("give", [name, i]) for i in range(100)] + [("sleep", 0.05)]))

    threads = [threading.Thread(target=run, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {name: [*[[name, i] for i in range(100)], 0.05] for name in range(4)}


def test_batches_of_two_threads_take_turns(pool):
    start = time.perf_counter()
    threads = [threading.Thread(target=pool.run, args=([("sleep", 0.1)] * 4,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert time.perf_counter() - start >= 0.4  # eight sleeps on two workers; both at once would take half of it


def test_an_interrupt_sent_to_all_processes_ends_none(pool):
    (worker,) = values(pool.run([("pid",)]))
    for pid in (worker, pool.fork_server.pid):
        os.kill(pid, signal.SIGINT)
    time.sleep(0.1)
    os.kill(worker, 0)
    server = pool.fork_server
    assert statuses(pool.run([("give", 1), ("spin",)])) == ["ok", "timeout"]
    assert pool.fork_server is server


def test_a_running_event_loop_may_call(pool):
    async def call():
        return pool.run([("give", 1), ("spin",)])

    assert statuses(asyncio.run(call())) == ["ok", "timeout"]


def test_a_forked_child_has_processes_of_its_own(pool):
    before = set(values(pool.run([("pid",)] * 20)))
    child = os.fork()
    if child == 0:
        theirs = set(values(pool.run([("pid",)] * 20)))
        os._exit(0 if theirs and not theirs & before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert set(values(pool.run([("pid",)] * 20))) & before


@pytest.mark.parametrize(
    ("cores", "processes", "workers"), [(1, 1, 1), (2, 1, 2), (64, 1, 8), (64, 8, 1), (4, 2, 2), (2, 8, 1)]
)
def test_processes_of_one_machine_share_its_cores(monkeypatch, cores, processes, workers):
    monkeypatch.delenv("VERIFY_WORKERS", raising=False)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert default_workers() == workers


def test_the_number_of_workers_can_be_set(monkeypatch):
    monkeypatch.setenv("VERIFY_WORKERS", "3")
    assert default_workers() == 3
    monkeypatch.setenv("VERIFY_WORKERS", "none")
    with pytest.raises(ValueError, match="a whole number from 1, got 'none'"):
        default_workers()
