"""A teacher behind an endpoint that speaks the chat-completions protocol of OpenAI, several questions at once."""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from errors import UserError, some_of
from evaluation._http import MOST_PATIENCE, RefusedError, ask_json, seconds_of
from evaluation.teacher import Question, Reply
from outgoing import hide

ATTEMPTS = 7
"""At one question; with waits of 1, 2, 4, … seconds in between that is about a minute."""
LONGEST_WAIT = 60.0
"""Seconds between two attempts, unless the server asks for more."""
LONG_WAIT = 5.0
"""Seconds of waiting that are told of."""
_AGAIN = {408, 409, 425, 429}
_THIS_QUESTION = {400, 413, 422}  # too long, or against the endpoint's policy: others may do


class ChatTeacher:
    """An endpoint.

    Args:
        url: Up to and with `/v1`, or as the provider names it; `/chat/completions` is put after it.
        model: As the endpoint calls it.
        key: Sent as bearer token, "" for none; never told in a message or a reply, even if the server echoes it.
        concurrency: Questions under way at once.
        timeout: Seconds that one answer may take.
        say: Told, in a line, of a long wait before a question is asked again.
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
            UserError: The endpoint cannot be asked.
        """
        question = Question([{"role": "user", "content": "Reply with OK."}])
        reply = self._answer(question, temperature, max_tokens, threading.Event())
        if reply.refused:
            raise UserError(self._told(reply.refused))

    def replies(
        self, questions: Sequence[Question], temperature: float, max_tokens: int
    ) -> Iterator[tuple[int, Reply]]:
        """Ask several at once; a question that the endpoint refuses by itself gets a refused reply.

        The threads are daemons: whoever stops the command does not wait for answers under way.
        """
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Reply | Exception]] = queue.SimpleQueue()
        for place in range(len(questions)):
            todo.put(place)
        stop = threading.Event()

        def ask() -> None:
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
            threading.Thread(target=ask, daemon=True).start()
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
                return self._once(question, temperature, max_tokens)
            except RefusedError as error:
                if error.code == 400 and "max_completion_tokens" in error.told and self._limit_name == "max_tokens":
                    self._limit_name, pause = "max_completion_tokens", 0.0  # newer models of OpenAI
                elif error.code in _THIS_QUESTION:
                    return Reply("", refused=str(error))
                elif error.code in _AGAIN or error.code >= 500:
                    pause = self._pause(attempt, error.retry_after)
                else:
                    raise UserError(self._told(str(error))) from None
                last = str(error)
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                last, pause = self._clean(f"{error}" or type(error).__name__), self._pause(attempt)
            if pause > MOST_PATIENCE:
                raise UserError(self._told(f"{last} (it asks to wait {pause:.0f} seconds)"))
            if attempt + 1 < ATTEMPTS:
                self._tell_wait(last, pause)
                if self._wait(pause, stop):
                    break
        raise UserError(self._told(f"{last} (asked {attempt + 1} times)"))

    def _once(self, question: Question, temperature: float, max_tokens: int) -> Reply:
        body = {"model": self._model, "messages": question.messages, "temperature": temperature}
        body[self._limit_name] = max_tokens
        answer = self._ask("/chat/completions", body)
        text, usage = answer["choices"][0]["message"].get("content"), answer.get("usage") or {}
        return Reply(self._clean(text or ""), usage.get("prompt_tokens"), usage.get("completion_tokens"))

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return ask_json(self._url + path, body, timeout=self._timeout, headers=self._headers, clean=self._clean)

    def _pause(self, attempt: int, retry_after: str = "") -> float:
        """Seconds to wait: as the server says, else twice as long each time, a little by chance."""
        return seconds_of(retry_after) or min(LONGEST_WAIT, 2.0**attempt) * random.uniform(0.75, 1.25)

    def _tell_wait(self, problem: str, seconds: float) -> None:
        """Say how long is waited, where that is long; once for the questions that wait side by side."""
        until = time.monotonic() + seconds
        if seconds >= LONG_WAIT and until > self._waiting_until + LONG_WAIT:
            self._waiting_until = until
            self._say(self._clean(f"teacher   {problem.rstrip('.')}. Asking again in {seconds:.0f} s"))

    def _wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait, and return whether the others have stopped meanwhile."""
        return stop.wait(seconds)

    def _clean(self, text: str) -> str:
        return hide(text, [self._key])

    def _told(self, problem: str) -> str:
        way_out = "Mend that, and give the same command again: replies on record are not asked for again."
        if problem.startswith(("401", "403")):
            way_out = "Put a valid key into the environment variable that --teacher-key-env names."
        elif problem.startswith(("400", "404")):
            way_out = f"Check --teacher-url (often it ends in /v1) and --teacher{self._served()}."
        return self._clean(f"--teacher {self._model} at {self._url} does not answer: {problem.rstrip('.')}. {way_out}")

    def _served(self) -> str:
        """The models that there are, where the endpoint tells."""
        try:
            return f"; it has {some_of([entry['id'] for entry in self._ask('/models')['data']])}"
        except (OSError, ValueError, LookupError, TypeError):
            return ""
