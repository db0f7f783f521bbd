"""Does a knowledge point give the answer away? By value, so that the form it is written in does not matter.

A distinctive answer, such as 809 or 7/18, is a leak wherever its value occurs. A common one, such as 2 or 1/2, occurs
in many general truths: it is a leak only where the text says that it is what the problem asks for.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from boxed import last_boxed
from data.knowledge._leak_bases import other_bases
from data.knowledge._leak_gold import Gold, common, magnitude, read_gold
from data.knowledge._leak_text import plain, sentences, squeezed
from data.knowledge._leak_told import is_told, names_the_answer, shares_words
from data.knowledge._leak_values import Found, Value, same, tokens, values


def answer_leaks(
    point: str, problem: str, answer: str, equal: Callable[[str, str], bool] | None = None
) -> Iterator[str]:
    """Yield where the answer stands in the point, in words."""
    if not answer.strip():
        return
    box = last_boxed(point)
    if box is not None:
        yield f"a box with {box!r}"
    gold = read_gold(answer)
    if gold.values:
        shares = tuple(value / 100 for value in gold.values) if gold.percent else ()
        for parts in (gold.values, shares):
            yield from _values_told(parts, point, plain(problem))
    else:
        yield from _text_told(gold, answer, plain(point), plain(problem))
    if equal is not None and not (gold.values and all(map(common, gold.values))):
        yield from (f"{formula!r}, which equals the answer" for formula in formulas(point) if equal(answer, formula))


def formulas(text: str) -> list[str]:
    r"""Return the formulas of a text and the sides of its equations, those of at least two characters.

    >>> formulas("So $y = 2x+3$ holds, and $k$ is free.")
    ['y = 2x+3', '2x+3']
    """
    found = [a or b or c for a, b, c in re.findall(r"\$+([^$]+)\$+|\\\((.+?)\\\)|\\\[(.+?)\\\]", text, re.DOTALL)]
    sides = [part for one in found for part in (one, *re.split(r"=|\\(?:approx|equiv|leq?|geq?)\b", one))]
    return list(dict.fromkeys(part.strip() for part in sides if len(part.strip()) > 1))


def _values_told(gold: tuple[Value, ...], point: str, problem: str) -> Iterator[str]:
    rare = [value for value in gold if not common(value)]
    for sentence in sentences(plain(point)):
        words = tokens(sentence)
        found = _with_percents(values(words), words)
        told = [one for one in found if any(_stands_for(one, value) for value in rare)]
        told = told or [one for one in found if any(_rounds(one, value, words) for value in gold)]
        told = told or [one for one in found if is_told(one, words, gold, problem)]
        if told:
            yield f"{''.join(words[told[0].start : told[0].end])} in {_excerpt(sentence)}"
            return
        if any(same(number, value) for number in other_bases(point, sentence) for value in rare):
            yield f"another base, or Roman numerals, in {_excerpt(sentence)}"
            return
        if _digit_by_digit(rare, words) or _in_parts(gold, found):
            yield f"its digits or parts one by one in {_excerpt(sentence)}"
            return


def _with_percents(found: list[Found], words: list[str]) -> list[Found]:
    shares = [one for one in found if words[one.end : one.end + 1] == ["percent"]]
    return found + [Found(one.value / 100, one.start, one.end, one.whole) for one in shares]


def _stands_for(one: Found, value: Value) -> bool:
    return same(one.value, value) or same(one.value, magnitude(value))


def _rounds(one: Found, value: Value, words: list[str]) -> bool:
    """Tell whether a literal of two decimals or more, 38.9 % being one of three, is the value's rounding."""
    if one.end - one.start > 2 or magnitude(value) > 1e15 or (common(value) and isinstance(value, Fraction)):
        return False
    decimals = len(words[one.end - 1].partition(".")[2])
    decimals += 2 if decimals and words[one.end : one.end + 1] == ["percent"] and magnitude(one.value) <= 1 else 0
    return decimals >= 2 and abs(float(one.value) - float(value)) <= 0.51 * 10.0**-decimals


def _in_parts(gold: Sequence[Value], found: list[Found]) -> bool:
    """Tell whether a sentence has all parts of the answer and no other number, or a fraction's two rare halves."""
    met = [one.value for one in found if one.whole]
    if len(gold) > 1:
        return all(any(same(value, one) for one in met) for value in gold) and all(
            any(same(value, one) for value in gold) for one in met
        )
    value = gold[0] if gold else Fraction(0)
    if not isinstance(value, Fraction) or value.denominator == 1:
        return False
    halves = Fraction(abs(value.numerator)), Fraction(value.denominator)
    return all(half in met and not common(half) for half in halves)


def _text_told(gold: Gold, answer: str, text: str, problem: str) -> Iterator[str]:
    formula = squeezed(answer)
    if re.search(r"\d|[-+*/^=<>]", formula):
        for part in (formula, formula.rsplit("=", 1)[-1]):
            end = r"(?![a-z\d^])" if part[-1:].isalnum() else ""
            begin = r"(?<![a-z\d.])" if part[:1].isalnum() else ""
            if len(part) >= 3 and re.search(f"{begin}{re.escape(part)}{end}", squeezed(text)):
                yield f"{part} word for word"
                return
    for sentence in sentences(text):
        if gold.numbers and gold.numbers <= {one.value for one in values(tokens(sentence))}:
            yield f"its numbers in {_excerpt(sentence)}"
            return
        for match in re.finditer(rf"(?<!\w){re.escape(gold.text)}(?!\w)", sentence):
            before = tokens(sentence[: match.start()])
            if names_the_answer(before) or shares_words(before, problem):
                yield f"{gold.text} in {_excerpt(sentence)}"
                return


def _digit_by_digit(rare: Sequence[Value], words: list[str]) -> bool:
    whole = [value for value in rare if isinstance(value, Fraction) and value.denominator == 1]
    numbers = [str(abs(value)) for value in whole if abs(value) < 10**30]
    runs = "".join(word if word.isdigit() and len(word) == 1 else " " for word in words if word not in ",-and")
    if {"digit", "digits"} & set(words):
        runs += " " + "".join(runs.split())
    return any(len(number) > 1 and number in runs.split() for number in numbers)


def _excerpt(sentence: str) -> str:
    return repr(sentence if len(sentence) <= 80 else sentence[:77] + "...")
