"""The folder of a filter: whose it is, and what was asked, so that only the same question goes on in it."""

import hashlib
import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from commands.filtering.pool import Pool
from errors import UserError
from runs.environment import describe
from runs.folder import FolderTakenError
from runs.samples import SampleFolder

RECORD = "filter.json"


@contextmanager
def begin(options: Namespace, pool: Pool, argv: Sequence[str]) -> Iterator[SampleFolder]:
    """Take the folder for this command until it ends, and keep its status.

    Raises:
        UserError: It cannot be written, is being written, or holds samples of another question.
    """
    state = PartialState()
    asked = question(options, pool)
    folder = SampleFolder(options.output_dir or _default(options, asked), RECORD)
    refusal = _taken(folder, asked) if state.is_main_process else None
    (refusal,) = broadcast_object_list([refusal])
    if refusal:
        raise UserError(refusal)
    if not state.is_main_process:
        folder.mend(state.process_index)
        yield folder
        return
    _open(folder, options, pool, asked, argv)
    status = "failed"
    try:
        yield folder
        status = "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        folder.update(status=status, ended=_now())
        folder.release()


def question(options: Namespace, pool: Pool) -> dict[str, Any]:
    """What samples depend on; the zone and when to stop are asked of the samples, and may change."""
    return {
        "model": "embedded" if options.embedded else options.model,
        "revision": options.revision,
        "weights": _weights(options.model),
        "data": options.dataset,
        "fingerprint": pool.source.fingerprint,
        "engine": "vllm" if options.server else options.engine or "transformers",
        "dtype": options.dtype,
        "prompt_style": options.prompt_style,
        "system_prompt": options.system_prompt,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "top_k": options.top_k,
        "max_new_tokens": options.max_new_tokens,
        "seed": options.seed,
    }


def _weights(model: str) -> str | None:
    """A mark of a local model's weights that changes with them; None for a model on the Hub, which has a revision."""
    files = sorted([*Path(model).glob("*.safetensors"), *Path(model).glob("pytorch_model*.bin")])
    if not files:
        return None
    mark = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            mark.update(f"{path.name} {path.stat().st_size} ".encode() + file.read(1 << 20))
            file.seek(max(0, path.stat().st_size - (1 << 20)))
            mark.update(file.read())
    return mark.hexdigest()[:16]


def _default(options: Namespace, asked: dict[str, Any]) -> Path:
    """The same question leads to the same folder."""
    model = "embedded" if options.embedded else options.model.rstrip("/").split("/")[-1]
    data = Path(options.dataset.rstrip("/")).stem or "data"
    mark = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:6]
    return Path("outputs") / f"filter-{model}-{data}-{mark}"


def _taken(folder: SampleFolder, asked: dict[str, Any]) -> str | None:
    """Claim the folder; why not, where that is so."""
    way_out = "Name another with --output-dir, or leave it out."
    before = folder.read().get("question")
    if before is None and folder.path.is_dir() and any(folder.path.iterdir()):
        holds = f"--output-dir {folder.path} must be empty or hold what filter-data wrote; it holds something else."
        return f"{holds} {way_out}"
    if before is not None:
        other = [
            f"{name} ({before.get(name)!r}, now {asked[name]!r})" for name in asked if before.get(name) != asked[name]
        ]
        if other:
            holds = f"--output-dir {folder.path} holds samples of another question: it differs in {', '.join(other)}."
            return f"{holds} {way_out}"
    try:
        folder.claim()
    except FolderTakenError:
        return f"{folder.path} is being written by another filter-data. Wait for it, or name another --output-dir."
    except OSError as error:
        return f"--output-dir {folder.path} must be a folder that can be written: {error.strerror}. Name another."
    return None


def _open(folder: SampleFolder, options: Namespace, pool: Pool, asked: dict[str, Any], argv: Sequence[str]) -> None:
    folder.update(
        status="running",
        question=asked,
        started=folder.read().get("started") or _now(),
        problems=len(pool.problems),
        mapping=list(pool.source.mapping),
        **describe(["cli.py", "filter-data", *argv], processes=PartialState().num_processes),
    )
    folder.samples.mkdir(exist_ok=True)
    for mark in folder.samples.glob("done-*.jsonl"):  # blocks are done again, from the samples on record
        mark.unlink()
    folder.mend(PartialState().process_index)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
