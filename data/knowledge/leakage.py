r"""What a knowledge point must not say: the answer, the numbers and names of its problem, its text, another point.

The published pipeline has a model judge this, by prompts that are not public, and has failures revised by hand. These
checks need no model and always come out the same; the judge comes after them. General truths hardly ever hold a number
beyond 0, 1 and 2, which is why so strict a reading costs so little.

Answers are compared by value, so that the form they are written in does not matter. A distinctive answer, such as 809
or 7/18, is a leak wherever its value occurs. A common one, such as 2 or 1/2, occurs in many general truths: it is a
leak only where the text says that it is what the problem asks for.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from typing_extensions import override

from boxed import last_boxed
from data.knowledge.records import split_point
from data.knowledge.values import Found, Value, plain, same, sentences, tokens, values

NGRAM = 8  # words in a row that a point may not share with its problem or solution

# Numbers that stand in many general statements; for the others, from which size on they are of this problem.
_GENERAL = {"10", "12", "24", "60", "90", "100", "180", "270", "360", "1000"}
_LEAST_OF_PROBLEM, _LEAST_OF_SOLUTION = 5, 11

_LITERAL = re.compile(r"\d+(?:\.\d+)?")
_ALIKE = 0.9  # share of words in common from which points say the same: odd for even is one in eight


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
        equal: Tells whether two formulas are equal, (gold, formula), to find answers that are equal beyond numbers and
            text, such as $(x+1)^2$ for $x^2+2x+1$. Called for each formula of the point.

    >>> [str(leak) for leak in leaks("The roots sum to six fifths.", "Find the sum of the roots.", r"\frac65")]
    ["answer: 6/5 in 'the roots sum to (6/5).'"]
    >>> leaks("By Vieta the roots of a cubic sum to $-b/a$.", "Find the sum of the roots.", r"\frac65")
    []
    """
    point = " ".join(split_point(point))
    found = [Leak("answer", evidence) for evidence in _answers(point, problem, answer, equal)]
    found += [Leak("number", evidence) for evidence in _numbers(point, problem, solution or "")]
    # Capitalised within a sentence: people, places, things that only this problem is about.
    names = set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", problem)) - {"The", "Let", "Find"}
    found += [Leak("name", name) for name in sorted(names) if re.search(rf"\b{name}\b", point)]
    for text, what in ((problem, "the problem"), (solution or "", "the solution")):
        there = set(_ngrams(text))
        common = next((" ".join(gram) for gram in _ngrams(point) if gram in there), "")
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


def formulas(text: str) -> list[str]:
    r"""Return the formulas of a text and the sides of its equations, those of at least two characters.

    >>> formulas("So $y = 2x+3$ holds, and $k$ is free.")
    ['y = 2x+3', '2x+3']
    """
    found = [a or b or c for a, b, c in re.findall(r"\$+([^$]+)\$+|\\\((.+?)\\\)|\\\[(.+?)\\\]", text, re.DOTALL)]
    sides = [part for one in found for part in (one, *re.split(r"=|\\(?:approx|equiv|leq?|geq?)\b", one))]
    return list(dict.fromkeys(part.strip() for part in sides if len(part.strip()) > 1))


def _numbers(point: str, problem: str, solution: str) -> Iterator[str]:
    numbers = _literals(point) - _GENERAL
    of_problem = {n for n in numbers & _literals(problem) if float(n) >= _LEAST_OF_PROBLEM or "." in n}
    of_solution = {n for n in numbers & _literals(solution) if float(n) >= _LEAST_OF_SOLUTION} - of_problem
    yield from (f"{number} of the problem" for number in sorted(of_problem, key=float))
    yield from (f"{number} of the solution" for number in sorted(of_solution, key=float))


def _literals(text: str) -> set[str]:
    return {word for word in tokens(plain(text)) if _LITERAL.fullmatch(word)}


def _words(text: str) -> list[str]:
    return [word for word in tokens(plain(text)) if word.isalnum()]


def _ngrams(text: str) -> list[tuple[str, ...]]:
    words = _words(text)
    return list(zip(*(words[i:] for i in range(NGRAM)), strict=False))


# --- the answer

# Of the 8,049 released points many hold a 0, 1 or 2, few another of these, and hardly any a number beyond them.
_COMMON: list[Value] = [Fraction(n) for n in (0, 1, 2, 3, 4, 10, 60, 90, 100, 180, 360, 1000)]
_COMMON += [Fraction(n, d) for n, d in ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4))]
_COMMON += [math.sqrt(2), math.sqrt(3), math.sqrt(2) / 2, math.sqrt(3) / 2]
_COMMON += [math.pi, 2 * math.pi, math.pi / 2, math.pi / 3, math.pi / 4, math.pi / 6]


def _answers(point: str, problem: str, answer: str, equal: Callable[[str, str], bool] | None) -> Iterator[str]:
    """Yield where the answer stands in the point, in words."""
    if not answer.strip():
        return
    box = last_boxed(point)
    if box is not None:
        yield f"a box with {box!r}"
    gold, question = _gold_values(plain(answer)), _question(plain(problem))
    if gold:
        yield from _by_value(gold, point, question)
        if "percent" in plain(answer):
            yield from _by_value([value / 100 for value in gold], point, question)
    else:
        yield from _by_text(plain(answer), plain(point), question)
    if equal is not None and not (gold and all(map(_is_common, gold))):
        yield from (f"{formula!r}, which equals the answer" for formula in formulas(point) if equal(answer, formula))


def _gold_values(answer: str) -> list[Value]:
    """Return the numbers of an answer: one, with or without unit, or several as of a pair; [] for other answers."""
    answer = answer.rsplit("=", 1)[-1] if answer.count("=") == 1 else answer
    gold, others = list[Value](), list[str]()
    for part in filter(str.strip, re.split(r"[,;]|\band\b|\bor\b", answer)):
        words = tokens(re.sub(r"^\s*[a-z]\s*(?:=|in)\s*", "", part))
        whole = [found for found in values(words) if found.whole]
        if len(whole) != 1:
            return []
        gold.append(whole[0].value)
        others += words[: whole[0].start] + words[whole[0].end :]
    units = all(re.fullmatch(r"[a-z]{2,}|[.'()\[\]]", word) for word in others)
    return gold if units and sum(word in "([" for word in others) <= 1 else []  # a pair or an interval at most


def _by_value(gold: Sequence[Value], point: str, question: str) -> Iterator[str]:
    """Yield the first sentence that states the numbers of the answer."""
    rare = [value for value in gold if not _is_common(value)]
    for sentence in sentences(plain(point)):
        words = tokens(sentence)
        found = values(words)
        found += [replace(one, value=one.value / 100) for one in found if words[one.end : one.end + 1] == ["percent"]]
        hits = [one for one in found if any(same(one.value, v) or same(one.value, _size(v)) for v in rare)]
        hits += [one for one in found if any(_rounds(one, value, words) for value in gold)]
        hits += [one for one in found if _in(one.value, gold) and _is_asked_for(one, words, question)]
        if hits:
            yield f"{''.join(words[hits[0].start : hits[0].end])} in {_excerpt(sentence)}"
            return
        whole = [one.value for one in found if one.whole]
        if len(gold) > 1:
            stated = all(_in(value, whole) for value in gold) and all(_in(value, gold) for value in whole)
        else:  # "the numerator is 7 and the denominator is 18"
            halves = gold[0].as_integer_ratio() if isinstance(gold[0], Fraction) else (0, 1)
            stated = all(_in(half, whole) and not _is_common(half) for half in map(Fraction, map(abs, halves)))
        if stated:
            yield f"its parts in {_excerpt(sentence)}"
            return


def _rounds(found: Found, value: Value, words: Sequence[str]) -> bool:
    """Tell whether a literal of two decimals or more is the value's rounding; 38.9 % has three decimals."""
    if found.end - found.start > 2 or _size(value) > 1e15 or (_is_common(value) and isinstance(value, Fraction)):
        return False
    decimals = len(words[found.end - 1].partition(".")[2])
    decimals += 2 if decimals and words[found.end : found.end + 1] == ["percent"] and _size(found.value) <= 1 else 0
    return decimals >= 2 and abs(float(found.value) - float(value)) <= 0.51 * 10.0**-decimals


def _by_text(answer: str, point: str, question: str) -> Iterator[str]:
    """Yield where an answer that is not a number stands word for word, or the numbers that mark it."""
    formula = _squeezed(answer)
    if re.search(r"\d|[-+*/^=<>]", formula):
        for part in (formula, formula.rsplit("=", 1)[-1]):
            end = r"(?![a-z\d^])" if part[-1:].isalnum() else ""
            begin = r"(?<![a-z\d.])" if part[:1].isalnum() else ""
            if len(part) >= 3 and re.search(f"{begin}{re.escape(part)}{end}", _squeezed(point)):
                yield f"{part} word for word"
                return
    literals = {Fraction(word) for word in tokens(answer) if _LITERAL.fullmatch(word)}
    marks = {number for number in literals if number >= 10 and not _is_common(number)}
    for sentence in sentences(point):
        if marks and marks <= {one.value for one in values(tokens(sentence))}:
            yield f"its numbers in {_excerpt(sentence)}"
            return
        for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", sentence):
            before = tokens(sentence[: match.start()])
            if _NAMES_IT & set(before[-8:]) or _shares_words(before, question):
                yield f"{answer} in {_excerpt(sentence)}"
                return


def _squeezed(text: str) -> str:
    r"""Return a plain text whose formulas have no blanks, signs of multiplication or brackets around one thing.

    >>> _squeezed("so y = 2* x + 3")
    'so y=2x+3'
    """
    text = re.sub(r"(?<![a-z])\(([a-z\d.]+)\)", r"\1", text.removesuffix("."))
    text = re.sub(r"\s*([-+/^=<>(),\[\]_])\s*", r"\1", text)
    return re.sub(r"(?<=\d) (?=[a-z]\b)|\s*\*\s*", "", text).strip()


def _in(value: Value, others: Iterable[Value]) -> bool:
    return any(same(value, other) for other in others)


def _is_common(value: Value) -> bool:
    """Tell whether a number occurs in many statements that have nothing to do with the problem."""
    return _in(_size(value), _COMMON)


def _size(value: Value) -> Value:
    return -value if value < 0 else value


def _excerpt(sentence: str) -> str:
    return repr(sentence if len(sentence) <= 80 else sentence[:77] + "...")


# --- what the problem asks for

_ASKS = re.compile(r"\b(find|compute|what|how|determine|evaluate|calculate|express|which|solve|enter|give|simplify)\b")
_SAYING = """
    = is are equals equal be exactly only gives get obtain yields makes leaves becomes to just namely of : by as being
    there approx comes out
"""
_NAMING = "answer answers result solution solutions final boxed desired required outcome choice option"
_UNTELLING = """
    the of is are be to in on and or for that this with such what how many find compute determine as by it if can from
    at has have which there all each every any your answer express form let we you do does where when between their its
    than one two simplify evaluate calculate give terms possible following into was were not so
"""
_SAYS, _NAMES_IT, _STOP = (frozenset(words.split()) for words in (_SAYING, _NAMING, _UNTELLING))
_BETWEEN = _SAYS | {"must", "can", "has", "have", "the", "value", "now", "then", "approximately"}


def _question(problem: str) -> str:
    """Return the last sentence of a plain problem that asks, or else its last one."""
    parts = sentences(problem)
    return ([sentence for sentence in parts if _ASKS.search(sentence)] or parts or [""])[-1]


def _is_asked_for(found: Found, words: list[str], question: str) -> bool:
    """Tell whether the text says of a value that it is what the question asks for."""
    before, after = words[: found.start], words[found.end : found.end + 3]
    if not found.whole or before[-1:] in (["^"], ["_"]):
        return False
    if _NAMES_IT & set(before[-8:]) or _unknown_is(before, question):
        return True
    counted = re.search(r"\bhow many\b|\bnumber of\b", question) and _shares_words(after[:2], question)
    said = counted or _SAYS & set(before[-2:]) or {"is", "are"} & set(after[:1])
    if not said or (after and re.fullmatch(r"[a-z]|[-+*/^(=<>]", after[0])):
        return False
    return _shares_words(before + words[found.end :], question)


def _unknown_is(before: Sequence[str], question: str) -> bool:
    """Tell whether the words before a value end in an unknown of the question and "is", "=", "must be" or the like."""
    rest = list(before)
    while rest and rest[-1] in _BETWEEN:
        rest.pop()
    unknowns = {word for word in tokens(question) if re.fullmatch(r"[b-z]", word)}
    alone = len(rest) < 2 or (rest[-2] not in "+-*/^_" and not re.fullmatch(r"\d+|[a-z]|\)", rest[-2]))
    return 0 < len(rest) < len(before) and rest[-1] in unknowns and alone


def _shares_words(words: Sequence[str], question: str) -> bool:
    """Tell whether some of the words, but for their endings, are telling words of the question."""
    asked = {_stem(word) for word in tokens(question) if len(word) > 2 and word not in _STOP}
    return any(_stem(word) in asked for word in words if len(word) > 2)


def _stem(word: str) -> str:
    return re.sub(r"(?:ies|es|s|ing|ed|y|e)$", "", word)
