import datasets
import pytest

from data import PROMPTS, DataError, build_prompts, load_problems
from data.knowledge import hint_section, with_hints

POINTS = ["**Knowledge Point**: A.\n   **Key Considerations**: B.", " C. \n", "D {x} \\frac{1}{2}."]
INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."


def user(messages) -> str:
    (message,) = messages
    assert message["role"] == "user"
    return message["content"]


# The released template, written out: blank lines around the section, points stripped and numbered from 1.
@pytest.mark.parametrize(
    ("n", "prompt"),
    [
        (0, "1+1?\n\n" + INSTRUCTION),
        (1, "1+1?\n\n## Hint\n1. **Knowledge Point**: A.\n   **Key Considerations**: B.\n\n" + INSTRUCTION),
        (
            3,
            "1+1?\n\n## Hint\n1. **Knowledge Point**: A.\n   **Key Considerations**: B.\n2. C.\n"
            "3. D {x} \\frac{1}{2}.\n\n" + INSTRUCTION,
        ),
    ],
)
def test_the_prompt_is_the_released_one_byte_for_byte(n, prompt):
    assert user(PROMPTS["knowrl"](with_hints("1+1?", POINTS[:n]))) == prompt


@pytest.mark.parametrize(
    ("n", "prompt"),
    [
        (0, "1+1?\n" + INSTRUCTION),
        (1, "1+1?\n## Hint\n- A.\n" + INSTRUCTION),
        (3, "1+1?\n## Hint\n- A.\n- B.\n- C.\n" + INSTRUCTION),
    ],
)
def test_the_form_of_the_card_has_bullets_and_single_line_breaks(n, prompt):
    row = {"problem": "1+1?", "kp_list": ["A.", "B.", "C."], "css_kept_kp_index": list(range(n))}
    dataset = datasets.Dataset.from_list([row])
    assert user(build_prompts(dataset, "knowrl", hints="css", hint_style="card")["prompt"][0]) == prompt
    assert prompt.startswith(with_hints("1+1?", row["kp_list"][:n], style="card"))


def test_an_unknown_style_of_hints_is_refused():
    with pytest.raises(DataError, match=r"one of repo, card, met 'cart'\. Did you mean 'card'"):
        hint_section(["A."], "cart")
    with pytest.raises(DataError, match="one of repo, card"):
        build_prompts(datasets.Dataset.from_list([{"problem": "P?"}]), hint_style="cart")


@pytest.fixture
def rows():
    columns = {
        "problem": ["1+1?", "1+2?"],
        "kp_list": [["A.", "B."], ["C."]],
        "css_kept_kp_index": [[1], []],
        "row": [4, 9],
    }
    return datasets.Dataset.from_dict(columns)


def test_prompts_have_no_hints_unless_asked(rows):
    assert build_prompts(rows, "knowrl")["prompt"][:] == [PROMPTS["knowrl"]("1+1?"), PROMPTS["knowrl"]("1+2?")]


def test_a_rule_gives_its_own_points_and_none_where_it_keeps_none(rows):
    prompts = build_prompts(rows, "knowrl", hints="css")["prompt"][:]
    assert user(prompts[0]) == "1+1?\n\n## Hint\n1. B.\n\n" + INSTRUCTION
    assert user(prompts[1]) == "1+2?\n\n" + INSTRUCTION


def test_hints_belong_to_the_problem_in_every_prompt_style(rows):
    sections = {"repo": "1+1?\n\n## Hint\n1. A.\n2. B.", "card": "1+1?\n## Hint\n- A.\n- B."}
    for style in PROMPTS:
        for hint_style, section in sections.items():
            prompt = build_prompts(rows, style, hints="all", hint_style=hint_style)["prompt"][0][-1]
            assert prompt["role"] == "user"
            assert prompt["content"].startswith(section), style


def test_hints_change_the_prompt_and_nothing_else(rows):
    hinted = build_prompts(rows, "boxed", hints="all")
    assert hinted.remove_columns(["prompt", "hint_count"]).to_list() == rows.to_list()
    assert hinted["hint_count"] == [len(points) for points in rows["kp_list"]]


def test_hints_of_rows_without_points_are_refused(rows):
    with pytest.raises(DataError, match=r"knowledge points in a column kp_list.*the columns are problem, "):
        build_prompts(rows.remove_columns("kp_list"), hints="all")
    with pytest.raises(DataError, match="one of none, all, css, met 'cbrs'"):
        build_prompts(rows, hints="cbrs")
    missing = rows.remove_columns("kp_list").add_column("kp_list", [["A.", "B."], None])
    with pytest.raises(DataError, match="but row 9 has nothing"):
        build_prompts(missing, hints="css")


def test_a_problem_without_points_is_asked_without_hints(rows):
    empty = rows.remove_columns("kp_list").add_column("kp_list", [["A.", "B."], []])
    first, second = build_prompts(empty, "boxed", hints="all")["prompt"]
    assert "2. B." in first[-1]["content"]
    assert second == build_prompts(rows, "boxed")["prompt"][1]


def test_wrong_places_of_another_rule_do_not_matter(rows):
    spoilt = rows.add_column("cbrs_kept_kp_index", [[7], [7]])
    assert build_prompts(spoilt, hints="css")["prompt"][0] == build_prompts(rows, hints="css")["prompt"][0]
    with pytest.raises(DataError, match="cbrs_kept_kp_index of row 4"):
        build_prompts(spoilt, hints="cbrs")


@pytest.mark.shared
def test_released_points_stand_in_the_prompt_in_full(shared_data):
    dataset = load_problems(str(shared_data / "benchmarks" / "knowrl_kp_aime24.jsonl")).dataset
    for row in build_prompts(dataset, "knowrl", hints="cbrs"):
        kept = [row["kp_list"][place] for place in row["cbrs_kept_kp_index"]]
        lines = "".join(f"{i + 1}. {point}\n" for i, point in enumerate(kept))
        section = f"## Hint\n{lines}\n" if kept else ""
        assert user(row["prompt"]) == f"{row['problem']}\n\n{section}{INSTRUCTION}"
