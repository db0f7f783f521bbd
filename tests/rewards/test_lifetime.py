"""No process outlives the one that asked for verdicts, however that ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

# No main guard, as in the README's example. Prints the fork server's pid, which is the session of all workers.
SCRIPT = """
import os, sys, threading, time
from rewards.worker_pool import WorkerPool

print("body", flush=True)
pool = WorkerPool("tests.rewards.fakes:act", workers=2, limit=30)
assert [outcome.value for outcome in pool.run([("give", i) for i in range(100)])] == list(range(100))
print(pool.fork_server.pid, flush=True)
"""
BUSY = "pool.run([('ignore_signals_and_sleep',), ('spin',), ('spin_in_c',)])\n"


def members(session):
    """The processes of a session that are not yet buried."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(its_session) == session and state != "Z":
                found.append(int(entry.name))
    return found


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def start(code, **options):
    """Run a script until it has a pool; return it and the pool's session."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    assert process.stdout.readline() == "body\n"
    return process, int(process.stdout.readline())


def finish(process):
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def busy(session):
    """The fork server and three workers, two of them spinning."""
    return wait_until(lambda: len(members(session)) >= 4, 30)


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "sys.exit(3)",
        "raise KeyError",
        "os._exit(0)",
        "pool.close()",
        "threading.Thread(target=pool.run, args=([['give', 1]],)).start()",
    ],
)
def test_nothing_is_left_after_an_end(ending):
    process, session = start(SCRIPT + ending)
    assert finish(process)[1] == ""  # the body has run once, in one process
    assert wait_until(lambda: not members(session), 30)


def test_nothing_is_left_after_an_end_in_the_middle_of_a_batch():
    process, session = start(
        SCRIPT + f"threading.Thread(target=lambda: {BUSY.strip()}, daemon=True).start()\ntime.sleep(1)"
    )
    assert busy(session)
    assert finish(process)[0] == 0
    assert wait_until(lambda: not members(session), 30)


def test_no_process_is_started_when_the_interpreter_ends():
    late = "import atexit\nfrom rewards import worker_pool\nworker_pool._close_all()\n"
    process, session = start(SCRIPT + late + "pool.run([('give', 1)])")
    code, _, errors = finish(process)
    assert code == 1
    assert "the interpreter is ending" in errors
    assert wait_until(lambda: not members(session), 30)


def test_the_package_is_found_from_any_folder_and_before_another_of_its_name(tmp_path):
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "__init__.py").write_text("raise ImportError('the wrong package')")
    code = f"""
import os, sys
sys.path[0] = {str(ROOT)!r}
from rewards import verify
sys.path[:1] = [{str(tmp_path)!r}]
os.chdir({str(tmp_path)!r})
print(verify(["x+1"], [r"\\boxed{{1+x}}"]))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.stdout, done.stderr) == ("[1.0]\n", "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_after_a_kill(number):
    process, session = start(SCRIPT + BUSY)
    assert busy(session)
    process.send_signal(number)
    assert finish(process)[0] == -number
    assert wait_until(lambda: not members(session), 30)


def test_no_worker_is_left_busy_after_a_batch():
    items = "[('sleep', 0.4)] + [('sleep', 0.12)] * 7 + [('give', 0)] * 30"  # the first worker comes back to the seven
    process, session = start(SCRIPT + f"pool.run({items}); print(len(pool.idle), flush=True); time.sleep(2)")
    idle = int(process.stdout.readline())
    assert wait_until(lambda: len(members(session)) == 1 + idle, 30)
    finish(process)


def test_ctrl_c_reaches_the_caller_and_the_pool_works_on():
    caught = f"try:\n    {BUSY}except KeyboardInterrupt:\n    print(pool.run([('give', 5)])[0].value)\n"
    process, session = start(SCRIPT + caught)
    assert busy(session)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it
    code, out, errors = finish(process)
    assert (code, out, errors) == (0, "5\n", "")
    assert wait_until(lambda: not members(session), 30)


def test_ctrl_c_leaves_nothing():
    process, session = start(SCRIPT + BUSY)
    assert busy(session)
    os.killpg(process.pid, signal.SIGINT)
    assert "KeyboardInterrupt" in finish(process)[2]
    assert wait_until(lambda: not members(session), 30)


def test_a_forked_child_that_lives_on_does_not_keep_the_workers():
    process, session = start(SCRIPT + "if os.fork() == 0:\n    time.sleep(4)\n    os._exit(0)\n" + BUSY)
    assert busy(session)
    process.kill()
    assert wait_until(lambda: not members(session), 30)
    finish(process)


TRAINER = """
import json, os, sys, time
from pathlib import Path
import torch.distributed
from rewards.worker_pool import WorkerPool

torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
pool = WorkerPool("tests.rewards.fakes:act", limit=1)
pool.run([("give", 0)])
outcomes = pool.run([("spin",)] * 4 + [("give", [rank, i]) for i in range(50)])
result = {"workers": pool.workers, "fork_server": pool.fork_server.pid}
result["outcomes"] = [outcome.value for outcome in outcomes]
Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(result))
torch.distributed.barrier()
os._exit(0)  # an exit under gloo sometimes aborts after the work is done
"""


def test_two_training_processes_have_a_pool_each(tmp_path):
    (tmp_path / "trainer.py").write_text(TRAINER)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("VERIFY_WORKERS", None)
    command = [*launch, str(tmp_path / "trainer.py"), str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=300, capture_output=True)
    results = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    cores = min(len(os.sched_getaffinity(0)), 8)
    for rank, result in enumerate(results):
        assert result["outcomes"] == [None] * 4 + [[rank, i] for i in range(50)]
        assert result["workers"] == max(1, cores // 2)
        assert wait_until(lambda server=result["fork_server"]: not members(server), 30)
    assert results[0]["fork_server"] != results[1]["fork_server"]
