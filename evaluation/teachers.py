"""Teachers answer questions in words: chat messages go out, and texts come back that are read, not measured.

Three kinds: `EngineTeacher` has a model in memory, `ChatTeacher` asks an endpoint, and `ArithmeticTeacher` answers for
the embedded problems from a table.
"""

import json
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from boxed import last_boxed
from data import render_prompt
from data.arithmetic import FITTING, with_points
from data.knowledge import JUDGED, kept_column
from errors import UserError, some_of
from evaluation.engines import Engine, Request, Sampling, prompt_ids
from evaluation.http import MOST_PATIENCE, RefusedError, ask_json, seconds_of
from outgoing import hide

Messages = list[dict[str, str]]


class Question(NamedTuple):
    """Chat messages, and the seed of the answer for teachers that have seeds."""

    messages: Messages
    seed: int = 0


class Reply(NamedTuple):
    """A teacher's answer to one question.

    Attributes:
        text: The words of the answer.
        prompt_tokens: Length of the question, None where the teacher does not report it.
        completion_tokens: Length of the answer, likewise.
        refused: Why this one question was refused, "" where it was answered.
    """

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    refused: str = ""


class Teacher(Protocol):
    """Answers questions."""

    def check(self, temperature: float, max_tokens: int) -> None:
        """Find out before the work begins whether the teacher can answer with these settings.

        Raises:
            UserError: It cannot.
        """
        ...

    def replies(
        self, questions: Sequence[Question], temperature: float, max_tokens: int
    ) -> Iterator[tuple[int, Reply]]:
        """Answer questions, and yield (place, reply) as soon as each answer is there, in any order.

        Args:
            questions: Any number.
            temperature: 0 decodes greedily.
            max_tokens: Longest answer.

        Raises:
            UserError: The teacher does not answer; replies yielded before count.
        """
        ...


class EngineTeacher:
    """A language model behind an engine, questioned by its chat template.

    Args:
        engine: Makes the engine when the first question comes.
        tokenizer: The model's tokenizer.
        positions: Tokens that the model takes at most, question and answer together; None for no limit.
    """

    def __init__(self, engine: Callable[[], Engine], tokenizer: Any, positions: int | None = None):
        self._engine, self._tokenizer, self._positions = engine, tokenizer, positions

    def check(self, temperature: float, max_tokens: int) -> None:
        """Load the model."""
        self._engine()

    def replies(
        self, questions: Sequence[Question], temperature: float, max_tokens: int
    ) -> Iterator[tuple[int, Reply]]:
        """Answer in batches, questions of similar length together; a question too long for the model is refused."""
        engine, sampling = self._engine(), Sampling(max_tokens, temperature)
        prompts = [render_prompt(question.messages, self._tokenizer) for question in questions]
        lengths = [len(ids) for ids in prompt_ids(self._tokenizer, prompts)]
        room = [max_tokens if self._positions is None else self._positions - length for length in lengths]
        for place, length in enumerate(lengths):
            if room[place] < 1:
                yield place, Reply("", refused=f"a question of {length} tokens, the model knows {self._positions}")
        order = sorted((place for place in range(len(questions)) if room[place] >= 1), key=lengths.__getitem__)
        for start in range(0, len(order), engine.batch_size):
            batch = order[start : start + engine.batch_size]
            requests = [Request(prompts[i], questions[i].seed, min(max_tokens, room[i])) for i in batch]
            for place, made in zip(batch, engine.complete(requests, sampling), strict=True):
                yield place, Reply(made.text, lengths[place], made.length)


# An endpoint ---------------------------------------------------------------------------------------------------------

ATTEMPTS = 7
"""Attempts at one question; with waits of 1, 2, 4, … seconds in between that is about a minute."""
LONGEST_WAIT = 60.0
"""Seconds between two attempts, unless the server asks for more."""
LONG_WAIT = 5.0
"""Seconds of waiting from which on the user is informed."""
_TRY_AGAIN = {408, 409, 425, 429}
_THIS_QUESTION = {400, 413, 422}  # too long, or against the endpoint's policy: others may do


class ChatTeacher:
    """An endpoint that speaks the chat-completions protocol of OpenAI, several questions at once.

    Args:
        url: Address up to and with `/v1`, or as the provider names it; `/chat/completions` is put after it.
        model: The model as the endpoint calls it.
        key: Bearer token, "" for none; it appears in no message and no reply, even if the server echoes it.
        concurrency: Questions under way at once.
        timeout: Seconds that one answer may take.
        say: Called with a line before a long wait.
    """

    def __init__(
        self, url: str, model: str, key: str = "", concurrency: int = 8, timeout: float = 600.0,
        say: Callable[[str], None] = lambda line: None,
    ):  # fmt: skip
        self._url, self._model, self._concurrency, self._timeout = url.rstrip("/"), model, concurrency, timeout
        self._say, self._waiting_until = say, 0.0
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._key = key
        self._limit_name = "max_tokens"

    def check(self, temperature: float, max_tokens: int) -> None:
        """Ask for a word, with the parameters of later questions.

        Raises:
            UserError: The endpoint does not answer.
        """
        question = Question([{"role": "user", "content": "Reply with OK."}])
        reply = self._answer(question, temperature, max_tokens, threading.Event())
        if reply.refused:
            raise UserError(self._refusal(reply.refused))

    def replies(
        self, questions: Sequence[Question], temperature: float, max_tokens: int
    ) -> Iterator[tuple[int, Reply]]:
        """Ask several questions at once; a question that the endpoint refuses by itself gets a refused reply.

        The threads are daemons: whoever stops the command does not wait for answers under way.
        """
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Reply | Exception]] = queue.SimpleQueue()
        for place in range(len(questions)):
            todo.put(place)
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                try:
                    place = todo.get_nowait()
                except queue.Empty:
                    return
                try:
                    done.put((place, self._answer(questions[place], temperature, max_tokens, stop)))
                except Exception as error:
                    done.put((place, error))

        for _ in range(min(self._concurrency, len(questions))):
            threading.Thread(target=work, daemon=True).start()
        try:
            for _ in questions:
                place, reply = done.get()
                if isinstance(reply, Exception):
                    raise reply
                yield place, reply
        finally:
            stop.set()

    def _answer(self, question: Question, temperature: float, max_tokens: int, stop: threading.Event) -> Reply:
        """Ask until there is an answer, or the attempts are used up."""
        for attempt in range(ATTEMPTS):
            try:
                return self._ask_once(question, temperature, max_tokens)
            except RefusedError as error:
                problem = str(error)
                renamed = error.code == 400 and "max_completion_tokens" in error.message
                if renamed and self._limit_name == "max_tokens":
                    self._limit_name, pause = "max_completion_tokens", 0.0  # newer models of OpenAI
                elif error.code in _THIS_QUESTION:
                    return Reply("", refused=problem)
                elif error.code in _TRY_AGAIN or error.code >= 500:
                    pause = self._pause(attempt, error.retry_after)
                else:
                    raise UserError(self._refusal(problem)) from None
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                problem, pause = self._clean(f"{error}" or type(error).__name__), self._pause(attempt)
            if pause > MOST_PATIENCE:
                raise UserError(self._refusal(f"{problem} (it asks to wait {pause:.0f} seconds)"))
            if attempt + 1 < ATTEMPTS:
                self._announce_wait(problem, pause)
                if self._wait(pause, stop):
                    break
        raise UserError(self._refusal(f"{problem} (asked {attempt + 1} times)"))

    def _ask_once(self, question: Question, temperature: float, max_tokens: int) -> Reply:
        body = {"model": self._model, "messages": question.messages, "temperature": temperature}
        body[self._limit_name] = max_tokens
        answer = self._request("/chat/completions", body)
        text, usage = answer["choices"][0]["message"].get("content"), answer.get("usage") or {}
        return Reply(self._clean(text or ""), usage.get("prompt_tokens"), usage.get("completion_tokens"))

    def _request(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return ask_json(self._url + path, body, timeout=self._timeout, headers=self._headers, clean=self._clean)

    def _pause(self, attempt: int, retry_after: str = "") -> float:
        """Return the seconds to wait: as the server says, else twice as long each time, a little by chance."""
        return seconds_of(retry_after) or min(LONGEST_WAIT, 2.0**attempt) * random.uniform(0.75, 1.25)

    def _announce_wait(self, problem: str, seconds: float) -> None:
        """Inform the user of a long wait; once for the questions that wait side by side."""
        until = time.monotonic() + seconds
        if seconds >= LONG_WAIT and until > self._waiting_until + LONG_WAIT:
            self._waiting_until = until
            self._say(self._clean(f"teacher   {problem.rstrip('.')}. Asking again in {seconds:.0f} s"))

    def _wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait, and return whether the work was stopped meanwhile."""
        return stop.wait(seconds)

    def _clean(self, text: str) -> str:
        return hide(text, [self._key])

    def _refusal(self, problem: str) -> str:
        way_out = "Mend that, and give the same command again: replies on record are not asked for again."
        if problem.startswith(("401", "403")):
            way_out = "Put a valid key into the environment variable that --teacher-key-env names."
        elif problem.startswith(("400", "404")):
            way_out = f"Check --teacher-url (often it ends in /v1) and --teacher{self._served_models()}."
        return self._clean(f"--teacher {self._model} at {self._url} does not answer: {problem.rstrip('.')}. {way_out}")

    def _served_models(self) -> str:
        """Name the models that there are, where the endpoint lists them."""
        try:
            return f"; it has {some_of([entry['id'] for entry in self._request('/models')['data']])}"
        except (OSError, ValueError, LookupError, TypeError):
            return ""


# A table -------------------------------------------------------------------------------------------------------------

_FAMILY = {"walks once around": "perimeter", "plants a tree": "posts", "mean score": "mean"}
_STEP = "First work out the sum or the quotient."  # no words of any problem: only a judge can object
_HERE = "Here that comes to"
_WITH = "as with"
_CUT_OFF = 0.08  # share of the replies with points that break off


class ArithmeticTeacher:
    """Answers from a table, for the embedded hard arithmetic problems alone, worded as a language model would.

    It says nothing about how well a language model extracts knowledge. It lets everything that is done with a
    teacher's replies be tried in seconds: its points are true, useless and misleading ones, some of them twice, some
    giving the problem away, some of those even when written anew, and now and then a reply is cut off.
    """

    def check(self, temperature: float, max_tokens: int) -> None:
        """Do nothing: a table always answers."""

    def replies(
        self, questions: Sequence[Question], temperature: float, max_tokens: int
    ) -> Iterator[tuple[int, Reply]]:
        """Answer; the same question with the same seed gets the same answer."""
        for place, question in enumerate(questions):
            yield place, Reply(_table_answer(question.messages[-1]["content"], question.seed))


def _table_answer(text: str, seed: int) -> str:
    problem, hint = _block("Problem", text), _block("Hint", text)
    if hint and "true or false" in text:
        return _fenced({key: key == "step" and hint == _STEP for key in JUDGED})
    if hint:
        return _fenced(_rewritten(hint))
    points = _points(problem, _block("Correct solution", text))
    reply = _fenced([{"knowledge_point": point} for point in points])
    return reply[: len(reply) // 2] if random.Random(f"{problem} {seed}").random() < _CUT_OFF else reply


def _block(name: str, text: str) -> str:
    block = re.search(rf"^## {name}\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    return block[1] if block else ""


def _points(problem: str, solution: str) -> list[str]:
    """Return the points of the table, one of them spoilt in a way that depends on the problem."""
    family = next((family for words, family in _FAMILY.items() if words in problem), None)
    if family is None:
        return []
    row = with_points({"problem": problem, "family": family})
    points, (fitting,), rng = list(row["kp_list"]), row[kept_column(FITTING)], random.Random(problem)
    numbers, answer = re.findall(r"\d+", problem), last_boxed(solution)
    spoilt = f"{points[fitting]} {_HERE} {answer}."
    named = f"{points[fitting].rstrip('.')}, {_WITH} {' and '.join(numbers[:2])}."
    change = rng.choice(
        [
            {"add": f"The answer is {answer}."},
            {"add": _STEP},
            {"add": points[rng.randrange(len(points))].upper()},
            {"replace": spoilt},
            {"replace": named},
        ]
    )
    if "add" in change:
        return [*points, change["add"]]
    points[fitting] = change["replace"]
    return points


def _rewritten(hint: str) -> list[dict[str, str]]:
    """Write a point anew, without what was put after it; "The answer is" is kept in other words, which still leak."""
    if hint.startswith("The answer is"):
        number = hint.rstrip(".").split()[-1]
        return [{"knowledge_point": f"One obtains {number} as the result."}] if int(number) % 2 else []
    general = hint.partition(f" {_HERE}")[0].partition(f", {_WITH}")[0]
    return [] if general == _STEP else [{"knowledge_point": general.rstrip(".") + "."}]


def _fenced(value: object) -> str:
    return f"Here is my reply:\n```json\n{json.dumps(value, indent=1)}\n```"
