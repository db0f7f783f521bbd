"""Completions as a person reads them: what matters at a glance, and nothing that text could do to a terminal."""

import io
import math
import sys

import pytest
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console

from commands.terminal.output import HEAD, QUIET, RIGHT, WRONG, terminal
from commands.terminal.samples import samples_table, select


def sample(group=0, advantage=0.5, **more):
    record = {
        "step": 3,
        "group": group,
        "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 3+4?"}],
        "completion": "3+4=7. \\boxed{7}",
        "gold": "7",
        "answer": "7",
        "rewards": {"accuracy": 1.0, "boxed_format": 1.0},
        "reward": 1.1,
        "advantage": advantage,
        "length": 12,
        "truncated": False,
    }
    return {**record, **more}


def told(*records, width=100, limit=None):
    """What is shown, without colour."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(samples_table(records, limit=limit))
    return console.file.getvalue()


# --- which ----------------------------------------------------------------------------------------------------------


def advantages(limit, **groups):
    records = [sample(int(name[1:]), advantage) for name, column in groups.items() for advantage in column]
    return [[record["advantage"] for record in members] for members in select(records, limit)]


def test_of_each_prompt_the_highest_and_the_lowest_advantage_are_shown():
    assert advantages(None, g0=[0.1, 0.9, -0.2, -0.8], g1=[-1.0, 0.0, 1.0]) == [[0.9, -0.8], [1.0, -1.0]]


def test_a_limit_takes_prompts_in_turn_and_then_goes_inwards():
    groups = {"g0": [4.0, 3.0, 2.0, 1.0], "g1": [8.0, 7.0, 6.0]}
    assert advantages(2, **groups) == [[4.0, 1.0]]
    assert advantages(3, **groups) == [[4.0, 1.0], [8.0]]
    assert advantages(5, **groups) == [[4.0, 3.0, 1.0], [8.0, 6.0]]
    assert advantages(99, **groups) == [[4.0, 3.0, 2.0, 1.0], [8.0, 7.0, 6.0]]


def test_prompts_that_teach_come_first():
    assert advantages(2, g0=[0.0, 0.0], g1=[0.7, -0.7]) == [[0.7, -0.7]]


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_completion_without_advantage_counts_as_zero(missing):
    assert [r["length"] for r in select([sample(advantage=missing, length=1), sample(length=2)], None)[0]] == [2, 1]


# --- what -----------------------------------------------------------------------------------------------------------


def test_everything_about_a_completion_is_told_without_colour():
    wrong = sample(
        advantage=-0.873,
        completion="I guess.",
        answer=None,
        rewards={"accuracy": 0.0, "repo_rules": None},
        reward=0.0,
        length=64,
        truncated=True,
    )
    lines = [line.rstrip() for line in told(sample(advantage=0.873), wrong).splitlines()]
    assert lines[0].startswith("step 3, prompt 0 ──")
    assert lines[1:] == [
        "What is 3+4?",
        "gold 7",
        "",
        "✓ right  advantage +0.87  12 tokens  answer 7",
        "  reward 1.1 (accuracy 1, boxed_format 1)",
        "│ 3+4=7. \\boxed{7}",
        "",
        "✗ wrong  advantage -0.87  64 tokens, cut  no boxed answer",
        "  reward 0 (accuracy 0, repo_rules –)",
        "│ I guess.",
    ]


def test_an_answer_that_could_not_be_graded_is_neither_right_nor_wrong():
    assert "· not graded" in told(sample(rewards={"accuracy": None}))
    assert "· not graded" in told(sample(rewards={"boxed_format": 1.0}))


def test_a_small_advantage_is_not_rounded_to_nothing():
    assert "advantage +0.0042 " in told(sample(advantage=0.0042))
    assert "advantage +0.00 " in told(sample(advantage=0.0))


def test_the_end_of_a_long_completion_is_kept_and_its_middle_counted():
    """40 lines of 10 characters: 2 are kept at the beginning and 4 at the end, so 34 and the 39 line ends are gone."""
    text = "\n".join(f"line {i:05d}" for i in range(40))
    lines = [line for line in told(sample(completion=text)).splitlines() if line.startswith("│")]
    assert lines[:2] == ["│ line 00000", "│ line 00001"]
    assert lines[2] == f"│ … {34 * 10 + 39} characters left out …"
    assert lines[3:] == [f"│ line {i:05d}" for i in (36, 37, 38, 39)]


def test_a_huge_completion_costs_nothing():
    text = "x" * 10_000_000 + " \\boxed{7}"
    shown = told(sample(completion=text))
    assert "\\boxed{7}" in shown
    assert len(shown) < 2000


def test_messages_of_a_model_that_calls_tools_are_shown_in_turn():
    turns = [{"role": "assistant", "tool_calls": ["add(3, 4)"]}, {"role": "tool", "content": "7"}]
    assert "│ ['add(3, 4)']\n│ 7\n" in told(sample(completion=turns))


def test_a_prompt_that_is_text_is_shown_as_it_is():
    assert "Q: 3+4?\nA:" in told(sample(prompt="Q: 3+4?\nA:"))


# --- what text cannot do --------------------------------------------------------------------------------------------

MARKUP = "[bold red]x[/] [link=https://a.b]c[/link] :smile:"
EVIL = f"\x1b[2J\x1b]0;title\x07 \x9b31m \r\b \u202egnp.exe \u2028 \ud800 {MARKUP}"


@pytest.mark.parametrize("where", ["completion", "gold", "answer", "prompt", "rewards"])
def test_text_neither_styles_nor_steers_the_terminal(where):
    value = {EVIL: 1.0} if where == "rewards" else EVIL
    shown = told(sample(**{where: value}), width=400)
    assert {c for c in shown if not c.isprintable()} == {"\n"}
    shown.encode()  # a lone surrogate would not be written
    assert "\\x1b[2J" in shown
    if where != "answer":  # of which 28 characters are shown
        assert f"\\u202egnp.exe \\u2028 \\ud800 {MARKUP}" in shown


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize(
    "text", ["答案是四分之三。" * 90, "9" * 999, "a \\frac{1}{2} " * 99, "é\u0301\U0001f600" * 200]
)
def test_nothing_is_wider_than_the_terminal(width, text):
    rewards = dict.fromkeys(["accuracy", "boxed_format", "repo_rules"], 1.0)
    shown = told(sample(completion=text, prompt=text, answer=text, gold=text[:70], rewards=rewards), width=width)
    assert max(cell_len(line) for line in shown.splitlines()) <= width


# --- colour ---------------------------------------------------------------------------------------------------------


def luminance(colour):
    """Relative luminance after WCAG 2."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("style", [RIGHT, WRONG, HEAD, QUIET])
@pytest.mark.parametrize("background", [(255, 255, 255), (30, 30, 30), (0, 0, 0)])
def test_colours_are_legible_on_light_and_on_dark(style, background):
    """WCAG asks 3 : 1 of large or bold text, and of signs."""
    colour = Color.parse(style.removeprefix("bold ")).get_truecolor()
    dark, light = sorted([luminance(colour), luminance(background)])
    assert (light + 0.05) / (dark + 0.05) >= 3.5


def test_a_pipe_gets_plain_text(capsys):
    terminal().print(samples_table([sample()], limit=None))
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(("no_color", "plain"), [("1", True), ("", False)])
def test_no_color_gives_plain_text_on_a_terminal(no_color, plain, monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    terminal().print(samples_table([sample()], limit=None))
    assert ("\x1b" not in capsys.readouterr().out) == plain


def test_an_output_that_cannot_hold_the_signs_still_gets_the_rest(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    terminal().print(samples_table([sample()], limit=None))
    sys.stdout.flush()
    assert b"? right  advantage +0.50" in written.getvalue()
