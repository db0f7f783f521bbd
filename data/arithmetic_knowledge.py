"""The hard arithmetic problems with knowledge points: what hints, and their selection, can be tried on in minutes.

Level 4 is what the embedded model practically never solves by itself and mostly solves with the fitting hint. Here
each problem comes with five points, nearly all in the model's own vocabulary: two true ones, of which only the first
is worded as the model was taught, two useless ones, true but of no help, and a misleading one, which states the
mistake that the model makes without help.

What the points do to this model is not what they would do to a reader. Greedy on the 99 held-out problems: none 0 %,
the fitting one 94 %, the restated one 51 %, the misleading one 35 % (100 % in "perimeter", where its words are those
of the fitting one), all five 18 %. So there is something to select, and subsets interact.
"""

from random import Random

import datasets

from data._arithmetic_families import FAMILIES
from data._knowledge_records import POINTS_COLUMN, kept_column
from data.arithmetic import problems
from errors import DataError

HARD = 4
KINDS = ("true", "true", "useless", "useless", "misleading")
FITTING = "fitting"  # as a rule: the one point that the model was taught, a bound on what selection can reach

_RESTATED = {
    "perimeter": "A rectangle has each of the sides twice.",
    "posts": "The first tree comes before each of the gaps, so count one more.",
    "mean": "The mean is what each one gets if the sum is divided equally.",
}
_MISLEADING = {
    "perimeter": "Going around a rectangle means each side is walked once.",
    "posts": "With both ends there are as many trees as gaps.",
    "mean": "The mean of three numbers is their sum.",
}
_TRUISM = "A number times one is the same number."
# What the embedded model's own accuracy kept of the first 80, as places; the command stands in `load_selected`.
_CSS = (
    "3 0 134 0 134 3 2 1 124 0123 34 014 234 01234 2 234 1234 1 34 234 0134 23 2 034 34 0124 02 0 1234 0 4 0 "
    "012 0234 04 34 2 12 1 2 24 0123 2 0124 13 13 013 1 01 0 014 4 02 02 34 01 1 1 014 013 13 2 04 02 23 234 "
    "01234 0234 014 4 03 04 24 24 034 34 02 124 124 0123 "
)
_CBRS = (
    "0234 0134 1234 0134 0134 1234 0234 0124 1234 0123 0234 0124 0234 0134 1234 1234 1234 0123 0134 1234 0134 "
    "0123 0124 0234 0134 0124 0123 0124 1234 0123 0124 0123 0123 0234 0234 0234 0123 0123 0124 0124 0124 0123 "
    "0234 0124 0123 1234 0134 0123 0124 0124 0134 0134 0124 0123 0134 0123 0124 0134 0134 0134 1234 0123 0234 "
    "0234 0234 0234 01234 0234 0134 0234 0123 0124 0124 0234 0134 0234 0234 1234 0124 01234 "
)
_SIZES = {"train": ("train", 600), "test": ("held_out", 99), "held_out": ("held_out", 99)}


def load_arithmetic_knowledge(split: str | None = None) -> datasets.Dataset:
    """Generate 600 hard problems with their points for training (`train`), or 99 with other operands (`test`).

    Returns:
        Columns problem, answer, solution, level (4) and family as `data.arithmetic.problems` makes them, and
        `kp_list`, `kp_kinds` (of each point, one of "true", "useless", "misleading") and `fitting_kept_kp_index`.

    Raises:
        DataError: There is no such split.
    """
    if split is not None and split not in _SIZES:
        raise DataError(f"arithmetic has the splits {', '.join(_SIZES)}, met {split!r}; name one with --dataset_split")
    side, n = _SIZES[split or "train"]
    return datasets.Dataset.from_list([with_points(row) for row in problems(n, split=side, levels=[HARD])])


def load_selected(split: str | None = None) -> datasets.Dataset:
    """Return the first 80 training problems with the points that CSS and CBRS kept for the embedded model.

    Made by `python cli.py knowledge select --limit 80 --samples 16 --judge-samples 0 --batch-size 256`.
    Nothing was selected for other splits, which are as `load_arithmetic_knowledge` has them.

    Raises:
        DataError: There is no such split.
    """
    rows = load_arithmetic_knowledge(split)
    if split not in (None, "train"):
        return rows
    for rule, kept in (("css", _CSS), ("cbrs", _CBRS)):
        places = [[int(place) for place in one] for one in kept.split()]
        rows = rows.select(range(len(places))).add_column(kept_column(rule), places)
    return rows


def with_points(row: dict) -> dict:
    """Return a hard problem's row with its points, whose order is drawn for each problem but always the same.

    Args:
        row: Of `data.arithmetic.problems`, level 4.
    """
    family, rng = row["family"], Random(row["problem"])
    others = [other.hint for name, other in FAMILIES.items() if other.hint and name != family]
    points = [FAMILIES[family].hint, _RESTATED[family], rng.choice(others), _TRUISM, _MISLEADING[family]]
    order = rng.sample(range(len(points)), len(points))
    return {
        **row,
        POINTS_COLUMN: [points[place] for place in order],
        "kp_kinds": [KINDS[place] for place in order],
        kept_column(FITTING): [order.index(0)],
    }
