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
from evaluation._sandbox.client import Server, ServerError
from evaluation._sandbox.walls import CAPABILITIES, LANDLOCK, LIMITS, NAMESPACES, SECCOMP


class Rung(NamedTuple):
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


def rungs(*, unsafe: bool) -> Iterator[Rung]:
    """List what could work here, the best first; with `unsafe` also what is no protection."""
    kept = frozenset({LIMITS})
    if sys.platform == "linux" and seccomp.supported():
        kept |= {SECCOMP, CAPABILITIES}
        if landlock.version():
            yield Rung(kept | {LANDLOCK, NAMESPACES})
            yield Rung(kept | {LANDLOCK})
        if bwrap := shutil.which("bwrap"):
            yield Rung(kept | {NAMESPACES}, bwrap)
    if unsafe:
        yield from (Rung(layers, unsafe=True) for layers in (kept | {NAMESPACES}, kept, frozenset({LIMITS})))


def choose(*, unsafe: bool) -> tuple[Rung, Server]:
    """Climb down until a rung holds, and return it with the server that was tested.

    Args:
        unsafe: Whether to go on with what is no protection where none of the others holds.

    Raises:
        UserError: No rung holds.
        OSError: The machine has no process or memory to try one; that says nothing about the walls.
    """
    met = [] if sys.platform == "linux" else [f"this is {platform.system()}, and the walls are those of Linux"]
    for rung in rungs(unsafe=unsafe):
        name = " + ".join([*([rung.jail] if rung.jail else []), *sorted(rung.layers)])
        try:
            server, through = (rung.start(), []) if rung.unsafe else self_test(rung)
        except ServerError as error:
            met.append(f"{name}: {error}")
            continue
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


def self_test(rung: Rung) -> tuple[Server, list[str]]:
    """Start a server and tell which forbidden things a snippet was not refused; all of them if it did not run.

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
        code = probes.SNIPPET.format(
            secret=secret,
            victim=victim,
            socket=path,
            port=listening[0].getsockname()[1],
            parent=os.getpid(),
            unshare=probes.UNSHARE.get(platform.machine(), -1),
        )
        server = rung.start(library)
        try:
            lines = _lines(server, code)
        except BaseException:
            server.kill()
            raise
        refused = [name for name in probes.NAMES if f"{name} refused" in lines]
        unharmed = Path(secret).exists() and not Path(victim).exists()
        return server, [name for name in probes.NAMES if name not in refused or not unharmed]


def _lines(server: Server, code: str) -> Sequence[str]:
    try:
        ending = server.run(code.encode(), timeout=10, memory=1 << 28, max_output=1 << 16)
    except ServerError:
        return []
    return ending.stdout.decode(errors="replace").splitlines()
