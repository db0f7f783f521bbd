"""Whether the Hub can be reached, and who is logged in there; never the token."""

import json
import threading
import urllib.error
import urllib.request

from huggingface_hub import constants, get_token

from commands.doctoring.finding import Finding

SECONDS = 3.0
LOCAL = "Models and data in the cache and in local files work without it"
LOGIN = "hf auth login"


def hub() -> list[Finding]:
    """Ask the Hub who we are, for three seconds."""
    if constants.HF_HUB_OFFLINE:
        return [Finding("note", "offline, as HF_HUB_OFFLINE asks", LOCAL)]
    token, answer = get_token(), []
    # A daemon: looking up a name has no timeout of its own.
    thread = threading.Thread(target=lambda: answer.append(_who(token)), daemon=True)
    thread.start()
    thread.join(SECONDS)
    status, name = answer[0] if answer else (None, None)
    if status is None:
        return [Finding("note", f"{constants.ENDPOINT} cannot be reached within {SECONDS:g} s", LOCAL)]
    if status == 200:
        return [Finding("ok", f"reachable; logged in as {name}")]
    if status in (401, 403) and token:
        return [
            Finding("problem", f"reachable; the token that is set is refused ({status})", f"Log in again: {LOGIN}")
        ]
    if status in (401, 403):
        return [Finding("note", "reachable; nobody is logged in", f"To push, and for gated models: {LOGIN}")]
    return [Finding("note", f"{constants.ENDPOINT} answers with status {status}", LOCAL)]


def _who(token: str | None) -> tuple[int | None, str | None]:
    """The status of the answer, None without one, and the name of who is logged in."""
    request = urllib.request.Request(f"{constants.ENDPOINT}/api/whoami-v2")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status, json.load(answer).get("name")
    except urllib.error.HTTPError as error:
        return error.code, None
    except (OSError, ValueError):
        return None, None
