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
