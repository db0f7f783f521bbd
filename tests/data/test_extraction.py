import json

import pytest

from data.knowledge import (
    JUDGED,
    ReplyError,
    extract_prompt,
    format_point,
    judge_prompt,
    leaks,
    parse_points,
    parse_verdict,
    rewrite_prompt,
)

POINTS = [
    {"knowledge_point": r"The roots of $x^2+px+q$ sum to $-p$.", "key_considerations": r"Also $\frac{-p}{1}$."},
    {"knowledge_point": "Angles add up [in the plane].", "key_considerations": 'Say "plane", not space.'},
]
READ = [format_point(point["knowledge_point"], point["key_considerations"]) for point in POINTS]
JSON = json.dumps(POINTS)


def only(messages) -> str:
    (message,) = messages
    assert message["role"] == "user"
    return message["content"]


def test_the_teacher_is_shown_what_it_needs_and_braces_stay():
    problem, solution = r"Let $\{x\}$ be {it}. Find $x$.", r"So $x=\boxed{7}$."
    text = only(extract_prompt(problem, solution))
    assert problem in text
    assert solution in text
    text = only(judge_prompt(READ[0], problem, "7"))
    assert problem in text
    assert "## Final answer\n7" in text
    assert POINTS[0]["knowledge_point"] in text
    assert "**" not in text  # without the headings of the released form
    text = only(rewrite_prompt(READ[0], problem, leaks("It is 7.", problem, "7")))
    assert "- answer: 7 in 'it is 7.'" in text
    assert POINTS[0]["key_considerations"] in text


def test_the_formats_that_are_asked_for_are_those_that_are_read():
    asked = only(extract_prompt("P?", "S."))
    assert len(parse_points(asked[asked.index("[{") :])) == 1
    asked = only(rewrite_prompt("A point.", "P?", ["name: Bob"]))
    assert len(parse_points(asked[asked.index("[{") :])) == 1
    asked = only(judge_prompt("A point.", "P?", "7"))
    assert parse_verdict(asked[asked.rindex("{") :]) == ()
    assert all(f"- {key}:" in asked for key in JUDGED)


@pytest.mark.parametrize(
    "reply",
    [
        JSON,
        f"```json\n{JSON}\n```",
        f"Here they are, for $x$ in $[0, 1]$ and $\\{{1, 2\\}}$:\n```\n{JSON}\n```\nI hope this helps [a lot].",
        f"<think>Perhaps {JSON[:50]} or [1, 2]?</think>\n{JSON}",
        f"Perhaps [1, 2]?</think>{JSON}",
        JSON.replace("}]", "},\n]").replace('."}', '.",}'),
        json.dumps({"knowledge_points": POINTS}),
        json.dumps(POINTS, indent=2).replace("\\\\", "\\"),  # single backslashes: \frac begins like a form feed
        "\n".join(json.dumps(point) for point in POINTS),
        JSON.replace("knowledge_point", "Knowledge Point").replace("key_considerations", "Key Considerations"),
        f"1. {READ[0]}\n2. {READ[1]}",
        f"The points are:\n\n1) {READ[0]}\n\n2) {READ[1]}\n",
        f"- {READ[0]}\n- {READ[1]}",
        json.dumps(READ),
    ],
)
def test_every_usual_form_of_a_reply_gives_the_same_points(reply):
    assert parse_points(reply) == READ


def test_points_without_considerations_stay_as_they_are():
    assert parse_points('["Angles add up.", "Sides are equal."]') == ["Angles add up.", "Sides are equal."]
    assert parse_points("1. Angles add up.\n\nI hope this helps.") == ["Angles add up."]
    assert parse_points("1. Angles add up.\n2. Sides\n   are equal.") == ["Angles add up.", "Sides\n   are equal."]
    assert parse_points('[{"point": "Angles add up."}]') == ["Angles add up."]


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac12",
        r"\times",
        r"\theta",
        r"\nu",
        r"\neq",
        r"\rho",
        r"\right)",
        r"\binom{n}{k}",
        r"\bar x",
        r"\underline x",
        r"\sqrt2",
        r"\alpha",
        r"\{a\}",
        r"\tan x",
        r"\text{if}",
        r"\begin{pmatrix} a \\ b \end{pmatrix}",
    ],
)
def test_latex_survives_single_and_double_backslashes(latex):
    double = json.dumps([{"knowledge_point": f"Take ${latex}$ of it."}])
    assert parse_points(double) == [f"Take ${latex}$ of it."]
    if r"\\" not in latex:  # a line break of a matrix cannot be told from an escaped backslash
        assert parse_points(double.replace("\\\\", "\\")) == [f"Take ${latex}$ of it."]


def test_escapes_of_json_stay_escapes():
    assert parse_points(r'["One line.\nAnother \"line\".", "A \u03c0\tand tab."]') == [
        'One line.\nAnother "line".',
        "A π\tand tab.",
    ]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (JSON[:-30], "2 knowledge points were begun but 1 can be read: .*cut off"),
        (JSON[:60], "1 knowledge points were begun but 0 can be read"),
        ("<think>Let me see", "ends within its thoughts"),
        ("I cannot help with that.", "none was found in 'I cannot help with that.'"),
        ("", "none was found in ''"),
        ("[1, 2, 3]", "none was found"),
        ('[{"knowledge_point": ""}]', "begun but 0 can be read"),
    ],
)
def test_a_reply_without_points_is_refused_with_what_was_met(reply, message):
    with pytest.raises(ReplyError, match=message):
        parse_points(reply)


def test_an_empty_list_is_a_reply():
    assert parse_points("[]") == parse_points("```json\n[ ]\n```") == []
    assert parse_points("Nothing general remains:\n\n```json\n[]\n```\nI hope this helps.") == []
    assert parse_points("1. The interval is closed.\n\n[]") == ["The interval is closed."]


GENERAL = dict.fromkeys(JUDGED, False)


@pytest.mark.parametrize(
    ("reply", "kinds"),
    [
        (json.dumps(GENERAL), ()),
        (f"```json\n{json.dumps({**GENERAL, 'step': True})}\n```", ("step",)),
        (json.dumps({**GENERAL, "answer": "Yes", "names": "NO"}), ("answer",)),
        ("I think: " + json.dumps({key.upper(): True for key in JUDGED})[:-1] + ",}", tuple(JUDGED)),
        ("Not {x}, but " + json.dumps({**GENERAL, "numbers": True, "note": "in [0, 1]"}), ("numbers",)),
    ],
)
def test_a_verdict_names_the_kinds_of_leakage(reply, kinds):
    assert parse_verdict(reply) == kinds


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("No.", "object with answer, numbers, names, intermediate, step, but none was found in 'No.'"),
        (json.dumps({"answer": False}), "none was found"),
        (json.dumps({**GENERAL, "step": "perhaps"}), "true or false, but step in"),
        (json.dumps({**GENERAL, "step": None}), "true or false, but step in"),
    ],
)
def test_an_unclear_verdict_is_refused(reply, message):
    with pytest.raises(ReplyError, match=message):
        parse_verdict(reply)
