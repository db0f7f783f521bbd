"""What the docstring of a method's module says: its name, its equation, its source, how it differs."""

import inspect
import re

from trainers import METHODS


def docstring(method: str) -> str:
    """Of the module of a method."""
    return inspect.getdoc(inspect.getmodule(METHODS[method][0])) or ""


def equation(method: str) -> str:
    """Its first indented block."""
    lines = docstring(method).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("    "))
    last = next(i for i, line in enumerate(lines[first:], first) if not line.startswith("    "))
    return inspect.cleandoc("\n".join(["", *lines[first:last]]))


def source(method: str) -> str:
    """Its paper or card, in a few words; "" without one."""
    found = re.search(
        r"^(?:Paper|Source): (?:the )?(.+?)(?:[.;]\s| and | \()", docstring(method), re.MULTILINE | re.DOTALL
    )
    return found[1] if found else ""


def difference(method: str) -> str:
    """The paragraph that begins with how it differs; "" without one."""
    paragraphs = docstring(method).split("\n\n")
    return next((" ".join(part.split()) for part in paragraphs if part.startswith("Differs from")), "")
