"""A pool of 2,000 problems: some are the embedded default's, the others products far beyond its model.

python experiments/pool.py --seed 1 --far 1500 --out pool.jsonl
"""

import argparse
import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from data.arithmetic import problems
from runs.files import write_lines

SIZE = 2000


def pool(seed: int, far: int) -> list[dict[str, str]]:
    """Its problems, so many of them far beyond the model, in an order of the seed's own."""
    rows = [{"problem": row["problem"], "answer": row["answer"]} for row in problems(SIZE - far)]
    rng = Random(seed)
    products = sorted({(rng.randrange(101, 999), rng.randrange(11, 99)) for _ in range(SIZE)})
    rows += [{"problem": f"What is {a}*{b}?", "answer": str(a * b)} for a, b in rng.sample(products, far)]
    rng.shuffle(rows)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--far", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    write_lines(options.out, pool(options.seed, options.far))
