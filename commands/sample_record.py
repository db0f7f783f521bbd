"""The folder of a command that samples: whose it is, and what was asked; only the same question goes on there."""

import hashlib
import json
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from commands.terminal.console import say
from errors import UserError
from evaluation.sampler import Sample
from runs.environment import describe
from runs.files import sync, write_lines
from runs.folder import FolderTakenError, SampleFolder, now, status_kept


@contextmanager
def begin(folder: SampleFolder, asked: dict[str, Any], argv: Sequence[str], **facts: Any) -> Iterator[None]:
    """Take the folder for this command until it ends, and keep its status.

    Args:
        folder: Of the command.
        asked: What the samples depend on.
        argv: The command line, from the command on.
        facts: For the record.

    Raises:
        UserError: It cannot be written, is being written, or holds samples of another question.
    """
    state = PartialState()
    refusal = _taken(folder, asked, argv[0]) if state.is_main_process else None
    (refusal,) = broadcast_object_list([refusal])
    if refusal:
        raise UserError(refusal)
    if not state.is_main_process:
        yield
        return
    made = describe(["cli.py", *argv], processes=state.num_processes)
    folder.update(status="running", question=asked, started=folder.read().get("started") or now(), **facts, **made)
    with status_kept(folder):
        yield


@contextmanager
def stop_told(folder: SampleFolder) -> Iterator[None]:
    """Say of a Ctrl-C while samples are drawn that they are kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"\nstopped; what was sampled is kept in {folder.path}. The same command goes on from there")
        raise


def model_question(options: Namespace) -> dict[str, Any]:
    """What samples depend on, as far as model and engine go."""
    return {
        "model": "embedded" if options.embedded else options.model,
        "revision": options.revision,
        "weights": weights_mark(options.model),
        "engine": "vllm" if options.server else options.engine or "transformers",
        "dtype": options.dtype,
        "seed": options.seed,
    }


def sampling_question(options: Namespace, fingerprint: str) -> dict[str, Any]:
    """What samples of a data set's problems depend on: model, problems, prompt, and how is sampled."""
    names = ("prompt_style", "system_prompt", "temperature", "top_p", "top_k", "max_new_tokens")
    data = {"data": options.dataset, "fingerprint": fingerprint}
    return {**model_question(options), **data, **{name: getattr(options, name) for name in names}}


def read_samples(folder: SampleFolder) -> Iterable[Sample]:
    """The samples on record."""
    for record in folder.read_samples():
        yield Sample(**{name: record[name] for name in Sample.__dataclass_fields__ if name in record})


def keep_samples(folder: SampleFolder, process: int, samples: Sequence[Sample], *, texts: bool = False) -> None:
    """Write the grades of samples down, and if asked their texts."""
    left_out = {"transcript", "calls"} | (set() if texts else {"text"})
    records = [asdict(sample) for sample in samples]
    folder.append(process, [{name: r[name] for name in r if name not in left_out} for r in records])


def write_data_set(folder: SampleFolder, name: str, rows: list[dict[str, Any]]) -> None:
    """Write rows twice as a data set, as lines of JSON and as a folder with Parquet; no rows, no Parquet."""
    write_lines(folder.path / f"{name}.jsonl", rows)
    target = folder.path / name / "train.parquet"
    if not rows:
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(exist_ok=True)
    part = target.with_name(".train.parquet")
    datasets.Dataset.from_list(rows).to_parquet(part)
    sync(part)
    part.replace(target)


def weights_mark(model: str) -> str | None:
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


def default_folder(kind: str, options: Namespace, asked: dict[str, Any], subject: str) -> Path:
    """The same question leads to the same folder."""
    model = "embedded" if options.embedded else options.model.rstrip("/").split("/")[-1]
    data = Path(subject.rstrip("/")).stem or "data"
    mark = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:6]
    return Path("outputs") / f"{kind}-{model}-{data}-{mark}"


def _taken(folder: SampleFolder, asked: dict[str, Any], command: str) -> str | None:
    """Claim the folder; why not, where that is so."""
    way_out = "Name another with --output-dir, or leave it out."
    before = folder.read().get("question")
    if before is None and folder.path.is_dir() and any(path.name != ".lock" for path in folder.path.iterdir()):
        holds = f"--output-dir {folder.path} must be empty or hold what {command} wrote; it holds something else."
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
        return f"{folder.path} is being written by another {command}. Wait for it, or name another --output-dir."
    except OSError as error:
        return f"--output-dir {folder.path} must be a folder that can be written: {error.strerror}. Name another."
    return None
