"""A reward of one's own, by file."""

import math
from types import SimpleNamespace

import pytest

from errors import UserError
from rewards import accuracy, reward


def test_by_name_and_by_file(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def short(completions, **_):\n    return [-len(c) / 2 for c in completions]\n")
    monkeypatch.chdir(tmp_path)
    assert reward("accuracy") is accuracy
    assert reward("mine.py:short")(completions=["ab", ""]) == [-1.0, 0.0]
    assert reward("mine.py:short") is reward("mine.py:short"), "a file is run once"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("acuracy", "Did you mean 'accuracy'"),
        ("none.py:short", "there is no file none.py"),
        ("mine.py:long", "has no function 'long'"),
        ("broken.py:f", "broken.py, line 2, failed: NameError"),
        ("unread.py:f", "unread.py, line 1, failed: SyntaxError"),
        ("mine.py:Kind", "Kind is a class.*Write kind = Kind"),
        ("text.txt:f", "must end in .py"),
    ],
)
def test_a_wrong_name_is_told(name, told, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def short(completions, **_):\n    return [0.0]\n\n\nclass Kind: ...\n")
    (tmp_path / "broken.py").write_text("import math\nnothing_like_it\n")
    (tmp_path / "unread.py").write_text("def f(:\n")
    (tmp_path / "text.txt").write_text("def f(): ...\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=told):
        reward(name)


def test_the_noise_of_the_experiment_is_cauchys_and_repeats():
    """A standard Cauchy variable is within [−1, 1] half of the time, and above 19 in size one time in thirty."""
    noise = reward("experiments/rewards.py:cauchy")
    state = SimpleNamespace(global_step=3)
    values = noise(completions=["x"] * 4000, trainer_state=state)
    assert values == noise(completions=["x"] * 4000, trainer_state=state)
    assert sum(abs(v) < 1 for v in values) / 4000 == pytest.approx(0.5, abs=0.03)
    assert sum(abs(v) > 19 for v in values) / 4000 == pytest.approx(2 / math.pi * math.atan(1 / 19), abs=0.01)
