"""Draw samples block by block, each process its own, until every problem is decided or enough are found."""

from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial

from commands.filtering.pool import Pool
from commands.sample_record import keep_samples, read_samples
from data import PassRates, Zone, certain_draws
from evaluation.engines import Engine, Sampling
from evaluation.sampler import MoreSamples, Problem, Sample, Sampler, blocks_of
from runs.folder import SampleFolder

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
    keep = partial(keep_samples, folder, process, texts=options.keep_completions)
    sampler = Sampler(engine, sampling, options.seed, recorded, keep)
    found = Progress()
    counts: list[tuple[int, int]] = []
    for number, block in enumerate(plan_blocks(options, pool)):
        if number % processes != process:
            continue
        if options.max_problems and enough(folder, number, options.max_problems):
            break
        samples = sampler.sample(
            block,
            wanted_samples(options, zone, counts),
            batch_size=options.batch_size,
            progress=lambda batch: _count(found, len(batch), report),
        )
        tally = [(rights(drawn), len(drawn)) for drawn in samples.values()]
        counts += tally
        found.spared += sum(zone.samples - drawn for _, drawn in tally)
        learnable = 0
        for right, drawn in tally:
            verdict = zone.verdict(right, drawn)
            learnable += verdict == "learnable"
            if verdict:
                found.verdicts[verdict] += 1
        folder.mark(process, number, learnable=learnable)
        report(found)


def enough(folder: SampleFolder, block: int, wanted: int) -> bool:
    """Whether the blocks before this one hold enough learnable problems, as far as they are finished."""
    found, done = 0, folder.done()
    for number in range(block):
        if number not in done:
            return False
        found += done[number]["learnable"]
        if found >= wanted:
            return True
    return False


def last_block(folder: SampleFolder, blocks: int, wanted: int | None) -> int | None:
    """The last block that counts: with which enough are found, or the last of all; None while others work on it."""
    found, done = 0, folder.done()
    for number in range(blocks):
        if number not in done:
            return None
        found += done[number]["learnable"]
        if wanted and found >= wanted:
            return number
    return blocks - 1


def rights(samples: Iterable[Sample]) -> int:
    """How many are right."""
    return sum(sample.correct is True for sample in samples)


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
        is_open = cache(lambda c, n: zone.open(c, n) and (n == 0 or rates.chance(c, n, zone) >= least))
    return lambda drawn: certain_draws(rights(drawn), len(drawn), zone.samples, is_open)
