"""The completions of a benchmark, shared between processes, each kept as it comes."""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict

from commands.evaluating.task import Task
from errors import UserError
from evaluation.engines import Engine
from evaluation.sampler import Problem, Sample, Sampler, blocks_of, ungraded
from runs.folder import SampleFolder


def plan_blocks(task: Task, options: Namespace) -> list[list[Problem]]:
    """The blocks, whoever works on them: about four full batches each."""
    asked = [problem for problem in task.problems if problem.id not in task.unasked]
    size = max(1, 4 * options.batch_size // task.settings.samples)
    return blocks_of(asked, options.seed, size)


def draw(
    task: Task,
    options: Namespace,
    folder: SampleFolder,
    share: tuple[int, int],
    engine: Callable[[], Engine],
    progress: Callable[[int], object],
) -> None:
    """Draw this process's share of a benchmark, and mark each block that is done.

    Args:
        task: The benchmark.
        options: Of the command.
        folder: Of the benchmark.
        share: (process, processes).
        engine: Makes the engine at the first completion that is not on record.
        progress: Called with the number of completions just finished.
    """
    process, processes = share
    recorded = {(sample.id, sample.index): sample for sample in read(folder)}

    def keep(samples: list[Sample]) -> None:
        folder.append(process, [asdict(sample) for sample in samples])

    sampler = Sampler(engine, task.sampling, options.seed, recorded, keep, ungraded)
    for number, block in enumerate(plan_blocks(task, options)):
        if number % processes == process:
            sampler.sample(
                block,
                lambda drawn: task.settings.samples - len(drawn),
                batch_size=options.batch_size,
                progress=lambda samples: progress(len(samples)),
            )
            folder.mark(process, number)


def read(folder: SampleFolder) -> list[Sample]:
    """The completions on record."""
    names = Sample.__dataclass_fields__
    records = [{name: record[name] for name in names if name in record} for record in folder.read_samples()]
    return [Sample(**{**record, "calls": tuple(record.get("calls", ()))}) for record in records]


def by_problem(task: Task, folder: SampleFolder) -> list[list[Sample]]:
    """(problems, n) completions in the order of the benchmark; those that were not asked are empty and cut.

    Raises:
        UserError: Some are missing.
    """
    n = task.settings.samples
    found: dict[str, dict[int, Sample]] = defaultdict(dict)
    for sample in read(folder):
        if sample.index < n:
            found[sample.id][sample.index] = sample
    empty = [Sample("", i, None, 0, True, False) for i in range(n)]
    rows = [empty if p.id in task.unasked else list(found[p.id].values()) for p in task.problems]
    missing = sum(n - len(row) for row in rows)
    if missing:
        raise UserError(
            f"{missing} of {n * len(rows)} completions of {task.benchmark.name} are not on record in {folder.path}; "
            "give the same command without --rescore to draw them."
        )
    return [sorted(row, key=lambda sample: sample.index) for row in rows]
