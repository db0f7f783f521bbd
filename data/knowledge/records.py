"""Knowledge points as rows of a dataset: the released columns of KnowRL (arXiv 2604.12627), and their checks.

`kp_list` holds the points of a problem, and for each rule that selects among them `<rule>_kept_kp_index` holds the
places of those it keeps, counted from 0. Training files have one selection only, under the bare name `kept_kp_index`;
here its rule is called "kept".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from errors import DataError, did_you_mean

POINTS_COLUMN = "kp_list"
KEPT_SUFFIX = "kept_kp_index"
SELECTED_SUFFIX = "selected_kps"
BARE_RULE = "kept"

# Three of the 8,049 released points are indented by four blanks, and some have a blank line between the halves.
_POINT = re.compile(r"\*\*Knowledge Point\*\*:\s*(.+?)\s*\n\s*\*\*Key Considerations\*\*:\s*(.+)", re.DOTALL)


@dataclass(frozen=True)
class KnowledgeRecord:
    """A problem, its knowledge points, and which of them each rule keeps.

    Attributes:
        problem: The problem.
        answer: Its gold answer.
        points: The points' texts, K of them, in their order; () for a problem that has none.
        kept: For each rule the places in `points` that it keeps, ascending; () where it keeps none.
    """

    problem: str
    answer: str
    points: tuple[str, ...]
    kept: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def selected(self, hints: str) -> tuple[str, ...]:
        """Return the points that are given as hints: of "none", of "all", or of a rule in `kept`.

        Raises:
            DataError: No selection by this rule is known.
        """
        if hints == "none":
            return ()
        if hints == "all":
            return self.points
        if hints not in self.kept:
            known = ["none", "all", *self.kept]
            raise DataError(
                f"hints are one of {', '.join(known)} here, met {hints!r}: a rule needs its column "
                f"{kept_column(hints)} with the places it keeps.{did_you_mean(hints, known)}"
            )
        return tuple(self.points[place] for place in self.kept[hints])


def kept_column(rule: str) -> str:
    """Return the column with the places that a rule keeps.

    >>> kept_column("css"), kept_column("max-score"), kept_column("kept")
    ('css_kept_kp_index', 'max_score_kept_kp_index', 'kept_kp_index')
    """
    return KEPT_SUFFIX if rule == BARE_RULE else f"{rule.replace('-', '_')}_{KEPT_SUFFIX}"


def rule_columns(columns: Iterable[str]) -> dict[str, str]:
    """Return the rules that a dataset has selections of, each with its column."""
    prefixes = {name: name.removesuffix(KEPT_SUFFIX) for name in columns if name.endswith(KEPT_SUFFIX)}
    return {prefix.rstrip("_").replace("_", "-") or BARE_RULE: name for name, prefix in prefixes.items()}


def needed_columns(columns: Sequence[str]) -> set[str]:
    """Return the columns of a dataset that a record is made of."""
    texts = {name for name in columns if name.endswith(SELECTED_SUFFIX)}
    return {"problem", "answer", POINTS_COLUMN, *rule_columns(columns).values(), *texts} & set(columns)


def record_of(row: Mapping[str, Any], where: str = "the row") -> KnowledgeRecord:
    """Read and check a row of a data set, such as `load_problems(...).dataset`.

    Args:
        row: With `problem` and `kp_list`; `answer` and selections if there are any.
        where: The row's name in messages.

    Raises:
        DataError: The row has no list of points, places outside its list or out of order, or texts of kept points that
            are not those of the list.
    """
    points = _points(row.get(POINTS_COLUMN), where)
    kept = {}
    for rule, column in rule_columns(row).items():
        kept[rule] = _places(row[column], len(points), f"{column} of {where}")
        texts = row.get(column.removesuffix(KEPT_SUFFIX) + SELECTED_SUFFIX)
        if texts is not None and tuple(texts) != tuple(points[place] for place in kept[rule]):
            raise DataError(
                f"the selected texts must be those of {POINTS_COLUMN} at the kept places, but in {where} the column "
                f"{column.removesuffix(KEPT_SUFFIX) + SELECTED_SUFFIX} and {column} differ. Drop one of the two."
            )
    return KnowledgeRecord(row.get("problem") or "", row.get("answer") or "", points, kept)


def format_point(principle: str, considerations: str) -> str:
    r"""Return a point as the released data words it.

    >>> format_point("Sum of angles.", "Euclidean triangles only.")
    '**Knowledge Point**: Sum of angles.\n   **Key Considerations**: Euclidean triangles only.'
    """
    return f"**Knowledge Point**: {principle.strip()}\n   **Key Considerations**: {considerations.strip()}"


def split_point(point: str) -> tuple[str, str]:
    """Return the principle and the considerations of a point; a text of another form is all principle."""
    match = _POINT.fullmatch(point.strip())
    return (match[1], match[2].strip()) if match else (point.strip(), "")


def _points(cell: Any, where: str) -> tuple[str, ...]:
    if not isinstance(cell, list | tuple):
        met = "nothing" if cell is None else repr(cell)[:60]
        raise DataError(
            f"{POINTS_COLUMN} must hold the knowledge points of a problem, a list of texts, [] for none, but "
            f"{where} has {met}. Leave the row out, extract points for it, or ask for no hints."
        )
    for place, point in enumerate(cell):
        if not isinstance(point, str) or not point.strip():
            raise DataError(
                f"each knowledge point must be a text that is not blank, but number {place} (from 0) of {where} is "
                f"{point!r}. Take it out, and count the kept places anew."
            )
    return tuple(cell)


def _places(cell: Any, n_points: int, what: str) -> tuple[int, ...]:
    proper = isinstance(cell, list | tuple) and all(type(place) is int for place in cell)
    if not proper or any(not 0 <= place < n_points for place in cell) or list(cell) != sorted(set(cell)):
        raise DataError(
            f"{what} must hold places in {POINTS_COLUMN}, whole numbers from 0 to {n_points - 1}, ascending, each "
            f"once, [] for none; it holds {repr(cell)[:60]}. Correct the places (they count from 0)."
        )
    return tuple(cell)
