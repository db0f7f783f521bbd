"""What a person reads while a run goes on: a table that lines up, and warnings that are true."""

import math
import re

import pytest
from transformers import TrainerControl, TrainerState

from commands.terminal.alarms import Alarms
from commands.terminal.console import Bar, MetricsTable
from commands.terminal.table import Table, duration

LOGS = {
    "loss": 0.0,
    "reward": 0.53,
    "rewards/accuracy/mean": 0.481,
    "completions/mean_length": 41.4,
    "completions/mean_length_correct": 38.2,
    "completions/mean_length_incorrect": 44.4,
    "completions/clipped_ratio": 0.02,
    "groups/effective": 0.84,
    "groups/all_correct": 0.05,
    "groups/all_wrong": 0.11,
    "entropy": 0.614,
    "clip_ratio/region_mean": 0.012,
    "step_time": 1.26,
    "time/generate": 0.81,
    "time/reward": 0.02,
    "time/logprobs": 0.13,
    "time/train": 0.30,
}
WIDEST = {
    **{name: 1.0 for name in LOGS},  # shares of 100 %
    "reward": -10.25,
    "completions/mean_length": 99999.0,
    "completions/mean_length_correct": 99999.0,
    "completions/mean_length_incorrect": 99999.0,
    "groups/effective": 0.0,
    "entropy": 11.93,
    "kl": 3.141,
    "time/generate": 1234.0,
    "time/reward": 99.94,
    "time/train": 1234.0,
}


def ends(line):
    """Where each word of a line ends."""
    return [word.end() for word in re.finditer(r"\S+", line)]


def without(logs, *parts):
    return {name: value for name, value in logs.items() if not any(part in name for part in parts)}


# --- the table ------------------------------------------------------------------------------------------------------


def test_a_row_shows_what_tells_whether_a_run_learns():
    assert Table(80).lines(10, LOGS, 754.0) == [
        "                     ───── length ────        ──── groups ────                 seconds/step",
        " step  reward  acc.    all right wrong   cut  same right wrong  entr  clip   gen  rew train  left",
        "10/80    0.53   48%     41    38    44    2%   16%    5%   11%  0.61  1.2%  0.81 0.02  0.43   13m",
    ]


def test_the_widest_row_fits_100_columns():
    lines = Table(99999).lines(99999, WIDEST, 2.1 * 86400)
    assert [len(line) for line in lines] == [95, 100, 100]  # above `left`, which takes 1 + 4, is no title
    assert lines[2].split()[:3] == ["99999/99999", "-10.25", "100%"]


@pytest.mark.parametrize("width", [100, 80])
@pytest.mark.parametrize("steps", [1, 80, 99999])
@pytest.mark.parametrize("logs", [LOGS, {**LOGS, "kl": 0.0031}, WIDEST, without(LOGS, "acc", "correct", "wrong")])
def test_numbers_stand_under_their_titles_within_the_width(width, steps, logs):
    _, header, row = Table(steps, width).lines(steps, logs, 60.0)
    assert ends(header) == ends(row)
    assert max(len(header), len(row)) <= width
    assert {"step", "reward", "all", "cut", "same"} <= set(header.split())


def test_the_header_comes_again_every_20_rows():
    table = Table(100)
    written = [line for step in range(1, 42) for line in table.lines(step, LOGS, 0.0)]
    assert [i for i, line in enumerate(written) if "reward" in line] == [1, 23, 45]


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_what_has_no_value_is_a_dash(nothing):
    """A step that re-uses a generation has no rewards; TRL logs None where nothing was wrong."""
    table = Table(80)
    table.lines(1, LOGS, 0.0)
    (row,) = table.lines(2, {"loss": 0.0, "entropy": 0.5, "completions/mean_length_incorrect": nothing}, 0.0)
    assert row.split() == ["2/80", *9 * ["–"], "0.50", *4 * ["–"], "0s"]


def test_columns_that_can_never_have_a_value_are_left_out():
    header = Table(80).lines(1, without(LOGS, "acc", "correct", "wrong"), 0.0)[1]
    assert header.split() == ["step", "reward", "all", "cut", "same", "entr", "clip", "gen", "rew", "train", "left"]


def test_a_column_that_appears_later_brings_a_header():
    table = Table(80)
    assert len(table.lines(1, LOGS, 0.0)) == 3
    assert len(table.lines(2, LOGS, 0.0)) == 1
    assert "KL" in table.lines(3, {**LOGS, "kl": 0.0031}, 0.0)[1]
    assert len(table.lines(4, {**LOGS, "kl": 0.0031}, 0.0)) == 1


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0s"),
        (99, "99s"),
        (100, "2m"),
        (5999, "100m"),
        (6000, "1.7h"),
        (36000, "10h"),
        (172800, "2.0d"),
        (9e6, "104d"),
    ],
)
def test_the_time_left_takes_four_characters(seconds, told):
    assert duration(seconds) == told
    assert len(told) <= 4


# --- the warnings ---------------------------------------------------------------------------------------------------


def warnings(*windows):
    """(row, warning) of a run with these logs."""
    alarms = Alarms()
    return [(row, text) for row, logs in enumerate(windows, 1) for text in alarms.check(logs)]


def groups(effective, right=0.0, wrong=0.0, **more):
    return {"groups/effective": effective, "groups/all_correct": right, "groups/all_wrong": wrong, **more}


def test_a_run_that_learns_is_not_warned_of():
    """Nor one whose format is perfect, whose entropy falls, and half of whose groups are solved."""
    rows = [
        {**LOGS, "rewards/boxed_format/mean": 1.0, "rewards/boxed_format/std": 0.0, "entropy": 0.6 / (1 + row)}
        | groups(max(0.11, 0.9 - row / 50), right=min(0.89, row / 50))
        for row in range(60)
    ]
    assert warnings(*rows) == []


@pytest.mark.parametrize(
    ("right", "wrong", "way_out"),
    [(0.97, 0.0, "harder problems"), (0.0, 0.95, "easier problems"), (0.3, 0.3, "--temperature")],
)
def test_groups_without_signal_are_told_on_the_fifth_row_once_and_with_the_way_out(right, wrong, way_out):
    ((row, text),) = warnings(*12 * [groups(0.03, right, wrong)])
    assert row == 5
    assert text.startswith("warning: over 90%")
    assert way_out in text


def test_a_single_good_row_keeps_the_warning_back():
    bad = groups(0.0, wrong=1.0)
    assert warnings(*4 * [bad], groups(0.5), *4 * [bad]) == []


def test_rows_that_re_use_a_generation_count_neither_way():
    bad, no_groups = groups(0.0, wrong=1.0), {"loss": 0.0, "entropy": 0.5}
    assert [row for row, _ in warnings(*5 * [bad, no_groups])] == [9]


def test_a_warning_comes_again_only_after_its_cause_was_gone():
    bad, good = groups(0.0, wrong=1.0), groups(0.5)
    assert [row for row, _ in warnings(*6 * [bad], *4 * [good], *6 * [bad], *5 * [good], *5 * [bad])] == [5, 26]


def test_cut_completions_are_told_with_the_option_to_raise():
    ((row, text),) = warnings(*8 * [{"completions/clipped_ratio": 0.625}])
    assert row == 2
    assert "62%" in text
    assert "--max_completion_length" in text
    assert warnings(*8 * [{"completions/clipped_ratio": 0.5}]) == []


def test_only_other_rewards_being_learned_is_told_once():
    """Groups differ in their format alone: there is signal, but none for the answer."""
    ((row, text),) = warnings(*9 * [groups(0.6, wrong=1.0, **{"rewards/accuracy/mean": 0.0})])
    assert row == 5
    assert "no answer was right" in text
    assert len(warnings(*9 * [groups(0.0, wrong=1.0, **{"rewards/accuracy/mean": 0.0})])) == 1  # of the groups alone


# --- the callbacks --------------------------------------------------------------------------------------------------


def shown(callback, rows, capsys, *, main=True):
    state = TrainerState(max_steps=8, is_world_process_zero=main)
    callback.on_train_begin(None, state, TrainerControl())
    for state.global_step, logs in enumerate(rows, 1):
        callback.on_log(None, state, TrainerControl(), logs=logs)
    return capsys.readouterr()


def test_the_note_comes_before_the_first_row(capsys):
    told = shown(MetricsTable(), [LOGS, LOGS], capsys).out
    note, rows = told.split("─", 1)
    assert "Reward is the curve to watch." in note
    assert "a loss near 0 and no clipping are expected" in " ".join(note.split())
    assert re.findall(r"^ *(\d/8)  ", rows, re.MULTILINE) == ["1/8", "2/8"]


@pytest.mark.parametrize("width", [80, 100])
def test_note_rows_and_warnings_fit_the_terminal(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    told = shown(MetricsTable(), 6 * [{**LOGS, **groups(0.0, wrong=1.0)}], capsys).out
    assert "warning: over 90%" in told
    assert max(map(len, told.splitlines())) <= width


def test_the_header_comes_again_below_what_was_printed_in_between():
    table = Table(80)
    table.lines(1, LOGS, 0.0)
    table.header_again()
    assert len(table.lines(2, LOGS, 0.0)) == 3


def test_a_warning_follows_its_row(capsys):
    told = shown(MetricsTable(), 3 * [{**LOGS, "completions/clipped_ratio": 0.9}], capsys).out.splitlines()
    assert [line.split()[0] for line in told[-4:]] == ["1/8", "2/8", "warning:", "3/8"]


def test_logs_of_an_evaluation_and_of_other_processes_make_no_row(capsys):
    assert "1/8" not in shown(MetricsTable(), [{"eval_loss": 0.1, "eval_reward": 0.5}], capsys).out
    assert shown(MetricsTable(), [LOGS], capsys, main=False).out == ""


def test_the_last_rows_metrics_are_shown_though_they_come_with_the_summary(capsys):
    """Steps after the last full logging window are logged with `train_loss`, not `loss`."""
    assert "0.53" in shown(MetricsTable(), [{**without(LOGS, "loss"), "train_loss": 0.1}], capsys).out


def test_no_bar_fills_a_file(capsys):
    """Standard error is none of a terminal's here."""
    told = shown(Bar(), [LOGS], capsys)
    assert told.out + told.err == ""


def test_a_model_that_begins_to_repeat_itself_is_told():
    def rows(*shares):
        return [{"completions/repetition": share} for share in shares]

    ((row, text),) = warnings(*rows(0.05, 0.1, 0.35, 0.4, 0.9))
    assert row == 4
    assert "40% of what is written repeats itself" in text
    assert "--beta" in text
    assert warnings(*rows(0.2, 0.5, 0.5, 0.5)) == [], "some texts repeat themselves by nature"


def test_a_reward_that_nobody_earns_is_told_once_unless_it_does_not_count():
    row = {**LOGS, "rewards/boxed_format/mean": 0.0, "rewards/boxed_format/std": 0.0}
    alarms, uncounted = Alarms(["accuracy", "boxed_format"]), Alarms(["accuracy"])
    told = [(i, text) for i in range(1, 9) for text in alarms.check(row)]
    assert [i for i, _ in told] == [5]
    assert "the reward boxed_format was 0 for every completion of the last 5 rows" in told[0][1]
    assert "leave it out of --reward_funcs" in told[0][1]
    assert not [text for _ in range(8) for text in uncounted.check(row)]
    perfect = Alarms(["boxed_format"])
    assert not [text for _ in range(8) for text in perfect.check({**row, "rewards/boxed_format/mean": 1.0})]


def test_an_accuracy_that_has_halved_is_told():
    def rows(*shares):
        return [{"rewards/accuracy/mean": share} for share in shares]

    ((row, text),) = warnings(*rows(0.4, 0.5, 0.19, 0.21, 0.19, 0.15, 0.1, 0.05))
    assert row == 7
    assert "accuracy has fallen from 40% to 10%" in text
    assert warnings(*rows(0.08, 0.01, 0.01, 0.01, 0.01)) == [], "of little, half is noise"
    assert warnings(*rows(0.4, 0.3, 0.25, 0.25, 0.25)) == []
