"""Letters are read as they are written, and a box with an option's content chooses it."""

import pytest

from evaluation.choices import chosen_letters, grade_choices

OPTIONS = ["2", r"$\frac{1}{2}$", "an electron at rest", "None of these"]


@pytest.mark.parametrize(
    ("answer", "letters"),
    [
        ("C", "C"), ("(C)", "C"), (r"\text{C}", "C"), (r"\textbf{(C)}\ 5", "C"), (r"\mathrm{C}", "C"), ("C.", "C"),
        ("C. 5 cm", "C"), ("(C) 5 cm", "C"), ("C：5", "C"), ("选C", "C"), ("答案是C", "C"), ("Option C", "C"),
        ("The answer is C", "C"), ("AC", "AC"), ("C, A", "AC"), ("A、C", "AC"), ("A and C", "AC"), (r"A,\ C", "AC"),
        ("（Ｃ）", "C"),
        ("5", None), ("c", None), ("A body at rest", None), ("", None), ("ABX", None), ("Cat", None),
        (r"\frac{A}{B}", None), ("H_2O", None), ("a", None), ("I", None),
    ],
)  # fmt: skip
def test_letters_in_a_box(answer, letters):
    assert chosen_letters(answer) == letters


@pytest.mark.parametrize(
    ("gold", "text", "strict", "lenient"),
    [
        ("B", r"\boxed{B}", 1.0, 1.0),
        ("B", r"\boxed{A} no, \boxed{B}", 1.0, 1.0),
        ("B", r"\boxed{0.5}", 1.0, 1.0),  # as the verifier compares numbers
        ("B", r"\boxed{2}", 0.0, 0.0),  # the content of A
        ("C", r"\boxed{\text{An electron at rest.}}", 1.0, 1.0),  # as a text
        ("C", r"\boxed{an electron}", 0.0, 0.0),
        ("AC", r"\boxed{A, C}", 1.0, 1.0),
        ("AC", r"\boxed{A}", 0.0, 0.0),  # a part of several is not right
        ("A", r"\boxed{AC}", 0.0, 0.0),
        ("B", "So the answer is (B).", 0.0, 1.0),
        ("B", "The answer is **B**", 0.0, 1.0),
        ("B", "Answer: A? No. The correct option is B", 0.0, 1.0),
        ("B", "综上,故选:B.", 0.0, 1.0),
        ("D", "答案是D", 0.0, 1.0),
        ("B", "Neither (A) nor (C): it must be (B)", 0.0, 1.0),
        ("B", "Therefore x is 0.5.", 0.0, 1.0),
        ("A", "The answer is a large number.", 0.0, 0.0),  # an article
        ("A", r"The answer is A, that is \boxed{", 0.0, 0.0),  # a box that never closes is no answer
        ("A", "", 0.0, 0.0),
    ],
)
def test_what_a_text_chooses_strictly_and_leniently(gold, text, strict, lenient):
    assert grade_choices([gold], [text], [OPTIONS]) == [strict]
    assert grade_choices([gold], [text], [OPTIONS], extraction="lenient") == [lenient]


def test_an_option_that_stands_twice_is_right_under_either_letter():
    assert grade_choices(["A", "B", "C"], [r"\boxed{687}"] * 3, [["687", "687", "1493"]] * 3) == [1.0, 1.0, 0.0]
