"""Which walls there are on this machine: the best rung whose self-test finds every forbidden thing refused."""

import contextlib
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from errors import UserError
from evaluation._sandbox import landlock, probes, seccomp
from evaluation._sandbox.client import ROOT, Server, ServerError
from evaluation._sandbox.walls import CAPABILITIES, LANDLOCK, LIMITS, NAMESPACES, SECCOMP, readable


class Rung(NamedTuple):
    """A set of walls, and a jail's command line where the server is to run in one."""

    layers: frozenset[str]
    command: tuple[str, ...] = ()
    unsafe: bool = False

    def start(self) -> Server:
        """Start a fork server behind these walls.

        Raises:
            ServerError: One of them cannot be put up here.
        """
        return Server(sorted(self.layers), self.command)

    def describe(self) -> str:
        """Say in one line what is active."""
        limits = "limits on memory, processor time, files and output"
        if self.unsafe:
            kept = ", ".join(sorted(self.layers & {SECCOMP, NAMESPACES})) or "nothing else"
            return f"model-written Python is NOT isolated (unsafe code was allowed): {limits}, {kept}"
        parts = ["Landlock" if LANDLOCK in self.layers else "bubblewrap", "a seccomp allow-list"]
        parts += ["namespaces of its own"] if NAMESPACES in self.layers else []
        return f"model-written Python runs in a process of its own behind {', '.join(parts)} and {limits}"


def rungs(*, unsafe: bool) -> Iterator[Rung]:
    """List what could work here, the best first; with `unsafe` also what is no protection."""
    kept = frozenset({LIMITS})
    if sys.platform == "linux" and seccomp.supported():
        kept |= {SECCOMP, CAPABILITIES}
        if landlock.version():
            yield Rung(kept | {LANDLOCK, NAMESPACES})
            yield Rung(kept | {LANDLOCK})
        if bwrap := shutil.which("bwrap"):
            yield Rung(kept | {NAMESPACES}, tuple(bubblewrap(bwrap)))
    if unsafe:
        yield from (Rung(layers, unsafe=True) for layers in (kept | {NAMESPACES}, kept, frozenset({LIMITS})))


def bubblewrap(program: str) -> list[str]:
    """Return the command line of a jail that holds the interpreter and its libraries, read-only, and nothing else."""
    interpreter = Path(sys.executable)
    wanted = {*readable(), str(ROOT / "evaluation" / "_sandbox"), str(ROOT / "evaluation" / "__init__.py")}
    wanted |= {str(interpreter.parent), str(interpreter.resolve().parent), str(Path(sys.prefix, "pyvenv.cfg"))}
    wanted |= {"/lib", "/lib64", "/usr/lib", "/usr/lib64"}
    binds = [word for path in sorted(wanted) for word in ("--ro-bind-try", path, path)]
    alone = ["--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--new-session", "--as-pid-1"]
    devices = ["--dev-bind", "/dev/null", "/dev/null"]
    return [program, *alone, "--die-with-parent", *binds, *devices, "--remount-ro", "/", "--chdir", "/"]


def choose(*, unsafe: bool) -> tuple[Rung, Server]:
    """Climb down until a rung holds, and return it with the server that was tested.

    Args:
        unsafe: Whether to go on with what is no protection where none of the others holds.

    Raises:
        UserError: No rung holds.
    """
    met = [] if sys.platform == "linux" else [f"this is {platform.system()}, and the walls are those of Linux"]
    for rung in rungs(unsafe=unsafe):
        name = " + ".join([*rung.command[:1], *sorted(rung.layers)])
        try:
            server = rung.start()
        except ServerError as error:
            met.append(f"{name}: {error}")
            continue
        through = [] if rung.unsafe else self_test(server)
        if not through:
            return rung, server
        server.kill()
        met.append(f"{name}: not refused in the self-test: {', '.join(through)}")
    raise UserError(
        "Model-written Python is only run where it is walled in, and no way to do so works here "
        f"({'; '.join(met) or 'neither Landlock nor bubblewrap was found'}). Use Linux 5.13 or later with Landlock on "
        "x86_64 or aarch64, or install bubblewrap; or leave out tool use; or, inside a machine that may be lost, pass "
        "allow_unsafe_code=True (--allow-unsafe-code)."
    )


def self_test(server: Server) -> list[str]:
    """Return the names of the forbidden things that a snippet was not refused; all of them if it did not run."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        secret, victim, path = (str(Path(folder, name)) for name in ("secret", "victim", "socket"))
        Path(secret).write_text("secret")
        listening = [stack.enter_context(socket.socket(family)) for family in (socket.AF_INET, socket.AF_UNIX)]
        listening[0].bind(("127.0.0.1", 0))
        listening[1].bind(path)
        for sock in listening:
            sock.listen()
        code = probes.SNIPPET.format(
            secret=secret,
            victim=victim,
            socket=path,
            port=listening[0].getsockname()[1],
            parent=os.getpid(),
            unshare=probes.UNSHARE.get(platform.machine(), -1),
        )
        lines = _lines(server, code)
        refused = [name for name in probes.NAMES if f"{name} refused" in lines]
        unharmed = Path(secret).exists() and not Path(victim).exists()
        return [name for name in probes.NAMES if name not in refused or not unharmed]


def _lines(server: Server, code: str) -> Sequence[str]:
    try:
        ending = server.run(code.encode(), timeout=10, memory=1 << 28, max_output=1 << 16)
    except ServerError:
        return []
    return ending.stdout.decode(errors="replace").splitlines()
