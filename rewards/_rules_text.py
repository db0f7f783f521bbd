r"""Rules for answers that are no expressions: letters of choice, and words."""

import re

from rewards._rules import Asker

_UNTEXT = re.compile(r"\\text\{([^{}]*)\}")
_LETTERS = re.compile(r"\(?[A-H]\)?(?:(?:\s*,\s*|\s+and\s+|\s*)\(?[A-H]\)?)*\.?")
_LABEL = re.compile(
    r"(?:(?:option|choice)\s+)?(?:\(([A-H])\)|([A-H])[.):])(?:\s+|(?=\\text|[一-鿿]))(\S.*)", re.IGNORECASE | re.DOTALL
)
_ANOTHER_LABEL = re.compile(r"(?:or|and)\b\W*[A-H]\b|.*\b(?:or|and)\s*\([A-H]\)", re.DOTALL)  # two are no choice
_NAMED_LETTER = re.compile(r"(?:option|choice|选项|选)\s*\(?([A-H])\)?", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z一-鿿①-⑳][A-Za-z一-鿿①-⑳' ,.-]*")
_PROSE = re.compile(r"(?<![\\a-zA-Z{])[a-z]{3,}(?![a-zA-Z])")
_MATHS_WORDS = {
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "log",
    "exp",
    "and",
    "mod",
    "gcd",
    "lcm",
    "max",
    "min",
    "for",
    "all",
}


def untexted(text: str) -> str:
    r"""Write the inside of each `\text{}` plainly."""
    return _UNTEXT.sub(r" \1 ", text).strip()


def choice(gold: str, given: str, ask: Asker) -> bool | None:
    """A gold of letters is a choice: the same letters, in any order, whatever text stands behind a single one."""
    wanted, offered = _letters(gold), _letters(given)
    if wanted and offered:
        return sorted(wanted) == sorted(offered)
    gold_label, given_label = _labelled(gold), _labelled(given)
    if wanted and given_label:
        return wanted == given_label[0]
    if offered and gold_label:
        return offered == gold_label[0]
    if gold_label and given_label:
        return gold_label[0] == given_label[0]
    if gold_label:
        return ask.equal(gold_label[1], given)
    return ask.equal(gold, given_label[1]) if given_label else None


def _letters(text: str) -> str | None:
    plain = untexted(text).replace("\\", "").strip("{} ")
    named = _NAMED_LETTER.fullmatch(plain)
    if named:
        return named[1].upper()
    return re.sub(r"and|[^A-H]", "", plain) if _LETTERS.fullmatch(plain) else None


def is_choice(gold: str) -> bool:
    """Tell whether a gold answer is a letter or several to choose."""
    return bool(_letters(gold) or _labelled(gold))


def _labelled(text: str) -> tuple[str, str] | None:
    """Return the letter and the rest of `(A) 5`."""
    match = _LABEL.fullmatch(re.sub(r"\\text\{\s*(\(?[A-H]\)?[.:]?)\s*\}", r"\1 ", text.strip()))
    if match is None or _ANOTHER_LABEL.match(untexted(match[3])):
        return None
    return (match[1] or match[2]).upper(), match[3]


def words(gold: str, given: str, ask: Asker) -> bool | None:
    """Words are equal as words: blanks, stops and a capital at the beginning do not count."""
    first, second = _words(gold), _words(given)
    if first is None or second is None:
        return None if first is None and second is None else _word_against_formula(gold, given)
    if first == second:
        return True
    return False if is_text(gold) or is_text(given) else None  # else letters: ab and ba may be products


def _word_against_formula(gold: str, given: str) -> bool | None:
    """Return False where a text stands against what has digits, None where the text may be a name or a unit."""
    text, other = (gold, given) if _words(gold) is not None else (given, gold)
    return False if is_text(text) and re.search(r"\d", other) else None


def _words(text: str) -> str | None:
    plain = untexted(text)
    if not _WORDS.fullmatch(plain):
        return None
    # Between letters of a word it is an apostrophe, anywhere else a prime.
    found = re.findall(r"[A-Za-z]+|(?<![A-Za-z]{2})'|'(?![a-z])|[一-鿿①-⑳]", plain)
    return "".join(word.lower() if word[1:].islower() and len(word) > 1 else word for word in found)


def is_text(text: str) -> bool:
    r"""Tell words from products of letters: they are in a `\text{}`, in Chinese, or one has four letters."""
    plain = untexted(text)
    return bool(_WORDS.fullmatch(plain)) and (
        "\\text" in text or bool(re.search(r"[a-z]{4}|[A-Z][a-z]{2}|[一-鿿①-⑳]", plain))
    )


def is_prose(text: str) -> bool:
    """Tell whether an answer is a sentence with formulas in it, which cannot be compared."""
    return len(set(_PROSE.findall(_UNTEXT.sub("", text))) - _MATHS_WORDS) > 3 and not is_text(text)
