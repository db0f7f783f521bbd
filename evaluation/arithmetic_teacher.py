"""A teacher without a model: it answers from a table, for the embedded hard arithmetic problems alone.

It says nothing about how well a language model extracts knowledge. It is there so that all that is done with a
teacher's replies can be tried in seconds: its points are true, useless and misleading ones, some of them twice, some
giving the problem away, some of those even when written anew, and now and then a reply is cut off.
"""

import json
import re
from collections.abc import Iterator, Sequence
from random import Random

from boxed import last_boxed
from data.arithmetic import FITTING, with_points
from data.knowledge import JUDGED, kept_column
from evaluation.teacher import Question, Reply

_FAMILY = {"walks once around": "perimeter", "plants a tree": "posts", "mean score": "mean"}
_STEP = "First work out the sum or the quotient."  # no words of any problem: only a judge can object
_HERE = "Here that comes to"
_WITH = "as with"
_CUT_OFF = 0.08  # of the replies with points


class ArithmeticTeacher:
    """Answers from a table, as a language model would word it: JSON in a fence, after a sentence."""

    def check(self, temperature: float, max_tokens: int) -> None:
        """Nothing can be wrong with it."""

    def replies(
        self, questions: Sequence[Question], temperature: float, max_tokens: int
    ) -> Iterator[tuple[int, Reply]]:
        """Answer; the same question with the same seed gets the same answer."""
        for place, question in enumerate(questions):
            yield place, Reply(_answer(question.messages[-1]["content"], question.seed))


def _answer(text: str, seed: int) -> str:
    problem, hint = _block("Problem", text), _block("Hint", text)
    if hint and "true or false" in text:
        return _fenced({key: key == "step" and hint == _STEP for key in JUDGED})
    if hint:
        return _fenced(_rewritten(hint))
    reply = _fenced([{"knowledge_point": point} for point in _points(problem, _block("Correct solution", text))])
    return reply[: len(reply) // 2] if Random(f"{problem} {seed}").random() < _CUT_OFF else reply


def _block(name: str, text: str) -> str:
    found = re.search(rf"^## {name}\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _points(problem: str, solution: str) -> list[str]:
    """Return the points of the table, one of them spoilt in a way that depends on the problem."""
    family = next((family for words, family in _FAMILY.items() if words in problem), None)
    if family is None:
        return []
    row = with_points({"problem": problem, "family": family})
    points, (fitting,), rng = list(row["kp_list"]), row[kept_column(FITTING)], Random(problem)
    numbers, answer = re.findall(r"\d+", problem), last_boxed(solution)
    spoilt = f"{points[fitting]} {_HERE} {answer}."
    named = f"{points[fitting].rstrip('.')}, {_WITH} {' and '.join(numbers[:2])}."
    extra = rng.choice(
        [
            {"add": f"The answer is {answer}."},
            {"add": _STEP},
            {"add": points[rng.randrange(len(points))].upper()},
            {"replace": spoilt},
            {"replace": named},
        ]
    )
    if "add" in extra:
        return [*points, extra["add"]]
    points[fitting] = extra["replace"]
    return points


def _rewritten(hint: str) -> list[dict[str, str]]:
    """Write a point anew: without what was put after it; "The answer is" is kept in other words, which still tell."""
    if hint.startswith("The answer is"):
        number = hint.rstrip(".").split()[-1]
        return [{"knowledge_point": f"One obtains {number} as the result."}] if int(number) % 2 else []
    general = hint.partition(f" {_HERE}")[0].partition(f", {_WITH}")[0]
    return [] if general == _STEP else [{"knowledge_point": general.rstrip(".") + "."}]


def _fenced(value: object) -> str:
    return f"Here is my reply:\n```json\n{json.dumps(value, indent=1)}\n```"
