"""Methods as data: steps whose operands are numbers or the results of earlier steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Result(NamedTuple):
    """The result of an earlier step of the same method, by its number."""

    step: int


class Step(NamedTuple):
    """One operation; an operand is a number or the result of an earlier step."""

    left: int | Result
    sign: str
    right: int | Result


Method = tuple[Step, ...]


class Draft(NamedTuple):
    """A problem as its family draws it: the text, how to solve it, and how one plausibly goes wrong."""

    text: str
    right: Method
    wrong: Method


def method(*steps: tuple[int | Result, str, int | Result]) -> Method:
    """Returns the method made of these steps."""
    return tuple(Step(*step) for step in steps)


class Worked(NamedTuple):
    """A step with its numbers filled in."""

    left: int
    sign: str
    right: int
    value: int


def work_out(steps: Method, slip: Callable[[], int] = lambda: 0) -> list[Worked]:
    """Returns the steps with their operands and results filled in.

    Args:
        steps: The method.
        slip: What is added to a result by mistake; the mistake is carried on into the later steps.

    Examples:
        >>> [f"{a}{sign}{b}={value}" for a, sign, b, value in work_out(method((2, "*", 3), (10, "-", Result(0))))]
        ['2*3=6', '10-6=4']
    """
    done: list[Worked] = []
    for step in steps:
        a, b = (done[x.step].value if isinstance(x, Result) else x for x in (step.left, step.right))
        value = {"+": a + b, "-": a - b, "*": a * b, "/": a // max(b, 1)}[step.sign]
        done.append(Worked(a, step.sign, b, max(0, value + slip())))
    return done
