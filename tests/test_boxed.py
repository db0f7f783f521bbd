import time

import pytest

from boxed import last_boxed


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{1} and \boxed{2}", "2"),
        (r"\fbox{7}", "7"),
        (r"\boxed{1} then \fbox{2}", "2"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed {5}", "5"),
        (r"$\boxed 5$ is it", "5"),
        (r"\boxed 5.", "5"),
        ("\\boxed 5\nmore", "5"),
        (r"\boxed{\left\{ 1 \right.}", r"\left\{ 1 \right."),  # an escaped brace opens nothing
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{ }", ""),
        (r"\boxed{}", ""),
    ],
)
def test_last_box_is_read(text, content):
    assert last_boxed(text) == content


@pytest.mark.parametrize(
    "text", ["", "5", r"\boxed", r"\boxed{5", r"\boxed{1} cut \boxed{2", r"\boxedtext{5}", "boxed{5}", r"\boxed{\}"]
)
def test_no_closed_box_is_none(text):
    assert last_boxed(text) is None


@pytest.mark.parametrize("piece", [r"\boxed{", r"\boxed", "{", r"\fbox{}", "\\", r"\boxed{1}"])
def test_last_box_takes_linear_time(piece):
    start = time.process_time()
    last_boxed("\\boxed{" + piece * 300_000)
    assert time.process_time() - start < 5  # a quadratic search needs minutes
