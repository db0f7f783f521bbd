import inspect

import pytest

from rewards import REWARDS
from rewards.repo_rules import repo_rules

# What GRPOTrainer 1.16 hands over beside the completions and the columns of the data set.
TRL_EXTRAS = {
    "prompts": [[{"role": "user", "content": "2+2?"}]],
    "completion_ids": [[1, 2, 3]],
    "trainer_state": None,
    "log_extra": None,
    "log_metric": None,
}

HACK = "First step, second step, then the solution: x = 1 + 2 - 3 * 4 / 5 \\boxed{0}"


def chat(content) -> list[dict]:
    return [{"role": "assistant", "content": content}]


def score(name: str, completion, answer: str = "4"):
    (value,) = REWARDS[name](completions=[completion], answer=[answer], level=["1"], **TRL_EXTRAS)
    return value


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_a_reward_is_logged_under_its_registered_name(name):
    assert REWARDS[name].__name__ == name


@pytest.mark.parametrize("name", sorted(REWARDS))
@pytest.mark.parametrize("content", ["", None, "\\boxed{4}", "x" * 100_000, "\\boxed{" * 50_000, "\ud800\x00"])
def test_text_and_messages_score_the_same(name, content):
    as_messages = score(name, chat(content))
    assert isinstance(as_messages, float)
    assert as_messages == score(name, content or "")


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_no_message_is_an_empty_text(name):
    assert score(name, []) == score(name, "")


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_a_broken_completion_raises(name):
    with pytest.raises(TypeError, match="a completion must be"):
        score(name, 5)
    with pytest.raises(TypeError, match="content must be text"):
        score(name, chat(5))


def test_accuracy_needs_the_right_answer_in_a_box():
    completions = [chat(text) for text in (r"\boxed{\frac12}", r"\boxed{2}", "0.5", "")]
    assert REWARDS["accuracy"](completions=completions, answer=["0.5"] * 4) == [1.0, 0.0, 0.0, 0.0]


def test_accuracy_is_none_for_a_gold_that_cannot_be_read():
    assert score("accuracy", r"\boxed{4}", answer="") is None


def test_a_tools_output_is_never_an_answer():
    conversation = [*chat(r"I ask the tool."), {"role": "tool", "content": r"\boxed{4}"}]
    assert score("accuracy", conversation) == 0.0
    assert score("accuracy", [*conversation, *chat(r"It says \boxed{4}.")]) == 1.0


def test_parts_of_text_are_joined():
    assert score("accuracy", chat([{"type": "text", "text": r"\boxed"}, {"type": "text", "text": "{4}"}])) == 1.0


@pytest.mark.parametrize(
    ("text", "value"),
    [(r"\boxed{wrong}", 1.0), (r"\boxed{}", 0.0), (r"\boxed{ }", 0.0), (r"\boxed{4", 0.0), ("4", 0.0)],
)
def test_format_asks_for_a_closed_box_with_something_in_it(text, value):
    assert score("boxed_format", text) == value


def test_a_dataset_without_answer_is_a_type_error():
    with pytest.raises(TypeError, match="answer"):
        REWARDS["accuracy"](completions=["4"])


# The rules of the composite, added up by hand. `pad` is long enough for no deduction and earns nothing.
PAD = " lorem ipsum dolor sit amet consectetur adipiscing elit"


@pytest.mark.parametrize(
    ("text", "gold", "points"),
    [
        ("", "4", -1.0),  # short
        (PAD, "4", 0.0),
        (r"\boxed{4}", "4", 2 + 5 - 1),
        (r"\boxed{4}" + PAD, "4", 2 + 5),
        (r"\boxed{1 2}" + PAD, "12", 2 + 3),
        (r"\boxed{12}" + PAD, "1", 2 + 2),
        (r"\boxed{1}" + PAD, "12", 2 + 2),
        (r"\boxed{7}" + PAD, "4", 2.0),
        (r"\boxed{}" + PAD, "4", 2.0),  # an empty box is contained in every gold, and earns nothing for it
        (r"\boxed{4} \boxed{5}" + PAD, "4", 2 + 5),  # the first box, unlike everywhere else
        ("step step Step" + PAD, "4", 0.5),  # each word once
        ("step first second then therefore thus hence" + PAD, "4", 2.0),  # 7 words, capped
        ("= +" + PAD, "4", 0.6),
        (r"= + - * / ^ \frac \sqrt" + PAD, "4", 1.5),  # 8 symbols, capped
        ("x^{2}" + PAD, "4", 0.6),  # ^ and ^{
        (r"Step 1: first, second, then = + - * / \boxed{4}" + PAD, "4", 10.5),  # all of it
    ],
)
def test_repo_rules_add_up(text, gold, points):
    assert repo_rules([text], answer=[gold]) == [pytest.approx(points)]


def test_repo_rules_can_be_hacked():
    # The text knows no problem: 2 for a box, 2 for words, 1.5 for symbols. Against a gold with a 0 in it, 2 more for
    # the answer, and the right answer alone has 2 + 5 - 1.
    assert repo_rules([HACK], answer=["17"]) == [pytest.approx(5.5)]
    hacked, honest = repo_rules([HACK, r"\boxed{30}"], answer=["30", "30"])
    assert hacked > honest
    assert REWARDS["accuracy"]([HACK], answer=["30"]) == [0.0]
    assert HACK in inspect.getmodule(repo_rules).__doc__


def test_repo_rules_refuse_a_missing_gold():
    with pytest.raises(ValueError, match="zip"):
        repo_rules(["a", "b"], answer=["1"])
