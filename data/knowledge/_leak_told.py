"""Does a text say of a value that it is what the problem asks for?"""

import re
from collections.abc import Sequence
from functools import lru_cache

from data.knowledge._leak_text import sentences
from data.knowledge._leak_values import Found, Value, same, tokens

_ASKS = re.compile(r"\b(find|compute|what|how|determine|evaluate|calculate|express|which|solve|enter|give|simplify)\b")
_HOW_MANY = re.compile(r"\bhow many\b|\bnumber of\b")
_SAYING = """
    = is are equals equal be exactly only gives get obtain yields makes leaves becomes to just namely of : by as being
    there approx comes out
"""
_SAYS = frozenset(_SAYING.split())
_BETWEEN = _SAYS | {"must", "can", "has", "have", "the", "value", "now", "then", "approximately"}
_NAMING = "answer answers result solution solutions final boxed desired required outcome choice option"
_NAMES_IT = frozenset(_NAMING.split())
_UNTELLING = """
    the of is are be to in on and or for that this with such what how many find compute determine as by it if can from
    at has have which there all each every any your answer express form let we you do does where when between their its
    than one two simplify evaluate calculate give terms possible following into was were not so
"""
_STOP = frozenset(_UNTELLING.split())


def is_told(one: Found, words: list[str], gold: Sequence[Value], problem: str) -> bool:
    """Tell whether the text says of a common value that it is what is asked for."""
    before, after = words[: one.start], words[one.end : one.end + 3]
    if not one.whole or not any(same(one.value, value) for value in gold) or before[-1:] in (["^"], ["_"]):
        return False
    if names_the_answer(before) or _unknown_is(before, problem):
        return True
    counted = _HOW_MANY.search(_question(problem)) and shares_words(after[:2], problem)
    said = counted or _SAYS & set(before[-2:]) or {"is", "are"} & set(after[:1])
    if not said or (after and re.fullmatch(r"[a-z]|[-+*/^(=<>]", after[0])):
        return False
    return shares_words(before + words[one.end :], problem)


def names_the_answer(before: Sequence[str]) -> bool:
    """Tell whether the words just before are "the answer" or the like."""
    return bool(_NAMES_IT & set(before[-8:]))


def shares_words(words: Sequence[str], problem: str) -> bool:
    """Tell whether some of the words say what the problem asks for."""
    asked = _asked(problem)
    return any(_stem(word) in asked for word in words if len(word) > 2)


def _unknown_is(before: list[str], problem: str) -> bool:
    """Tell whether the words before a value end in an unknown of the question and "is", "=", "must be" or the like."""
    rest = list(before)
    while rest and rest[-1] in _BETWEEN:
        rest.pop()
    unknowns = {word for word in tokens(_question(problem)) if re.fullmatch(r"[b-z]", word)}
    alone = len(rest) < 2 or (rest[-2] not in "+-*/^_" and not re.fullmatch(r"\d+|[a-z]|\)", rest[-2]))
    return 0 < len(rest) < len(before) and rest[-1] in unknowns and alone


@lru_cache(maxsize=64)
def _question(problem: str) -> str:
    parts = sentences(problem)
    return ([sentence for sentence in parts if _ASKS.search(sentence)] or parts or [""])[-1]


def _asked(problem: str) -> set[str]:
    """Return the stems of the words that say what is asked for."""
    return {_stem(word) for word in tokens(_question(problem)) if len(word) > 2 and word not in _STOP}


def _stem(word: str) -> str:
    return re.sub(r"(?:ies|es|s|ing|ed|y|e)$", "", word)
