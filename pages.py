"""What Markdown pages are made of, so that a name with markup in it is text there and nothing else."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from outgoing import clean

# Entities also hold where backslashes do not: within HTML, and against the bars of a table.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}
_MARKUP = re.compile(r"[&<>|]|[\\`*\[\]~$#]|(?<![^\W_])_|_(?![^\W_])")


def text(name: object) -> str:
    r"""Return a name, or other words that are not ours, as text on one line of a page.

    >>> text("my_data-1.5"), text("<b>"), text("a|b](javascript:c)"), text("*a*\n---")
    ('my_data-1.5', '&lt;b&gt;', 'a&#124;b\\](javascript:c)', '\\*a\\* ---')
    """
    return _MARKUP.sub(lambda found: _ENTITIES.get(found[0], "\\" + found[0]), one_line(name))


def one_line(name: object) -> str:
    r"""Return a name with a blank for each run of white space, line ends among it.

    >>> one_line("a\n---\n b")
    'a --- b'
    """
    return " ".join(clean(name).split())


def span(value: object) -> str:
    r"""Return a value in the type of code, on one line.

    >>> span("<b>"), span("a|b"), span("")
    ('`<b>`', '<code>a&#124;b</code>', '<code></code>')
    """
    line = one_line(value)
    return f"<code>{text(line)}</code>" if not line or set("`|") & set(line) else f"`{line}`"


def block(content: str, language: str = "") -> str:
    """Return lines of code, in a fence longer than any in them."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", content)), default=0))
    return f"{fence}{language}\n{content}\n{fence}"


def link(name: object, address: str) -> str:
    r"""Return a name that leads to an address on the web or a file beside the page; else the name alone.

    >>> link("a]b", "https://a.org/b c"), link("a", "javascript:b")
    ('[a\\]b](https://a.org/b%20c)', 'a')
    """
    if not address.startswith(("https://", "http://")) and ":" in address:
        return text(name)
    return f"[{text(name)}]({quote(address, safe='/:?=&%#~@+,;')})"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table; the cells are Markdown, in which a bar of its own would end a cell."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
