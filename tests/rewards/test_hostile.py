"""Texts that stop other checkers score 0, good ones beside them keep their verdicts, and the caller lives."""

import asyncio
import resource
import threading
import time
from random import Random

import pytest

from rewards.verifier import MEMORY_BYTES, WARM_UP, Verifier, quick
from rewards.worker_pool import WorkerPool
from tests.rewards import hostile

LIMIT = 2.0
GOOD = [
    (r"\frac12", r"It is \boxed{0.5}", 1.0),
    ("x+1", r"\boxed{1+x}", 1.0),
    (r"\sqrt2", r"\boxed{2^{1/3}}", 0.0),
    ("7", r"\boxed{7}", 1.0),
    (r"2\pi", r"\boxed{\pi+\pi}", 1.0),
]


@pytest.fixture(scope="module")
def verifier():
    pool = WorkerPool("rewards.judge:judge", limit=LIMIT, memory=MEMORY_BYTES, examples=WARM_UP)
    verifier = Verifier(pool)
    verifier.report(["x+7"], [r"\boxed{y}"])  # so that no clock below counts the start
    yield verifier
    pool.close()


def main_thread(call):
    return call()


def worker_thread(call):
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join(60)
    return results[0]


def event_loop(call):
    async def run():
        return call()

    return asyncio.run(run())


@pytest.mark.parametrize("context", [main_thread, worker_thread, event_loop])
def test_a_hostile_batch_comes_back_in_time(verifier, context):
    texts = [GOOD[0][1], *hostile.ISSUE, *(text for _, text, _ in GOOD[1:])]
    golds = [GOOD[0][0], *[hostile.GOLD] * len(hostile.ISSUE), *(gold for gold, _, _ in GOOD[1:])]
    verifier._known.clear()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    report = context(lambda: verifier.report(golds, texts))
    assert time.perf_counter() - start < 60  # a watchdog: `test_pool.py` shows that endless items run at the same time
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB, with 10 MB of text in hand
    assert report.verdicts == [1.0, *[0.0] * len(hostile.ISSUE), 1.0, 0.0, 1.0, 1.0]
    assert report.timeouts >= 1  # so that the clock above has had something to measure
    verifier._known.clear()
    golds, texts, verdicts = map(list, zip(*GOOD, strict=True))
    assert verifier.report(golds, texts).verdicts == verdicts
    assert verifier.report(golds, texts).timeouts == 0


@pytest.mark.parametrize("gold", [hostile.GOLD, "7", r"\{1, 2\}", r"5\text{ cm}", r"\frac{1}{3}"])
def test_what_is_decided_in_the_calling_process_is_decided_at_once(gold):
    for text in [f"\\boxed{{{answer}}}" for answer in hostile.ANSWERS] + hostile.TEXTS:
        for extraction in ("boxed", "lenient"):
            start = time.process_time()
            quick(gold, text, extraction=extraction, readable=True)
            assert time.process_time() - start < 1, text[:80]


def test_no_repetition_delays_or_breaks_the_calling_process():
    random = Random(0)
    for _ in range(150):
        unit = "".join(random.choices(hostile.TOKENS, k=random.randint(1, 4)))
        start = time.process_time()
        for text in (rf"\boxed{{1{unit * (900 // len(unit))}}}", "The answer is " + unit * (100_000 // len(unit))):
            quick(
                random.choice(["7", "1,2", "(1,2)", r"5\text{ cm}", "x<5"]), text, extraction="lenient", readable=True
            )
        assert time.process_time() - start < 1, unit


# What the rules are written for, and a sign behind it on which they fail.
ALPHABET = [
    "A", "A,", "A ", "A and ", "(A)", "(A),", "B.", "1", "1,", "1 ", "12,345", "1.", "0.3", "{", "}", "{}", "{1}",
    " ", "  ", "\t", "\n", ",", ", ", ";", ".", "...", "-", "+", "=", "<", "*", "**", "**a", "a**", "(", ")", "()",
    "[", "]", "|", ":", "1:", "/", "1/", "^", "_", "_1", "'", "%", "$", "~", "\\", r"\!", r"\,", r"\;", "\\\\",
    r"\text{}", r"\text{a}", r"\text{ and }", r"\text{", "a", "ab ", "cm ", "and ", "or ", " U ", ")U(", "或", "选",
    "√", r"\frac", r"\frac{", r"\frac{1}", r"\frac12", r"\sqrt", r"\sqrt(", r"\sqrt[", "sqrt(", r"\pm ", r"\mp ",
    r"\cup ", r"\color", r"\color{", r"\mathbf{", r"\underline", r"\choose", r"{\choose", r"\approx ", r"\in ",
    r"\le ", "answer: ", "A:", "<answer>", "####", "=1", "x=", "1e1", "am", "1:11", r"^{\circ}", "1 1/1", r"\&", "&",
    "！",
]  # fmt: skip


@pytest.mark.parametrize("extraction", ["boxed", "lenient"])
def test_no_rule_goes_back_over_what_it_has_read(extraction):
    slow = []
    for unit in ALPHABET:
        answers = [unit * (length // len(unit)) + "!" for length in (60, 900)]
        start = time.process_time()
        for answer in answers:
            for text in (rf"\boxed{{{answer}}}", answer):
                quick("B", text, extraction=extraction, readable=True)
                quick("7", text, extraction=extraction, readable=True)
            quick(answer, rf"\boxed{{{unit}}}", extraction=extraction, readable=True)
        if time.process_time() - start > 0.5:
            slow.append((unit, time.process_time() - start))
    assert not slow


def test_no_hostile_text_is_rewarded_and_good_ones_keep_their_verdicts(verifier):
    texts = [f"So \\boxed{{{answer}}}" for answer in hostile.ANSWERS] + hostile.TEXTS
    golds, good, verdicts = map(list, zip(*GOOD * 10, strict=True))
    verifier._known.clear()
    start = time.perf_counter()
    report = verifier.report([hostile.GOLD] * len(texts) + golds, texts + good)
    assert [text for text, verdict in zip(texts, report.verdicts, strict=False) if verdict != 0.0] == []
    assert report.verdicts[len(texts) :] == verdicts
    assert report.errors == 0
    assert time.perf_counter() - start < 300  # a watchdog


PUMPED = [" ", " °", "° ", "万", " 万", r" \text{", "{", r"\\ ", "~", r"\!", "' ", "3:", r"\frac", "_", "-", "$", "("]


@pytest.mark.parametrize("length", [79, 970, 4000])
@pytest.mark.parametrize("opened", [0, 11])
def test_no_answer_holds_the_caller(length, opened):
    """In the process that trains nothing can stop it: one of 990 characters took ten seconds."""
    for piece in PUMPED:
        text = rf"\boxed{{{'(' * opened}{piece * (length // len(piece))}{')' * opened}}}"
        start = time.process_time()
        quick("5", text)
        quick("5", text.removeprefix(r"\boxed"), extraction="lenient")
        assert time.process_time() - start < 0.5, piece  # a busy machine needs 20 ms


def test_a_long_answer_is_judged_like_a_short_one(verifier):
    terms = "+".join(["x"] * 100)
    answers = [rf"\boxed{{{terms}}}", rf"\boxed{{{terms}+1}}", r"\boxed{%s}" % ("(" * 11 + " °" * 200 + ")" * 11)]
    assert verifier.report(["100x"] * 3, answers).verdicts == [1.0, 0.0, 0.0]
    assert verifier.report([terms] * 2, [r"\boxed{100x}", "none"]).verdicts == [1.0, 0.0]
