"""Gold answers as they stand in benchmark files, made gradable, and an account of those that cannot be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rewards import Report, verify_report

_DOLLARS = re.compile(r"(?<!\\)\$+")
_LETTERS = re.compile(r"[A-H]+")


@dataclass(frozen=True)
class Ungradable:
    """A row that no answer can be compared with, so that it is left out of the score and told instead.

    Attributes:
        id: Of the row.
        gold: As it stands in the source.
        reason: "unreadable" for the verifier or "not equal to itself", both also where that takes more than its limit;
            "no such option" for a letter beyond the choices, "no option" where the choices are missing.
    """

    id: str
    gold: str
    reason: str


def normalise_gold(gold: str, kind: str = "math") -> str:
    r"""Return a gold without what only typesets it.

    Args:
        gold: An answer, or several parted by `;`.
        kind: "math", or "choice" for one letter or several.

    Returns:
        Without dollars (escaped ones are money and stay), a module's name before a function, and a label left over
        at the end; of a choice the letters alone, in order.

    >>> normalise_gold(r"$5$;$\frac{1}{2}$"), normalise_gold("np.arcsin(10/13)"), normalise_gold("C A", "choice")
    ('5; \\frac{1}{2}', '\\arcsin(10/13)', 'AC')
    """
    if kind == "choice":
        found = "".join(_LETTERS.findall(gold.upper()))
        return "".join(sorted(set(found)))
    text = _DOLLARS.sub("", gold).strip()
    text = re.sub(r"\bnp\.(?=(?:arc)?(?:sin|cos|tan)\b)", r"\\", text)
    text = re.sub(r"\s*(?:solution|answer):?\s*\Z", "", text, flags=re.IGNORECASE)
    return "; ".join(part.strip() for part in text.split(";")) if ";" in text else text


def ungradable(
    ids: Sequence[str], golds: Sequence[str], kinds: Sequence[str], options: Sequence[Sequence[str]]
) -> tuple[list[Ungradable], int]:
    r"""Find the rows whose own gold, put into a box, is not right.

    Args:
        ids: Of the rows.
        golds: Normalised.
        kinds: "math" or "choice".
        options: The choices of each row, empty for "math".

    Returns:
        One record per such row, and how many of them met a limit of the verifier, twice: on a busy machine an honest
        gold may. It takes as long as grading a perfect answerer.
    """
    found = [_choice_trouble(*row) for row in zip(golds, kinds, options, strict=True)]
    math = [place for place, kind in enumerate(kinds) if kind == "math"]
    verdicts, limits = _against_themselves([golds[place] for place in math])
    for place, verdict in zip(math, verdicts, strict=True):
        if verdict != 1.0:
            found[place] = "unreadable" if verdict is None else "not equal to itself"
    rows = zip(ids, golds, found, strict=True)
    return [Ungradable(identity, gold, reason) for identity, gold, reason in rows if reason], limits


def _against_themselves(golds: Sequence[str]) -> tuple[list[float | None], int]:
    """Grade a perfect answerer, what met a limit once more, and count what met it again."""
    boxes = [f"\\boxed{{{gold}}}" for gold in golds]
    report = verify_report(golds, boxes)
    verdicts = report.verdicts
    if _limits(report):
        again = [place for place, verdict in enumerate(verdicts) if verdict != 1.0]
        report = verify_report([golds[place] for place in again], [boxes[place] for place in again])
        for place, verdict in zip(again, report.verdicts, strict=True):
            verdicts[place] = verdict
    return verdicts, _limits(report)


def _limits(report: Report) -> int:
    return report.timeouts + report.out_of_memory + report.errors


def _choice_trouble(gold: str, kind: str, options: Sequence[str]) -> str | None:
    if kind != "choice":
        return None
    if not options:
        return "no option"
    known = gold and all(ord(letter) - ord("A") < len(options) for letter in gold)
    return None if known else "no such option"
