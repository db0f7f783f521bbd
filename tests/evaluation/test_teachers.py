"""Teachers, above all an endpoint and the ways in which it fails."""

import json
import threading
import time

import pytest

from data import render_prompt
from data.arithmetic import problems
from data.knowledge import extract_prompt, leaks, parse_points, rewrite_prompt
from errors import UserError
from evaluation.engines import Request, Sampling, TransformersEngine
from evaluation.teachers import ATTEMPTS, ArithmeticTeacher, ChatTeacher, EngineTeacher, Question, Reply
from tests.evaluation.chat_server import Fault, serving

KEY = "sk-se/cret+0123456789"


def question(text):
    return Question([{"role": "user", "content": text}])


def asked(teacher, *texts, temperature=0.5, max_tokens=7):
    found = dict(teacher.replies([question(text) for text in texts], temperature, max_tokens))
    return [found[place] for place in range(len(texts))]


@pytest.fixture
def waits(monkeypatch):
    """The waits that were asked for, none of which is made."""
    seconds = []
    monkeypatch.setattr(ChatTeacher, "_wait", lambda self, pause, stop: stop.is_set() or seconds.append(pause))
    return seconds


def in_turn(*answers):
    """Each answer once, the last for ever."""
    left = list(answers)
    return lambda body: left.pop(0) if len(left) > 1 else left[0]


def test_an_endpoint_gets_messages_and_key_and_its_answers_keep_their_places():
    with serving(lambda body: body["messages"][-1]["content"].upper()) as server:
        teacher = ChatTeacher(server.url + "/", "teacher-1", KEY, concurrency=3)
        assert [reply.text for reply in asked(teacher, *"abcdefgh")] == list("ABCDEFGH")
        for path, key, body in server.asked:
            assert (path, key) == ("/v1/chat/completions", f"Bearer {KEY}")
            sent = {name: body[name] for name in ("model", "temperature", "max_tokens")}
            assert sent == {"model": "teacher-1", "temperature": 0.5, "max_tokens": 7}
        asked(ChatTeacher(server.url, "teacher-1"), "a")
        assert server.asked[-1][1] is None


def test_tokens_are_those_that_the_endpoint_tells():
    with serving(lambda body: "two words") as server:
        assert asked(ChatTeacher(server.url, "m"), "one two three") == [Reply("two words", 3, 2)]


def test_as_many_questions_are_under_way_as_were_allowed():
    together = threading.Barrier(4, timeout=10)  # nobody is answered before four have asked

    def answer(body):
        together.wait()
        return "yes"

    with serving(answer) as server:
        asked(ChatTeacher(server.url, "m", concurrency=4), *"abcdefgh")
        assert server.most_at_once == 4


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429),
        Fault(500),
        Fault(503),
        Fault(kind="reset"),
        Fault(kind="break"),
        Fault(kind="garbage", told="<html>busy</html>"),
        Fault(kind="garbage", told='{"error": "overloaded"}'),
        Fault(kind="garbage", told='{"choices": ["?"]}'),
    ],
    ids=lambda fault: fault.kind + (str(fault.status) if fault.status else fault.told[:6]),
)
def test_a_passing_fault_is_waited_out_twice_as_long_each_time(fault, waits):
    with serving(in_turn(fault, fault, "fine")) as server:
        assert asked(ChatTeacher(server.url, "m"), "a")[0].text == "fine"
    assert len(waits) == 2
    assert 0.75 <= waits[0] <= 1.25
    assert 1.5 <= waits[1] <= 2.5


def test_an_answer_that_does_not_come_is_asked_for_again(waits):
    with serving(in_turn(Fault(kind="hang"), "fine")) as server:
        assert asked(ChatTeacher(server.url, "m", timeout=0.3), "a")[0].text == "fine"
        assert len(server.asked) == 2


def test_an_answer_that_drips_has_an_end(waits):
    """A byte each tenth of a second: no single wait is long."""
    begin = time.perf_counter()
    with serving(in_turn(Fault(kind="drip"), "fine")) as server:
        assert asked(ChatTeacher(server.url, "m", timeout=0.5), "a")[0].text == "fine"
        assert time.perf_counter() - begin < 5


def test_the_server_says_how_long_to_wait(waits):
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    faults = [Fault(429, headers=(("Retry-After", told),)) for told in ("7", later, "soon")]
    with serving(in_turn(*faults, "fine")) as server:
        assert asked(ChatTeacher(server.url, "m"), "a")[0].text == "fine"
    assert waits[0] == 7
    assert 95 < waits[1] <= 100
    assert 3 <= waits[2] <= 5


def test_a_long_wait_is_announced_once_for_all_that_wait(waits):
    told, fault = [], Fault(429, f"slow down, {KEY}", (("Retry-After", "120"),))
    with serving(lambda body, first=list("abcd"): fault if first and first.pop() else "fine") as server:
        asked(ChatTeacher(server.url, "m", KEY, concurrency=4, say=told.append), *"abcd")
    assert waits == [120.0] * 4
    assert told == ["teacher   429 slow down, …. Asking again in 120 s"]


def test_a_wait_of_hours_is_not_begun(waits):
    with serving(in_turn(Fault(429, "daily limit", (("Retry-After", "86400"),)))) as server:
        with pytest.raises(UserError, match=r"429 daily limit \(it asks to wait 86400 seconds\).*same command again"):
            asked(ChatTeacher(server.url, "m"), "a")
        assert (len(server.asked), waits) == (1, [])


def test_what_does_not_pass_ends_in_a_paragraph(waits):
    with serving(in_turn(Fault(500, "broken for good"))) as server:
        with pytest.raises(UserError, match=rf"500 broken for good \(asked {ATTEMPTS} times\)"):
            asked(ChatTeacher(server.url, "m"), "a")
        assert len(server.asked) == ATTEMPTS
    with pytest.raises(UserError, match="refused"):
        asked(ChatTeacher("http://127.0.0.1:9/v1", "m"), "a")


def test_replies_before_a_failure_count(waits):
    with serving(lambda body: Fault(401) if "c" in body["messages"][0]["content"] else "fine") as server:
        replies = ChatTeacher(server.url, "m", concurrency=1).replies([question(t) for t in "abcd"], 0.5, 7)
        assert [next(replies)[1].text, next(replies)[1].text] == ["fine", "fine"]
        with pytest.raises(UserError, match="401"):
            next(replies)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(401, "bad key"), "401 bad key.*valid key.*--teacher-key-env"),
        (Fault(404, "no such model"), "404 no such model.*--teacher-url.*it has teacher-1, teacher-2"),
        (Fault(400, "max_tokens is too large"), "400 max_tokens is too large.*--teacher"),
        (Fault(302, "", (("Location", "http://elsewhere.invalid/"),)), "302"),
    ],
    ids=["401", "404", "400", "redirect"],
)
def test_an_endpoint_that_cannot_answer_is_refused_at_once(fault, told, waits):
    with serving(in_turn(fault)) as server:
        with pytest.raises(UserError, match=told):
            ChatTeacher(server.url, "m", KEY).check(0.5, 7)
        assert (len(server.asked), waits) == (1, [])
        assert set(server.paths) <= {"/v1/models"}


def test_an_endpoint_that_lists_no_models_will_do():
    with serving(in_turn("OK"), models=None) as server:
        ChatTeacher(server.url, "m").check(0.5, 7)
        server.answer = in_turn(Fault(404, "no such model"))
        with pytest.raises(UserError, match="404 no such model"):
            ChatTeacher(server.url, "m").check(0.5, 7)


def test_one_question_may_be_refused_and_the_others_answered():
    def answer(body):
        return Fault(400, "against the policy") if body["messages"][0]["content"] == "b" else "fine"

    with serving(answer) as server:
        replies = asked(ChatTeacher(server.url, "m"), *"abc")
    assert [(reply.text, reply.refused) for reply in replies] == [
        ("fine", ""),
        ("", "400 against the policy"),
        ("fine", ""),
    ]


def test_models_that_call_the_limit_by_another_name_are_asked_by_that():
    def answer(body):
        return "fine" if "max_completion_tokens" in body else Fault(400, "use 'max_completion_tokens' instead")

    with serving(answer) as server:
        teacher = ChatTeacher(server.url, "m")
        assert asked(teacher, "a", max_tokens=9)[0].text == "fine"
        assert server.asked[-1][2]["max_completion_tokens"] == 9
        assert "max_tokens" not in server.asked[-1][2]
        n = len(server.asked)
        asked(teacher, "b")
        assert len(server.asked) == n + 1


@pytest.mark.parametrize("form", [KEY, json.dumps(KEY).replace("/", r"\/"), "x" * 490 + KEY])
def test_a_key_that_the_server_echoes_appears_nowhere(form, waits):
    with serving(in_turn(Fault(401, f"Incorrect key: {form}"), Fault(400, form), f"You sent {form}")) as server:
        teacher = ChatTeacher(server.url, "m", KEY)
        with pytest.raises(UserError) as caught:
            asked(teacher, "a")
        replies = [*asked(teacher, "b"), *asked(teacher, "c")]
    for text in (str(caught.value), *(f"{reply.text} {reply.refused}" for reply in replies)):
        assert "cret" not in text
        assert "56789" not in text
    assert caught.value.__cause__ is None
    assert "…" in replies[1].text


def test_whoever_stops_does_not_wait_for_answers_under_way():
    begin = time.perf_counter()
    hanging = threading.Event()

    def answer(body):
        if body["messages"][0]["content"] == "b":
            hanging.wait(30)
        return "fine"

    with serving(answer) as server:
        replies = ChatTeacher(server.url, "m").replies([question("a"), question("b")], 0.5, 7)
        assert next(replies)[0] == 0
        replies.close()
        assert time.perf_counter() - begin < 20
        hanging.set()


def test_a_model_answers_by_its_template_whatever_else_is_asked(tiny_model, tiny_tokenizer):
    engine = TransformersEngine(tiny_model, tiny_tokenizer, batch_size=2)
    questions = [Question([{"role": "user", "content": text}], seed) for seed, text in enumerate(["abc", "de", "f"])]
    found = dict(EngineTeacher(lambda: engine, tiny_tokenizer).replies(questions, 1.0, 8))
    for place, one in enumerate(questions):
        prompt = render_prompt(one.messages, tiny_tokenizer)
        (made,) = engine.complete([Request(prompt, place)], Sampling(8, 1.0))
        length = len(tiny_tokenizer(prompt, add_special_tokens=False)["input_ids"])
        assert found[place] == Reply(made.text, length, made.length)


def test_a_question_longer_than_the_model_is_refused_and_an_answer_has_the_room_that_is_left(
    tiny_model, tiny_tokenizer
):
    tiny_model.generation_config.eos_token_id = tiny_tokenizer.eos_token_id
    engine = TransformersEngine(tiny_model, tiny_tokenizer, batch_size=2)
    teacher = EngineTeacher(lambda: engine, tiny_tokenizer, positions=40)
    long, short = asked(teacher, "x" * 60, "y", temperature=0, max_tokens=100)
    assert "the model knows 40" in long.refused
    assert short.prompt_tokens is not None
    assert short.completion_tokens <= 40 - short.prompt_tokens


def test_the_table_has_true_and_spoilt_points_for_each_problem_and_mends_some():
    rows = problems(60, split="train", levels=[4])
    teacher = ArithmeticTeacher()
    at_first, again, mended, unreadable = 0, 0, 0, 0
    for row in rows:
        (reply,) = asked(teacher, extract_prompt(row["problem"], row["solution"])[0]["content"])
        try:
            points = parse_points(reply.text)
        except ValueError:
            unreadable += 1
            continue
        for point in points:
            reasons = leaks(point, row["problem"], row["answer"], row["solution"])
            if not reasons:
                continue
            at_first += 1
            (reply,) = asked(teacher, rewrite_prompt(point, row["problem"], reasons)[0]["content"])
            new = parse_points(reply.text)
            mended += bool(new) and not leaks(new[0], row["problem"], row["answer"], row["solution"])
            again += bool(new) and bool(leaks(new[0], row["problem"], row["answer"], row["solution"]))
    assert at_first >= 20
    assert mended >= 10
    assert again >= 2
    assert 1 <= unreadable <= 15
