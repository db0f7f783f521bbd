"""The folder of a run that a person has named, or which one they may have meant."""

from collections.abc import Iterable
from pathlib import Path

from errors import UserError, nearest
from runs.folder import RunFolder

OUTPUTS = Path("outputs")


def find_run(name: str | None) -> RunFolder:
    """Return the run of that name.

    Raises:
        UserError: There is none; says which there are.
    """
    if name is None:
        raise UserError(f"name the folder of a run: python cli.py show RUN.{_newest(_runs_in(OUTPUTS))}")
    path = Path(name)
    if not path.exists():
        raise UserError(f"there is no folder {path}.{_meant(path)}")
    run = RunFolder(path)
    if not _is_run(path):
        inside = f"{path} is not a run's folder: it has no run.json, no metrics.jsonl and no completions/."
        above = next((parent for parent in path.resolve().parents[:2] if _is_run(parent)), None)
        hint = f" Did you mean {_short(above)}, which it is part of?" if above else _newest(_runs_in(path))
        raise UserError(inside + hint)
    return run


def _is_run(path: Path) -> bool:
    run = RunFolder(path)
    return run.run.is_file() or run.metrics.is_file() or run.completions.is_dir()


def _runs_in(folder: Path) -> list[Path]:
    """Runs directly in a folder, newest first."""
    try:
        found = [path for path in folder.iterdir() if path.is_dir() and _is_run(path)]
    except OSError:
        return []
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def _newest(runs: Iterable[Path]) -> str:
    names = [str(path) for path in runs]
    return f" The newest {'is' if len(names) == 1 else 'are'} {', '.join(names[:3])}." if names else ""


def _meant(path: Path) -> str:
    """The nearest name beside it or in outputs/, else the newest runs."""
    known = {run.name: run for folder in (OUTPUTS, path.parent) for run in _runs_in(folder)}
    near = nearest(path.name, known, cutoff=0.4)
    return f" Did you mean {known[near]}?" if near else _newest(_runs_in(OUTPUTS))


def _short(path: Path) -> Path:
    """Relative to here where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
