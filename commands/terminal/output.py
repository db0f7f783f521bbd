"""Output for a person's terminal: colours for light and dark, text that cannot act, long text made short.

Whatever is printed passes through `outgoing.clean`; who cuts or wraps a text cleans it before.
"""

import io
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text
from typing_extensions import override

from outgoing import clean

# Of the 256 fixed colours those in the middle: contrast at least 3.5 on white and on #1e1e1e.
RIGHT, WRONG, HEAD, QUIET = "color(28)", "color(167)", "bold color(31)", "color(243)"
WIDTH = 100


def terminal() -> Console:
    """Standard output, at most 100 columns; without colour in a pipe and under NO_COLOR."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    plain = bool(os.environ.get("NO_COLOR"))
    console = _CleanConsole(color_system=None if plain else "auto", highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDTH)
    return console


class _CleanConsole(Console):
    """A console that prints nothing which acts on the terminal, but for rich's own styles."""

    @override
    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else clean(text), style, control)


def brief(text: object, most: int = 40) -> str:
    """The beginning of a text on one line."""
    plain = " ".join(clean(text).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


class Elided:
    """Text of a few lines, whatever its length: the first, how much is left out, and the last.

    Args:
        text: Anything.
        head: Lines kept at the beginning.
        tail: Lines kept at the end.
        margin: Put before each line.
    """

    def __init__(self, text: str, head: int, tail: int, margin: str = ""):
        most = 4000  # at either end; the rest is never looked at
        hidden = max(0, len(text) - 2 * most)
        self._text = re.sub(r"\n\s*\n", "\n", clean(text[:most] + text[-most:] if hidden else text).strip())
        self._all = len(self._text) + hidden
        self._head, self._tail, self._margin = head, tail, margin

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Wrap to the width there is, then leave out the middle."""
        width = max(10, options.max_width - len(self._margin))
        lines = [line.plain.rstrip() for line in Text(self._text).wrap(console, width)]
        fits = len(lines) <= self._head + self._tail + 1
        head, tail = (lines, []) if fits else (lines[: self._head], lines[-self._tail :])
        yield from (self._line(line) for line in head)
        if tail:
            left_out = self._all - sum(map(len, head + tail))
            yield self._line(f"… {left_out:,} characters left out …", QUIET)
        yield from (self._line(line) for line in tail)

    def _line(self, text: str, style: str = "") -> Text:
        return Text.assemble((self._margin, QUIET), (text, style))
