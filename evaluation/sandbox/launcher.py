"""A small process between the evaluator and its fork server, which it puts into namespaces of its own, or into a jail.

    python -s -P -c BOOT ROOT launcher CONTROL PARENT LAYERS LIBRARY COMMAND

It imports only what it needs itself: the server's imports come after the fork, or in the jail.
"""

import contextlib
import json
import os
import select
import signal
import sys
import traceback

from evaluation.sandbox.walls import NAMESPACES, PR_SET_PDEATHSIG, prctl, readable, unshare

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x20000,
    0x4000000,
    0x8000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_ALL = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET
_KILLED_FIRST = 1000


def main(arguments: list[str]) -> None:
    """Start the server and stay until it or the evaluator has ended.

    It watches both: the evaluator by a descriptor for its process, because a socket stays open in any copy that a fork
    of the evaluator holds, and a death signal would already come when the evaluator's thread ends that began this.

    Args:
        arguments: The control socket's descriptor, the evaluator's pid, names of the walls as JSON, a library for the
            server to load, and a command (JSON) that starts the server in a jail, null for a fork.
    """
    control, evaluator, library = int(arguments[0]), int(arguments[1]), arguments[3]
    layers, command = json.loads(arguments[2]), json.loads(arguments[4])
    if not hasattr(os, "pidfd_open"):  # not Linux: the end of the control socket must do
        _serve(control, layers, library)
        return
    watched = os.pidfd_open(evaluator)
    if os.getppid() != evaluator:
        return
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(str(_KILLED_FIRST))  # rather than the evaluator
    if NAMESPACES in layers and not command:
        enter_namespaces()
    server = os.fork()
    if server == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if command:
            _enter_jail(command, library)
        os.close(watched)
        try:
            _serve(control, layers, library)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(control)
    ends = select.poll()
    for fd in (watched, os.pidfd_open(server)):
        ends.register(fd, select.POLLIN)
    ends.poll()
    with contextlib.suppress(ProcessLookupError):
        os.kill(server, signal.SIGKILL)
    os.waitpid(server, 0)


def _serve(control: int, layers: list[str], library: str) -> None:
    from evaluation.sandbox import server

    server.serve(control, layers, library)


def _enter_jail(command: list[str], library: str) -> None:
    """Become a jail that holds the libraries which the server loads; loading them here, too, finds out which."""
    from evaluation.sandbox import server

    server.load(library)
    os.execv(command[0], [command[0], *jail_options(), *command[1:]])


def enter_namespaces() -> None:
    """Leave the machine's network, processes, shared memory and users behind; children are in the new namespaces.

    Raises:
        OSError: The kernel, or the container that this runs in, does not allow it.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        unshare(_NEWUSER | _ALL)
    except OSError:
        unshare(_ALL)  # for root where user namespaces are switched off
        return
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


# A bubblewrap jail holds the interpreter and its libraries, read-only, and nothing else.
ALONE = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--new-session", "--as-pid-1"),
    "--die-with-parent",
)
CODE = os.path.dirname(os.path.realpath(__file__))


def jail_options() -> list[str]:
    """Return the jail's options, for a server that loads the same libraries as this process has loaded."""
    package = os.path.join(os.path.dirname(CODE), "__init__.py")
    wanted = {*readable(), CODE, package, os.path.join(sys.prefix, "pyvenv.cfg")}
    wanted |= {os.path.realpath(path) for path in wanted}
    binds = [word for path in sorted(wanted) for word in ("--ro-bind-try", path, path)]
    devices = ["--dev-bind", "/dev/null", "/dev/null"]
    return [*ALONE, *binds, *_interpreter(), *devices, "--remount-ro", "/", "--chdir", "/"]


def _interpreter() -> list[str]:
    """Return the options for the interpreter and the links that lead to it: it finds its libraries from its place."""
    links, path = [], sys.executable
    while os.path.islink(path):
        links += ["--symlink", os.readlink(path), path]
        folder, name = os.path.split(os.path.join(os.path.dirname(path), os.readlink(path)))
        path = os.path.join(os.path.realpath(folder), name)
    return [*links, "--ro-bind", path, path]
