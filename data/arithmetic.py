r"""Generated arithmetic problems with worked solutions: the data of the embedded default.

Deterministic in a seed, made without files or network. Problems are held out by their OPERANDS: the sorted numbers of
the text decide the split, whatever the family or the wording, so that no held-out problem is a training problem in
other words.

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from data._arithmetic_families import FAMILIES
from data._arithmetic_steps import Method, work_out

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
    """Generates problems with distinct texts, the families of the levels in turn.

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
    _check(n, split, levels)
    names = [name for name, family in FAMILIES.items() if family.level in levels]
    streams = {name: _distinct(name, split, seed) for name in names}
    return [next(streams[names[i % len(names)]]).record() for i in range(n)]


def draw(family: str, rng: Random) -> Problem:
    """Draws a problem of a family, of either split.

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
    """Returns the numbers of a text in ascending order, repeated ones as often as they occur.

    Examples:
        >>> operands("What is 12+3*12?")
        [3, 12, 12]
    """
    return sorted(int(number) for number in re.findall(r"\d+", text))


def split_of(text: str) -> str:
    """Returns the split a problem belongs to: a stable hash of its operands (`hash` differs between processes)."""
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


def _check(n: int, split: str, levels: Sequence[int]) -> None:
    known = sorted({family.level for family in FAMILIES.values()})
    if n < 0:
        raise ValueError(f"n must not be negative, but it is {n}. Ask for 0 or more problems.")
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, but it is {split!r}. Name one of them.")
    if not levels or not set(levels) <= set(known):
        raise ValueError(f"levels must be among {known}, but they are {list(levels)}. Name one or more of those.")
