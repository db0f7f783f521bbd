"""Where attacks take place: things to steal, break and reach, and a look from outside at what became of them.

python -m tests.evaluation.attack_scene [--without LAYER]      all attacks; prints what got through, as JSON
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import string
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from evaluation.sandbox import Sandbox
from evaluation.sandbox.client import ENVIRONMENT
from evaluation.sandbox.isolation import IsolationLevel, isolation_levels
from evaluation.sandbox.walls import loaded_libraries
from tests.evaluation.attacks import ATTACKS

TOKEN = "hf_planted_secret"
SHORT, LONG = 1.0, 30.0  # seconds for attacks that are to meet the time limit, and for others


class Scene:
    """Planted secrets, victims and listeners; use as a context manager."""

    def __init__(self):
        self.signals = 0
        self.mark = f"sandbox_attack_{os.getpid()}_"

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="scene")))
        self.home = self.folder / "home"
        (self.home / ".cache" / "huggingface").mkdir(parents=True)
        self.secrets = [self.home / ".cache/huggingface/token", self.home / ".netrc", self.folder / "secret"]
        self.project = self.folder / "project"
        self.project.mkdir()
        self.secrets.append(self.project / ".env")
        for path in self.secrets:
            path.write_text(TOKEN)
        self._put_a_library_into(self.project)
        self.open = self.folder / "open"
        self.open.mkdir()
        (self.open / "link").symlink_to(self.secrets[2])
        self.open.chmod(0o777)
        self._environment = dict(os.environ)
        os.environ["HF_TOKEN"] = TOKEN
        os.environ["HOME"] = str(self.home)
        self._before = signal.signal(signal.SIGUSR1, self._signalled)
        self._listen()
        self.shared = segments()
        return self

    def _put_a_library_into(self, folder):
        """One of the C library that every server loads from here, from now on."""
        name = next(name for name in loaded_libraries() if Path(name).name.startswith("libm.so"))
        shutil.copy(name, folder)
        self._stack.enter_context(mock.patch.dict(ENVIRONMENT, LD_LIBRARY_PATH=str(folder)))

    def _listen(self):
        self.sockets = [
            self._stack.enter_context(socket.socket(*kind))
            for kind in [(socket.AF_INET,), (socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_UNIX,), (socket.AF_UNIX,)]
        ]
        tcp, udp, unix, abstract = self.sockets
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        unix.bind(str(self.folder / "unix"))
        abstract.bind("\0" + self.mark)
        for sock in (tcp, unix, abstract):
            sock.listen()
        self.places = {
            "home": self.home, "secret": self.secrets[2], "folder": self.open, "mark": self.mark,
            "tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "unix": self.folder / "unix",
            "project": self.project, "abstract": self.mark, "parent": os.getpid(),
        }  # fmt: skip

    def __exit__(self, *error):
        signal.signal(signal.SIGUSR1, self._before)
        os.environ.clear()
        os.environ.update(self._environment)
        self._stack.close()

    def _signalled(self, *arguments):
        self.signals += 1

    def harm(self):
        """What is no longer as it was, as seen from outside."""
        found = []
        found += [f"{path} was changed" for path in self.secrets if not path.exists() or path.read_text() != TOKEN]
        if self.signals:
            found.append("a signal arrived")
        for place in (self.open, self.folder, self.home, Path("/tmp"), Path("/dev/shm"), Path.cwd(), Path("/")):
            found += [f"left {path}" for path in place.glob(f"{self.mark}*")]
        if segments() != self.shared:
            found.append("left shared memory")
        for sock in self.sockets:
            sock.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                sock.recv(1) if sock.type == socket.SOCK_DGRAM else sock.accept()
                found.append("was reached by a socket")
        return found

    def attack(self, name, sandbox):
        """Let one attack loose; return a list of what it got."""
        attack = ATTACKS[name]
        code = string.Template(attack.code).safe_substitute(self.places)
        if attack.about == "report" or "earlier" in name:
            sandbox.run("earlier_answer = 42", timeout=5)
        self.signals = 0
        timeout = SHORT if "TimeoutError" in attack.ends else LONG
        result = sandbox.run(code, timeout=timeout)
        said = f"{result.stdout[:5000]} {result.error}"
        got = self.harm()
        if "THROUGH" in said or TOKEN in result.stdout:
            got.append(f"got through: {said[:200]}")
        elif not re.search(attack.ends, said):
            got.append(f"ended otherwise: {said[:300]!r}")
        if result.seconds > timeout + 5:
            got.append(f"took {result.seconds} s")
        if sandbox.run("import sympy; print(sympy.solve('x - 2'))", timeout=10).stdout != "[2]\n":
            got.append("the next call fails")
        return got + [f"left process {pid}" for pid in left_over(sandbox)]


def segments():
    """System V segments, queues and semaphores."""
    return [len(Path("/proc/sysvipc", kind).read_text().splitlines()) for kind in ("shm", "msg", "sem")]


def descendants(pid):
    """All living processes below one, by /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    parents.setdefault(int(parent), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def left_over(sandbox):
    """Processes beyond a launcher and a server for each that the sandbox holds."""
    for _ in range(50):
        servers = list(sandbox._servers)
        below = [pid for server in servers for pid in descendants(server.process.pid)]
        if len(below) <= len(servers):
            return []
        time.sleep(0.02)
    return below


def sandbox_without(*layers):
    """A sandbox with the best walls but some."""
    best = next(isolation_levels(unsafe=False))
    sandbox = Sandbox(workers=1)
    sandbox.isolation = IsolationLevel(best.layers - set(layers))
    return sandbox


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", nargs="*", default=[])
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    sandbox = sandbox_without(*arguments.without) if arguments.without else Sandbox(workers=1)
    with Scene() as scene, sandbox:
        got = {name: scene.attack(name, sandbox) for name in ATTACKS if re.search(arguments.only, name)}
    json.dump({"uid": os.getuid(), "got": {name: what for name, what in got.items() if what}}, sys.stdout)


if __name__ == "__main__":
    main()
