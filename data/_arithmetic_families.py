"""The families of generated problems: for each, how a problem is drawn, and a right and a wrong way to solve it.

A family is a small function that draws the text and the two methods, and an entry in `FAMILIES`. Right and wrong
methods of levels 1 to 3 have the same number of steps, so that which of them a model takes says nothing about the
length of what it writes: an effect on length can then not be an effect on accuracy in disguise.

Every number a problem is about stands in its text in digits, so that the text alone tells its operands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from data._arithmetic_steps import Draft, Result, method

NAMES = ["Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Hugo"]
NAMES += ["Iris", "Jack", "Kate", "Leo", "Mia", "Noah", "Olga", "Paul"]
THINGS = ["apples", "books", "pens", "coins", "stamps", "cards", "eggs", "shells", "pears", "balls"]
BUNDLES = ["boxes", "bags", "baskets", "trays", "packs"]
COLOURS = ["red", "blue", "green", "white"]
FIRST, SECOND = Result(0), Result(1)


@dataclass(frozen=True)
class Family:
    """A kind of problem.

    Attributes:
        level: 1 to 3 by the number of things to get right; 4 is what the embedded model solves only with a hint.
        p_right: How often the warm-start corpus solves a problem of this family by the right method. It sets the
            difficulty for the embedded model: near 1 it always succeeds, below one half greedy decoding fails while
            sampling still finds the answer.
        draw: Draws a problem.
        hint: The piece of knowledge that the wrong method lacks, in words.
    """

    level: int
    p_right: float
    draw: Callable[[Random], Draft]
    hint: str = ""


def _change(rng: Random) -> Draft:
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    count, price = rng.randint(2, 6), rng.randint(2, 6)
    paid = count * price + rng.randint(1, 9)
    text = rng.choice(
        [
            f"{name} buys {count} {thing} at {price} dollars each and pays with {paid} dollars. "
            f"How much change does {name} get?",
            f"{name} has {paid} dollars and buys {count} {thing} for {price} dollars each. How many dollars are left?",
        ]
    )
    cost = (count, "*", price)
    return Draft(text, method(cost, (paid, "-", FIRST)), method(cost, (paid, "+", FIRST)))


def _ask(rng: Random, expression: str) -> str:
    name = rng.choice(NAMES)
    return rng.choice(
        [f"What is {expression}?", f"Compute {expression}.", f"{name} works out {expression}. What should {name} get?"]
    )


def _precedence(rng: Random) -> Draft:
    a, b, c = rng.randint(2, 12), rng.randint(2, 6), rng.randint(2, 6)
    times_first = method((b, "*", c), (a, "+", FIRST))
    left_to_right = method((a, "+", b), (FIRST, "*", c))
    return Draft(_ask(rng, f"{a}+{b}*{c}"), times_first, left_to_right)


def _brackets(rng: Random) -> Draft:
    a, b, c = rng.randint(2, 8), rng.randint(2, 6), rng.randint(2, 6)
    bracket_first = method((a, "+", b), (FIRST, "*", c))
    bracket_ignored = method((b, "*", c), (a, "+", FIRST))
    return Draft(_ask(rng, f"({a}+{b})*{c}"), bracket_first, bracket_ignored)


def _share(rng: Random) -> Draft:
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    friends, each, more = rng.randint(2, 6), rng.randint(2, 6), rng.randint(2, 9)
    total = friends * each
    text = (
        f"{name} shares {total} {thing} equally among {friends} friends. Then each friend finds {more} more. "
        f"How many {thing} does each friend have?"
    )
    right = method((total, "/", friends), (FIRST, "+", more))
    return Draft(text, right, method((total, "+", more), (FIRST, "-", friends)))


def _times(rng: Random) -> Draft:
    (one, other), thing = rng.sample(NAMES, 2), rng.choice(THINGS)
    count, factor = rng.randint(2, 9), rng.randint(2, 5)
    text = f"{one} has {count} {thing}. {other} has {factor} times as many. How many {thing} do they have together?"
    many = (count, "*", factor)
    return Draft(text, method(many, (count, "+", FIRST)), method(many, (FIRST, "+", factor)))


def _distractor(rng: Random) -> Draft:
    name, (thing, other), (colour, hue) = rng.choice(NAMES), rng.sample(THINGS, 2), rng.sample(COLOURS, 2)
    a, b, c, d = rng.randint(3, 15), rng.randint(3, 15), rng.randint(2, 9), rng.randint(2, 9)
    text = (
        f"{name} has {a} {colour} {thing}, {b} {hue} {thing} and {c} {other}, and finds {d} more {thing}. "
        f"How many {thing} does {name} have?"
    )
    both = (a, "+", b)
    return Draft(text, method(both, (FIRST, "+", d)), method(both, (FIRST, "+", c)))


def _equation(rng: Random) -> Draft:
    factor, x, shift = rng.randint(2, 6), rng.randint(2, 9), rng.randint(1, 12)
    value = factor * x + shift
    text = rng.choice(["Solve {}.", "Find x if {}.", "What is x if {}?"]).format(f"{factor}x+{shift}={value}")
    rest = (value, "-", shift)
    return Draft(text, method(rest, (FIRST, "/", factor)), method(rest, (FIRST, "-", factor)))


def _bundles(rng: Random) -> Draft:
    name, thing, bundle = rng.choice(NAMES), rng.choice(THINGS), rng.choice(BUNDLES)
    own, count, size = rng.randint(2, 12), rng.randint(2, 6), rng.randint(2, 6)
    gone = rng.randint(2, min(12, own + count * size - 1))
    text = (
        f"{name} has {own} {thing} and gets {count} {bundle} with {size} {thing} each. Then {name} gives away {gone}. "
        f"How many {thing} are left?"
    )
    so_far = ((count, "*", size), (own, "+", FIRST))
    return Draft(text, method(*so_far, (SECOND, "-", gone)), method(*so_far, (SECOND, "+", gone)))


def _takings(rng: Random) -> Draft:
    thing, other = rng.sample(THINGS, 2)
    a, b, c, d = (rng.randint(2, 6) for _ in range(4))
    text = (
        f"A shop sells {a} {thing} for {b} dollars each and {c} {other} for {d} dollars each. "
        f"How many dollars does it earn?"
    )
    first, total = (a, "*", b), (FIRST, "+", SECOND)
    return Draft(text, method(first, (c, "*", d), total), method(first, (c, "+", d), total))


def _sequence(rng: Random) -> Draft:
    name, start, gap = rng.choice(NAMES), rng.randint(1, 25), rng.randint(3, 7)
    second, third = start + gap, start + 2 * gap
    text = (
        f"{name} counts {start}, {second}, {third} and goes on by the same amount. "
        f"Which number comes 2 places after {third}?"
    )
    so_far = ((second, "-", start), (third, "+", FIRST))
    return Draft(text, method(*so_far, (SECOND, "+", FIRST)), method(*so_far, (SECOND, "+", 2)))


def _perimeter(rng: Random) -> Draft:
    name, a, b = rng.choice(NAMES), rng.randint(2, 15), rng.randint(2, 15)
    text = f"{name} walks once around a field that is {a} metres long and {b} metres wide. How many metres is that?"
    return Draft(text, method((a, "+", b), (FIRST, "*", 2)), method((a, "+", b)))


def _posts(rng: Random) -> Draft:
    name, gap, count = rng.choice(NAMES), rng.randint(2, 6), rng.randint(2, 12)
    text = (
        f"{name} plants a tree every {gap} metres along a road of {gap * count} metres, at both ends too. "
        f"How many trees are there?"
    )
    return Draft(text, method((gap * count, "/", gap), (FIRST, "+", 1)), method((gap * count, "/", gap)))


def _mean(rng: Random) -> Draft:
    a, b, mean = rng.randint(2, 12), rng.randint(2, 12), rng.randint(4, 10)
    c = max(1, 3 * mean - a - b)
    text = f"{rng.choice(NAMES)} scores {a}, {b} and {c} points in the games. What is the mean score?"
    total = ((a, "+", b), (FIRST, "+", c))
    return Draft(text, method(*total, (SECOND, "/", 3)), method(*total))


FAMILIES: dict[str, Family] = {
    "change": Family(1, 0.98, _change),
    "precedence": Family(1, 0.48, _precedence),
    "brackets": Family(1, 0.52, _brackets),
    "share": Family(1, 0.54, _share),
    "times": Family(2, 0.5, _times),
    "distractor": Family(2, 0.26, _distractor),
    "equation": Family(2, 0.48, _equation),
    "bundles": Family(3, 0.46, _bundles),
    "takings": Family(3, 0.54, _takings),
    "sequence": Family(3, 0.48, _sequence),
    "perimeter": Family(4, 0.0, _perimeter, "Going around a rectangle means each side is walked twice."),
    "posts": Family(4, 0.0, _posts, "With both ends there is one more tree than gaps."),
    "mean": Family(4, 0.0, _mean, "The mean of three numbers is their sum divided by three."),
}
