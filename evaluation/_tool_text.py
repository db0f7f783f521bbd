r"""The texts of tool-integrated reasoning: the code in what a model wrote, and what a tool may say in return.

Block and cut as in Qwen-Agent's `tir_agent.py` and the Qwen2.5-Math harness's `python_executor.py`.
"""

import ast
import re
from collections.abc import Iterable, Sequence

STOP = "```output"
"""A model that writes this asks for its code to be run."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_CHAT_TOKEN = re.compile(r"<(?=[|｜])|(?<=[|｜])>")
_BOX = re.compile(r"\\(?=\s*(?:boxed|fbox))")


def last_block(text: str) -> str | None:
    r"""Return the last Python block, None where there is none or it is not closed.

    >>> last_block("So:" + chr(10) + "```python" + chr(10) + "print(1)" + chr(10) + "```")
    'print(1)\n'
    """
    block: list[str] = []
    inside = found = False
    for line in text.split("\n"):
        if line.startswith("```python") or line.endswith("```python"):
            block, inside, found = [], True, True
        elif line.startswith("```"):
            inside = False
        elif inside:
            block.append(line + "\n")
    return "".join(block) if found and not inside and "".join(block).strip() else None


def waits_for_output(text: str) -> bool:
    """Whether a text ends with a Python block, so that its writer has stopped to see what comes of it."""
    lines = text.rstrip().split("\n")
    if lines[-1].strip() != "```" or last_block(text) is None:
        return False
    fences = [line for line in lines[:-1] if "```" in line]
    return fences[-1].startswith("```python") or fences[-1].endswith("```python")


def replayed(earlier: Iterable[tuple[str, bool]], code: str) -> str:
    """Put earlier blocks before a block, silent: those that ran whole, and of the others their imports.

    Args:
        earlier: Each block, and whether it ran without an error.
        code: The block whose output is wanted.
    """
    silent = [block if ran else _imports(block) for block, ran in earlier]
    if not any(silent):
        return code
    sources = ", ".join(repr(block) for block in silent if block)
    return (
        "with __import__('contextlib').redirect_stdout(__import__('io').StringIO()):\n"
        f"    for __source in ({sources},):\n"
        "        try: exec(compile(__source, '<earlier>', 'exec'), globals())\n"
        "        except SystemExit: pass\n" + code
    )


def _imports(code: str) -> str:
    try:
        found = [node for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)]
    except (SyntaxError, ValueError):
        return ""
    return "\n".join(f"try: {ast.unparse(node)}\nexcept ImportError: pass" for node in found)


def shortened(text: str, limit: int) -> str:
    """Cut the middle out of a long text, as the harness does.

    >>> shortened("0123456789", 4)
    '01...89'
    """
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]}...{text[len(text) - half :]}"


def harmless(text: str, special: Sequence[str] = ()) -> str:
    r"""Rewrite what a tool printed so that it is nothing but text inside its fence.

    It closes no fence, spells no token of the chat template, and holds no box that could be taken for an answer.

    Args:
        text: What was printed.
        special: Texts that the tokenizer reads as one token, such as `<|im_end|>`.

    >>> harmless("``` \\boxed{7} <|im_end|>")
    "''' \\ boxed{7} < |im_end| >"
    """
    text = _CONTROL.sub("�", text.expandtabs(4).replace("\r\n", "\n"))
    text = _BOX.sub(r"\\ ", text).replace("```", "'''")
    text = _CHAT_TOKEN.sub(lambda found: "< " if found[0] == "<" else " >", text)
    named = [token.strip() for token in special if len(token.strip()) > 1]
    while found := next((token for token in named if token in text), None):
        text = text.replace(found, f"{found[0]} {found[1:]}")
    return text
