"""Numbers and sums that are spoken in words, as arithmetic in digits: "two hundred and three", "four less than 50"."""

import re

_ONES = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
_UNITS = _ONES.split()
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_BROKEN = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_SMALL = {word: i for i, word in enumerate(_UNITS)} | {word: 20 + 10 * i for i, word in enumerate(_TENS)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_PARTS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4}
for _i, _part in enumerate(
    ["third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"], 3
):
    _PARTS |= {_part: _i, f"{_part}s": _i}
for _word, _i in [*list(_SMALL.items())[13:], ("hundred", 100), ("thousand", 1000)]:
    _ordinal = _word[:-1] + "ieth" if _word.endswith("ty") else f"{_word}th"
    _PARTS |= {_ordinal: _i, f"{_ordinal}s": _i}

_ORDINALS = {"first": 1, "second": 2} | {word: i for word, i in _PARTS.items() if word.endswith(("d", "h")) and i > 2}
_ORDINAL = "|".join(sorted(_ORDINALS, key=len, reverse=True))
_NTH = re.compile(rf"\b(?:({'|'.join(_TENS)})[- ])?({_ORDINAL})(?=s?\b)")

_WORD = "|".join([*_SMALL, *_SCALES])
_LETTERS = re.compile(r"\b[a-z](?:[-.][a-z]){2,}\b")  # f-i-v-e
_NUMBER = re.compile(rf"\b(?:an? (?=hundred|thousand|million))?(?:(?:{_WORD})(?:[ -](?:and )?(?=(?:{_WORD})\b))?)+\b")
_MIXED = re.compile(rf"\b(\d+) ({'|'.join(_SCALES)})(?: (?:and )?(\d+))?\b")  # 2 hundred and 36
_DOZEN = re.compile(r"\b(?:(\d+) |a )?dozen\b")
_FRACTION = re.compile(
    rf"\b(\d+|an?|one)[ -]({'|'.join(sorted(_PARTS, key=len, reverse=True))})\b(?! (?:power|root|term))"
)
_NTHS = re.compile(r"\b(\d+)[ -](\d+)ths\b")
_BETWEEN = re.compile(r"\bbetween (\d+) and (\d+)\b")

# Spoken operations, N standing for a number or a bracket; applied in this order until nothing changes.
_N = r"(?:the )?(-?(?:\d+(?:\.\d+)?(?:\^\(?\d+\)?)?|(?:sqrt|binom)?\([-+*/^!,.()\d]*\)))"
_SPOKEN = [
    (r"\b(?:negative|minus) (?<!\d minus )(?<!\) minus )N", r"-\1"),
    (r"\b(?:square )?root of N", r"sqrt(\1)"),
    (r"\bsquare of N", r"(\1^2)"),
    (r"\bcube of N", r"(\1^3)"),
    (r"N squared\b", r"(\1^2)"),
    (r"N cubed\b", r"(\1^3)"),
    (r"N factorial\b", r"(\1!)"),
    (r"\b(?:twice|double) N", r"(2*\1)"),
    (r"\b(?:thrice|triple) N", r"(3*\1)"),
    (r"\bhalf (?:of )?N", r"(\1/2)"),
    (r"N of N", r"(\1*\2)"),
    (r"\b(?:sum of|add|adding) N (?:and|to) N", r"(\1+\2)"),
    (r"\b(?:product of|multiply|multiplying) N (?:and|by|with) N", r"(\1*\2)"),
    (r"\bdifference (?:of|between) N and N", r"(\1-\2)"),
    (r"\b(?:quotient of|ratio of|divide|dividing) N (?:and|to|by) N", r"(\1/\2)"),
    (r"\b(?:subtract|subtracting|take|taking) N (?:away )?from N", r"(\2-\1)"),
    (r"\btake N,? (?:and )?(?:then )?subtract N", r"(\1-\2)"),
    (r"(?<![\d.])(\d+) and \((\d+)/(\d+)\)", r"(\1+\2/\3)"),
    (r"\bshort of N by N", r"(\1-\2)"),
    (r"\bexceeds N by N", r"(\1+\2)"),
    (r"\bodds (?:[a-z]+ ){0,3}N ?(?::|to) ?N", r"(\1/(\1+\2))"),
    (r"\bnumerator [^\d.]{0,12}N [^\d.]{0,20}denominator [^\d.]{0,12}N", r"(\1/\2)"),
    (r"\bdenominator [^\d.]{0,12}N [^\d.]{0,20}numerator [^\d.]{0,12}N", r"(\2/\1)"),
    (r"N to the (?:power (?:of )?)?N(?:th)?(?: power)?\b", r"(\1^\2)"),
    (r"N (?:times|multiplied by) N", r"(\1*\2)"),
    (r"N (?:divided by|over|out of|in every|in) N", r"(\1/\2)"),
    (r"N ?: ?N", r"(\1/\2)"),
    (r"N (?:more than|greater than|larger than|above|added to) N", r"(\1+\2)"),
    (r"N (?:less than|fewer than|smaller than|below|short of|subtracted from) N", r"(\2-\1)"),
    (r"N (?:plus|increased by) N", r"(\1+\2)"),
    (r"N (?:minus|decreased by|reduced by) N", r"(\1-\2)"),
]
_OPERATIONS = [(re.compile(pattern.replace("N", _N)), form) for pattern, form in _SPOKEN]
_LONGEST = 2000  # characters: longer texts are not read for spoken sums, whose patterns are tried many times


def in_digits(text: str) -> str:
    """Return a text in small letters with its spoken numbers and sums in digits.

    >>> in_digits("one hundred and three is two thirds of x, seven less than fifty")
    '103 is (2/3) of x, (50-7)'
    """
    text = _LETTERS.sub(lambda match: re.sub(r"[-.]", "", match[0]), text)
    text = _NTH.sub(_nth, text)
    text = _NUMBER.sub(lambda match: str(_value(match[0])), text)
    text = _MIXED.sub(lambda match: str(int(match[1]) * _SCALES[match[2]] + int(match[3] or 0)), text)
    text = _DOZEN.sub(lambda match: str(12 * int(match[1] or 1)), text)
    text = _FRACTION.sub(lambda match: f"({match[1] if match[1].isdigit() else 1}/{_PARTS[match[2]]})", text)
    text = _NTHS.sub(r"(\1/\2)", text)
    text = _BETWEEN.sub(_middle, text)
    before = ""
    while before != text and len(text) <= _LONGEST:
        before = text
        for pattern, form in _OPERATIONS:
            text = pattern.sub(form, text)
    return text


def _nth(match: re.Match[str]) -> str:
    """Write an ordinal of two words (thirty-ninths), or a power, in digits; others may be parts, as in two thirds."""
    power = match.string[match.end() :].startswith(" power")
    if not match[1] and not power:
        return match[0]
    return f"{_SMALL.get(match[1] or 'zero', 0) + _ORDINALS[match[2]]}th"


def _middle(match: re.Match[str]) -> str:
    """Add the one whole number between two others, if there is one."""
    low, high = int(match[1]), int(match[2])
    return f"{match[0]} is {low + 1}" if high - low == 2 else match[0]


def _value(words: str) -> int:
    total = group = 0
    for word in re.findall(r"[a-z]+", words):
        if word == "hundred":
            group = 100 * max(group, 1)
        elif word in _SCALES:
            total, group = total + _SCALES[word] * max(group, 1), 0
        else:
            group += _SMALL.get(word, 0)
    return total + group
