"""Do 95 % intervals of scores hold 95 %, and is noise called noise? On simulated sets of problems.

    python benchmarks/interval_coverage.py
    python benchmarks/interval_coverage.py --sets 4000 --cells cells.jsonl

A score's interval (`evaluation.statistics.score_of`) must hold the mean rate of the problems' distribution, whatever
the size of the set, the number of samples, the mean rate and the difficulties: `equal`, all problems alike; `beta C`,
rates of a Beta distribution with concentration C (0.1: nearly all 0 or 1); `few`, some solved six times of ten and the
rest never; `half hidden` and `most hidden`, one half and nine tenths of the mean from problems that are always solved,
of which a small set may have none. One sample per problem does not depend on difficulties and is computed exactly.

A difference (`score_change`) must hold the true change, and must be called more than noise in 5 % of the sets at most
where there is none. `same`: one model twice. `flips`: a share of the problems change sides, both ways alike. `traded`:
a share become always right and all others pay for it. With a change: `solved`, a share become always right; `all`,
every problem gains that share of what it lacks.

Beside each stands the normal interval, mean ± 1.96 standard errors; `width` is that of the score's interval over its,
for rates spread evenly. With 1,000 sets a figure is right to some 1.5 points, and the least of many is too low by as
much; with 8,000 to 0.5.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _common import write

from evaluation.statistics import TAIL, probability, score_of, usual_size

PROBLEMS, SAMPLES = (15, 30, 100, 500), (1, 8, 32)
RATES = (0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)
DIFFICULTIES = ("equal", "beta 10", "beta 2", "beta 0.5", "beta 0.1", "few", "half hidden", "most hidden")
SHARES, STARTS = (0.01, 0.05, 0.1, 0.2, 0.4), (0.05, 0.3, 0.5)
CHANGES = ("same", "flips", "traded", "solved", "all")
CLOSE = 1.15


def tail(distance: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Whether P(Σ G d ≤ 0) is below 2.5 %, for each of many sets, G being Gamma(counts).

    By Lugannani and Rice's saddle-point approximation, right to 4 % of itself here, and where that is close to the
    level by the integral that the intervals use.

    Args:
        distance: (sets, values).
        counts: (sets, values).
    """
    there = counts > 0
    top, bottom = (np.where(there, distance, 0.0).max(1), np.where(there, distance, 0.0).min(1))
    found = np.where(top <= 0.0, 1.0, 0.0)
    mixed = (top > 0.0) & (bottom < 0.0)
    d, c = np.where(there, distance, 0.0)[mixed], counts[mixed].astype(float)
    low, high = 1 / bottom[mixed], 1 / top[mixed]
    for _ in range(60):  # where the derivative of the cumulant generating function, -Σ c log(1 - z d), is 0
        z = (low + high) / 2
        rises = (c * d / (1 - z[:, None] * d)).sum(1) > 0.0
        low, high = np.where(rises, low, z), np.where(rises, z, high)
    left = 1 - z[:, None] * d
    w = np.sign(z) * np.sqrt(2 * np.maximum((c * np.log(left)).sum(1), 1e-12))
    u = z * np.sqrt((c * (d / left) ** 2).sum(1))
    normal = np.array([0.5 * math.erfc(-one / 2**0.5) for one in w])
    with np.errstate(divide="ignore", invalid="ignore"):
        rice = normal + np.exp(-(w**2) / 2) / math.sqrt(2 * math.pi) * (1 / w - 1 / u)
    found[mixed] = np.where(np.abs(w) < 1e-3, 0.5, rice)
    for one in np.flatnonzero((found > TAIL / CLOSE) & (found < TAIL * CLOSE)):
        found[one] = probability(0.0, distance[one], counts[one])
    return found < TAIL


def counted(numbers: np.ndarray, least: int, most: int) -> np.ndarray:
    """(sets, most - least + 1): how often each whole number stands in a row."""
    width = most - least + 1
    places = numbers - least + width * np.arange(len(numbers))[:, None]
    return np.bincount(places.ravel(), minlength=width * len(numbers)).reshape(len(numbers), width)


def missed(numbers: np.ndarray, samples: int, added: np.ndarray, truth: float, bottom: int) -> np.ndarray:
    """Whether the limits that the added values make leave out the truth; (sets,).

    Args:
        numbers: (sets, problems), right samples or their difference.
        samples: Of each problem.
        added: (2, sets), the value of the problem added for the lower and the upper limit.
        truth: What should lie between them.
        bottom: The least that a number can be.
    """
    values = np.arange(bottom, samples + 1) / samples
    counts = np.column_stack([counted(numbers, bottom, samples), np.ones(len(numbers), int)])
    ends = [np.column_stack([np.tile(values, (len(numbers), 1)), end]) - truth for end in added]
    return tail(ends[0], counts) | tail(-ends[1], counts)


def missed_by_normal(numbers: np.ndarray, samples: int, truth: float) -> np.ndarray:
    """The same of mean ± 1.96 standard errors."""
    mean, sd = numbers.mean(1) / samples, numbers.std(1, ddof=1) / samples
    return np.abs(mean - truth) > 1.96 * sd / numbers.shape[1] ** 0.5 + 1e-12


def rates(kind: str, mean: float, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(sets, problems) rates of being solved, with that mean."""
    name, _, rest = kind.partition(" ")
    if name == "equal":
        return np.full(shape, mean)
    if name == "beta":
        return rng.beta(float(rest) * mean, float(rest) * (1 - mean), shape)
    if name == "few":
        top = max(0.6, mean)
        return np.where(rng.random(shape) < mean / top, top, 0.0)
    solved = {"half": 0.5, "most": 0.9}[name] * mean
    return np.where(rng.random(shape) < solved, 1.0, (mean - solved) / (1 - solved))


def exact_scores(problems: int) -> Iterator[dict]:
    """Coverage with one sample per problem, summed over all outcomes."""
    found = [score_of([[1.0]] * x + [[0.0]] * (problems - x)) for x in range(problems + 1)]
    for mean in RATES:
        chance = [
            math.exp(
                math.lgamma(problems + 1) - math.lgamma(x + 1) - math.lgamma(problems - x + 1)
                + x * math.log(mean) + (problems - x) * math.log1p(-mean)
            )
            for x in range(problems + 1)
        ]  # fmt: skip
        held = sum(c for c, one in zip(chance, found, strict=True) if one.low <= mean <= one.high)
        usual = sum(
            c for c, one in zip(chance, found, strict=True) if abs(one.mean - mean) <= 1.96 * one.standard_error
        )
        yield {"problems": problems, "samples": 1, "difficulties": "any", "mean": mean, "held": held, "normal": usual}


def simulated_scores(problems: int, samples: int, sets: int, seed: int) -> Iterator[dict]:
    """Coverage with several."""
    added = np.array([np.zeros(sets), np.ones(sets)])
    for kind in DIFFICULTIES:
        for mean in RATES:
            rng = np.random.default_rng([seed, problems, samples, DIFFICULTIES.index(kind), RATES.index(mean)])
            right = rng.binomial(samples, rates(kind, mean, (sets, problems), rng))
            yield {
                "problems": problems, "samples": samples, "difficulties": kind, "mean": mean,
                "held": 1 - float(missed(right, samples, added, mean, 0).mean()),
                "normal": 1 - float(missed_by_normal(right, samples, mean).mean()),
            }  # fmt: skip


def change_of(kind: str, share: float, start: float, before: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(sets, problems) rates after a change, of rates before with mean `start`."""
    hit = rng.random(before.shape) < share
    if kind == "flips":
        return np.where(hit, 1 - before, before)
    if kind == "traded":
        return np.where(hit, 1.0, before * (1 - share * (1 - start) / ((1 - share) * start)))
    if kind == "solved":
        return np.where(hit, 1.0, before)
    return before + share * (1 - before) if kind == "all" else before


def differences(problems: int, samples: int, sets: int, seed: int) -> Iterator[dict]:
    """How often a change lies outside its interval; without one, how often noise is called more."""
    for kind in CHANGES:
        for start in STARTS:
            for share in (0.0,) if kind == "same" else SHARES:
                unpaid = share * (1 - start) >= (1 - share) * start  # the others have less than that to give
                if (kind == "traded" and unpaid) or (kind == "flips" and start != 0.5):
                    continue
                rng = np.random.default_rng([seed, problems, samples, CHANGES.index(kind), int(1e4 * (start + share))])
                before = rng.beta(start, 1 - start, (sets, problems))
                after = change_of(kind, share, start, before, rng)
                truth = share * (1 - start) if kind in ("solved", "all") else 0.0
                moved = rng.binomial(samples, after) - rng.binomial(samples, before)
                size = np.array([usual_size(row / samples) for row in moved])
                yield {
                    "problems": problems, "samples": samples, "change": kind, "share": share, "start": start,
                    "true": truth,
                    "held": 1 - float(missed(moved, samples, np.array([-size, size]), truth, -samples).mean()),
                    "normal": 1 - float(missed_by_normal(moved, samples, truth).mean()),
                }  # fmt: skip


def width(problems: int, samples: int, seed: int) -> float:
    """Mean width of the interval over that of the normal one, for rates of Beta(1, 1), 20 sets."""
    rng, ratios = np.random.default_rng([seed, problems, samples]), []
    for _ in range(20):
        right = rng.binomial(samples, rng.random(problems))[:, None] / samples
        found = score_of(right.tolist())
        ratios.append((found.high - found.low) / (2 * 1.96 * found.standard_error))
    return float(np.mean(ratios))


def least(cells: list[dict], name: str, *where: str) -> str:
    """`93.1 % (beta 0.1, 0.05)`: the least share of the cells, and where."""
    worst = min(cells, key=lambda cell: cell[name])
    return f"{100 * worst[name]:.1f} % ({', '.join(f'{worst[key]}' for key in where)})"


def most(cells: list[dict], name: str) -> str:
    """The largest share that is called more than noise."""
    return f"{100 * (1 - min(cell[name] for cell in cells)):.1f} %"


def main() -> None:
    """Print both tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=1000, help="simulated sets of each cell; default 1000")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--cells", type=Path, help="file for every cell, as JSON lines; default none")
    options = parser.parse_args()
    kept = []
    print(
        "| samples | problems | least coverage (difficulties, mean) | normal | width at 50 % |\n|---|---|---|---|---|"
    )
    for samples in SAMPLES:
        for problems in PROBLEMS:
            cells = list(
                exact_scores(problems) if samples == 1
                else simulated_scores(problems, samples, options.sets, options.seed)
            )  # fmt: skip
            kept += cells
            here = least(cells, "held", "difficulties", "mean"), least(cells, "normal", "difficulties", "mean")
            wide = f"{width(problems, samples, options.seed):.2f}"
            print(f"| {samples} | {problems} | {' | '.join(here)} | {wide} |", flush=True)
    print("\n| samples | problems | noise called more | normal | least coverage of a change | normal |")
    print("|---|---|---|---|---|---|")
    for samples in SAMPLES:
        for problems in PROBLEMS:
            cells = list(differences(problems, samples, options.sets, options.seed))
            kept += cells
            none, some = ([cell for cell in cells if (cell["true"] == 0.0) == same] for same in (True, False))
            told = [most(none, name) for name in ("held", "normal")]
            told += [least(some, name, "change", "share", "start") for name in ("held", "normal")]
            print(f"| {samples} | {problems} | {' | '.join(told)} |", flush=True)
    if options.cells:
        write(kept, options.cells)


if __name__ == "__main__":
    main()
