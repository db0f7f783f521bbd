"""What scripts that run the project's commands share."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from runs.files import write_lines  # noqa: E402


def cli(*words: str) -> None:
    """Run a command of the project, and stop with what it said if it fails."""
    done = subprocess.run([sys.executable, "cli.py", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")


def write(rows: list[dict], path: Path) -> Path:
    """Write rows as JSON lines, and return where."""
    write_lines(path, rows)
    return path
