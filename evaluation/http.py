"""JSON over HTTP: one request with a time limit for the whole answer, and errors with the server's own message."""

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

LONGEST_MESSAGE = 500
"""Characters of a server's error message that are passed on."""
MOST_PATIENCE = 900.0
"""Longest wait in seconds that a client accepts from a server; beyond that the user should come back later."""


class RefusedError(OSError):
    """The server answered with an error.

    Attributes:
        code: The HTTP status.
        message: What the server said, on one line.
        retry_after: The header Retry-After, "" without one.
    """

    def __init__(self, code: int, message: str, retry_after: str = ""):
        super().__init__(f"{code} {message}")
        self.code, self.message, self.retry_after = code, message, retry_after


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, which would take a key to another server."""

    @override
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def ask_json(
    url: str,
    body: Mapping[str, Any] | None = None,
    *,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    clean: Callable[[str], str] = str,
) -> Any:
    """Send a request and return the parsed answer.

    Args:
        url: The address.
        body: The JSON body of a POST; None sends a GET.
        timeout: Seconds until the whole answer must have arrived.
        headers: Headers beside Content-Type.
        clean: Removes secrets from a server's error message, before it is shortened.

    Raises:
        RefusedError: The server answered with an error.
        OSError: There was no whole answer.
        ValueError: It is not JSON.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})})
    return within(timeout, lambda: _answer(request, timeout, clean))


def _answer(request: urllib.request.Request, timeout: float, clean: Callable[[str], str]) -> Any:
    try:
        with _OPENER.open(request, timeout=timeout) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        message = " ".join(clean(error.read(1 << 16).decode(errors="replace")).split())
        raise RefusedError(error.code, message[:LONGEST_MESSAGE], error.headers.get("Retry-After") or "") from error
    except http.client.HTTPException as error:  # an answer that breaks off
        raise OSError(f"the answer broke off ({type(error).__name__})") from error


def within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """Call `ask` with a limit on the whole time, and return or raise what it does.

    A socket's timeout bounds each wait, not the whole: looking up a name has no timeout of its own, and a server may
    send a byte now and then for ever.

    Raises:
        TimeoutError: The call took longer. It goes on in a thread that keeps no process alive.
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
    """Return the wait in seconds that a header Retry-After (a number or a date) asks for; 0 where it cannot be read.

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
