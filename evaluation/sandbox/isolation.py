"""Isolation levels: which sets of walls there are on this machine, and the self-test that chooses one.

The best level counts whose self-test finds every forbidden thing refused.
"""

import contextlib
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from errors import UserError
from evaluation.sandbox import walls
from evaluation.sandbox.client import Server, ServerError
from evaluation.sandbox.walls import CAPABILITIES, LANDLOCK, LIMITS, NAMESPACES, SECCOMP


class IsolationLevel(NamedTuple):
    """A set of walls, and the program that makes a jail where the server is to run in one."""

    layers: frozenset[str]
    jail: str = ""
    unsafe: bool = False

    def start(self, library: str = "") -> Server:
        """Start a fork server behind these walls.

        Args:
            library: A shared library for it to load.

        Raises:
            ServerError: One of them cannot be put up here.
        """
        return Server(sorted(self.layers), self.jail, library)

    def describe(self) -> str:
        """Say in one line what is active."""
        limits = "limits on memory, processor time, files and output"
        if self.unsafe:
            kept = ", ".join(sorted(self.layers & {SECCOMP, NAMESPACES})) or "nothing else"
            return f"model-written Python is NOT isolated (unsafe code was allowed): {limits}, {kept}"
        parts = ["Landlock" if LANDLOCK in self.layers else "bubblewrap", "a seccomp allow-list"]
        parts += ["namespaces of its own"] if NAMESPACES in self.layers else []
        return f"model-written Python runs in a process of its own behind {', '.join(parts)} and {limits}"


def isolation_levels(*, unsafe: bool) -> Iterator[IsolationLevel]:
    """List the levels that could work here, the best first; with `unsafe` also those that are no protection."""
    kept = frozenset({LIMITS})
    if sys.platform == "linux" and walls.seccomp_supported():
        kept |= {SECCOMP, CAPABILITIES}
        if walls.landlock_version():
            yield IsolationLevel(kept | {LANDLOCK, NAMESPACES})
            yield IsolationLevel(kept | {LANDLOCK})
        if bwrap := shutil.which("bwrap"):
            yield IsolationLevel(kept | {NAMESPACES}, bwrap)
    if unsafe:
        yield from (IsolationLevel(layers, unsafe=True) for layers in (kept | {NAMESPACES}, kept, frozenset({LIMITS})))


def choose_level(*, unsafe: bool) -> tuple[IsolationLevel, Server]:
    """Return the best level that holds, with the server that was tested.

    Args:
        unsafe: Whether to go on with what is no protection where none of the others holds.

    Raises:
        UserError: No level holds.
        OSError: The machine has no process or memory to try one; that says nothing about the walls.
    """
    failures = [] if sys.platform == "linux" else [f"this is {platform.system()}, and the walls are those of Linux"]
    for level in isolation_levels(unsafe=unsafe):
        name = " + ".join([*([level.jail] if level.jail else []), *sorted(level.layers)])
        try:
            server, through = (level.start(), []) if level.unsafe else self_test(level)
        except ServerError as error:
            failures.append(f"{name}: {error}")
            continue
        if not through:
            return level, server
        server.kill()
        failures.append(f"{name}: not refused in the self-test: {', '.join(through)}")
    raise UserError(
        "Model-written Python is only run where it is walled in, and no way to do so works here "
        f"({'; '.join(failures) or 'neither Landlock nor bubblewrap was found'}). Use Linux 5.13 or later with "
        "Landlock on x86_64 or aarch64, or install bubblewrap; or leave out tool use; or, inside a machine that may "
        "be lost, pass allow_unsafe_code=True (--allow-unsafe-code)."
    )


def self_test(level: IsolationLevel) -> tuple[Server, list[str]]:
    """Start a server and list the forbidden things that a snippet was not refused; all of them if it did not run.

    Raises:
        ServerError: It cannot be started.
    """
    from numpy.random import bit_generator

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        secret, victim, path, library = (str(Path(folder, name)) for name in ("secret", "victim", "socket", "library"))
        Path(secret).write_text("secret")
        shutil.copy(bit_generator.__file__, library)  # any will do: what counts is what lies beside it
        listening = [stack.enter_context(socket.socket(family)) for family in (socket.AF_INET, socket.AF_UNIX)]
        listening[0].bind(("127.0.0.1", 0))
        listening[1].bind(path)
        for sock in listening:
            sock.listen()
        code = SNIPPET.format(
            secret=secret,
            victim=victim,
            socket=path,
            port=listening[0].getsockname()[1],
            parent=os.getpid(),
            unshare=UNSHARE.get(platform.machine(), -1),
        )
        server = level.start(library)
        try:
            result = server.run(code.encode(), timeout=10, memory=1 << 28, max_output=1 << 16)
            lines = result.stdout.splitlines()
        except ServerError:
            lines = []
        except BaseException:
            server.kill()
            raise
        refused = [name for name in NAMES if f"{name} refused" in lines]
        unharmed = Path(secret).exists() and not Path(victim).exists()
        return server, [name for name in NAMES if name not in refused or not unharmed]


# The self-test is a snippet that tries forbidden things, and says of each attempt how it ended: one line per attempt,
# "name refused" or "name through". An attempt that cannot be made at all, because a name is misspelt, say, is not
# refused: only the errors below count. The secret lies beside a shared library that the server has loaded.
SNIPPET = """
import ctypes, os, signal, socket

def attempt(name, act):
    try:
        act()
    except (PermissionError, FileNotFoundError, ProcessLookupError, ConnectionError, BlockingIOError) as error:
        print(name, "refused", flush=True)
    except OSError as error:
        print(name, "refused" if error.errno in (1, 13, 38, 101) else "through", flush=True)
    else:
        print(name, "through", flush=True)

def connect(kind, address, send=False):
    with socket.socket(*kind) as sock:
        sock.settimeout(1)
        sock.connect(address)
        sock.send(b"through")

def fork():
    if os.fork() == 0:
        os._exit(0)

def list_beside(path):
    if os.path.basename(path) not in os.listdir(os.path.dirname(path)):
        raise FileNotFoundError(path)  # a jail has folders of the same name

def write(path):
    with open(path, "w") as file:
        file.write("through")

def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")

attempt("read_a_file", lambda: open({secret!r}).read())
attempt("read_the_environment", lambda: open("/proc/{parent}/environ").read())
attempt("list_a_folder", lambda: list_beside({secret!r}))
attempt("write_a_file", lambda: write({victim!r}))
attempt("remove_a_file", lambda: os.remove({secret!r}))
attempt("signal_the_evaluator", lambda: os.kill({parent}, 0))
attempt("tcp", lambda: connect((socket.AF_INET, socket.SOCK_STREAM), ("127.0.0.1", {port})))
attempt("udp", lambda: connect((socket.AF_INET, socket.SOCK_DGRAM), ("127.0.0.1", {port})))
attempt("unix_socket", lambda: connect((socket.AF_UNIX, socket.SOCK_STREAM), {socket!r}))
attempt("fork", fork)
attempt("execute", lambda: os.execv("/bin/true", ["true"]))
attempt("namespaces", lambda: call({unshare}, 0x10000000))
"""

_ATTEMPT = re.compile(r'^attempt\("(\w+)"', re.MULTILINE)
NAMES = _ATTEMPT.findall(SNIPPET)
UNSHARE = {"x86_64": 272, "aarch64": 97}
