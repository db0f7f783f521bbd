"""A bubblewrap jail that holds the interpreter and its libraries, read-only, and nothing else."""

import os
import sys
from pathlib import Path

from evaluation._sandbox.walls import readable

ALONE = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--new-session", "--as-pid-1"),
    "--die-with-parent",
)
CODE = Path(__file__).resolve().parent


def options() -> list[str]:
    """Return the jail's options, for a server that loads the same libraries as this process has loaded."""
    wanted = {*readable(), str(CODE), str(CODE.parent / "__init__.py"), str(Path(sys.prefix, "pyvenv.cfg"))}
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
