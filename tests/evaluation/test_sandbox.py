"""What a snippet can rely on, and that the processes behind it come and go with the evaluator."""

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import shortage
from errors import UserError
from evaluation.sandbox import Sandbox, client, isolation, walls
from evaluation.sandbox.client import ServerError
from evaluation.sandbox.isolation import IsolationLevel, isolation_levels, self_test
from evaluation.sandbox.walls import CAPABILITIES, LANDLOCK, LIMITS, NAMESPACES, SECCOMP
from tests.evaluation.attack_scene import Scene, descendants, sandbox_without

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not walls.landlock_version(),
    reason="needs Linux with Landlock; elsewhere code is refused",
)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(workers=2) as sandbox:
        yield sandbox


PROGRAMS = {
    "print(sum(range(101)))": "5050\n",
    "from sympy import *\nx = symbols('x')\nprint(solve(x**2 - 5*x + 6, x))": "[2, 3]\n",
    "from sympy import *\nx = symbols('x')\nprint(integrate(exp(-x**2), (x, -oo, oo)))": "sqrt(pi)\n",
    "from sympy import *\nf, x = Function('f'), symbols('x')\nprint(dsolve(f(x).diff(x) - f(x)).rhs)": "C1*exp(x)\n",
    "from sympy.ntheory.modular import crt\nprint(crt([3, 5], [2, 3])[0])": "8\n",
    "from sympy import *\nprint(Matrix([[1, 2], [2, 4]]).nullspace()[0].T)": "Matrix([[-2, 1]])\n",
    "from sympy.geometry import *\nprint(Triangle(Point(0,0), Point(4,0), Point(0,3)).area)": "6\n",
    "from sympy.stats import *\nprint(E(Die('X', 6)))": "7/2\n",
    "from sympy import *\nx, y = symbols('x y')\nprint(groebner([x*y - 1, x - y], x, y).exprs)": "[x - y, y**2 - 1]\n",
    "from mpmath import mp\nmp.dps = 20\nprint(mp.pi)": "3.1415926535897932385\n",
    "import numpy as np\nprint(np.linalg.det(np.eye(3)))": "1.0\n",
    "import itertools, math, fractions, collections, functools, decimal\nprint(math.comb(10, 3))": "120\n",
    "def f(n):\n    return 1 if n < 2 else n * f(n - 1)\nprint(f(20))": "2432902008176640000\n",
    "import bz2, hashlib, lzma, sqlite3, ssl, uuid, zlib, xml.etree.ElementTree\n"  # all load libraries of the system
    "print(sqlite3.connect(':memory:').execute('select 6 * 7').fetchone()[0])": "42\n",
    "if __name__ == '__main__':\n    print('main')": "main\n",
    "import signal\nsignal.alarm(5)\nprint('with an alarm of its own')": "with an alarm of its own\n",
}


@pytest.mark.parametrize("code", PROGRAMS)
def test_mathematics_runs(code, sandbox):
    result = sandbox.run(code, timeout=30)
    assert (result.stdout, result.error) == (PROGRAMS[code], None)


def test_the_error_is_the_end_of_the_traceback(sandbox):
    assert sandbox.run("print(1)\n1/0").error == "ZeroDivisionError: division by zero"
    assert sandbox.run("print(1)\n1/0").stdout == "1\n"
    assert sandbox.run("x = (").error.endswith("SyntaxError: '(' was never closed")
    assert sandbox.run("raise SystemExit").error is None


def test_what_was_printed_before_a_time_out_is_kept(sandbox):
    result = sandbox.run("print('so far')\nwhile True: pass", timeout=3)
    assert (result.stdout, result.timed_out, result.truncated) == ("so far\n", True, False)


def test_output_is_kept_up_to_its_limit():
    with Sandbox(workers=1, max_output=10) as sandbox:
        assert sandbox.run("print('123456789')").stdout == "123456789\n"
        result = sandbox.run("print('1234567890')")
    assert (result.stdout, result.truncated, result.timed_out) == ("1234567890", True, False)


HALF = "chr(0xd800)"  # of a pair: no text can be written with it


def test_half_a_character_in_a_snippet_is_an_error_of_the_snippet(sandbox):
    result = sandbox.run("print(1)  # \ud800")
    assert result.error.startswith(r"UnicodeEncodeError: 'utf-8' codec can't encode character '\ud800' in position 12")
    assert (result.stdout, result.timed_out, result.truncated) == ("", False, False)
    assert sandbox.run("print('whole')").stdout == "whole\n"


@pytest.mark.parametrize(("printed", "read"), [(f"{HALF} * 99", "?" * 99), (f"{HALF} + 'é' * 48", "?" + "é" * 48)])
def test_half_a_character_counts_as_no_more_than_what_is_read_of_it(printed, read):
    with Sandbox(workers=1, max_output=100) as sandbox:
        result = sandbox.run(f"print({printed})")
    assert (result.stdout, result.error, result.truncated) == (f"{read}\n", None, False)


@pytest.mark.parametrize("character", [HALF, "chr(0x1f600)"])
def test_a_long_error_message_is_no_output(sandbox, character):
    result = sandbox.run(f"raise ValueError({character} * 5000)")
    assert result.error.startswith("ValueError: ")
    assert " ... " in result.error
    assert not result.truncated


def test_memory_is_limited_as_requested():
    with Sandbox(workers=1, memory=100 << 20) as sandbox:
        assert sandbox.run("bytearray(50 << 20)").error is None
        assert sandbox.run("bytearray(150 << 20)").error == "MemoryError"


def test_a_snippet_sees_nothing_of_the_one_before(sandbox):
    for _ in range(4):
        assert sandbox.run("x = x + 1 if 'x' in globals() else 1\nprint(x)").stdout == "1\n"


def test_snippets_draw_different_numbers(sandbox):
    code = "import random, numpy\nprint(random.random(), numpy.random.rand())"
    draws = [sandbox.run(code).stdout.split() for _ in range(4)]
    assert len({number for draw in draws for number in draw}) == 8


def test_threads_share_the_servers(sandbox):
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda i: sandbox.run(f"print({i})", timeout=60).stdout, range(40)))
    assert results == [f"{i}\n" for i in range(40)]
    assert len(sandbox._servers) <= 2
    assert [result.stdout for result in sandbox.map(["print(1)", "print(2)", "print(3)"])] == ["1\n", "2\n", "3\n"]


def test_a_sandbox_outlives_the_thread_that_started_it():
    with Sandbox(workers=1) as sandbox:
        thread = threading.Thread(target=sandbox.start)
        thread.start()
        thread.join()
        time.sleep(0.1)
        (server,) = sandbox._servers
        assert sandbox.run("print(1)").stdout == "1\n"
        assert sandbox._servers == {server}


def test_a_signal_handler_of_the_evaluator_is_served_meanwhile(sandbox):
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *a: seen.append(time.monotonic()))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        assert sandbox.run("import time; time.sleep(0.6); print(1)").stdout == "1\n"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(seen) >= 2


def test_a_dead_server_is_replaced(sandbox):
    for server in list(sandbox._servers):
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    assert sandbox.run("print(1)").stdout == "1\n"


def test_a_server_that_dies_meanwhile_is_no_error_of_the_evaluator():
    with Sandbox(workers=1) as sandbox:
        (server,) = sandbox._servers
        threading.Timer(0.3, server.process.kill).start()
        assert "the sandbox broke" in sandbox.run("import time; time.sleep(20)", timeout=30).error
        assert sandbox.run("print(1)").stdout == "1\n"


@pytest.fixture
def starved(monkeypatch):
    """Let forks of launcher and server fail after so many good ones; the launcher's is the first of a server's."""
    monkeypatch.setattr(shortage, "PAUSES", (0.01, 0.01))

    def starve(good, bad):
        patch = f"from tests.rewards.fakes import starve; starve({good}, {bad}); import importlib;"
        monkeypatch.setattr(client, "BOOT", client.BOOT.replace("import importlib;", patch))

    return starve


def test_a_short_want_of_processes_is_waited_for(starved):
    starved(2, 2)
    with Sandbox(workers=1) as sandbox:
        assert sandbox.run("print(1)").stdout == "1\n"


@pytest.mark.parametrize("good", [0, 1])
def test_a_want_of_processes_at_the_start_says_nothing_about_the_walls(starved, good):
    starved(good, 10_000)
    with pytest.raises(UserError, match=r"Resource temporarily unavailable.*\(ulimit -u\)"):
        Sandbox(workers=1, allow_unsafe_code=True).start()


def test_a_lasting_want_of_processes_is_an_error_and_fails_no_snippet(starved):
    starved(3, 10_000)
    with Sandbox(workers=1) as sandbox:
        assert sandbox.run("print(1)").stdout == "1\n"
        for _ in range(2):
            with pytest.raises(UserError, match=r"\(ulimit -u\)"):
                sandbox.map(["print(1)"] * 20)


def test_a_launcher_that_cannot_be_started_is_waited_for_and_then_an_error(starved, monkeypatch):
    start, refused = subprocess.Popen, iter([errno.EAGAIN, errno.ENOMEM])

    def popen(*arguments, **options):
        for number in refused:
            raise OSError(number, os.strerror(number))
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    with Sandbox(workers=1) as sandbox:
        assert sandbox.run("print(1)").stdout == "1\n"
    refused = iter([errno.ENOMEM] * 100)
    with pytest.raises(UserError, match="Cannot allocate memory"):
        Sandbox(workers=1).start()


def test_a_forked_child_of_the_evaluator_starts_its_own(sandbox):
    assert sandbox.run("print(1)").stdout == "1\n"
    pid = os.fork()
    if pid == 0:
        os._exit(0 if sandbox.run("print(2)").stdout == "2\n" and not sandbox.close() else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert sandbox.run("print(3)").stdout == "3\n"


# The walls: each must be there, and do something.


def through(name, *without):
    with Scene() as scene, sandbox_without(*without) as sandbox:
        return any("through" in what for what in scene.attack(name, sandbox))


@pytest.mark.parametrize(
    ("layer", "attack", "others"),
    [
        (LANDLOCK, "read: a file that all may read", []),
        (SECCOMP, "write: a memory file", []),
        (LIMITS, "resources: many descriptors", []),
        (NAMESPACES, "network: udp", [SECCOMP]),  # refused by two walls: seen only where the other is down
        (CAPABILITIES, "write: chroot", [SECCOMP]),
    ],
)
def test_each_wall_stops_what_passes_without_it(layer, attack, others):
    assert not through(attack, *others)
    assert through(attack, layer, *others)


@pytest.mark.parametrize(("missing", "found"), [(LANDLOCK, "read_a_file"), (SECCOMP, "namespaces")])
def test_the_self_test_misses_no_missing_wall(missing, found):
    best = next(isolation_levels(unsafe=False))
    for level, holds in ((best, True), (IsolationLevel(best.layers - {missing}), False)):
        server, passed = self_test(level)
        server.kill()
        assert (found not in passed) == holds


def test_the_self_test_finds_a_folder_open_because_a_library_lies_in_it(monkeypatch):
    patch = (
        "import os; from evaluation.sandbox import walls; readable = walls.readable; "
        "walls.readable = lambda: [*readable(), *map(os.path.dirname, walls.loaded_libraries())]; import importlib;"
    )
    monkeypatch.setattr(client, "BOOT", client.BOOT.replace("import importlib;", patch))
    server, passed = self_test(next(isolation_levels(unsafe=False)))
    server.kill()
    assert passed == ["read_a_file", "list_a_folder"]


def test_of_a_package_that_lies_elsewhere_nothing_but_the_package_is_readable(tmp_path, monkeypatch):
    (tmp_path / "sympy").mkdir()
    (tmp_path / "sympy" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "sympy", raising=False)
    found = walls.readable()
    assert str(tmp_path / "sympy") in found
    assert str(tmp_path) not in found


def test_code_is_refused_where_no_level_holds(monkeypatch):
    bare = IsolationLevel(frozenset({LIMITS}))
    levels = [bare, IsolationLevel(bare.layers, unsafe=True)]
    monkeypatch.setattr(isolation, "isolation_levels", lambda unsafe: levels[: 1 + unsafe])
    with pytest.raises(UserError, match=r"not refused in the self-test: read_a_file.*allow_unsafe_code=True"):
        Sandbox().run("print(1)")
    with Sandbox(allow_unsafe_code=True) as sandbox:
        assert sandbox.describe().startswith("model-written Python is NOT isolated")
        assert sandbox.run("print(1)").stdout == "1\n"


def test_another_system_is_refused_in_one_paragraph(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UserError, match="the walls are those of Linux") as told:
        Sandbox().start()
    assert "\n" not in str(told.value)


def test_a_server_that_does_not_start_says_why(monkeypatch):
    monkeypatch.setattr(client, "BOOT", "raise OSError('no sympy, say')")
    with pytest.raises(ServerError, match=r"^OSError: no sympy, say$"):
        IsolationLevel(frozenset({LIMITS})).start()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ServerError, match="/nowhere/python cannot be started"):
        IsolationLevel(frozenset({LIMITS})).start()


def test_bubblewrap_stands_in_for_landlock(monkeypatch):
    if not shutil.which("bwrap"):
        pytest.skip("needs bubblewrap")
    monkeypatch.setattr(walls, "landlock_version", lambda: 0)
    with Sandbox(workers=1) as sandbox:
        assert "behind bubblewrap" in sandbox.describe()
        assert sandbox.run("import sympy, ssl; print(sympy.solve('x - 2'))").stdout == "[2]\n"


def test_bubblewrap_holds_no_folder_because_a_library_lies_in_it(monkeypatch):
    if not shutil.which("bwrap"):
        pytest.skip("needs bubblewrap")
    monkeypatch.setattr(walls, "landlock_version", lambda: 0)
    with Scene() as scene, Sandbox(workers=1) as sandbox:
        (library,) = set(os.listdir(scene.project)) - {".env"}
        ctypes.CDLL(str(scene.project / library))  # the evaluator's own libraries are no business of the jail either
        assert sandbox.run(f"import os; print(os.listdir({str(scene.project)!r}))").stdout == f"[{library!r}]\n"
        assert "FileNotFoundError" in sandbox.run(f"open({str(scene.project / '.env')!r})").error


def test_the_statement_names_what_is_active(sandbox):
    assert "Landlock, a seccomp allow-list" in sandbox.describe()


# The end of the evaluator.

SCRIPT = """
import os, sys, threading, time
from evaluation.sandbox import Sandbox
sandbox = Sandbox(workers=2)
assert sandbox.run("print(1)").stdout == "1\\n"
print(*(server.process.pid for server in sandbox._servers), flush=True)
sys.stdin.readline()
"""
BUSY = "sandbox.run('while True: pass', timeout=60)\n"


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def start(code):
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    launcher = int(process.stdout.readline())
    pids = [launcher, *descendants(launcher)]
    assert len(pids) == 2  # the launcher and its server
    process.stdin.write("go on\n")
    process.stdin.flush()
    return process, pids


def gone(pids):
    return wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


@pytest.mark.parametrize(
    "ending",
    ["", "sys.exit(3)", "raise KeyError", "os._exit(0)", "sandbox.close()"],
)
def test_nothing_is_left_after_an_end(ending):
    process, pids = start(SCRIPT + ending)
    process.communicate(timeout=300)
    assert gone(pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("meanwhile", ["", "if os.fork() == 0:\n    time.sleep(20)\n    os._exit(0)\n"])
def test_nothing_is_left_after_a_kill(number, meanwhile):
    process, (launcher, _) = start(SCRIPT + meanwhile + BUSY)
    assert wait_until(lambda: len(descendants(launcher)) == 2)
    pids = [launcher, *descendants(launcher)]
    process.send_signal(number)
    process.wait(timeout=300)
    assert gone(pids)
    os.killpg(process.pid, signal.SIGKILL) if meanwhile else None


def test_after_a_ctrl_c_the_sandbox_works_on():
    caught = f"try:\n    {BUSY}except KeyboardInterrupt:\n    print(sandbox.run('print(5)').stdout)\n"
    process, pids = start(SCRIPT + caught)
    assert wait_until(lambda: len(descendants(pids[0])) == 2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it
    assert process.communicate(timeout=300) == ("5\n\n", "")
    assert gone(pids)
