"""What leaves the program: text that does nothing to a terminal, and tells no secret."""

import contextlib
import io
import json
import logging
import os
import re
import sys
import traceback
import unicodedata
import urllib.parse
import warnings
from collections.abc import Iterable
from typing import Any, TextIO

SHORTEST_SECRET = 8
"""Characters; shorter keys, such as "none" or "EMPTY", are placeholders, and words of many a text."""
_NAME_OF_SECRET = re.compile(r"(TOKEN|KEY|SECRET|PASSWORD|PASSWD)S?(_|\d|$)(?!(.*_)?(PATH|FILE|DIR)$)", re.IGNORECASE)
_SECRET = re.compile(
    r"(?<![a-z0-9])(?:hf_[a-z0-9]{8,}|(?:sk|glpat|xox[a-z])-[\w-]{8,}|gh[a-z]_\w{8,}|github_pat_\w{8,})"
    r"|(?<=://)[^/\s@]+(?=@)"  # name and password of an address
    # the part before the secret stays; a tokenizer's special tokens are none
    r"|(?P<name>\bbearer[ ]+(?=[^\s'\"]{8})|\bauthorization['\"]?[ ]*[:=][ ]*['\"]?(?:(?:bearer|basic)[ ]+)?"
    r"|(?<!(?:bos|eos|pad|unk|cls|sep)_)(?<!mask_)token['\"]?[ ]*[:=][ ]*['\"]?"
    r"|(?:api[_-]?key|access[_-]?key|secret|password|passwd)['\"]?[ ]*[:=][ ]*['\"]?)[^'\",;&}\s]+",
    re.IGNORECASE,
)

_ADVICE = re.compile(r"weights_only|safe_globals|Do it only if you got the file")


def put(text: str, to: TextIO | None = None) -> None:
    """Write text for a person, with its line ends, to standard output or another stream."""
    to = to or sys.stdout
    if isinstance(to, io.TextIOWrapper):
        to.reconfigure(errors="replace")  # a terminal that knows ASCII alone has no ≠
    to.write(clean(text))
    to.flush()


def clean(text: object) -> str:
    r"""Return text that does nothing to a terminal: what is not printable is spelt out, but for line ends.

    >>> clean("a\x1b[2Jb\u202ec")
    'a\\x1b[2Jb\\u202ec'
    """
    plain = str(text).replace("\r\n", "\n").replace("\t", "    ")
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() or c == "\n" or unicodedata.category(c) == "Zs" else _spelt(c) for c in plain)


def _spelt(character: str) -> str:
    return character.encode("unicode_escape").decode()


def without_secrets(text: str) -> str:
    """Put `…` in place of what looks like a token, stands behind a name such as `api_key=`, or is in the environment.

    >>> without_secrets("401 for token hf_abcdefghijk; api_key=x, Bearer abcdefgh at https://me:word@host")
    '401 for token …; api_key=…, Bearer … at https://…@host'
    >>> without_secrets("eos_token=<|end|>, max_tokens=4, hf_hub_download")
    'eos_token=<|end|>, max_tokens=4, hf_hub_download'
    """
    known = (value for name, value in os.environ.items() if _NAME_OF_SECRET.search(name))
    return _SECRET.sub(lambda found: (found["name"] or "") + "…", hide(text, known))


def tellable(text: str) -> str:
    """Text of an error without secrets, and without torch's advice to run code that a broken file may hold."""
    sentences = re.split(r"(?<=\.)(?= )|(?=\n)", without_secrets(text))
    return "".join(part for part in sentences if not (_ADVICE.search(part) and part.endswith(".")))


def hide(text: str, secrets: Iterable[str]) -> str:
    """Put `…` in place of these secrets, as they are and as JSON or an address escapes them; short ones stay."""
    forms = set()
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            escaped = json.dumps(secret)[1:-1]
            forms |= {secret, escaped, escaped.replace("/", r"\/"), urllib.parse.quote(secret, safe="")}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "…")
    return text


def guard_python() -> None:
    """Hold Python's own ways of printing to the same: warnings, log records, and errors that nobody catches."""
    warnings.formatwarning = lambda message, *_, **__: f"warning: {_leaving(message)}\n"
    logging.setLogRecordFactory(_record)
    sys.excepthook = lambda kind, error, trace: put(traceback_of(error), sys.stderr)


def traceback_of(error: BaseException) -> str:
    """Return the whole traceback of an error, as far as it may be told."""
    return tellable("".join(traceback.format_exception(error)))


def _leaving(text: object) -> str:
    return clean(tellable(str(text)))


def _record(*parts: Any, **named: Any) -> logging.LogRecord:
    """A log record whose message and traceback may be printed."""
    record = logging.LogRecord(*parts, **named)
    with contextlib.suppress(Exception):  # arguments that do not fit are the handler's to tell
        record.msg, record.args = _leaving(record.getMessage()), ()
    if record.exc_info and record.exc_info[1]:
        record.exc_text = clean(traceback_of(record.exc_info[1]))  # a formatter takes what is there
    return record
