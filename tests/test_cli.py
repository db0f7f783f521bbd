"""The first word of the command line, before any command is imported."""

import importlib.metadata

import pytest

import cli


@pytest.mark.parametrize("argv", [["help"], ["--help"], ["-h"]])
def test_help_lists_the_commands(argv, capsys):
    assert cli.main(argv) == 0
    told = capsys.readouterr()
    assert told.out.startswith("usage: python cli.py COMMAND")
    assert all(f"\n  {command} " in told.out for command in cli.COMMANDS)
    assert not told.err


@pytest.mark.parametrize("argv", [[], ["--debug"]])
def test_no_command_is_a_mistake_that_lists_them(argv, capsys):
    assert cli.main(argv) == 2
    told = capsys.readouterr()
    assert told.err.startswith("usage: python cli.py COMMAND")
    assert not told.out


def test_an_unknown_command_is_answered_with_the_nearest(capsys):
    assert cli.main(["trane"]) == 2
    assert "'trane' is not a command. Did you mean 'train'?" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--version"], ["-V"], ["version"]])
def test_the_versions_that_results_depend_on(argv, capsys):
    assert cli.main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "group-relative-math 0.1.0"
    assert f"trl {importlib.metadata.version('trl')}" in lines


@pytest.mark.parametrize("argv", [["help", "compare"], ["compare", "--help"]])
def test_help_of_a_command_either_way_round(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(argv)
    assert ended.value.code == 0
    assert "Compare two results" in capsys.readouterr().out
