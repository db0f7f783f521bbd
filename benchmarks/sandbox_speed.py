"""Milliseconds per snippet in the sandbox, first and later calls.

python benchmarks/sandbox_speed.py [--calls 200]
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).parents[1]))

from evaluation.sandbox import Sandbox

SNIPPETS = {
    "print": "print(1)",
    "sympy solve": "from sympy import symbols, solve\nx = symbols('x')\nprint(solve(x**2 - 5*x + 6, x))",
    "sympy integrate": "from sympy import *\nx = symbols('x')\nprint(integrate(x**2 * sin(x), x))",
    "numpy": "import numpy as np\nprint(np.linalg.eigvals(np.arange(16.0).reshape(4, 4)))",
    "an error": "1 / 0",
}


def main() -> None:
    """Print a row for each snippet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    calls = parser.parse_args().calls
    start = time.perf_counter()
    with Sandbox(workers=1) as sandbox:
        print(f"start and self-test {time.perf_counter() - start:.2f} s; {sandbox.describe()}")
        print(f"{'snippet':16} {'first':>7} {'p50':>7} {'p95':>7}  ms, {calls} calls")
        for name, code in SNIPPETS.items():
            times = []
            for _ in range(calls + 1):
                start = time.perf_counter()
                sandbox.run(code)
                times.append(1000 * (time.perf_counter() - start))
            cuts = quantiles(times[1:], n=20)
            print(f"{name:16} {times[0]:7.1f} {cuts[9]:7.1f} {cuts[18]:7.1f}")


if __name__ == "__main__":
    main()
