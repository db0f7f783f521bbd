r"""Algebra by sympy: read with math-verify's parser, and let `rewards._values` and `rewards._sets` compare.

Everything here runs without limits of time; see `rewards._verifier`.
"""

import logging
import re
from functools import lru_cache
from typing import Any

import sympy
from latex2sympy2_extended import NormalizationConfig, latex2sympy
from latex2sympy2_extended.latex2sympy2 import ConversionConfig
from sympy import Basic, Expr, MatrixBase, Rational

from rewards._quantity import DEGREE, ROUNDED_DECIMALS, in_radians, is_rounded, number
from rewards._values import below_one, near, proportional, same_object, within

logger = logging.getLogger(__name__)

_LATEX = NormalizationConfig(
    basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="none", equations=False
)
_CASE = ConversionConfig(interpret_as_mixed_fractions=False, lowercase_symbols=False)
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")
_COMPLEX = re.compile(r"(?<![a-zA-Z\\])i(?![a-zA-Z])|\\(?:Re|Im|arg|imath|mathbb\{C\})")
_SPELLINGS = (
    (re.compile(r"\\\$|[€£¥₹¢]"), ""),
    # It reads 2(3) as a mixed number, 5.
    (re.compile(r"(?<![\w^.\\])(\d+(?:\.\d+)?)\s*(?=\()|(\))\s*(?=[(\d])"), r"\1\2\\cdot "),
    # It drops primes and dots.
    (re.compile(r"(?<!')('+)_(?:\{(\w+)\}|(\w))"), lambda m: f"_{{{m[2] or m[3]}{'prime' * len(m[1])}}}"),
    (re.compile(r"_(?:\{(\w+)\}|(\w))('+)"), lambda m: f"_{{{m[1] or m[2]}{'prime' * len(m[3])}}}"),
    (re.compile(r"(?<=[a-zA-Z])('+)"), lambda match: "_{" + "prime" * len(match[1]) + "}"),
    (re.compile(r"('+)"), lambda match: " p_{" + "prime" * len(match[1]) + "}"),
    (re.compile(r"\\ldots(?![a-zA-Z])"), " l_{dots}"),
    (re.compile(r"_\{\\([a-zA-Z]+)\s*\}"), r"_{\1}"),
    (re.compile(r"\\log_\{?e\}?(?![a-zA-Z])"), r"\\ln "),
    (re.compile(r"\\lg(?![a-zA-Z])"), r"\\log_{10}"),
    (re.compile(r"(?<![a-zA-Z\\])E(?=_)"), r"\\Xi"),  # it takes E for the base of logarithms, and that has no index
    (re.compile(r"\\(?:mid|vert|lvert|rvert)(?![a-zA-Z])"), "|"),
)
_REPEATING = re.compile(r"(?<!\d)(\d{1,3}(?:,\d{3})+|\d*)\.(\d*)\\(?:overline|dot|bar)\{(\d+)\}")


@lru_cache(maxsize=16384)
def parsed(text: str) -> Any:
    """Read one expression, relation or set into a sympy object, None where it cannot be read.

    Nothing may turn these objects into text: an integer of more than 4,300 digits raises when it is printed.
    """
    try:
        result = latex2sympy(
            _prepared(text),
            is_real=not _COMPLEX.search(text),
            convert_degrees=False,
            normalization_config=_LATEX,
            conversion_config=_CASE,
        )
        return _exact(result) if isinstance(result, Basic | MatrixBase) else None
    except MemoryError:  # a limit, and told as one
        raise
    except Exception:  # only library code runs in here, and on text that a model wrote it raises every kind of error
        logger.debug("an answer of %d characters could not be read", len(text), exc_info=True)
        return None


def _prepared(text: str) -> str:
    """Write what the parser does not know in terms that it knows."""
    text = _REPEATING.sub(_repeating, text)
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    return in_radians(text) if _TRIGONOMETRY.search(text) else text.replace(DEGREE, "")


def _repeating(match: "re.Match[str]") -> str:
    whole, fixed, period = match[1].replace(",", ""), match[2], match[3]
    value = Rational(int(f"{whole}{fixed}{period}") - int(f"{whole}{fixed}" or "0"), 10 ** len(fixed)) / (
        10 ** len(period) - 1
    )
    return rf"\frac{{{value.p}}}{{{value.q}}}"


def _exact(expression: Any) -> Any:
    """Replace decimals by the fractions that they are, and the letter i by the imaginary unit."""
    known = {number: Rational(str(number)) for number in expression.atoms(sympy.Float)}
    known |= {symbol: sympy.I for symbol in expression.free_symbols if symbol.name == "i"}
    return expression.xreplace(known) if known else expression


class SymPy:
    """The algebra of `rewards._compare` with sympy behind it."""

    def readable(self, text: str) -> bool:
        """Tell whether an expression, a relation or a set can be read."""
        from rewards import _sets

        return parsed(text) is not None or _sets.read(text) is not None

    def same_value(self, gold: str, given: str) -> bool:
        """Compare two expressions without relations."""
        first, second = parsed(gold), parsed(given)
        if not _guarded(same_object, first, second, is_rounded(gold) or is_rounded(given)):
            return False
        decimals = [value.places for value in (number(gold), number(given)) if value]
        return all(_guarded(within, first, second, n) for n in decimals if n >= ROUNDED_DECIMALS)

    def close(self, exact: str, rounded: str) -> bool:
        """Tell whether a number is about one per cent from a decimal at most, or rounds to a whole number."""
        return _guarded(near, parsed(exact), parsed(rounded), "." not in rounded)

    def below_one(self, text: str) -> bool:
        """Tell whether an expression is a number between minus one and one."""
        return _guarded(below_one, parsed(text))

    def same_equation(self, gold: tuple[str, str], given: tuple[str, str]) -> bool:
        """Compare two equations, each given by its sides, up to a constant factor."""
        return _guarded(lambda: proportional(_difference(gold), _difference(given)))

    def same_set(self, gold: str, given: str) -> bool:
        """Compare inequalities, intervals and unions."""
        from rewards import _sets

        return _guarded(_sets.same_set, gold, given)


def _guarded(question: Any, *arguments: Any) -> bool:
    """Ask the library; what it cannot answer is not equal."""
    if any(argument is None for argument in arguments):
        return False
    try:
        return bool(question(*arguments))
    except MemoryError:
        raise
    except Exception:  # as in `parsed`
        logger.debug("a comparison failed", exc_info=True)
        return False


def _difference(sides: tuple[str, str]) -> Any:
    left, right = parsed(sides[0]), parsed(sides[1])
    return left - right if isinstance(left, Expr) and isinstance(right, Expr) else None
