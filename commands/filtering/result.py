"""From samples to files: the counts of every problem, the learnable ones as a data set, what was set aside."""

from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from commands.filtering.pool import Pool
from commands.filtering.work import last_block, plan_blocks, rights
from commands.sample_record import read_samples, write_data_set
from data import PassRates, Zone, expected_draws
from evaluation.sampler import Sample
from runs.files import write_lines
from runs.folder import SampleFolder


@dataclass(frozen=True)
class Result:
    """What was found.

    Attributes:
        counts: One record per problem, in the order of the data set.
        kept: Those of them that are learnable, at most as many as were asked for.
        summary: For the record: numbers of problems and samples, histogram, rates.
    """

    counts: list[dict[str, Any]]
    kept: list[dict[str, Any]]
    summary: dict[str, Any]


def assemble(options: Namespace, pool: Pool, folder: SampleFolder) -> Result:
    """Count the samples on record. The same samples give the same result, whoever drew them and in which order."""
    zone = Zone(options.samples, options.low, options.high)
    blocks = plan_blocks(options, pool)
    last = last_block(folder, len(blocks), options.max_problems)
    assert last is not None, "every process has finished"
    drawn: dict[str, list[Sample]] = defaultdict(list)
    for sample in {(sample.id, sample.index): sample for sample in read_samples(folder)}.values():
        if sample.index < options.samples:
            drawn[sample.id].append(sample)
    seen = [problem.id for block in blocks[: last + 1] for problem in block]
    rates = PassRates.fit(((rights(drawn[i]), len(drawn[i])) for i in seen), zone.samples)
    counts = {name: _counted(name, pool, drawn[name], zone, rates) for name in seen}
    learnable = [name for name in seen if counts[name]["verdict"] == "learnable"]
    chosen = set(learnable[: options.max_problems])
    order = sorted(seen, key=lambda name: pool.rows[name]["row"])
    kept = [{**pool.rows[name], **_of_the_kept(counts[name])} for name in order if name in chosen]
    return Result([counts[name] for name in order], kept, _summary([counts[name] for name in order], kept, zone, pool))


def _counted(name: str, pool: Pool, samples: Sequence[Sample], zone: Zone, rates: PassRates) -> dict[str, Any]:
    """One problem's record."""
    right, drawn = rights(samples), len(samples)
    verdict, chance = zone.verdict(right, drawn), None
    if verdict is None:  # given up as unlikely
        chance = rates.chance(right, drawn, zone)
        verdict = "too_hard" if 2 * right * zone.samples < (zone.low + zone.high) * drawn else "too_easy"
    row = pool.rows[name]
    return {
        "row": row["row"],
        "id": name,
        "problem": row["problem"],
        "answer": row["answer"],
        "n_correct": right,
        "n_drawn": drawn,
        "n_truncated": sum(sample.truncated for sample in samples),
        "n_without_answer": sum(not sample.answered for sample in samples),
        "tokens": sum(sample.length for sample in samples),
        "mean_length": round(sum(sample.length for sample in samples) / max(1, drawn), 3),
        "verdict": verdict,
        "chance_missed": None if chance is None else round(chance, 6),
    }


def _of_the_kept(count: dict[str, Any]) -> dict[str, Any]:
    return {name: count[name] for name in ("n_correct", "n_drawn", "n_truncated", "mean_length")}


def _summary(counts: list[dict[str, Any]], kept: list[dict[str, Any]], zone: Zone, pool: Pool) -> dict[str, Any]:
    verdicts = Counter(count["verdict"] for count in counts)
    samples, tokens = sum(count["n_drawn"] for count in counts), sum(count["tokens"] for count in counts)
    # Samples that were not drawn would have been as long as those of the same problem that were.
    all_tokens = sum(count["mean_length"] * max(zone.samples, count["n_drawn"]) for count in counts)
    given_up = [count["chance_missed"] for count in counts if count["chance_missed"] is not None]
    return {
        "problems": len(counts),
        "kept": len(kept),
        **{verdict: verdicts[verdict] for verdict in ("learnable", "too_hard", "too_easy")},
        "set_aside": dict(Counter(row["reason"].partition(" as row")[0] for row in pool.set_aside)),
        "samples": samples,
        "samples_saved": round(1 - samples / (zone.samples * len(counts)), 4),
        "tokens": tokens,
        "tokens_saved": round(1 - tokens / all_tokens, 4) if all_tokens else 0.0,
        "samples_saved_at_best": round(1 - _at_best(counts, zone), 4),
        "truncated": sum(count["n_truncated"] for count in counts),
        "without_answer": sum(count["n_without_answer"] for count in counts),
        "given_up": len(given_up),
        "expected_missed": round(sum(given_up), 3),
        "histogram": histogram(counts, zone),
    }


def _at_best(counts: Sequence[dict[str, Any]], zone: Zone) -> float:
    """Share of samples that the exact rule needs on average, problem by problem at the pass rate that was seen."""
    return sum(expected_draws(c["n_correct"] / max(1, c["n_drawn"]), zone) for c in counts) / (
        zone.samples * len(counts)
    )


def histogram(counts: Sequence[dict[str, Any]], zone: Zone) -> list[float]:
    """Return the expected number of problems with 0, 1, … right answers if all samples were drawn.

    What was not drawn is filled in: a sample is right with the share that the problem's drawn ones have, seen through
    the spread of all problems.
    """
    rates = PassRates.fit(((count["n_correct"], count["n_drawn"]) for count in counts), zone.samples)
    bars = [0.0] * (zone.samples + 1)
    for right, drawn in ((count["n_correct"], count["n_drawn"]) for count in counts):
        for total in range(right, zone.samples - drawn + right + 1):
            bars[total] += rates.chance(right, drawn, Zone(zone.samples, total, total))
    return [round(bar, 2) for bar in bars]


def write(result: Result, pool: Pool, folder: SampleFolder) -> None:
    """Write all of it, each file whole or not at all."""
    write_lines(folder.path / "counts.jsonl", result.counts)
    write_lines(folder.path / "set_aside.jsonl", pool.set_aside)
    write_data_set(folder, "learnable", result.kept)
