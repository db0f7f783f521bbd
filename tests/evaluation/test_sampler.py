"""Sampling in rounds and blocks with an engine whose pass rates are known: the same samples, however it is stopped."""

from random import Random

import numpy as np
import pytest

from data import Zone, certain_draws, expected_draws
from evaluation.engines import Completion, Sampling
from evaluation.sampler import Problem, Sampler, blocks_of, grade


class Known:
    """An engine that is right with a rate that the prompt names, decided by the seed of the sample alone."""

    batch_size, repeatable = 8, ""

    def __init__(self):
        self.calls = []

    def complete(self, requests, sampling):
        self.calls.append([request.seed for request in requests])
        return [self.one(request) for request in requests]

    @staticmethod
    def one(request):
        random = np.random.default_rng(request.seed)
        right = random.random() < float(request.prompt)
        length = int(random.integers(1, 30))
        return Completion(rf"\boxed{{{7 if right else 8}}}", length, bool(length > 28))


def problems(n, rates=(0.0, 0.1, 0.3, 0.5, 0.7, 1.0)):
    return [Problem(f"p{i}", str(rates[i % len(rates)]), "7") for i in range(n)]


def exact(zone):
    return lambda drawn: certain_draws(sum(s.correct for s in drawn), len(drawn), zone.samples, zone.open)


def sampler(recorded=None, keep=lambda new: None, engine=None):
    engine = engine or Known()
    return Sampler(lambda: engine, Sampling(30, 1.0), 3, recorded or {}, keep)


def test_the_kept_set_is_that_of_all_samples_and_the_saving_is_the_best_there_is():
    """600 problems of known rates. One problem's draws have a standard deviation below 1.3, the mean below 0.06."""
    zone, pool = Zone(), problems(600)
    early = sampler().sample(pool, exact(zone), batch_size=64)
    every = sampler().sample(pool, lambda drawn: 8 - len(drawn), batch_size=50)
    verdicts = {i: zone.verdict(sum(s.correct for s in drawn), 8) for i, drawn in every.items()}
    assert {i: zone.verdict(sum(s.correct for s in drawn), len(drawn)) for i, drawn in early.items()} == verdicts
    assert set(verdicts.values()) == {"too_hard", "learnable", "too_easy"}
    assert all(every[i][: len(drawn)] == drawn for i, drawn in early.items())
    best = np.mean([expected_draws(float(problem.prompt), zone) for problem in pool])
    assert np.mean([len(drawn) for drawn in early.values()]) == pytest.approx(best, abs=0.16)  # 2 points of 8


@pytest.mark.parametrize("batch", range(1, 8))
def test_what_was_stopped_after_any_batch_goes_on_to_the_same_samples(batch):
    pool, zone, whole = problems(40), Zone(), []
    sampler(keep=whole.extend).sample(pool, exact(zone), batch_size=32)
    torn = whole[: 32 * batch - Random(batch).randrange(32)]  # the last batch only in part
    recorded, engine = {(s.id, s.index): s for s in torn}, Known()
    again = list(torn)
    sampler(recorded, again.extend, engine).sample(pool, exact(zone), batch_size=32)
    assert again == whole
    assert sum(map(len, engine.calls)) <= len(whole) - len(torn) + 31  # of the torn batch, those that were on record


def test_where_all_is_on_record_no_engine_is_made():
    pool, zone, whole = problems(40), Zone(), []
    first = sampler(keep=whole.extend).sample(pool, exact(zone), batch_size=32)

    def never():
        raise AssertionError("an engine was made")

    recorded = {(s.id, s.index): s for s in whole}
    again = Sampler(never, Sampling(30, 1.0), 3, recorded, lambda new: None)
    assert again.sample(pool, exact(zone), batch_size=32) == first


def test_blocks_do_not_depend_on_the_order_of_the_data_and_mix_it():
    pool = problems(100)
    blocks = blocks_of(pool, 0, 16)
    assert blocks == blocks_of(pool[::-1], 0, 16)
    assert [len(block) for block in blocks] == [16] * 6 + [4]
    assert sorted(problem.id for block in blocks for problem in block) == sorted(p.id for p in pool)
    assert blocks != blocks_of(pool, 1, 16)
    assert [p.id for block in blocks for p in block] != [p.id for p in pool]


def test_later_rounds_put_long_answers_beside_long_ones():
    """The second round's batches are sorted by the mean length of the first."""
    engine, seen = Known(), []
    made = sampler(engine=engine, keep=seen.append).sample(
        problems(64, (0.5,)), lambda d: 4 * (len(d) < 8), batch_size=64
    )
    means = {name: np.mean([s.length for s in drawn[:4]]) for name, drawn in made.items()}
    second = [means[s.id] for batch in seen[4:] for s in batch]
    assert second == sorted(second)
    assert second[0] < second[-1]


def test_grading_counts_what_is_cut_off_and_what_has_no_answer():
    wanted = [(Problem("a", "", "7"), 0), (Problem("b", "", r"\frac12"), 2)]
    made = [Completion("it is 7", 3, True), Completion(r"\boxed{0.5}", 4, False)]
    first, second = grade(wanted, made)
    assert (first.correct, first.truncated, first.answered, first.length) == (False, True, False, 3)
    assert (second.id, second.index, second.correct, second.answered) == ("b", 2, True, True)
