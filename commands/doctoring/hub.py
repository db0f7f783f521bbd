"""Whether the Hub can be reached, and who is logged in there; never the token."""

from huggingface_hub import constants, get_token

from commands.doctoring.finding import Finding
from evaluation.http import RefusedError, ask_json

SECONDS = 3.0
LOCAL = "Models and data in the cache and in local files work without it"
LOGIN = "hf auth login"


def hub() -> list[Finding]:
    """Ask the Hub who we are, for three seconds."""
    if constants.HF_HUB_OFFLINE:
        return [Finding("note", "offline, as HF_HUB_OFFLINE asks", LOCAL)]
    token = get_token()
    status, name = _who(token)
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
    if 300 <= status < 400:
        found = f"{constants.ENDPOINT} sends on to another address ({status}), which gets no token"
        return [Finding("note", found, "Set HF_ENDPOINT to the address of a Hub itself")]
    return [Finding("note", f"{constants.ENDPOINT} answers with status {status}", LOCAL)]


def _who(token: str | None) -> tuple[int | None, str | None]:
    """The status of the answer, None without one, and the name of who is logged in."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        return 200, ask_json(f"{constants.ENDPOINT}/api/whoami-v2", timeout=SECONDS, headers=headers).get("name")
    except RefusedError as error:
        return error.code, None
    except (OSError, ValueError, AttributeError):
        return None, None
