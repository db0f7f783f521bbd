r"""Model-written Python, run where it can read no secret, change nothing, reach nobody and outlive nothing.

    from evaluation.sandbox import Sandbox
    with Sandbox() as sandbox:
        sandbox.run("print(1 + 1)").stdout        # '2\n'

A fork server has numpy, sympy and mpmath ready; every snippet gets a fresh copy of it, behind Landlock, a seccomp
allow-list, namespaces where the system allows them, and limits. A self-test finds out what works here when the first
snippet is run, and `Sandbox.describe` says it. Nothing runs unprotected unless the user allows it.

    pool       the evaluator's side: `Sandbox`, some fork servers that run snippets
    client     one fork server: starts it, sends a snippet, reads what it prints, orders it killed
    isolation  which sets of walls there are, and the self-test that chooses one
    launcher   a small process that puts the fork server into namespaces or a jail, and ends it with the evaluator
    server     the fork server, and the child in which a snippet runs
    walls      Landlock, seccomp and the other walls that a child puts up around itself

`launcher`, `server` and `walls` run behind the control socket and import only the standard library and each other.

A snippet can still see whether a path exists and how large a file is (Landlock does not hide that), read installed
packages, and measure time; against a hole in the kernel there is only what namespaces and the short list of allowed
system calls leave out.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.sandbox.client import Result
    from evaluation.sandbox.pool import Sandbox

__all__ = ["Result", "Sandbox"]


def __getattr__(name: str) -> Any:
    """Import the evaluator's side on first use: the fork servers import this package, too, and do without it."""
    if name in __all__:
        return getattr(import_module("evaluation.sandbox.pool"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
