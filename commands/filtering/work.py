"""Draw samples block by block, each process its own, until every problem is decided or enough are found."""

from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from commands.filtering.pool import Pool
from data import PassRates, Zone, certain_draws
from evaluation.drawing import Drawing, MoreSamples, Problem, Sample, blocks_of
from evaluation.sampling import Engine, Sampling
from runs.records import append_jsonl, read_jsonl
from runs.samples import SampleFolder

FIT_FROM = 50
"""Problems whose answers must be there before pass rates are estimated from them."""


@dataclass
class Progress:
    """What a process has found so far.

    Attributes:
        drawn: Samples it has, on record or new.
        spared: Samples that are not needed any more.
        verdicts: Decided problems of each verdict.
    """

    drawn: int = 0
    spared: int = 0
    verdicts: dict[str, int] = field(default_factory=lambda: {"learnable": 0, "too_easy": 0, "too_hard": 0})


def plan_blocks(options: Namespace, pool: Pool) -> list[list[Problem]]:
    """The blocks, whoever works on them. Several batches of problems each, so that later rounds fill batches too."""
    size = 4 * options.batch_size
    if options.max_problems or options.stop_when_unlikely is not None:
        size = options.batch_size  # what is learned from a block should come soon
    return blocks_of(pool.problems, options.seed, size)


def work(
    options: Namespace,
    pool: Pool,
    folder: SampleFolder,
    share: tuple[int, int],
    engine: Callable[[], Engine],
    report: Callable[[Progress], None],
) -> None:
    """Draw this process's share, and mark each block that is done.

    Args:
        options: Of the command.
        pool: The problems.
        folder: Where samples are read and written.
        share: (process, processes); block b is worked on by process b modulo their number.
        engine: Makes the engine.
        report: Called after each batch and each block.
    """
    process, processes = share
    zone = Zone(options.samples, options.low, options.high)
    recorded = {(sample.id, sample.index): sample for sample in read_samples(folder)}
    sampling = Sampling(options.max_new_tokens, options.temperature, options.top_p, options.top_k)
    drawing = Drawing(engine, sampling, options.seed, recorded, lambda new: _keep(folder, process, new, options))
    found = Progress()
    counts: list[tuple[int, int]] = []
    for number, block in enumerate(plan_blocks(options, pool)):
        if number % processes != process:
            continue
        if options.max_problems and enough(folder, number, options.max_problems):
            break
        samples = drawing.draw(
            block,
            wanted_samples(options, zone, counts),
            batch_size=options.batch_size,
            progress=lambda batch: _count(found, len(batch), report),
        )
        tally = [(sum(s.correct for s in drawn), len(drawn)) for drawn in samples.values()]
        counts += tally
        found.spared += sum(zone.samples - drawn for _, drawn in tally)
        learnable = 0
        for right, drawn in tally:
            verdict = zone.verdict(right, drawn)
            learnable += verdict == "learnable"
            if verdict:
                found.verdicts[verdict] += 1
        append_jsonl(marks_of(folder, process), [{"block": number, "learnable": learnable}])
        report(found)


def marks_of(folder: SampleFolder, process: int) -> Path:
    """The file in which a process says which blocks it has finished; begun anew each time the command is given."""
    return folder.path / "samples" / f"done-{process:05d}.jsonl"


def done_blocks(folder: SampleFolder) -> dict[int, int]:
    """Learnable problems in each block that any process has finished."""
    files = sorted(folder.samples.glob("done-*.jsonl"))
    return {mark["block"]: mark["learnable"] for path in files for mark in read_jsonl(path)}


def enough(folder: SampleFolder, block: int, wanted: int) -> bool:
    """Whether the blocks before this one hold enough learnable problems, as far as they are finished."""
    found, done = 0, done_blocks(folder)
    for number in range(block):
        if number not in done:
            return False
        found += done[number]
        if found >= wanted:
            return True
    return False


def last_block(folder: SampleFolder, blocks: int, wanted: int | None) -> int | None:
    """The last block that counts: with which enough are found, or the last of all; None while others work on it."""
    found, done = 0, done_blocks(folder)
    for number in range(blocks):
        if number not in done:
            return None
        found += done[number]
        if wanted and found >= wanted:
            return number
    return blocks - 1


def read_samples(folder: SampleFolder) -> Iterable[Sample]:
    """The samples on record."""
    for record in folder.read_samples():
        yield Sample(**{name: record[name] for name in Sample.__dataclass_fields__ if name in record})


def _keep(folder: SampleFolder, process: int, samples: list[Sample], options: Namespace) -> None:
    records: list[dict[str, Any]] = [asdict(sample) for sample in samples]
    if not options.keep_completions:
        for record in records:
            del record["text"]
    folder.append(process, records)


def _count(found: Progress, drawn: int, report: Callable[[Progress], None]) -> None:
    found.drawn += drawn
    report(found)


def wanted_samples(options: Namespace, zone: Zone, counts: list[tuple[int, int]]) -> MoreSamples:
    """How many samples a problem needs: while its verdict is open and, if asked, it is likely enough to be learnable.

    Args:
        options: Of the command.
        zone: The zone.
        counts: (right, drawn) of the problems that this process has finished.
    """
    if options.all_samples:
        return lambda drawn: zone.samples - len(drawn)
    least, is_open = options.stop_when_unlikely, zone.open
    if least and len(counts) >= FIT_FROM:
        rates = PassRates.fit(counts, zone.samples)
        is_open = cache(lambda c, n: zone.open(c, n) and rates.chance(c, n, zone) >= least)
    return lambda drawn: certain_draws(sum(sample.correct for sample in drawn), len(drawn), zone.samples, is_open)
