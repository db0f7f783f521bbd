"""A reward of the user's own: TRL's style works, and a mistake in it is told by its own file and line, at once."""

import json
import textwrap

import pytest

import cli

SMALL = [
    "--method", "grpo", "--max_steps", "1", "--logging_steps", "1", "--eval_problems", "0", "--sample_steps", "0",
    "--per_device_train_batch_size", "16", "--max_completion_length", "32", "--disable_tqdm", "true",
    "--allow_truncated",
]  # fmt: skip


@pytest.fixture
def train(tmp_path, tmp_path_factory, capsys, monkeypatch):
    """Train one step with this code as the reward `mine.py:f`; returns exit code, what was told, and the folder."""
    monkeypatch.setattr(cli, "_quiet_libraries", lambda: None)
    monkeypatch.chdir(tmp_path)
    file = tmp_path_factory.mktemp("rewards") / "mine.py"

    def run(code, *argv):
        file.write_text(textwrap.dedent(code))
        folder = tmp_path / "run"
        code = cli.main(["train", *SMALL, "--output_dir", str(folder), "--reward_funcs", f"{file}:f", *map(str, argv)])
        return code, " ".join(capsys.readouterr().err.split()), folder

    return run


@pytest.mark.parametrize("column", ["solution", "ground_truth", "answer"])
def test_a_reward_written_for_trl_gets_the_column_that_it_names(column, train, tmp_path):
    rows = [{"question": f"Compute {i}+1.", column: str(i + 1)} for i in range(40)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code = f"""
        def f(completions, {column}, **kwargs):
            assert all(gold.isdigit() for gold in {column})
            return [float(gold in completion[0]["content"]) for completion, gold in zip(completions, {column})]
    """
    code, told, folder = train(code, "--dataset_name", tmp_path / "d.jsonl")
    assert code == 0, told
    logged = json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])
    assert 0 <= logged["rewards/f/mean"] <= 1


MISTAKES = {
    "an unknown column": (
        "def f(completions, solutoin, **_):\n    return [0.0] * len(completions)",
        "mine.py:f asks for 'solutoin', which no call would give it.",
    ),
    "prompt for prompts": (
        "def f(completions, prompt, **_):\n    return [0.0] * len(completions)",
        "Did you mean 'prompts'?",
    ),
    "no kwargs": (
        "def f(completions):\n    return [0.0] * len(completions)",
        "End its arguments with **kwargs.",
    ),
    "a class": (
        "class f:\n    def __call__(self, completions, **_):\n        return [0.0] * len(completions)",
        "f is a class, and a reward is a function",
    ),
    "a wrong length": (
        "def f(completions, **_):\n    return [0.0]",
        "f (mine.py, line 1) returned 1 values for 8 completions.",
    ),
    "NaN": (
        "def f(completions, **_):\n    return [float('nan') for _ in completions]",
        "f (mine.py, line 1) returned nan for completion 0 of this batch",
    ),
    "nothing": (
        "def f(completions, **_):\n    pass",
        "f (mine.py, line 1) returned NoneType None.",
    ),
    "an error that an empty completion brings": (
        "def f(completions, **_):\n    n = [len(c[0]['content']) for c in completions]\n    return [1 / k for k in n]",
        "f (mine.py, line 3) failed on 8 completions with ZeroDivisionError: division by zero.",
    ),
    "an error of an async function": (
        "async def f(completions, **_):\n    raise OSError('no server')",
        "f (mine.py, line 2) failed on 8 completions with OSError: no server.",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_it_ends_with_2_and_leaves_no_folder(mistake, train):
    code, told = MISTAKES[mistake]
    ended, paragraph, folder = train(code)
    assert told in paragraph
    assert ended == 2
    assert "defect" not in paragraph
    assert not folder.exists()


def test_a_mistake_that_only_a_later_batch_shows_names_the_step(train):
    """The run has begun by then: its folder stays, and the same command goes on once the reward is mended."""
    code = """
        def f(completions, trainer_state, **_):
            if trainer_state.global_step == 1:
                raise KeyError("later")
            return [float(len(c[0]["content"]) % 3) for c in completions]
    """
    ended, paragraph, folder = train(code, "--max_steps", "2", "--num_iterations", "1", "--save_steps", "1")
    assert ended == 2
    assert "f (mine.py, line 4) after step 1 failed on 16 completions with KeyError: 'later'." in paragraph
    assert json.loads((folder / "run.json").read_text())["status"] == "failed"
