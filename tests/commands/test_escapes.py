"""Text of models, data, file names and options does nothing to a terminal, whichever command prints it."""

import json
import logging
import re
import sys
import types
import unicodedata
import warnings

import pytest
from rich.table import Table
from rich.text import Text

import cli
import commands.doctor as doctor
from commands.doctoring.finding import Finding
from commands.terminal.console import above_bar, say
from commands.terminal.output import terminal
from errors import UserError
from outgoing import guard_python

PLANT = "a\x1b]0;pwned\x07b\x1b[2Jc\x9b2Jd\x85e\u202ef\u2066g\rh\x08i"
# Shown as it was met, by its letters, with nothing in between that acts.
SPELT = r"\x1b]0;pwned"


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)


def acting(text):
    """The characters that would do something to a terminal, line ends aside."""
    return {c for c in text if not (c.isprintable() or c == "\n" or unicodedata.category(c) == "Zs")}


def lines_of(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def places(tmp_path):
    """Files and folders whose names and contents are planted."""
    columns = tmp_path / f"columns{PLANT}.jsonl"
    columns.write_text(lines_of({f"question{PLANT}": PLANT, "other": PLANT} for _ in range(4)))
    golds = tmp_path / f"golds{PLANT}.jsonl"
    golds.write_text(lines_of({"question": PLANT, "answer": PLANT} for _ in range(4)))
    recipe = tmp_path / f"recipe{PLANT}.yaml"
    recipe.write_text(f"method: grpo\n{json.dumps('max' + PLANT)}: {json.dumps(PLANT)}\n")
    question = tmp_path / "question.yaml"
    arms = {f"one{PLANT}": {"method": PLANT}, "two": {"method": "grpo"}}
    question.write_text(json.dumps({"question": PLANT, "arms": arms, "common": {PLANT: PLANT}}))
    for folder in ("before", "after"):
        verdicts = tmp_path / folder / f"math{PLANT}" / "verdicts.jsonl"
        verdicts.parent.mkdir(parents=True)
        verdicts.write_text(lines_of({"id": PLANT + str(i), "correct": [1.0]} for i in range(4)))
    run = tmp_path / f"run{PLANT}"
    (run / "completions").mkdir(parents=True)
    record = {"command": PLANT, "method": PLANT, "model": PLANT, "status": PLANT, "batch": [PLANT], "started": PLANT}
    (run / "run.json").write_text(json.dumps(record))
    sample = {"step": 1, "group": 0, "prompt": PLANT, "completion": PLANT, "gold": PLANT, "answer": PLANT}
    sample |= {"rewards": {PLANT: 1.0}, "reward": 1.0, "advantage": 0.5, "length": 3, "truncated": False}
    (run / "completions" / "000001.jsonl").write_text(lines_of([sample]))
    (run / "metrics.jsonl").write_text(lines_of([{"step": 1, "reward": 1.0, f"rewards/{PLANT}/mean": 1.0}]))
    (tmp_path / f"model{PLANT}").mkdir()
    return tmp_path


COMMANDS = {
    "no command": [PLANT],
    "help of none": ["help", PLANT],
    "verdict": ["verdict", "--gold", PLANT, "--text", rf"\boxed{{{PLANT}}}"],
    "verdict of parts": ["verdict", "--gold", f"(1, {PLANT})", "--text", rf"\boxed{{(1, {PLANT})}}"],
    "verdict's choice": ["verdict", "--gold", "5", "--text", "5", "--extraction", PLANT],
    "verdict's option": ["verdict", "--gold", "5", "--text", "5", f"--{PLANT}"],
    "train's method": ["train", "--method", PLANT],
    "train's option": ["train", f"--{PLANT}", "1"],
    "train's number": ["train", "--max_steps", PLANT],
    "train's recipe": ["train", "--config", PLANT],
    "train's recipe's key": ["train", "--config", f"{{}}/recipe{PLANT}.yaml"],
    "train's data": ["train", "--dataset_name", f"{{}}/{PLANT}.jsonl"],
    "train's columns": ["train", "--dataset_name", f"{{}}/columns{PLANT}.jsonl"],
    "train's golds": ["train", "--dataset_name", f"{{}}/golds{PLANT}.jsonl"],
    "train's model": ["train", "--model_name_or_path", f"{{}}/model{PLANT}"],
    "train's reward": ["train", "--reward_funcs", f"{PLANT}.py:f"],
    "train's settings": ["train", "--system_prompt", PLANT, "--print-config"],
    "evaluate's benchmark": ["evaluate", "--model", "x", "--benchmark", PLANT],
    "evaluate's model": ["evaluate", "--model", f"{{}}/model{PLANT}", "--benchmark", "arithmetic"],
    "evaluate's option": ["evaluate", f"--{PLANT}"],
    "compare": ["compare", f"{{}}/{PLANT}", PLANT],
    "compare's benchmarks": ["compare", "{}/before", "{}/after"],
    "experiment": ["experiment", PLANT],
    "experiment's file": ["experiment", "{}/question.yaml"],
    "filter-data": ["filter-data", "--dataset", PLANT],
    "filter-data's columns": ["filter-data", "--dataset", f"{{}}/columns{PLANT}.jsonl"],
    "knowledge": ["knowledge", PLANT],
    "knowledge extract": ["knowledge", "extract", "--dataset", f"{{}}/columns{PLANT}.jsonl"],
    "merge": ["merge", f"{{}}/model{PLANT}"],
    "push": ["push", f"{{}}/run{PLANT}", "--to", PLANT],
    "show": ["show", f"{{}}/run{PLANT}"],
    "show a step": ["show", f"{{}}/run{PLANT}", "--step", "1"],
    "show nothing": ["show", PLANT],
    "doctor": ["doctor", PLANT],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("coloured", [False, True])
def test_no_command_prints_what_acts(command, coloured, places, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    if coloured:
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
    code = cli.main([part.replace("{}", str(places), 1) for part in COMMANDS[command]])
    told = capsys.readouterr()
    styled = re.sub(r"\x1b\[[0-9;]*m", "", told.out + told.err) if coloured else told.out + told.err
    assert not acting(styled), styled
    assert code in (0, 2), styled  # a defect would be told, and cleaned, too
    assert "\x1b[2J" not in told.out + told.err


@pytest.mark.parametrize("state", ["ok", "problem"])
def test_nor_does_the_doctor(state, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", {"hub": lambda: [Finding(state, f"logged in as {PLANT}", PLANT)]})
    cli.main(["doctor"])
    told = capsys.readouterr()
    assert SPELT in told.out
    assert not acting(told.out + told.err)


@pytest.mark.parametrize("kind", [KeyError, ValueError, UserError])
def test_nor_does_an_error(kind, capsys, monkeypatch):
    def main(argv):
        raise kind(PLANT)

    monkeypatch.setitem(sys.modules, "commands.verdict", types.SimpleNamespace(main=main))
    assert cli.main(["verdict"]) == (2 if kind is UserError else 1)
    told = capsys.readouterr().err
    assert SPELT in told
    assert not acting(told)


def test_nor_do_the_ways_that_lines_take(capsys):
    say(PLANT)
    above_bar(PLANT, PLANT)
    console = terminal()
    table = Table(PLANT)
    table.add_row(PLANT)
    console.print(PLANT, Text(PLANT), table, Text(PLANT, no_wrap=True))
    told = capsys.readouterr().out
    assert told.count("]0;pwned") == 8
    assert not acting(told)


def test_nor_do_pythons_own_ways(capsys, monkeypatch):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    before = logging.getLogRecordFactory()
    guard_python()
    handler = logging.StreamHandler()
    logger = logging.getLogger("planted")
    logger.addHandler(handler)
    try:
        token = "hf_abcdefghijklmnop"
        sys.stderr.write(warnings.formatwarning(UserWarning(f"{PLANT} {token}"), UserWarning, "f", 1))
        logger.warning("%s and %s", PLANT, token)
        try:
            raise ValueError(f"{PLANT} {token}")
        except ValueError as error:
            logger.exception("it failed")
            sys.excepthook(ValueError, error, error.__traceback__)
    finally:
        logging.setLogRecordFactory(before)
        logger.removeHandler(handler)
    told = capsys.readouterr().err
    assert told.count(SPELT) == 4
    assert told.count("Traceback (most recent call last)") == 2
    assert token not in told
    assert not acting(told)


def test_nor_does_a_run_from_its_example_to_its_samples(capsys, tmp_path):
    """Problems, answers and columns are planted; the model itself writes what it will."""
    rows = [{"question": f"Compute {i}+1{PLANT}", "answer": f"{i + 1}", f"more{PLANT}": PLANT} for i in range(40)]
    file = tmp_path / f"data{PLANT}.jsonl"
    file.write_text(lines_of(rows))
    code = cli.main([
        "train", "--method", "grpo", "--dataset_name", str(file), "--output_dir", str(tmp_path / "run"),
        "--max_steps", "1", "--logging_steps", "1", "--sample_steps", "1", "--eval_problems", "0", "--allow_truncated",
        "--per_device_train_batch_size", "16", "--max_completion_length", "16", "--disable_tqdm", "true",
    ])  # fmt: skip
    told = capsys.readouterr()
    assert code == 0, told.err
    assert r"Compute 0+1a\x1b]0;pwned\x07b" in told.out
    assert not acting(told.out + told.err)
