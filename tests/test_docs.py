"""What the pages say can be done: every command is parsed by its own parser, some are run, links and pictures exist.

A page is README.md or any `docs/**/*.md`. A command that calls this project (`cli.py`, `accelerate launch`, a script
of the tree, `make`, `pip`) and that nothing here can read fails. Other programs (`git`, `vllm serve`, …) are passed
over. A code block whose first line is a file's name, `# my_reward.py`, is that file to its page's commands.
"""

import argparse
import ast
import contextlib
import importlib
import re
import runpy
import shlex
import sys
import tomllib
from pathlib import Path
from unittest import mock

import pytest
from trl import ModelConfig

import cli
import embedded
from commands.arguments.settings import TrainArguments
from trainers import METHODS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELLS = ("bash", "sh", "shell")
NAMED = re.compile(r"# ([\w-]+\.(?:py|ya?ml))\n")
QUICK = ["--max_steps", "1", "--eval_problems", "0", "--per_device_train_batch_size", "32"]

# Run as printed, with options that make them small. Others are parsed only.
EXECUTED = {
    r"python cli.py verdict --gold '\frac12' --text 'so it is \boxed{0.5}'": [],
    "python cli.py train --method grpo --reward_funcs accuracy my_reward.py:brief --reward_weights 1 0.2": QUICK,
    "python cli.py filter-data --limit 200": ["--limit", "8"],
    "python cli.py knowledge extract": ["--limit", "8"],
}


def page_id(path):
    return path.relative_to(ROOT).as_posix()


def blocks(path, *languages):
    return [code for language, code in FENCED.findall(path.read_text()) if language in languages]


def words_of(code):
    """The words of each simple command of a shell block; variables and substitutions are a 1."""
    text = re.sub(r"<<-?\s*['\"]?(\w+).*?^\1$", "", code.replace("\\\n", " "), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\$\([^)]*\)|\$\{?\w+\}?", "1", text)
    text = re.sub(r"(?:^|(?<=\s))#.*$|\s\d?>>?\s*(?:&\d|\S+)", "", text, flags=re.MULTILINE)
    lexer = shlex.shlex(re.sub(r"<([\w-]+)>", r"\1", text), posix=True, punctuation_chars="|&;\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words = []
    for word in [*lexer, "\n"]:
        if word.strip("|&;\n"):
            words.append(word)
            continue
        inner = next((part for part in words if " cli.py " in part), None)  # of `srun bash -c '…'`
        yield from [words] if inner is None else words_of(inner)
        words = []


def commands(path):
    return [words for code in blocks(path, *SHELLS) for words in words_of(code) if words]


class Parsed(Exception):
    """Nothing more is wanted of a command."""


@contextlib.contextmanager
def parsed_only():
    """Any parser of the standard library does its work, and then the command ends."""
    real = argparse.ArgumentParser.parse_known_args

    def parse(self, *args, **kwargs):
        _, rest = real(self, *args, **kwargs)
        assert not rest, f"no option {rest[0]}"
        raise Parsed

    with mock.patch.object(argparse.ArgumentParser, "parse_known_args", parse), contextlib.suppress(Parsed):
        yield


def read_train(argv):
    from commands import arguments

    with contextlib.ExitStack() as stack:
        if "--use_vllm" in argv:  # of a machine with a GPU and vLLM
            stack.enter_context(mock.patch.object(arguments, "_machine_defaults", return_value={"bf16": False}))
            stack.enter_context(mock.patch.object(arguments, "check_installed"))
        arguments.parse([word for word in argv if word not in ("--dry-run", "--dry_run", "--print-config")])


def read_experiment(argv):
    from commands.experiment import _parse
    from commands.experimenting.specification import read_experiment

    options, also = _parse(argv)
    for arm in read_experiment(options.name, also).arms:
        read_train(arm.filled(Path("."), 0)[0])


def read_knowledge(argv):
    importlib.import_module(f"commands.{argv[0]}ing.arguments").parse(argv[1:])


def read_doctor(argv):
    assert argv == [], "doctor takes no options"


def read_main(argv, name):
    with parsed_only():
        importlib.import_module(f"commands.{name}").main(argv)


READERS = {
    "train": read_train,
    "filter-data": lambda argv: importlib.import_module("commands.filtering.arguments").parse(argv),
    "knowledge": read_knowledge,
    "evaluate": lambda argv: importlib.import_module("commands.evaluating.arguments").parse(argv),
    "compare": lambda argv: read_main(argv, "compare"),
    "push": lambda argv: read_main(argv, "push"),
    "merge": lambda argv: read_main(argv, "merge"),
    "verdict": lambda argv: read_main(argv, "verdict"),
    "show": lambda argv: importlib.import_module("commands.show")._parse(argv),
    "experiment": read_experiment,
    "doctor": read_doctor,
}


def read_ours(argv):
    """The words behind `cli.py`."""
    if argv == ["--help"]:
        return
    assert argv[:1] in [[name] for name in cli.COMMANDS], f"cli.py has no command {argv[:1]}"
    assert argv[0] in READERS, f"tests/test_docs.py has no reader of the command {argv[0]}: add one to READERS"
    if not {"--help", "--help-all", "-h"} & set(argv):
        READERS[argv[0]](argv[1:])


def read_launch(words):
    """The words behind `accelerate launch`; its own parser finds where those of the script begin."""
    from accelerate.commands.launch import launch_command_parser

    launcher = launch_command_parser().parse_args(words)
    assert not launcher.config_file or Path(launcher.config_file).is_file(), f"no file {launcher.config_file}"
    assert Path(launcher.training_script).name == "cli.py", f"{launcher.training_script} is not cli.py"
    return launcher.training_script_args


def read_make(words):
    makefile = (ROOT / "Makefile").read_text()
    for word in words:
        name, assigned, _ = word.partition("=")
        found = rf"^{re.escape(name)} \?=" if assigned else rf"^{re.escape(name)}:"
        assert re.search(found, makefile, re.MULTILINE), f"the Makefile has no {name}"


def read_pip(words):
    from pip._internal.commands import create_command

    options, packages = create_command(words[0]).parse_args(words[1:])
    for path in [*options.constraints, *options.requirements]:
        assert Path(path).is_file(), f"no file {path}"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for here in (name for name in [*options.editables, *packages] if name.startswith(".")):
        asked = {extra for part in re.findall(r"\[(.*)\]", here) for extra in part.split(",")}
        assert asked <= set(extras), f"pyproject.toml has no extra {asked - set(extras)}"


def read_script(path, argv):
    """A script of the tree, up to where its own parser is done."""
    assert (ROOT / path).is_file(), f"no script {path}"
    folders = [str((ROOT / path).parent), str(ROOT)]
    asked, found = mock.patch.object(sys, "argv", [path, *argv]), mock.patch.object(sys, "path", [*folders, *sys.path])
    with asked, found, parsed_only():
        runpy.run_path(str(ROOT / path), run_name="__main__")


def read_command(words):
    """Read one command by its own parser, if it is ours."""
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    names = [Path(word).name for word in words]
    if "launch" in words and "accelerate" in names[: words.index("launch")]:
        read_ours(read_launch(words[words.index("launch") + 1 :]))
    elif "cli.py" in names:
        read_ours(words[names.index("cli.py") + 1 :])
    elif names[:1] == ["make"]:
        read_make(words[1:])
    elif "pip" in names[:3] and names[0] in ("pip", "uv", "python", "python3"):
        read_pip(words[names.index("pip") + 1 :])
    else:
        for i, word in enumerate(words):
            if re.fullmatch(r"(benchmarks|experiments|embedded)/\w+\.py", word):
                return read_script(word, words[i + 1 :])


def read_all(code):
    for words in filter(None, words_of(code)):
        try:
            read_command(words)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"`{shlex.join(words)}` cannot be run as printed: {error}") from error


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to be in: the tree as links, so that relative names are found and nothing is written to it."""
    for path in ROOT.iterdir():
        if path.name not in ("outputs", ".git") and not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    return tmp_path


def write_files(page, folder):
    """The files that a page shows."""
    for code in blocks(page, "python", "yaml"):
        if named := NAMED.match(code):
            (folder / named[1]).write_text(code)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_command_is_understood(page, folder):
    write_files(page, folder)
    for code in blocks(page, *SHELLS):
        read_all(code)


@pytest.mark.parametrize(
    "line",
    [
        "accelerate launch cli.py train --method repo --learning_rat 1",
        "accelerate launch --config_file accelerate_configs/none.yaml cli.py train --method repo",
        "python cli.py evaluate --benchmark math50",
        "python cli.py trian --method repo",
        "srun bash -c 'accelerate launch cli.py train --method repoo'",
        "python cli.py compare one",
        "python cli.py push outputs/x --too me/x",
        "make trane",
        "make train METOD=lpro",
        "pip install -c none.txt -e .",
        "pip install -e '.[none]'",
        "python benchmarks/scaling.py --sedes 1",
        "cd elsewhere && python cli.py doctor --now",
    ],
)
def test_a_wrong_command_is_found(line, folder):
    with pytest.raises(AssertionError, match="cannot be run as printed"):
        read_all(line)


def test_what_is_to_be_run_is_on_a_page():
    printed = {tuple(words) for page in PAGES for words in commands(page)}
    assert {tuple(shlex.split(line)) for line in EXECUTED} <= printed


@pytest.mark.parametrize("line", EXECUTED)
def test_printed_commands_run(line, folder, capsys):
    for page in PAGES:
        write_files(page, folder)
    _, _, *argv = shlex.split(line)
    assert cli.main([*argv, *EXECUTED[line]]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_python_is_python(page):
    for code in blocks(page, "python"):
        ast.parse(code)


SNIPPETS = [
    pytest.param(code, id=f"{page.stem}-{i}")
    for page in PAGES
    if page.name != "README.md"  # its own test has those
    for i, code in enumerate(blocks(page, "python"))
    if not NAMED.match(code)
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippets_run(code, folder):
    """On the embedded model, in the folder of the page's files; `>>>`-free code that asserts what it claims."""
    for page in PAGES:
        write_files(page, folder)
    exec(code.replace('"Qwen/Qwen2.5-Math-1.5B-Instruct"', repr(str(embedded.MODEL))), {"__name__": "snippet"})


def anchors(path):
    """The names that GitHub gives the headings of a page."""
    heads = re.findall(r"^#+ (.+)$", FENCED.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_and_pictures_lead_somewhere(page):
    text = re.sub(r"`[^`\n]*`", "", FENCED.sub("", page.read_text()))
    for target in re.findall(r"\]\(<?([^)\s>]+)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        assert there.exists(), f"{page_id(page)} links to {target}, which is not there"
        assert not anchor or anchor in anchors(there), (
            f"{page_id(page)}: {name or 'the page'} has no heading #{anchor}"
        )


THEIRS = ("vllm.md", "scaling.md")  # which name options of other programs


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in THEIRS], ids=page_id)
def test_every_flag_in_a_sentence_is_known(page):
    known = {name for _, config in METHODS.values() for name in config.__dataclass_fields__}
    known |= {*TrainArguments.__dataclass_fields__, *ModelConfig.__dataclass_fields__, "help-all", "quiet", "config"}
    for path in [
        *ROOT.glob("commands/**/*.py"),
        *ROOT.glob("benchmarks/*.py"),
        *ROOT.glob("trainers/*.py"),
        *ROOT.glob("experiments/*.py"),
    ]:
        known |= set(re.findall(r'"--([\w-]+)"', path.read_text()))
    flags = set(re.findall(r"(?<![\w-])--(\w[\w-]+)", FENCED.sub("", page.read_text())))
    unknown = {flag for flag in flags if not {flag, flag.replace("_", "-"), flag.replace("-", "_")} & known}
    assert not unknown, f"{page_id(page)} speaks of options that nothing has: {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_files_and_tests_that_are_named_are_there(page):
    text = FENCED.sub("", page.read_text())
    tops = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "outputs")
    for name in re.findall(rf"`((?:{tops})/[\w./-]+\.(?:py|yaml|jsonl))\b", text):
        assert (ROOT / name).exists(), f"{page_id(page)}: there is no {name}"
    tests = "".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))
    for name in re.findall(r"`(test_\w+)`", text):
        assert f"def {name}(" in tests, f"{page_id(page)}: there is no {name}"
