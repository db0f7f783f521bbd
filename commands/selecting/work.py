"""Draw what the rules ask for, block by block, each process its own: the sweep, then what it calls for, then judges.

Each stage of a block is one drawing for all its problems and subsets, so that batches are full. Its make-up depends on
the samples of the stages before alone: a run that was killed goes on with the same batches.
"""

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from commands.sample_record import keep_samples, read_samples
from commands.selecting.choice import Grades, Subset, choose, deeper, sweep
from commands.selecting.points import JUDGED, Pointed, with_subsets
from data.knowledge import AccuracyOracle
from evaluation.engines import Engine, Sampling
from evaluation.sampler import Sample, Sampler, blocks_of
from runs.folder import SampleFolder

Wanted = Sequence[tuple[Pointed, Subset]]


def plan_blocks(options: Namespace, pointed: Sequence[Pointed]) -> list[list[Pointed]]:
    """The blocks, whoever works on them: about 32 batches each, so that few are not full."""
    by_id = {one.problem.id: one for one in pointed}
    points = sum(len(one.points) for one in pointed) / len(pointed)
    size = max(1, round(32 * options.batch_size / options.samples / (points + 2)))
    blocks = blocks_of([one.problem for one in pointed], options.seed, size)
    return [[by_id[problem.id] for problem in block] for block in blocks]


@dataclass
class Study:
    """The drawing of one process.

    Attributes:
        options: Of the command.
        tokenizer: The model's.
        sampler: Samples the problems.
        report: Called with the samples of each batch, on record or not.
        grades: What has been drawn in this session.
    """

    options: Namespace
    tokenizer: object
    sampler: Sampler
    report: Callable[[Sequence[Sample]], object]
    grades: Grades = field(default_factory=Grades)

    def block(self, block: Sequence[Pointed]) -> None:
        """All stages of a block."""
        options, seen = self.options, set[tuple[str, Subset]]()
        oracles = [self.grades.oracle(one, options) for one in block]
        if options.stop_when_solved:
            self._stage(seen, [(one, frozenset()) for one in block])
        self._each(seen, block, oracles, lambda oracle: sweep(oracle, options))
        self._each(seen, block, oracles, lambda oracle: deeper(oracle, options))
        if options.judge_samples:
            seen = set()
        for rules in (["none", "all"], *([rule] for rule in options.rule)):
            pairs = zip(block, oracles, strict=True)
            kept = [(one, choose(rule, oracle, one.problem.id, options)) for one, oracle in pairs for rule in rules]
            self._stage(seen, kept, judged=bool(options.judge_samples))

    def _each(
        self,
        seen: set[tuple[str, Subset]],
        block: Sequence[Pointed],
        oracles: Sequence[AccuracyOracle],
        subsets: Callable[[AccuracyOracle], list[Subset]],
    ) -> None:
        wanted = [(one, s) for one, oracle in zip(block, oracles, strict=True) for s in subsets(oracle)]
        self._stage(seen, wanted)

    def _stage(self, seen: set[tuple[str, Subset]], wanted: Wanted, *, judged: bool = False) -> None:
        """Draw what this block has not drawn yet, in one go."""
        new = {(one.problem.id, subset): (one, subset) for one, subset in wanted}
        fresh = [pair for key, pair in new.items() if key not in seen]
        seen.update(new)
        samples = self.options.judge_samples if judged else self.options.samples
        drawn = self.sampler.sample(
            with_subsets(fresh, self.options, self.tokenizer, JUDGED if judged else ""),
            lambda had: samples - len(had),
            batch_size=self.options.batch_size,
            progress=self.report,
        )
        for found in drawn.values():
            self.grades.add(found)


def work(
    options: Namespace,
    blocks: Iterable[Sequence[Pointed]],
    tokenizer: object,
    folder: SampleFolder,
    share: tuple[int, int],
    engine: Callable[[], Engine],
    report: Callable[[Sequence[Sample], int], None],
) -> None:
    """Draw this process's share, and mark each block that is done.

    Args:
        options: Of the command.
        blocks: All of them.
        tokenizer: The model's.
        folder: Where samples are read and written.
        share: (process, processes); block b is worked on by process b modulo their number.
        engine: Makes the engine.
        report: Called after each batch with its samples and 0, after each block with none and its problems.
    """
    process, processes = share
    recorded = {(sample.id, sample.index): sample for sample in read_samples(folder)}
    sampling = Sampling(options.max_new_tokens, options.temperature, options.top_p, options.top_k)
    sampler = Sampler(engine, sampling, options.seed, recorded, partial(keep_samples, folder, process))
    study = Study(options, tokenizer, sampler, lambda samples: report(samples, 0))
    for number, block in enumerate(blocks):
        if number % processes == process:
            study.block(block)
            folder.mark(process, number)
            report([], len(block))
