"""What a method's class says of it: its name, its equation, its source, how it differs."""

import inspect

from trainers import METHODS


def headline(method: str) -> str:
    """Return its title; the method's name without one."""
    return METHODS[method][0].title or method


def equation(method: str) -> str:
    """Return its equations; "" without any."""
    return inspect.cleandoc(METHODS[method][0].equation)


def source(method: str) -> str:
    """Return its paper or card, in a few words; "" without one."""
    return METHODS[method][0].source


def difference(method: str) -> str:
    """Return how it differs from the method it is nearest to; "" where nothing is said."""
    return " ".join(METHODS[method][0].difference.split())
