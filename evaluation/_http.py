"""JSON over HTTP, as servers of models speak it."""

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from typing_extensions import override

Answer = TypeVar("Answer")

MOST_TOLD = 500
"""Characters of a server's complaint that are passed on."""
MOST_PATIENCE = 900.0
"""Seconds that a server may ask to wait; beyond that it is better to come back."""


class RefusedError(OSError):
    """The server answered with an error.

    Attributes:
        code: Of HTTP.
        told: What it said, on one line.
        retry_after: Its header of that name, "" where there is none.
    """

    def __init__(self, code: int, told: str, retry_after: str = ""):
        super().__init__(f"{code} {told}")
        self.code, self.told, self.retry_after = code, told, retry_after


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would take a key to another server."""

    @override
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay)


def ask_json(
    url: str,
    body: Mapping[str, Any] | None = None,
    *,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    clean: Callable[[str], str] = str,
) -> Any:
    """Send a question and read the answer.

    Args:
        url: Where to.
        body: Posted as JSON; None to get.
        timeout: In seconds, until the whole answer is there.
        headers: Beside the type of the content.
        clean: Takes what may not be told out of a complaint, before it is cut short.

    Raises:
        RefusedError: The server answered with an error.
        OSError: There was no whole answer.
        ValueError: It is not JSON.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})})
    return within(timeout, lambda: _answer(request, timeout, clean))


def _answer(request: urllib.request.Request, timeout: float, clean: Callable[[str], str]) -> Any:
    """The answer to a request; the timeout is that of each wait."""
    try:
        with _OPENER.open(request, timeout=timeout) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        told = " ".join(clean(error.read(1 << 16).decode(errors="replace")).split())
        raise RefusedError(error.code, told[:MOST_TOLD], error.headers.get("Retry-After") or "") from error
    except http.client.HTTPException as error:  # an answer that breaks off
        raise OSError(f"the answer broke off ({type(error).__name__})") from error


def within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """What `ask` returns or raises, where that takes so long at most; a timeout of each wait does not bound the whole.

    Looking up a name has no timeout of its own, and a server may send a byte now and then for ever.

    Raises:
        TimeoutError: It took longer. It goes on in a thread that keeps no process alive.
    """
    answer: list[Answer] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(ask())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not answer:
        raise TimeoutError(f"no whole answer within {seconds:g} s")
    return answer[0]


def seconds_of(retry_after: str) -> float:
    """Return what a header Retry-After asks to wait, in seconds or until a date; 0 where it cannot be read.

    >>> seconds_of("7"), seconds_of("Thu, 01 Jan 1970 00:00:00 GMT"), seconds_of("soon")
    (7.0, 0.0, 0.0)
    """
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
