"""What the docstring of a method's module says: its name, its equation, its source, how it differs."""

import inspect
import itertools
import re

from trainers import METHODS


def docstring(method: str) -> str:
    """Of the module of a method; of its class where the module has none."""
    trainer = METHODS[method][0]
    return inspect.getdoc(inspect.getmodule(trainer)) or inspect.cleandoc(vars(trainer).get("__doc__") or "")


def headline(method: str) -> str:
    """Its first line, without the stop; the method's name without one."""
    return docstring(method).partition("\n")[0].rstrip(".") or method


def equation(method: str) -> str:
    """Its first indented block; "" without one."""
    indented = itertools.dropwhile(lambda line: not line.startswith("    "), docstring(method).splitlines())
    return inspect.cleandoc("\n".join(["", *itertools.takewhile(lambda line: line.startswith("    "), indented)]))


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
