r"""The texts of tool-integrated reasoning: the code in what a model wrote, and what a tool may say in return.

Block and cut as in Qwen-Agent's `tir_agent.py` and the Qwen2.5-Math harness's `python_executor.py`.
"""

import re
from collections.abc import Iterable, Sequence

STOP = "```output"
"""A model that writes this asks for its code to be run."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_CHAT_TOKEN = re.compile(r"<(?=[|｜])|(?<=[|｜])>")
_BOX = re.compile(r"\\(?=\s*(?:boxed|fbox))")
_REPLAY = """
import ast, contextlib, io

def run(code):
    exec(compile(code, "<earlier>", "exec"), namespace)

def imports(block):
    try:
        nodes = ast.parse(block).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []
    return [ast.Module([node], []) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]

with contextlib.redirect_stdout(io.StringIO()):
    for block, ran in earlier:
        with contextlib.suppress(SystemExit):
            if ran:
                run(block)
            for node in [] if ran else imports(block):
                with contextlib.suppress(ImportError):
                    run(node)
"""
"""Run by the sandbox: already to parse what a model wrote may take all stack, memory or time."""


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
    silent = [(block, ran) for block, ran in earlier if ran or "import" in block]
    return f"exec({_REPLAY!r}, dict(earlier={silent!r}, namespace=globals()))\n{code}" if silent else code


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
