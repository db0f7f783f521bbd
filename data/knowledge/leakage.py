"""What a knowledge point must not say: the answer, the numbers and names of its problem, its text, another point.

The published pipeline has a model judge this, by prompts that are not public, and has failures revised by hand. These
checks need no model and always come out the same. Of the 8,049 released points 97.6 % pass them; general truths hardly
ever hold a number beyond 0, 1 and 2, which is why so strict a reading costs so little.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from typing_extensions import override

from data.knowledge._leak_answer import answer_leaks
from data.knowledge._leak_text import plain
from data.knowledge._leak_values import tokens
from data.knowledge.records import split_point

NGRAM = 8  # words in a row that a point may not share with its problem or solution
_GENERAL = {"10", "12", "24", "60", "90", "100", "180", "270", "360", "1000"}
_DIGIT_OF_PROBLEM, _NUMBER_OF_SOLUTION = 5, 11  # smaller ones are in many general statements
_ALIKE = 0.9  # of the words of both: odd for even is one in eight


@dataclass(frozen=True)
class Leak:
    """A reason against a point.

    Attributes:
        kind: "answer", "number" or "name" (of this problem), or "overlap" (with the problem's or solution's words).
        evidence: What was found, for a person or the model that rewrites the point.
    """

    kind: str
    evidence: str

    @override
    def __str__(self) -> str:
        return f"{self.kind}: {self.evidence}"


def leaks(
    point: str,
    problem: str,
    answer: str,
    solution: str | None = None,
    *,
    equal: Callable[[str, str], bool] | None = None,
) -> list[Leak]:
    r"""Return the reasons against a knowledge point, [] if it is general.

    Args:
        point: Its text, in the released form or any other.
        problem: The problem it belongs to.
        answer: The gold answer; "" skips the search for it.
        solution: A worked solution, whose numbers and words are then looked for too.
        equal: Tells whether two formulas are equal, (gold, met), to find answers that are equal beyond numbers and
            text, such as $(x+1)^2$ for $x^2+2x+1$. Called for each formula of the point.

    >>> [str(leak) for leak in leaks("The roots sum to six fifths.", "Find the sum of the roots.", r"\frac65")]
    ["answer: 6/5 in 'the roots sum to (6/5).'"]
    >>> leaks("By Vieta the roots of a cubic sum to $-b/a$.", "Find the sum of the roots.", r"\frac65")
    []
    """
    point = " ".join(split_point(point))
    found = [Leak("answer", evidence) for evidence in answer_leaks(point, problem, answer, equal)]
    found += [Leak("number", evidence) for evidence in _numbers(point, problem, solution or "")]
    found += [Leak("name", name) for name in _names(problem) if re.search(rf"\b{name}\b", point)]
    for text, what in ((problem, "the problem"), (solution or "", "the solution")):
        common = _overlap(point, text)
        if common:
            found.append(Leak("overlap", f"{common!r} is also in {what}"))
    return found


def duplicates(points: Sequence[str]) -> list[tuple[int, int]]:
    """Return the pairs of places (i, j), i < j, of points that say the same: nearly the same words, order aside.

    >>> duplicates(["Angles sum to 180 degrees.", "Areas add up.", "**Angles** sum to 180 degrees!"])
    [(0, 2)]
    """
    words = [set(_words(" ".join(split_point(point)))) for point in points]
    pairs = [(i, j) for j in range(len(points)) for i in range(j)]
    return sorted((i, j) for i, j in pairs if len(words[i] & words[j]) >= _ALIKE * len(words[i] | words[j]))


def _numbers(point: str, problem: str, solution: str) -> Iterator[str]:
    met = _digits(point) - _GENERAL
    of_problem = {number for number in met & _digits(problem) if float(number) >= _DIGIT_OF_PROBLEM or "." in number}
    of_solution = {number for number in met & _digits(solution) if float(number) >= _NUMBER_OF_SOLUTION}
    yield from (f"{number} of the problem" for number in sorted(of_problem, key=float))
    yield from (f"{number} of the solution" for number in sorted(of_solution - of_problem, key=float))


def _digits(text: str) -> set[str]:
    return {word for word in tokens(plain(text)) if re.fullmatch(r"\d+(?:\.\d+)?", word)}


def _names(problem: str) -> list[str]:
    # Capitalised within a sentence: people, places, things that only this problem is about.
    return sorted(set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", problem)) - {"The", "Let", "Find"})


def _overlap(point: str, text: str) -> str:
    there, words = _ngrams(_words(text)), _words(point)
    common = [gram for gram in zip(*(words[i:] for i in range(NGRAM)), strict=False) if gram in there]
    return " ".join(common[0]) if common else ""


def _ngrams(words: list[str]) -> set[tuple[str, ...]]:
    return set(zip(*(words[i:] for i in range(NGRAM)), strict=False))


def _words(text: str) -> list[str]:
    return [word for word in tokens(plain(text)) if word.isalnum()]
