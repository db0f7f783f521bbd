import threading
import time

import pytest

from rewards import golds_are_parsable, verify
from rewards.extract import MAX_ANSWER_CHARS


def box(answer: str) -> str:
    return f"So the answer is $\\boxed{{{answer}}}$."


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("5", "5"),
        ("0.5", r"\frac12"),
        (r"\frac34", r"\frac{3}{4}"),
        (r"\sqrt2", r"\sqrt{2}"),
        (r"\frac{\sqrt3}{3}", r"\frac1{\sqrt3}"),
        (r"\dfrac{9}{7}", r"\frac{9}{7}"),
        (r"7\pi", r"7\pi"),
        (r"4a-2", r"2(2a-1)"),
        (r"12\frac{3}{5}", "12.6"),
        ("10000", "10{,}000"),
        (r"\dfrac{1}{29,\!322,\!216}", r"\frac{1}{29322216}"),
        (r"2007 + \frac\pi 2", r"2007+\frac{\pi}{2}"),
        ("a + b + c", "c+b+a"),
        (r"\sin^2 t", r"(\sin t)^2"),
        (r"30^\circ.", "30"),
        (r"\text{Evelyn}", r"\text{Evelyn}"),
        ("5", r"5\text{ cm}"),
        ("x=5", "5"),
        ("(1, 2)", r"\left(1,2\right)"),
        (r"\{1, 2\}", r"\{2, 1\}"),
        (r"\boxed{236}", "236"),
        ("$18$", "18"),
    ],
)
def test_equal_answers_score_one(gold, answer):
    assert verify([gold], [box(answer)]) == [1.0]


@pytest.mark.parametrize(
    ("gold", "answer"),
    [("5", "6"), ("5", ""), (r"\frac12", r"\frac13"), ("(1, 2)", "(2, 1)"), (r"4a-2", "4"), ("A", "B"), ("1,2", "1")],
)
def test_different_answers_score_zero(gold, answer):
    assert verify([gold], [box(answer)]) == [0.0]


def test_an_answer_outside_a_box_scores_zero():
    assert verify(["5", "5"], ["The answer is $5$.", "#### 5"]) == [0.0, 0.0]


def test_only_the_last_box_counts():
    assert verify(["5", "5"], [r"\boxed{5} or \boxed{6}", r"\boxed{6} or \boxed{5}"]) == [0.0, 1.0]


def test_a_cut_box_does_not_fall_back_to_an_earlier_one():
    assert verify(["5"], [r"\boxed{5}, wait, \boxed{"]) == [0.0]


@pytest.mark.parametrize("gold", ["", "   ", r"\begin{pmatrix} 1 & \phantom -1", "7" * (MAX_ANSWER_CHARS + 1)])
def test_unreadable_gold_is_none_whatever_the_answer(gold):
    assert golds_are_parsable([gold]) == [False]
    assert verify([gold] * 3, [box("1"), box(gold), ""]) == [None, None, None]


def test_an_inequality_is_its_set_of_numbers_in_both_orders():
    assert verify(["x>1", r"(1,\infty)"], [box(r"(1,\infty)"), box("x>1")]) == [1.0, 1.0]
    assert verify(["x>1", r"[1,\infty)"], [box(r"[1,\infty)"), box("x>1")]) == [0.0, 0.0]


def test_gold_comes_first():
    # An unreadable gold is None; an unreadable answer is wrong.
    assert verify(["1{", "1"], [box("1"), r"\boxed{\frac{}{}}"]) == [None, 0.0]


@pytest.mark.parametrize(
    "answer", [r"\binom{20000}{10000}", r"\Gamma(3000)", r"\gcd(10^{5000},0)", "9^{9^9}", "10^{10^{10}}", "(10^{10})!"]
)
def test_a_huge_number_scores_zero_and_ends(answer):
    start = time.perf_counter()
    assert verify(["5"], [box(answer)]) == [0.0]
    assert time.perf_counter() - start < 60  # a watchdog; computed, any of them would take hours


def test_equal_huge_numbers_score_one():
    assert verify([r"\binom{20000}{10000}"], [box(r"\binom{20000}{10000}")]) == [1.0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "\ud800",
        box("\x00"),
        box("\ud800 5"),
        box("{" * 400 + "}" * 400),
        box("(" * 400 + "5" + ")" * 400),
        box(r"\frac{1}{" * 60 + "5" + "}" * 60),
        box(r"\begin{pmatrix} 1 & 2"),
        box(r"\input{/etc/passwd}"),
        box("__import__('os').system('false')"),
        box("5" * (MAX_ANSWER_CHARS + 1)),
        box("5+" * 10_000 + "5"),
        "garbage " * 20_000,
        box(r"\infty"),
        box(r"\frac{1}{0}"),
    ],
)
def test_hostile_text_scores_zero(text):
    assert verify(["7"], [text]) == [0.0]


def test_an_answer_of_the_greatest_length_is_still_read():
    padded = "5" + " " * 10 + "+" + "0" * (MAX_ANSWER_CHARS - 13)
    assert len(padded) < MAX_ANSWER_CHARS
    assert verify(["5"], [box(padded)]) == [1.0]
    assert verify(["5"], [box("5+" + "0" * MAX_ANSWER_CHARS)]) == [0.0]


def test_a_thread_gets_the_same_verdicts():
    golds, texts = ["0.5", "5", "bad{", r"\sqrt3"], [box(r"\frac12"), box("6"), box("1"), box(r"3^{1/2}")]
    result: list = []
    worker = threading.Thread(target=lambda: result.extend(verify(golds, texts)))
    worker.start()
    worker.join(60)
    assert result == verify(golds, texts)
    assert result[:2] == [1.0, 0.0]
    assert result[3] == 1.0


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="2 golds and 1 texts"):
        verify(["1", "2"], [box("1")])


@pytest.mark.parametrize(("golds", "texts"), [([5], [box("5")]), (["5"], [None])])
def test_what_is_no_string_is_refused(golds, texts):
    with pytest.raises(TypeError, match="must be a string, got"):
        verify(golds, texts)


def test_no_items_no_verdicts():
    assert verify([], []) == []
