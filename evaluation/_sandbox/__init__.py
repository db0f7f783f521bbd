"""The parts of `evaluation.sandbox`.

    client      the evaluator's side: starts a launcher, sends a snippet, reads what it prints, orders it killed
    launcher    a fresh process: enters namespaces of its own, starts the server, ends it with the evaluator
    server      imports numpy and sympy once, then forks a child per snippet and buries it
    child       puts up the walls around itself and runs the snippet
    jail        the options of a bubblewrap jail around the server
    walls       limits, capabilities and order of the walls; `landlock` and `seccomp` are two of them
    ladder      which sets of walls there are, and the self-test that chooses one

All but `client` and `ladder` run in the fork server and import only the standard library and each other.

Why system calls through ctypes and not the bindings on PyPI: `pyseccomp` 0.1.2 needs the system's libseccomp, which
pip does not bring; `landlock` 1.0.0.dev5 knows neither network nor signal rules; `py-landlock` 0.1.1 (alpha) makes the
rules anew in every child, where an inherited rule set costs one system call.
"""
