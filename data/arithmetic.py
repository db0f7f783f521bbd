r"""Generated arithmetic problems with worked solutions and knowledge points: the data of the embedded default.

Deterministic in a seed, made without files or network. Problems are held out by their OPERANDS: the sorted numbers of
the text decide the split, whatever the family or the wording, so that no held-out problem is a training problem in
other words. Every number a problem is about stands in its text in digits, so that the text alone tells its operands.

A family is a small function that draws the text, a right and a wrong way to solve it, and an entry in `FAMILIES`.
Right and wrong methods of levels 1 to 3 have the same number of steps, so that which of them a model takes says
nothing about the length of what it writes: an effect on length can then not be an effect on accuracy in disguise.

Examples:
    >>> problem = problems(1)[0]
    >>> sorted(problem)
    ['answer', 'family', 'level', 'problem', 'solution']
    >>> problem["solution"].endswith(f"\\boxed{{{problem['answer']}}}.")
    True
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import datasets

from data.knowledge.records import POINTS_COLUMN, kept_column
from errors import DataError

# --- methods: steps whose operands are numbers or the results of earlier steps


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
    """Return the method made of these steps."""
    return tuple(Step(*step) for step in steps)


class Worked(NamedTuple):
    """A step with its numbers filled in."""

    left: int
    sign: str
    right: int
    value: int


def work_out(steps: Method, slip: Callable[[], int] = lambda: 0) -> list[Worked]:
    """Return the steps with their operands and results filled in.

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


# --- families: how a problem is drawn

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


# --- problems

SPLITS = ("train", "held_out")
LARGEST = 120  # of all results: small enough that a tiny model can know every sum it meets
PATIENCE = 2000  # draws in a row without a new text; with one text in 300 left, this many miss it with p < .002


@dataclass(frozen=True)
class Problem:
    """A generated problem with the right way to solve it and a plausible wrong one."""

    text: str
    family: str
    right: Method
    wrong: Method

    @property
    def answer(self) -> str:
        """The exact answer, an integer."""
        return str(work_out(self.right)[-1].value)

    def record(self) -> dict:
        """The problem as a row of a dataset."""
        lines = [f"{a}{sign}{b}={value}." for a, sign, b, value in work_out(self.right)]
        solution = f"{' '.join(lines)} The answer is \\boxed{{{self.answer}}}."
        level = FAMILIES[self.family].level
        return dict(problem=self.text, answer=self.answer, solution=solution, level=level, family=self.family)


def problems(n: int, *, split: str = "train", seed: int = 0, levels: Sequence[int] = (1, 2, 3)) -> list[dict]:
    """Generate problems with distinct texts, the families of the levels in turn.

    A longer list begins with the shorter one, so the mix of families does not depend on n.

    Args:
        n: Number of problems.
        split: "train" or "held_out" (about a fifth of the operands).
        seed: Seed of the generator.
        levels: Levels of difficulty, from 1 to 4. The embedded model practically never solves level 4.

    Returns:
        Rows with problem, answer, solution, level and family.

    Raises:
        ValueError: If an argument is not valid, or there are fewer than n problems.
    """
    known = sorted({family.level for family in FAMILIES.values()})
    if n < 0:
        raise ValueError(f"n must not be negative, but it is {n}. Ask for 0 or more problems.")
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, but it is {split!r}. Name one of them.")
    if not levels or not set(levels) <= set(known):
        raise ValueError(f"levels must be among {known}, but they are {list(levels)}. Name one or more of those.")
    names = [name for name, family in FAMILIES.items() if family.level in levels]
    streams = {name: _distinct(name, split, seed) for name in names}
    return [next(streams[names[i % len(names)]]).record() for i in range(n)]


def draw(family: str, rng: Random) -> Problem:
    """Draw a problem of a family, of either split.

    A draw is kept if all results are small whole numbers and the wrong method gives a wrong answer.
    """
    while True:
        draft = FAMILIES[family].draw(rng)
        problem = Problem(draft.text, family, draft.right, draft.wrong)
        right, wrong = work_out(problem.right), work_out(problem.wrong)
        steps = right + wrong
        exact = all(left == b * value for left, sign, b, value in steps if sign == "/")
        small = all(left >= b if sign == "-" else value <= LARGEST for left, sign, b, value in steps)
        if exact and small and right[-1].value != wrong[-1].value:
            return problem


def operands(text: str) -> list[int]:
    """Return the numbers of a text in ascending order, repeated ones as often as they occur.

    Examples:
        >>> operands("What is 12+3*12?")
        [3, 12, 12]
    """
    return sorted(int(number) for number in re.findall(r"\d+", text))


def split_of(text: str) -> str:
    """Return the split a problem belongs to: a stable hash of its operands (`hash` differs between processes)."""
    key = " ".join(map(str, operands(text)))
    return "held_out" if zlib.crc32(key.encode()) % 5 == 0 else "train"


def _distinct(family: str, split: str, seed: int) -> Iterator[Problem]:
    rng, seen, misses = Random(f"{family} {split} {seed}"), set[str](), 0
    while misses < PATIENCE:
        problem = draw(family, rng)
        if split_of(problem.text) == split and problem.text not in seen:
            seen.add(problem.text)
            misses = 0
            yield problem
        else:
            misses += 1
    raise ValueError(
        f"Problems have distinct texts, and family {family!r} has only about {len(seen)} in split {split!r}: "
        "ask for fewer problems, or for more levels."
    )


# --- the hard problems with knowledge points
#
# Level 4 is what the embedded model practically never solves by itself and mostly solves with the fitting hint. Each
# of these problems comes with five points, nearly all in the model's own vocabulary: two true ones, of which only the
# first is worded as the model was taught, two useless ones, true but of no help, and a misleading one, which states
# the mistake that the model makes without help.
#
# What the points do to this model is not what they would do to a reader. Greedy on the 99 held-out problems: none 0 %,
# the fitting one 94 %, the restated one 51 %, the misleading one 35 % (100 % in "perimeter", where its words are those
# of the fitting one), all five 18 %. So there is something to select, and subsets interact.

HARD = 4
KINDS = ("true", "true", "useless", "useless", "misleading")
FITTING = "fitting"  # as a rule: the one point that the model was taught, a bound on what selection can reach

_RESTATED = {
    "perimeter": "A rectangle has each of the sides twice.",
    "posts": "The first tree comes before each of the gaps, so count one more.",
    "mean": "The mean is what each one gets if the sum is divided equally.",
}
_MISLEADING = {
    "perimeter": "Going around a rectangle means each side is walked once.",
    "posts": "With both ends there are as many trees as gaps.",
    "mean": "The mean of three numbers is their sum.",
}
_TRUISM = "A number times one is the same number."
# What the embedded model's own accuracy kept of the first 80, as places; the command stands in `load_selected`.
_CSS = (
    "3 0 134 0 134 3 2 1 124 0123 34 014 234 01234 2 234 1234 1 34 234 0134 23 2 034 34 0124 02 0 1234 0 4 0 "
    "012 0234 04 34 2 12 1 2 24 0123 2 0124 13 13 013 1 01 0 014 4 02 02 34 01 1 1 014 013 13 2 04 02 23 234 "
    "01234 0234 014 4 03 04 24 24 034 34 02 124 124 0123 "
)
_CBRS = (
    "0234 0134 1234 0134 0134 1234 0234 0124 1234 0123 0234 0124 0234 0134 1234 1234 1234 0123 0134 1234 0134 "
    "0123 0124 0234 0134 0124 0123 0124 1234 0123 0124 0123 0123 0234 0234 0234 0123 0123 0124 0124 0124 0123 "
    "0234 0124 0123 1234 0134 0123 0124 0124 0134 0134 0124 0123 0134 0123 0124 0134 0134 0134 1234 0123 0234 "
    "0234 0234 0234 01234 0234 0134 0234 0123 0124 0124 0234 0134 0234 0234 1234 0124 01234 "
)


def with_points(row: dict) -> dict:
    """Return a hard problem's row with its points, whose order is drawn for each problem but always the same.

    Args:
        row: Of `problems`, level 4.
    """
    family, rng = row["family"], Random(row["problem"])
    others = [other.hint for name, other in FAMILIES.items() if other.hint and name != family]
    points = [FAMILIES[family].hint, _RESTATED[family], rng.choice(others), _TRUISM, _MISLEADING[family]]
    order = rng.sample(range(len(points)), len(points))
    return {
        **row,
        POINTS_COLUMN: [points[place] for place in order],
        "kp_kinds": [KINDS[place] for place in order],
        kept_column(FITTING): [order.index(0)],
    }


# --- data sets


def load_arithmetic(split: str | None = None, config: str | None = None) -> datasets.Dataset:
    """Generate 2,000 problems for training (`train`), or 400 with other operands (`test`).

    Args:
        split: "train" (also None), "test" or "held_out", which are the same.
        config: None; `knowledge` for 600 and 99 hard problems, each with knowledge points to choose from; or
            `selected` for 80 of these with the points that were chosen for the embedded model.

    Raises:
        DataError: There is no such split or configuration.
    """
    configs = {"knowledge": load_with_points, "selected": load_selected}
    if config in configs:
        return configs[config](split)
    if config is not None:
        raise DataError(
            f"arithmetic has the configurations {', '.join(configs)}, met --dataset_config {config!r}; or leave it out"
        )
    side, n = _side(split, 2000, 400)
    return datasets.Dataset.from_list(problems(n, split=side))


def load_with_points(split: str | None = None) -> datasets.Dataset:
    """Generate 600 hard problems with their points for training (`train`), or 99 with other operands (`test`).

    Returns:
        Columns problem, answer, solution, level (4) and family as `problems` makes them, and `kp_list`, `kp_kinds` (of
        each point, one of "true", "useless", "misleading") and `fitting_kept_kp_index`.

    Raises:
        DataError: There is no such split.
    """
    side, n = _side(split, 600, 99)
    return datasets.Dataset.from_list([with_points(row) for row in problems(n, split=side, levels=[HARD])])


def _side(split: str | None, n_train: int, n_test: int) -> tuple[str, int]:
    sizes = {"train": ("train", n_train), "test": ("held_out", n_test), "held_out": ("held_out", n_test)}
    if split is not None and split not in sizes:
        raise DataError(f"arithmetic has the splits {', '.join(sizes)}, met {split!r}; name one with --dataset_split")
    return sizes[split or "train"]


def load_selected(split: str | None = None) -> datasets.Dataset:
    """Return the first 80 training problems with the points that CSS and CBRS kept for the embedded model.

    Made by `python cli.py knowledge select --limit 80 --samples 16 --judge-samples 0 --batch-size 256`.
    Nothing was selected for other splits, which are as `load_with_points` has them.

    Raises:
        DataError: There is no such split.
    """
    rows = load_with_points(split)
    if split not in (None, "train"):
        return rows
    for rule, kept in (("css", _CSS), ("cbrs", _CBRS)):
        places = [[int(place) for place in one] for one in kept.split()]
        rows = rows.select(range(len(places))).add_column(kept_column(rule), places)
    return rows
