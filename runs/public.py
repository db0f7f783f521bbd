"""What may be published: names of files, never the folders of this machine that they lie in."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from pages import text as on_page

DATA_FILES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
_ELSEWHERE = re.compile(r"(/|~[/\w]|\.\.?/|[A-Za-z]:[\\/])[^\n]")  # absolute, of a home, or relative to a folder
_MADE_BY_A_RUN = re.compile(r"final|merged|checkpoint-\d+")


def is_local(name: str) -> bool:
    """Tell a path of this machine from a name: a Hub id, a file of the clone, any other text.

    >>> [is_local(name) for name in ("/home/me/d.jsonl", "../d", "private/d.jsonl", "~/m")]
    [True, True, True, True]
    >>> [is_local(name) for name in ("owner/name", "recipes/embedded.yaml", "outputs/run/final", "d.jsonl", "1/2")]
    [False, False, False, False, False]
    """
    return bool(_ELSEWHERE.match(name)) or ("/" in name and name.endswith(DATA_FILES) and "\n" not in name)


def public_name(name: str) -> str:
    """Return the last part of a local path, with the run's name before `final` and its like; other names as they are.

    >>> public_name("/home/me/d.jsonl"), public_name("/data/my-run/final"), public_name("owner/name")
    ('d.jsonl', 'my-run/final', 'owner/name')
    """
    if not is_local(name):
        return name
    parts = PurePath(name.replace("\\", "/")).parts
    return "/".join(parts[-2:] if _MADE_BY_A_RUN.fullmatch(parts[-1]) else parts[-1:])


def without_paths(text: str, *records: Any) -> str:
    r"""Put its public name in place of each local path that the records hold, also where a page has it as text.

    Args:
        text: To be published: a card, a record, a report.
        records: What JSON or YAML holds. A command line among the values is taken apart.

    >>> without_paths("made of `/home/me/d.jsonl`, https://x.org/home/me/d.jsonl", {"data": ["/home/me/d.jsonl"]})
    'made of `d.jsonl`, https://x.org/home/me/d.jsonl'
    >>> without_paths(r"made of /home/me/\_d.jsonl", {"data": ["/home/me/_d.jsonl"]})
    'made of \\_d.jsonl'
    """
    names = {path: public_name(path) for path in _local(records)}
    names |= {on_page(path): on_page(name) for path, name in names.items()}
    if not names:
        return text
    known = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))  # the file before the folder that it is in
    return re.sub(rf"(?<![\w./:~-])(?:{known})", lambda found: names[found[0]], text)


def _local(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _local(key)
            yield from _local(_words(part) if key == "command" and isinstance(part, str) else part)
    elif isinstance(value, str):
        if is_local(value):
            yield value
    elif isinstance(value, Iterable):
        for part in value:
            yield from _local(part)


def _words(command: str) -> Iterator[str]:
    """The words of a command line, of `--option=value` the value."""
    for word in shlex.split(command):
        yield word.partition("=")[2] if word.startswith("--") and "=" in word else word
