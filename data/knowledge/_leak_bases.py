"""Whole numbers written in another base than ten, or in Roman numerals."""

import re
from fractions import Fraction

_BASES = {"binary": 2, "ternary": 3, "octal": 8, "hexadecimal": 16, "hex": 16}
_NAMED = re.compile(rf"\b({'|'.join(_BASES)})\b|\bbase[- ](\d{{1,2}})\b")
_MARKED = re.compile(r"\b([\da-f]+)_\(?(\d{1,2})\)?(?!\d)|\b0(x)([\da-f]+)\b|\b0(b)([01]+)\b")
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def other_bases(text: str, plain_text: str) -> list[Fraction]:
    """Return the numbers of a text that are written in another base, or in Roman numerals.

    Args:
        text: As it stands, for Roman numerals are capitals.
        plain_text: The same by `plain`, one sentence: a base that it names is tried on all its numbers.
    """
    written = [(match[1], int(match[2])) for match in _MARKED.finditer(plain_text) if match[1]]
    written += [
        (match[4] or match[6], 16 if match[3] else 2) for match in _MARKED.finditer(plain_text) if not match[1]
    ]
    for named in _NAMED.finditer(plain_text):
        base = _BASES[named[1]] if named[1] else int(named[2])
        written += [(digits, base) for digits in re.findall(r"\b[\da-f]{2,}\b", plain_text)]
    numbers = [_read(digits, base) for digits, base in written]
    for word in re.findall(r"\b[IVXLCDM]{3,}\b", text):  # two letters would be a side of a figure
        if _ROMAN.fullmatch(word):
            digits = [_ROMAN_DIGITS[letter] for letter in word]
            signs = [-1 if one < other else 1 for one, other in zip(digits, [*digits[1:], 0], strict=True)]
            numbers.append(Fraction(sum(sign * digit for sign, digit in zip(signs, digits, strict=True))))
    return [number for number in numbers if number is not None]


def _read(digits: str, base: int) -> Fraction | None:
    try:
        return Fraction(int(digits, base))
    except ValueError:  # digits that the base does not have: an index, or a word
        return None
