"""vLLM without importing it: which versions TRL works with, and what a running server says of itself.

Both are checked within seconds, before weights are loaded. Nothing heavy is imported here: `cli.py doctor` reports on
installations that lack torch.
"""

from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from json import JSONDecodeError
from typing import Any, TypeVar
from urllib.error import URLError

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from errors import UserError
from evaluation.http import ask_json, within

Answer = TypeVar("Answer")

INSTALL = "pip install -c constraints.txt -e '.[vllm]'"

SECONDS = 20.0
"""Time limit for all questions to a server together."""


def installed() -> str | None:
    """Return the version of vLLM, None where it is not installed."""
    try:
        return version("vllm")
    except PackageNotFoundError:
        return None


@cache
def supported() -> SpecifierSet:
    """Return the versions that the installed TRL names for its extra `vllm`."""
    wanted = (Requirement(line) for line in requires("trl") or [])
    return next(requirement.specifier for requirement in wanted if requirement.name == "vllm")


def named(versions: SpecifierSet) -> str:
    """Write versions for a person.

    >>> named(SpecifierSet("<=0.31.0,>=0.22.0"))
    '>=0.22.0, <=0.31.0'
    """
    return ", ".join(sorted(map(str, versions), reverse=True))


def require_vllm(option: str, way_out: str = "leave it out") -> None:
    """Refuse an option that needs vLLM where vLLM is missing or has a version that TRL does not know.

    Args:
        option: The option as the user gave it.
        way_out: What to do instead of installing vLLM.

    Raises:
        UserError: The message names the version found, the versions needed, and how to install one.
    """
    found = installed()
    if found is None:
        raise UserError(
            f"{option} needs the package vllm, which is not installed. Install it ({INSTALL}), or {way_out}."
        )
    if not supported().contains(found, prereleases=True):
        raise UserError(
            f"{option} needs a version of vLLM that TRL {version('trl')} works with, {named(supported())}; found "
            f"{found}. Install one ({INSTALL}), or {way_out}."
        )


def answered(complaint: str, way_out: str, questions: Callable[[], Answer]) -> Answer:
    """Ask a server and return its answer, or refuse it in one message.

    Args:
        complaint: Start of the message where the server does not answer.
        way_out: End of that message.
        questions: Asks the server.

    Raises:
        UserError: The server cannot be reached, takes longer than `SECONDS`, or answers as no vLLM server does.
    """
    try:
        return within(SECONDS, questions)
    except (JSONDecodeError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UserError(f"{complaint}: what answers there is none. {way_out}") from error
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise UserError(f"{complaint}: {str(reason).rstrip('.')}. {way_out}") from error


def plain_url(url: str) -> str:
    """Return the address without the path of a client's base URL.

    >>> plain_url("http://localhost:8000/v1/")
    'http://localhost:8000'
    """
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def ask(url: str, path: str) -> Any:
    """Return the server's answer under a path; `answered` bounds the time."""
    return ask_json(url + path, timeout=2 * SECONDS)


def served_models(url: str) -> list[dict[str, Any]]:
    """List the server's models, that of its own weights first: `id`, and from vLLM `root` and `max_model_len`.

    Raises:
        OSError, ValueError, KeyError, TypeError: The answer is missing or not a list of models.
    """
    models = ask(url, "/v1/models")["data"]
    return [{**model, "id": str(model["id"])} for model in models]
