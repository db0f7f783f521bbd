r"""Read numbers and what stands around them: units, percent signs, bases, times of day, words. No algebra."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

_SYMBOLS = {
    "cm": "centimeter centimetre 厘米", "mm": "millimeter millimetre 毫米", "km": "kilometer kilometre 千米 公里",
    "m": "meter metre 米", "in": "inch inche", "ft": "foot feet", "yd": "yard", "mi": "mile",
    "kg": "kilogram 千克 公斤", "g": "gram 克", "mg": "milligram", "oz": "ounce", "t": "tonne ton 吨",
    "lb": "", "pound": "",
    "l": "liter litre 升", "ml": "milliliter millilitre 毫升", "gal": "gallon",
    "h": "hour hr 小时", "min": "minute 分钟", "s": "second sec 秒", "d": "day 天", "wk": "week", "mo": "month",
    "yr": "year 年",
    "mph": "mi/h", "kmh": "km/h kph kmph", "rad": "radian", "deg": "degree 度",
    "n": "newton", "j": "joule", "w": "watt", "v": "volt", "hz": "hertz", "k": "kelvin",
}  # fmt: skip
_MONEY = {
    "dollar": "usd buck 美元", "cent": "美分", "euro": "eur 欧元", "gbp": "quid 英镑", "pence": "", "penny": "pennie",
    "yen": "jpy 日元", "yuan": "cny rmb 元", "rupee": "inr 卢比", "peso": "", "franc": "", "ruble": "rouble 卢布",
}  # fmt: skip
_CURRENCIES = {"\\$": "dollar", "¢": "cent", "€": "euro", "£": "gbp", "¥": "¥", "₹": "rupee"}
_CURRENCY = re.compile("|".join(map(re.escape, _CURRENCIES)))
_AMBIGUOUS = {"pound": ("lb", "gbp"), "penny": ("cent", "pence"), "¥": ("yen", "yuan")}
_UNITS = {word: unit for unit, words in (_SYMBOLS | _MONEY).items() for word in [unit, *words.split()]}
_BARE = {word for word in _UNITS if len(word) > 1 and word not in {"in", "rad", "min", "sec", "deg"}}
_POWERS = {"square": "^2", "sq": "^2", "cubic": "^3", "cu": "^3", "平方": "^2", "立方": "^3"}

_FUNCTIONS = r"(?:a?(?:rc)?(?:sin|cos|tan)|cot|sec|csc|log|ln|exp|mod|and|or|if|for|where|when|factorial|choose)\b"
_POWER = r"(?:\s*\^\s*\{?\s*-?\d\s*\}?)?"
_TEXT_UNIT = re.compile(
    rf"(?P<body>.+?)\s*(?P<unit>(?:[/\s]|\\cdot|\\text\{{[^{{}}]*\}}{_POWER})*\\text\{{[^{{}}]*\}}{_POWER})"
)
_BARE_UNIT = re.compile(
    rf"(?P<body>.*[\d)}}])(?P<gap>\s*)(?P<unit>(?!{_FUNCTIONS})[A-Za-z]{{2,}}\.?(?:[ /]+[A-Za-z]+\.?)*{_POWER})"
)
DEGREE = r"^{\circ}"
_DEGREES = re.compile(
    r"(?P<body>(?:[^a-zA-Z\\]|\\(?:frac|sqrt|pi|cdot)(?![a-zA-Z])|\\[^a-zA-Z])*+)"
    r"(?<=\^\{)\\circ\}\s*(?:\\text\{\s*)?(?P<scale>[CFK])?\s*\}?"
)
_HAN_UNIT = re.compile(r"(?P<body>.*[\d)}])\s*(?P<unit>[\u4e00-\u9fff]+)")
_FACTOR = re.compile(
    r"(?P<text>\\text\{\s*)?(?P<name>(?:thousand|million|billion|trillion)\b|万|亿)\s*(?P<end>\})?\s*"
)
_FACTORS = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12, "万": 4, "亿": 8}
_BASE = re.compile(
    r"\s*+(?P<digits>-?(?=[A-Za-z.]*+\d)[0-9A-Za-z.]++)\s*+(?:_\s*+(?:base\b)?|(?:in\s++)?base\b)\s*+"
    r"(?P<base>\d++|[A-Za-z]++)\s*+"
)
_BASE_NAMES = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
}  # fmt: skip
_TIME = re.compile(
    r"(?P<hours>\d{1,2})(?:\s*+:\s*+(?P<minutes>\d\d)(?:\s*+:\s*+(?P<seconds>\d\d))?)?\s*+(?:\\text\{\s*+)?"
    r"(?:(?P<half>[ap])\.?\s*+m\.?|(?P<twelve>noon|midnight)|(?P<clock>o'clock))?+\s*+\}?",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<whole>[0-9]{1,400}|[0-9]{1,3}(?:,[0-9]{3}){1,99})(?:\.(?P<part>[0-9]{0,400}))?"
    r"|\\frac\{(?P<top>-?[0-9]{1,400})\}\{(?P<bottom>-?[0-9]{1,400})\}|(?P<above>[0-9]{1,400})\s*/\s*(?P<below>[0-9]{1,400}))"
)
_MIXED = re.compile(r"(-?)\(([0-9]{1,100})\+\\frac\{([0-9]{1,100})\}\{([0-9]{1,100})\}\)")
ROUNDED_DECIMALS = 6
"""A decimal of at least so many places is a rounded number."""
TOLERANCE = Fraction(1, 10**6)
"""How far, relative to the greater one, a rounded number may be from what it stands for."""

FLOAT_NOISE = Fraction(1, 10**15)
"""How far, relative to its size, a double may be off."""


class Number(NamedTuple):
    """A number written in digits, and how many decimal places it has."""

    value: Fraction
    places: int = 0


class Quantity(NamedTuple):
    """The number or expression itself, a well-known unit or "", and whether a percent sign stood there."""

    body: str
    unit: str = ""
    percent: bool = False


@lru_cache(maxsize=65536)
def number(text: str) -> Number | None:
    r"""Return the value of an integer, a decimal or a simple fraction, None for anything else.

    >>> number("1,000.5"), number(r"\frac{1}{2}"), number("1/0"), number("x")
    (Number(value=Fraction(2001, 2), places=1), Number(value=Fraction(1, 2), places=0), None, None)
    """
    mixed = _MIXED.fullmatch(text)
    if mixed and int(mixed[4]):
        value = int(mixed[2]) + Fraction(int(mixed[3]), int(mixed[4]))
        return Number(-value if mixed[1] else value)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if match["whole"]:
        part = match["part"] or ""
        value = Fraction(int(match["whole"].replace(",", "") + part), 10 ** len(part))
    else:
        below = int(match["bottom"] or match["below"])
        if below == 0:
            return None
        value = Fraction(int(match["top"] or match["above"]), below)
        part = ""
    return Number(-value if match["sign"] == "-" else value, len(part))


def same_number(gold: Number, given: Number) -> bool:
    """Tell whether two numbers are equal, exactly unless one is rounded."""
    if max(gold.places, given.places) < ROUNDED_DECIMALS:
        return gold.value == given.value
    places = min(number.places for number in (gold, given) if number.places >= ROUNDED_DECIMALS)
    size = max(abs(gold.value), abs(given.value))
    return abs(gold.value - given.value) <= max(min(TOLERANCE * size, Fraction(1, 10**places)), FLOAT_NOISE * size)


def is_rounded(text: str) -> bool:
    """Tell whether an expression holds a rounded decimal."""
    return bool(re.search(rf"\.\d{{{ROUNDED_DECIMALS}}}", text))


def quantity(text: str) -> Quantity:
    r"""Take units, percent signs and factors such as "million" off.

    >>> quantity(r"5\text{ cm}^2"), quantity("10 apples"), quantity(r"7\%"), quantity("3万")
    (Quantity(body='5', unit='cm^2', percent=False), Quantity(body='10', unit='', percent=False), Quantity(body='7', unit='', percent=True), Quantity(body='3\\times 10^{4}', unit='', percent=False))
    """  # noqa: E501
    factor = _FACTOR.search(text)
    if factor and factor.start():
        head = text[: factor.start()].strip()
        tail = ("\\text{ " if factor["text"] and not factor["end"] else "") + text[factor.end() :]
        return quantity(f"{head}\\times 10^{{{_FACTORS[factor['name']]}}}{tail}".strip())
    for sign, currency in _CURRENCIES.items() if _CURRENCY.search(text) else ():
        if text.startswith((sign, "-" + sign)) or text.endswith(sign):
            amount = quantity(text.replace(sign, "", 1).strip())
            named, slash, rest = amount.unit.partition("/")
            agree = not named or same_unit(named, currency)
            return amount._replace(unit=currency + slash + rest if agree else currency + amount.unit)
    if text.endswith("\\%"):
        return Quantity(text[:-2].strip(), "", True)
    degrees = _DEGREES.fullmatch(text)
    if degrees:
        return Quantity(degrees["body"].removesuffix("^{").strip(), "deg" + (degrees["scale"] or ""))
    for pattern in (_TEXT_UNIT, _BARE_UNIT, _HAN_UNIT):
        match = pattern.fullmatch(text)
        if match and _is_unit(match, pattern):
            body = match["body"].strip()
            return (
                quantity(body)._replace(unit=_unit(match["unit"]))
                if re.search(r"\d|\\pi", body) or pattern is _TEXT_UNIT
                else Quantity(text)
            )
    return Quantity(text)


def _is_unit(match: "re.Match[str]", pattern: "re.Pattern[str]") -> bool:
    r"""Tell `10 weeks` from `2 ab`: without `\text` a unit is known, or a word of three letters after a gap."""
    if pattern is not _BARE_UNIT:
        return not re.search(r"\b(?:or|not|but)\b", match["unit"])  # another answer, not a unit
    words = re.findall(r"[a-z]+", match["unit"].lower())
    known = any(word.removesuffix("s") in _BARE or word in _BARE or word in _POWERS for word in words)
    return known or (len(words[0]) > 2 and (bool(match["gap"]) or len(words[0]) > 4))


def _unit(text: str) -> str:
    """Return a well-known unit in its short form, "" for any other word, so that a noun never decides."""
    text = re.sub(r"\\text|\\cdot|[{}~.]", " ", text.lower()).replace("per ", "/")
    tokens = re.findall(r"/|\^\s*-?\d|[a-z]+|[\u4e00-\u9fff]+", text)
    power, units = "", []
    for token in tokens:
        if token in _POWERS:
            power = _POWERS[token]
        elif token == "/" or token.startswith("^"):
            units.append(token.replace(" ", ""))
        else:
            unit = (
                _UNITS.get(token)
                or _UNITS.get(token.removesuffix("s"))
                or ("" if token in {"units", "unit"} else None)
            )
            if not unit:
                return ""
            units.append(unit + power)
            power = ""
    joined = "".join(units)
    return {"km/h": "kmh", "mi/h": "mph"}.get(joined, joined)


def same_unit(first: str, second: str) -> bool:
    """Tell whether two well-known units may be the same.

    A pound is a weight or a currency, ¥ is yen or yuan, and money may leave out what it is per.

    >>> same_unit("pound", "gbp"), same_unit("pound", "lb"), same_unit("gbp", "lb"), same_unit("dollar/h", "dollar")
    (True, True, False, True)
    """
    if "/" not in first or "/" not in second:
        amounts = [unit.partition("/")[0] for unit in (first, second)]
        first, second = amounts if _MONEY.keys() >= set(amounts) else (first, second)
    return first == second or bool(_meanings(first) & _meanings(second))


def _meanings(unit: str) -> set[str]:
    word = next((word for word in _AMBIGUOUS if word in unit), None)
    return {unit.replace(word, meaning) for meaning in _AMBIGUOUS[word]} if word else {unit}


def in_radians(text: str) -> str:
    r"""Write each degree sign as the factor that it is, π/180."""
    return text.replace(DEGREE, r"\cdot\frac{\pi}{180}")


def in_base(text: str) -> tuple[str, str] | None:
    r"""Return the digits and the base of a number with its base, as an index or in words.

    >>> in_base("101_2"), in_base(r"101_{\text{two}}"), in_base(r"101\text{ (base 2)}"), in_base("101")
    (('101', '2'), ('101', '2'), ('101', '2'), None)
    """
    match = _BASE.fullmatch(re.sub(r"\\text\{|[{}()]", " ", text))
    return (match["digits"], _BASE_NAMES.get(match["base"].lower(), match["base"])) if match else None


def time_of_day(text: str) -> tuple[int, bool] | None:
    r"""Return the seconds since midnight, and whether am or pm was said; None for what is no time.

    >>> time_of_day("4:30 PM"), time_of_day(r"4\text{ p.m.}"), time_of_day("4")
    ((59400, True), (57600, True), None)
    """
    match = _TIME.fullmatch(text)
    if match is None or not (match["minutes"] or match["half"] or match["twelve"] or match["clock"]):
        return None
    hours, minutes, seconds = int(match["hours"]), int(match["minutes"] or 0), int(match["seconds"] or 0)
    if hours > 23 or minutes > 59 or seconds > 59 or (match["twelve"] and hours != 12):
        return None
    half = (match["half"] or {"noon": "p", "midnight": "a"}.get((match["twelve"] or "").lower(), "")).lower()
    if half:
        hours = hours % 12 + (12 if half == "p" else 0)
    return hours * 3600 + minutes * 60 + seconds, bool(half)
