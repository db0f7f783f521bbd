"""What a vLLM server says of itself, asked within seconds and before anything is loaded."""

from collections.abc import Callable
from json import JSONDecodeError
from typing import Any, TypeVar
from urllib.error import URLError

from errors import UserError
from evaluation._http import ask_json, within

Answer = TypeVar("Answer")

SECONDS = 20.0
"""For all questions to a server together."""


def answered(told: str, way_out: str, questions: Callable[[], Answer]) -> Answer:
    """What a server answered.

    Args:
        told: What is the matter, where it did not.
        way_out: From there.
        questions: Asks it.

    Raises:
        UserError: It cannot be reached, takes longer than `SECONDS`, or answers as no vLLM server does.
    """
    try:
        return within(SECONDS, questions)
    except (JSONDecodeError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UserError(f"{told}: what answers there is none. {way_out}") from error
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise UserError(f"{told}: {str(reason).rstrip('.')}. {way_out}") from error


def plain_url(url: str) -> str:
    """The address without the path of a client's base URL.

    >>> plain_url("http://localhost:8000/v1/")
    'http://localhost:8000'
    """
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def ask(url: str, path: str) -> Any:
    """The answer under a path; the time that it may take is for whoever asks within `answered`."""
    return ask_json(url + path, timeout=2 * SECONDS)


def served_models(url: str) -> list[dict[str, Any]]:
    """The server's models, that of its own weights first: each with `id`, and from vLLM `root` and `max_model_len`.

    Raises:
        OSError, ValueError, KeyError, TypeError: There was no such answer.
    """
    models = ask(url, "/v1/models")["data"]
    return [{**model, "id": str(model["id"])} for model in models]
