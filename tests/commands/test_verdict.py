import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands import verdict
from errors import UserError
from rewards import verifier

ROOT = Path(__file__).parents[2]


def told(capsys, *arguments):
    verdict.main(list(arguments))
    return capsys.readouterr().out.splitlines()


def test_the_command_line_says_why():
    command = [sys.executable, "cli.py", "verdict", "--gold", r"\frac12", "--text", r"so \boxed{0.5}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    gold, its_parse, answer, other_parse, rule, last, _ = done.stdout.splitlines()
    assert (gold, answer) == (r"gold     \frac{1}{2}", "answer   0.5")
    assert its_parse.split() == other_parse.split() == ["parsed", "as", "1/2"]
    assert r"\frac{1}{2} = 0.5   by numbers: " in rule
    assert last == "verdict  1.0, equal"
    assert done.stderr == ""


def test_a_terminal_that_knows_ascii_alone_is_served():
    command = [sys.executable, "cli.py", "verdict", "--gold", "5", "--text", r"\boxed{6}"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert "5 ? 6   by numbers: " in done.stdout


def test_parts_are_told_under_their_whole(capsys):
    lines = told(capsys, "--gold", r"(1, \frac{x}{2}, 3)", "--text", r"\boxed{(1, 0.5x, 4)}")
    rules = [line.partition("   by ")[0] for line in lines if line.startswith("rule ")]
    assert ["≠" in rule for rule in rules] == [True, False, False, True]
    assert rules[0].startswith("rule     (1")
    assert [rule.startswith("rule       ") for rule in rules] == [False, True, True, True]
    assert "verdict  0.0, not equal" in lines


@pytest.mark.parametrize("answer", [r"\binom{20000}{10000}", r"-10^{5000}"])
def test_huge_numbers_are_not_printed(capsys, answer):
    lines = told(capsys, f"--gold={answer}", "--text", rf"\boxed{{0+{answer}}}")
    assert max(map(len, lines)) < 500
    assert "verdict  1.0, equal" in lines


def test_a_limit_is_told(capsys, monkeypatch):
    monkeypatch.setattr(verifier, "LIMIT_SECONDS", 1.0)
    gold, answer, last, _ = told(capsys, "--gold", "5", "--text", r"\boxed{((9!)!)!}")
    assert (gold, answer) == ("gold     5", "answer   ((9!)!)!")
    assert last == "verdict  0.0: the comparison took too long and was stopped"


@pytest.mark.parametrize(
    ("gold", "text", "expected"),
    [
        ("", r"\boxed{5}", "None: nothing can be compared with this gold"),
        ("5", "5", "0.0, not equal"),
        ("5", "\\boxed{\ud800\n}", "0.0, not equal"),
    ],
)
def test_any_text_gets_a_verdict(capsys, gold, text, expected):
    assert f"verdict  {expected}" in told(capsys, "--gold", gold, "--text", text)


def test_a_text_may_come_from_standard_input(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("The answer is 5."))
    assert "verdict  1.0, equal" in told(capsys, "--gold", "5", "--text", "-", "--extraction", "lenient")


def test_a_mistake_names_the_way_out():
    with pytest.raises(UserError, match=r"--gold='-5'"):
        verdict.main(["--gold", r"-\frac12", "--text", "x"])
    done = subprocess.run([sys.executable, "cli.py", "verdict"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: the following arguments are required: --gold, --text" in done.stderr
