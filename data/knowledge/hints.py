r"""Knowledge points in a prompt as hints, word for word as KnowRL (arXiv 2604.12627) releases it.

Hints stand between the problem and the instruction, in the training prompt only: they are never part of a completion,
hence of no loss, and problems are measured without them. Two forms have been published: `repo`, by which the authors'
code makes its prompts, and `card`, of their model card.
"""

from collections.abc import Callable, Mapping, Sequence

import datasets

from data.knowledge.records import POINTS_COLUMN, needed_columns, record_of, rule_columns
from errors import DataError, did_you_mean, some_of


def _numbered(points: Sequence[str]) -> str:
    lines = [f"{i}. {point.strip()}" for i, point in enumerate(points, 1)]
    return "\n".join(["\n\n## Hint", *lines])


def _bulleted(points: Sequence[str]) -> str:
    # The card's points have one line each and are not stripped there; blanks around one would show in a bullet.
    return "\n".join(["\n## Hint", *(f"- {point.strip()}" for point in points)])


HINT_STYLES: Mapping[str, Callable[[Sequence[str]], str]] = {"repo": _numbered, "card": _bulleted}


def hint_section(points: Sequence[str], style: str = "repo") -> str:
    r"""Return what follows a problem to give hints, "" where there are none.

    >>> hint_section(["Angles add up.", "Sides are equal."])
    '\n\n## Hint\n1. Angles add up.\n2. Sides are equal.'

    Raises:
        DataError: There is no such style.
    """
    if style not in HINT_STYLES:
        raise DataError(
            f"a style of hints is one of {', '.join(HINT_STYLES)}, met {style!r}.{did_you_mean(style, HINT_STYLES)}"
        )
    return HINT_STYLES[style](points) if points else ""


def with_hints(problem: str, points: Sequence[str], style: str = "repo") -> str:
    """Return a problem with its hints, ready for a prompt style to add the instruction.

    `PROMPTS["knowrl"](with_hints(problem, points))` is the released prompt byte for byte, and `build_prompts` with
    the style `knowrl` and `hint_style="card"` makes that of the card.

    Args:
        problem: The problem.
        points: Texts of knowledge points; with none the problem stays as it is, without an empty section.
        style: A name in `HINT_STYLES`.

    Raises:
        DataError: There is no such style.
    """
    return problem + hint_section(points, style)


def hinted_problems(dataset: datasets.Dataset, hints: str, style: str = "repo") -> tuple[list[str], list[int]]:
    """Return the column `problem` with the hints of each row, and their numbers.

    Args:
        dataset: With the columns `problem` and, unless hints is "none", `kp_list` and for a rule the places it keeps.
        hints: "none", "all", or a rule such as "css", whose places stand in `css_kept_kp_index`.
        style: A name in `HINT_STYLES`.

    Raises:
        DataError: The columns are missing, or a row has no list of points or wrong places.
    """
    if hints == "none":
        hint_section([], style)  # a wrong style is refused even where it does not matter
        return list(dataset["problem"]), [0] * len(dataset)
    names = dataset.column_names
    if POINTS_COLUMN not in names:
        raise DataError(
            f"hints are made of knowledge points in a column {POINTS_COLUMN}, a list of texts in each row; the "
            f"columns are {some_of(names)}. Take a data set that has points, or make some with `knowledge extract`."
        )
    rules = rule_columns(names)
    if hints != "all" and hints not in rules:
        known = ["none", "all", *rules]
        raise DataError(
            f"hints here are one of {', '.join(known)}, met {hints!r}.{did_you_mean(hints, known)} Others are made by "
            "`cli.py knowledge select`."
        )
    wanted = {"problem", POINTS_COLUMN, "row", *([rules[hints]] if hints in rules else [])}
    rows = dataset.select_columns([name for name in names if name in wanted & (needed_columns(names) | {"row"})])
    found = [record_of(row, f"row {row.get('row', place)}") for place, row in enumerate(rows)]
    chosen = [record.selected(hints) for record in found]
    problems = [with_hints(record.problem, points, style) for record, points in zip(found, chosen, strict=True)]
    return problems, [len(points) for points in chosen]
