"""`cli.py knowledge extract`: the embedded default, a stand-in endpoint, real kills, planted leaks."""

import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from commands import knowledge
from commands.extracting import command as extract_command
from data import load_problems
from data.knowledge import JUDGED, leaks, record_of
from errors import UserError
from evaluation.teachers import ChatTeacher
from tests.evaluation.chat_server import Fault, serving

ROOT = Path(__file__).parents[2]
RESULTS = ["knowledge.jsonl", "review.jsonl", "report.json", "report.md"]
KEY = "sk-secret0123456789"
POINT = "**Knowledge Point**: {}\n   **Key Considerations**: {}"


def rows(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def results(out):
    return {name: (out / name).read_bytes() for name in RESULTS}


def extract(out, *options):
    knowledge.main(["extract", "--output-dir", str(out), *map(str, options)])
    return results(out)


def write(path, problems):
    path.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    return path


def block(name, text):
    return re.search(rf"## {name}\n(.*?)(?:\n\n|\Z)", text, re.DOTALL)[1]


def points(*texts):
    return json.dumps([{"knowledge_point": text, "key_considerations": "Always."} for text in texts])


def verdict(**true):
    return json.dumps({key: bool(true.get(key)) for key in JUDGED})


class Scripted:
    """A teacher by functions of the problem, and of the point where there is one."""

    def __init__(self, extracts=None, judges=None, rewrites=None, solves=None):
        self.of = {"extract": extracts, "judge": judges, "rewrite": rewrites, "solve": solves}

    def __call__(self, body):
        text = body["messages"][-1]["content"]
        if text == "Reply with OK.":
            return "OK"
        if "Which knowledge does a student need" in text:
            return self.of["extract"](block("Problem", text))
        if "true or false" in text:
            return self.of["judge"](block("Hint", text)) if self.of["judge"] else verdict()
        if "must be put in general terms" in text:
            return self.of["rewrite"](block("Hint", text), block("Problem", text))
        return self.of["solve"](text)


def problem(n):
    a, b = 1000 + 37 * n, 211 + 10 * n
    answer = a + b
    solution = f"Adding the ones, tens and so on: {a}+{b}={answer}. So it is $\\boxed{{{answer}}}$."
    text = f"A mill has {a} sacks and a farmer brings {b} more. How many sacks are there now?"
    return {"problem": text, "answer": str(answer), "solution": solution, "level": n}


@pytest.fixture
def no_waits(monkeypatch):
    monkeypatch.setattr(ChatTeacher, "_wait", lambda self, pause, stop: stop.is_set())


def at(server, *options):
    return ["--teacher-url", server.url, "--teacher", "teacher-1", *options]


# The embedded default


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    out = tmp_path_factory.mktemp("extract") / "embedded"
    return out, extract(out, "--limit", "60")


def test_the_embedded_default_shows_every_way_a_point_can_go(embedded):
    report = json.loads((embedded[0] / "report.json").read_text())
    assert report["problems"] == 60
    assert min(report["points"].values()) > 0
    assert {"answer", "number", "judged step"} <= set(report["first_objections"])
    assert {"answer", "duplicate", "nothing general"} <= set(report["dropped_by"])
    assert report["calls"]["extract"] > 60  # replies that were cut off were asked for again


def test_the_account_adds_up_with_the_files(embedded):
    out, _ = embedded
    report, released, review = json.loads((out / "report.json").read_text()), rows(out / "knowledge.jsonl"), None
    review = rows(out / "review.jsonl")
    kept = sum(len(row["kp_list"]) for row in released)
    assert report["points"]["at once"] + report["points"]["rewritten"] == kept
    assert report["points"]["dropped"] == len([line for line in review if line["point"]])
    assert report["points"]["extracted"] == kept + report["points"]["dropped"]
    assert report["points_per_problem"] == {
        str(n): sum(len(row["kp_list"]) == n for row in released)
        for n in range(1 + max(len(row["kp_list"]) for row in released))
    }
    assert sum(report["calls"].values()) == len(rows(out / "samples" / "process-00000.jsonl"))


def test_the_result_is_a_data_set_of_knowledge_records_without_leaks(embedded):
    dataset = load_problems(str(embedded[0] / "knowledge.jsonl")).dataset
    source = load_problems("arithmetic", config="knowledge").dataset.select(range(60))
    for name in ("problem", "answer", "solution", "level", "family"):
        assert list(dataset[name]) == list(source[name])
    assert not {"kp_kinds", "fitting_kept_kp_index"} & set(dataset.column_names)  # places in another list
    records = [record_of(row) for row in dataset]
    assert 4 < sum(len(record.points) for record in records) / len(records) <= 5
    for record, row in zip(records, dataset, strict=True):
        assert not [leak for point in record.points for leak in leaks(point, row["problem"], row["answer"])]


def test_the_same_command_again_asks_nothing_and_writes_the_same_bytes(embedded, monkeypatch):
    out, before = embedded

    def never(*_):
        raise AssertionError("asked again")

    monkeypatch.setattr(extract_command.ArithmeticTeacher, "replies", never)
    assert extract(out, "--limit", "60") == before


def test_it_tells_cost_result_and_what_comes_next(tmp_path, capsys):
    extract(tmp_path / "out", "--limit", "9", "--no-judge")
    told = capsys.readouterr().out
    assert "9 problems: about 9 calls, 198 at most" in told  # 2 · (1 + 10) for each
    assert "to judge" not in told
    assert f"cli.py knowledge select --dataset {tmp_path}/out/knowledge.jsonl" in told


# Leaks

FORMS = [
    "The answer is {n}.",
    "The result has the value {n} in such cases.",
    r"It is known that $\boxed{{{n}}}$ holds.",
    "Sums of this kind come to {n:,}.",
    "Numbers such as {n}.0 occur.",
    "Half of {twice} is an integer.",
    "Note the sum of {less} and one.",
    "One less than {more} is often met.",
    r"Consider $\frac{{{twice}}}{{2}}$.",
    "Whole numbers like {words} can be split.",
]
TENS = ["", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ONES = ["", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]


def in_words(n):
    if n >= 1000:
        return f"{in_words(n // 1000)} thousand {in_words(n % 1000) if n % 1000 else ''}".strip()
    if n >= 100:
        return f"{in_words(n // 100)} hundred {in_words(n % 100) if n % 100 else ''}".strip()
    return ONES[n] if n < 20 else TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")


def leaking(n, form):
    return form.format(n=n, twice=2 * n, less=n - 1, more=n + 1, words=in_words(n))


def test_a_point_that_contains_the_answer_never_gets_out(tmp_path):
    """40 planted at first, 40 more where a point is written anew; the judge finds nothing wrong."""
    made = [problem(n) for n in range(1, 41)]  # 1000, of the first, is a number that general truths may hold
    forms = {row["problem"]: (int(row["answer"]), FORMS[n % len(FORMS)]) for n, row in enumerate(made)}
    good = "Whole numbers are added place by place."
    planted = set()

    def leak(asked, shift):
        n, form = forms[asked]
        planted.add(text := leaking(n, FORMS[(FORMS.index(form) + shift) % len(FORMS)]))
        return text

    def extracts(asked):
        return points(good, leak(asked, 0), f"There are {block_numbers(asked)[0]} sacks at the mill.")

    def rewrites(hint, asked):
        return points(leak(asked, 3)) if "at the mill" in hint else points(hint.split("\n")[0])

    with serving(Scripted(extracts, rewrites=rewrites)) as server:
        extract(tmp_path / "out", "--dataset", write(tmp_path / "d.jsonl", made), *at(server))
    assert len(planted) == 80
    for row in rows(tmp_path / "out" / "knowledge.jsonl"):
        assert row["kp_list"] == [POINT.format(good, "Always.")]
    dropped = [line for line in rows(tmp_path / "out" / "review.jsonl") if line["point"]]
    assert len(dropped) == 80
    assert all(line["reasons"] and line["reasons_after"] and line["rewritten"] for line in dropped)


def block_numbers(text):
    return re.findall(r"\d+", text)


def test_what_only_the_judge_finds_is_written_anew_or_dropped(tmp_path):
    judged = {"Sly one.": {"step": True}, "Sly two.": {"names": True, "intermediate": True}, "Still sly.": {"step": 1}}

    def judges(hint):
        return verdict(**judged.get(hint.split("\n")[0], {}))

    def rewrites(hint, asked):
        return points("General truth." if hint.startswith("Sly one") else "Still sly.")

    scripted = Scripted(lambda _: points("Sly one.", "Sly two.", "A fine truth."), judges, rewrites)
    data = write(tmp_path / "d.jsonl", [problem(0)])
    with serving(scripted) as server:
        extract(tmp_path / "out", "--dataset", data, *at(server))
        (row,) = rows(tmp_path / "out" / "knowledge.jsonl")
        assert row["kp_list"] == [POINT.format("General truth.", "Always."), POINT.format("A fine truth.", "Always.")]
        (dropped,) = rows(tmp_path / "out" / "review.jsonl")
        assert dropped["point"] == POINT.format("Sly two.", "Always.")
        assert dropped["rewritten"] == POINT.format("Still sly.", "Always.")
        assert [reason.split(":")[0] for reason in dropped["reasons"]] == ["judged names", "judged intermediate"]
        assert dropped["reasons_after"] == [f"judged step: {JUDGED['step']}"]
        asked = len(server.asked)
        extract(tmp_path / "out", "--dataset", data, *at(server, "--no-judge"))
        assert len(rows(tmp_path / "out" / "knowledge.jsonl")[0]["kp_list"]) == 3
        assert len(server.asked) == asked


def test_of_points_that_say_the_same_the_first_stays_and_an_eleventh_is_dropped(tmp_path):
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda"]
    texts = [f"Truth of {word} kind." for word in words]
    texts[3] = "TRUTH of alpha kind!"
    with serving(Scripted(lambda _: points(*texts))) as server:
        extract(tmp_path / "out", "--dataset", write(tmp_path / "d.jsonl", [problem(0)]), *at(server))
    (row,) = rows(tmp_path / "out" / "knowledge.jsonl")
    assert row["kp_list"] == [POINT.format(text, "Always.") for i, text in enumerate(texts) if i not in (3, 10)]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["dropped_by"] == {"duplicate": 1, "too many": 1}


# Solutions and unreadable replies


def test_only_right_solutions_are_used_and_the_teacher_is_asked_for_those_that_are_missing(tmp_path):
    right, wrong, missing, bare, hopeless = (problem(n) for n in range(5))
    wrong["solution"] = r"I guess \boxed{5}."
    missing["solution"] = None
    bare["solution"] = bare["answer"]
    hopeless["solution"] = ""
    made, tries = [right, wrong, missing, bare, hopeless], Counter()
    golds = {row["problem"]: row["answer"] for row in made}

    def solves(text):
        asked = text.split("\n\n")[0]
        tries[asked] += 1
        good = asked != hopeless["problem"] and tries[asked] == (3 if asked == wrong["problem"] else 1)
        thought = r"<think>perhaps \boxed{1}</think>" if good else rf"<think>\boxed{{{golds[asked]}}}"
        return f"{thought}So it is \\boxed{{{golds[asked] if good else 7}}}."

    seen = []
    scripted = Scripted(lambda asked: seen.append(asked) or points("Fine truth."), solves=solves)
    with serving(scripted) as server:
        data = write(tmp_path / "d.jsonl", made)
        extract(tmp_path / "out", "--dataset", data, *at(server, "--tries", 3, "--concurrency", 1))
    assert [tries[row["problem"]] for row in made] == [0, 3, 1, 1, 3]
    assert sorted(seen) == sorted(row["problem"] for row in made[:4])
    released = rows(tmp_path / "out" / "knowledge.jsonl")
    assert [row["solution_by"] for row in released] == ["source", "teacher", "teacher", "teacher", None]
    assert [row["solution"] for row in released[1:4]] == [f"So it is \\boxed{{{row['answer']}}}." for row in made[1:4]]
    assert [len(row["kp_list"]) for row in released] == [1, 1, 1, 1, 0]
    (line,) = rows(tmp_path / "out" / "review.jsonl")
    assert (line["row"], line["reasons"]) == (4, ["no solution with the right answer in 3 tries"])
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["solutions"] == {"source": 1, "teacher": 3, "none": 1}
    assert report["without_points"] == 1


def test_a_reply_that_cannot_be_read_is_asked_for_once_more(tmp_path, no_waits):
    made = [problem(n) for n in range(4)]
    mended, lost, refused, empty = (row["problem"] for row in made)
    tries = Counter()

    def extracts(asked):
        tries[asked] += 1
        if asked == refused:
            return Fault(400, "against the policy")
        if asked == empty:
            return "```json\n[]\n```"
        return "I would rather not." if asked == lost or tries[asked] == 1 else points("Fine truth.", "Dull truth.")

    def judges(hint):
        tries[hint] += 1
        return "Hm." if "Dull" in hint or tries[hint] == 1 else verdict()

    with serving(Scripted(extracts, judges)) as server:
        extract(tmp_path / "out", "--dataset", write(tmp_path / "d.jsonl", made), *at(server))
    assert [len(row["kp_list"]) for row in rows(tmp_path / "out" / "knowledge.jsonl")] == [1, 0, 0, 0]
    assert [tries[asked] for asked in (mended, lost, empty)] == [2, 2, 1]
    review = [
        (line["row"], (line["reasons"] + line.get("reasons_after", []))[0])
        for line in rows(tmp_path / "out/review.jsonl")
    ]
    assert [row for row, _ in review] == [0, 1, 2]
    for (_, reason), told in zip(
        review, ("verdict unreadable", "I would rather not", "against the policy"), strict=True
    ):
        assert told in reason
    assert json.loads((tmp_path / "out" / "report.json").read_text())["without_points"] == 3


# Stopped, killed, resumed


def steady(body):
    """The same question gets the same answer, of many kinds."""
    text = body["messages"][-1]["content"]
    chance = int(hashlib.sha256(text.encode()).hexdigest(), 16)

    def extracts(asked):
        n = block_numbers(asked)[0]
        return points("Sums commute.", f"Here {n} is split.", f"Truth of kind {'abc'[chance % 3]}.")

    return Scripted(
        extracts,
        lambda hint: verdict(step=chance % 4 == 0),
        lambda hint, asked: "[]" if chance % 3 == 0 else points(f"General {'xyz'[chance % 3]}."),
    )(body)


def questions(server):
    return Counter(json.dumps(body["messages"]) for _, _, body in server.asked if "OK." not in str(body["messages"]))


@pytest.mark.slow
def test_killed_and_resumed_it_ends_in_the_same_bytes_and_asks_nothing_twice(tmp_path, monkeypatch):
    data = write(tmp_path / "d.jsonl", [problem(n) for n in range(30)])
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    out, slow = tmp_path / "killed", threading.Event()

    def answer(body):
        slow.wait(0.02)
        return steady(body)

    with serving(answer) as server:
        options = ["--dataset", str(data), *at(server, "--concurrency", "3")]
        command = [sys.executable, str(ROOT / "cli.py"), "knowledge", "extract", "--output-dir", str(out), *options]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kept = out / "samples" / "process-00000.jsonl"
        while process.poll() is None and not (kept.exists() and kept.read_bytes().count(b"\n") >= 50):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        slow.set()
        assert not (out / "knowledge.jsonl").exists()
        whole, before = kept.read_bytes().count(b"\n"), questions(server)
        assert 50 <= whole <= sum(before.values()) <= whole + 3 + 3  # under way, and answered but not written
        with kept.open("ab") as file:
            file.write(b'{"id": "torn')
        resumed = extract(out, *options)
        after = sum(questions(server).values())
        undisturbed = extract(tmp_path / "undisturbed", *options)
    assert resumed == undisturbed
    lost = sum(before.values()) - whole
    assert after == lost + len(rows(out / "samples" / "process-00000.jsonl"))
    assert after == lost + len(rows(tmp_path / "undisturbed" / "samples" / "process-00000.jsonl"))


def test_interrupted_it_says_one_sentence_and_keeps_what_was_answered(tmp_path, monkeypatch, capsys):
    data = write(tmp_path / "d.jsonl", [problem(n) for n in range(10)])
    whole = ChatTeacher.replies

    def some(self, *asked):
        for count, reply in enumerate(whole(self, *asked)):
            if count == 4:
                raise KeyboardInterrupt
            yield reply

    with serving(steady) as server:
        monkeypatch.setattr(ChatTeacher, "replies", some)
        with pytest.raises(KeyboardInterrupt):
            extract(tmp_path / "out", "--dataset", data, *at(server))
        assert "every reply so far is kept" in capsys.readouterr().out
        assert len(rows(tmp_path / "out" / "samples" / "process-00000.jsonl")) == 4
        assert json.loads((tmp_path / "out" / "extract.json").read_text())["status"] == "interrupted"
        monkeypatch.setattr(ChatTeacher, "replies", whole)
        extract(tmp_path / "out", "--dataset", data, *at(server))
        assert "4 replies are on record" in capsys.readouterr().out


def test_an_endpoint_that_fails_in_between_is_told_and_the_rest_is_asked_later(tmp_path, no_waits):
    data = write(tmp_path / "d.jsonl", [problem(n) for n in range(10)])
    left = [12]

    def answer(body):
        left[0] -= 1
        return steady(body) if left[0] >= 0 else Fault(503, "gone")

    with serving(answer) as server:
        with pytest.raises(UserError, match=r"503 gone.*same command again"):
            extract(tmp_path / "out", "--dataset", data, *at(server, "--concurrency", "1"))
        assert len(rows(tmp_path / "out" / "samples" / "process-00000.jsonl")) == 11  # and one to see if it answers
        server.answer = steady
        resumed = extract(tmp_path / "out", "--dataset", data, *at(server))
        assert resumed == extract(tmp_path / "whole", "--dataset", data, *at(server))


# The key


def test_the_key_is_in_no_file_and_no_message(tmp_path, monkeypatch, capsys, no_waits):
    monkeypatch.setenv("MY_KEY", KEY)
    data = write(tmp_path / "d.jsonl", [problem(0), problem(1)])
    first = problem(0)["problem"]
    scripted = Scripted(lambda asked: Fault(400, KEY) if asked == first else points(f"Truth, says {KEY}."))
    options = ["--dataset", data, "--teacher-key-env", "MY_KEY"]
    with serving(scripted) as server:
        extract(tmp_path / "out", *options, *at(server))
        assert {key for _, key, _ in server.asked} == {f"Bearer {KEY}"}
        server.answer = lambda body: Fault(401, f"{KEY} is wrong")
        with pytest.raises(UserError) as caught:
            extract(tmp_path / "other", *options, *at(server))
    told = capsys.readouterr()
    assert KEY not in told.out + told.err + str(caught.value)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 6
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


# Mistakes


MISTAKES = {
    "typo": (["--techer", "x"], "no option --techer; did you mean --teacher?"),
    "url alone": (["--teacher-url", "http://host/v1"], "needs --teacher"),
    "no problems": (["--teacher", "x/y"], "name them with --dataset"),
    "table": (["--dataset", "gsm8k"], "needs a --teacher"),
    "model": (["--dataset", "arithmetic", "--teacher", "nowhere/at-all"], "--teacher nowhere/at-all"),
    "address": (["--teacher", "m", "--teacher-url", "ftp://host", "--dataset", "gsm8k"], "such as https://host/v1"),
    "secret": (["--teacher", "m", "--teacher-url", "https://a:b@host", "--dataset", "gsm8k"], "without a user"),
    "column": (["--solution-column", "solutoin"], "Did you mean 'solution'?"),
    "unset": (
        ["--dataset", "gsm8k", "--teacher", "m", "--teacher-url", "http://h", "--teacher-key-env", "NO_SUCH"],
        "NO_SUCH, which is not set",
    ),
    "tries": (["--tries", "0"], "whole number, 1 or more"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_paragraph_and_writes_nothing(mistake, tmp_path):
    options, told = MISTAKES[mistake]
    with pytest.raises(UserError) as caught:
        extract(tmp_path / "out", *options)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_key_in_place_of_its_name_is_not_repeated(tmp_path):
    with pytest.raises(UserError, match="not the key itself") as caught:
        extract(tmp_path / "out", "--teacher-key-env", KEY)
    assert KEY not in str(caught.value)


def test_problems_without_answers_and_an_endpoint_that_refuses_are_told_before_anything(tmp_path, no_waits):
    data = write(tmp_path / "d.jsonl", [{"problem": "What is 2+3?", "solution": "long " * 60}])
    with serving(lambda body: Fault(401, "no key")) as server:
        with pytest.raises(UserError, match="answer"):
            extract(tmp_path / "out", "--dataset", data, *at(server))
        assert not server.asked
        with pytest.raises(UserError, match="401 no key"):
            extract(tmp_path / "out", "--dataset", write(data, [problem(0)]), *at(server))
        assert len(server.asked) == 1
    assert not (tmp_path / "out").exists()


def test_replies_of_another_question_are_not_mixed_in(embedded):
    with pytest.raises(UserError, match="holds samples of another question: it differs in temperature"):
        extract(embedded[0], "--temperature", "0.1")


def test_problems_that_cannot_be_used_are_set_aside(tmp_path):
    made = [problem(0), {**problem(1), "answer": r"\frac{"}, problem(0)]
    with serving(steady) as server:
        extract(tmp_path / "out", "--dataset", write(tmp_path / "d.jsonl", made), *at(server))
    aside = [line for line in rows(tmp_path / "out" / "review.jsonl") if line["row"] > 0]
    assert [line["reasons"] for line in aside] == [["its answer cannot be read"], ["the same problem as row 0"]]
    assert len(rows(tmp_path / "out" / "knowledge.jsonl")) == 1


def test_a_model_in_memory_is_a_teacher_too(tmp_path, tiny_model, tiny_tokenizer):
    """A random model writes nothing that can be read: each problem is listed, none gets a point."""
    tiny_model.config.max_position_embeddings = 4096
    tiny_model.save_pretrained(tmp_path / "model")
    tiny_tokenizer.save_pretrained(tmp_path / "model")
    data = write(tmp_path / "d.jsonl", [problem(0), problem(1)])
    options = ["--dataset", data, "--teacher", tmp_path / "model", "--max-tokens", "8"]
    once = extract(tmp_path / "out", *options)
    assert [row["kp_list"] for row in rows(tmp_path / "out" / "knowledge.jsonl")] == [[], []]
    assert [line["reasons"][0][:26] for line in rows(tmp_path / "out" / "review.jsonl")] == [
        "the reply cannot be read: "
    ] * 2
    replies = rows(tmp_path / "out" / "samples" / "process-00000.jsonl")
    assert len(replies) == 4
    assert all(0 < reply["completion_tokens"] <= 8 < reply["prompt_tokens"] for reply in replies)
    assert extract(tmp_path / "again", *options) == once
