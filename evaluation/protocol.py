"""How a score came about, complete enough to be repeated: it goes beside every result."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from data import Prompt, render_prompt
from evaluation._catalogue import Settings
from evaluation._load import Benchmark

ENGINES = {
    "transformers": ("transformers", "torch", "tokenizers"),
    "vllm": ("vllm", "transformers", "torch", "tokenizers"),
}
"""Packages that may change what a model writes, by engine."""

GRADERS = ("math-verify", "latex2sympy2-extended", "sympy")


def protocol(
    *,
    model: str,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    benchmark: Benchmark,
    settings: Settings,
    engine: str,
    revision: str | None = None,
    adapter: str | None = None,
    seeds: Sequence[int] = (),
    sampling: Mapping[str, Any] | None = None,
    extraction: str = "boxed",
) -> dict[str, Any]:
    """Describe one measurement. Only what is named here goes in: no environment, no token.

    Args:
        model: Hub id or path.
        tokenizer: The model's; its chat template is told by a hash, and renders the first prompt.
        prompts: Of the benchmark's rows, in order; the first is written out.
        benchmark: What was measured on.
        settings: How; temperature, top_p, length, samples, shots, tools and the preset's name.
        engine: A name in `ENGINES`.
        revision: Commit of the model, None where it is not known, as for a local folder.
        adapter: Hub id or path of an adapter on top of it.
        seeds: One per sample or per run; none for greedy decoding.
        sampling: What the engine was given besides, such as a repetition penalty.
        extraction: Where the score's answers stand.

    Raises:
        ValueError: There is no such engine or no prompt.
    """
    if engine not in ENGINES:
        raise ValueError(f"an engine is one of {', '.join(ENGINES)}, met {engine!r}")
    if not prompts:
        raise ValueError("a protocol writes out the first prompt; found none")
    return {
        "model": {"name": model, "revision": revision, "adapter": adapter},
        "prompt": _prompt(tokenizer, prompts[0], benchmark, settings),
        "sampling": {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_new_tokens": settings.max_new_tokens,
            "samples": settings.samples,
            "tools": settings.tools,
            "seeds": list(seeds),
            **(sampling or {}),
        },
        "engine": {"name": engine, **_versions(ENGINES[engine]), "python": platform.python_version()},
        "scoring": {"metric": settings.metric, "extraction": extraction, **_versions(GRADERS)},
        "dataset": _dataset(benchmark),
    }


def _prompt(tokenizer: Any, first: Prompt, benchmark: Benchmark, settings: Settings) -> dict[str, Any]:
    template = getattr(tokenizer, "chat_template", None)
    return {
        "preset": settings.prompt,
        "shots": settings.shots,
        "hints": settings.hints,
        "shots_from": benchmark.shots_from if settings.shots else None,
        "template_sha256": _sha256(str(template)) if template is not None else None,
        "templated": template is not None and not isinstance(first, str),
        "system": _system(first),
        "first": render_prompt(first, tokenizer),
    }


def _dataset(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "source": benchmark.source,
        "fingerprint": benchmark.fingerprint,
        "kind": benchmark.kind,
        "problems": len(benchmark.dataset),
        "ids_sha256": _sha256("\n".join(benchmark.dataset["id"])),
        "ungradable": [row.id for row in benchmark.ungradable],
        "smoke": benchmark.smoke,
    }


def _system(prompt: Prompt) -> str | None:
    messages = [] if isinstance(prompt, str) else prompt
    return next((message["content"] for message in messages if message["role"] == "system"), None)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _versions(packages: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
