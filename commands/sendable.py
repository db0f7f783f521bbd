"""What of a folder may be pushed: files of its own, and a model only with whole weights. Nothing is sent here."""

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from errors import UserError, some_of


def files_to_send(
    folder: Path, patterns: Iterable[str], *, root: Path | None = None, left_out: Iterable[str] = ()
) -> dict[str, Path]:
    """Find what is to be sent, by its path in the folder.

    Args:
        folder: Holds it.
        patterns: What is looked for.
        root: Links may lead anywhere in it; the folder itself by default.
        left_out: Patterns of what stays here.

    Raises:
        UserError: Something is a link that leads out of the root, or to nothing.
    """
    home = root or folder
    found = {}
    for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
        if any(path.match(pattern) for pattern in left_out) or path.is_dir():
            continue
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(os.path.realpath(home)) or not target.exists():
            raise UserError(
                f"only files that lie in {home} are pushed, so that nothing else of this machine goes with them; "
                f"{path} is a link to {target}{'' if target.exists() else ', which is not there'}. Nothing was sent. "
                "Take it away, or make a copy that holds the files themselves, and push that:\n"
                f"    cp -rL {shlex.quote(str(home))} COPY"
            )
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path
    return found


def require_whole_weights(model: Path, files: Mapping[str, Path]) -> None:
    """Open the weights among the files, as far as their headers and lengths tell whether they are whole.

    Args:
        model: The folder, for the message.
        files: What is to be sent, by its path in the folder.

    Raises:
        UserError: There are none, or half of them.
    """
    stem = "adapter_model" if "adapter_config.json" in files else "model"
    whole, index = f"{stem}.safetensors", f"{stem}.safetensors.index.json"
    try:
        held = {name: _tensors(name, path) for name, path in files.items() if name.endswith(".safetensors")}
        if whole not in held and index not in files:
            raise ValueError(f"found neither {whole} nor {index}")
        if whole not in held:
            _require_shards(index, files[index], held)
    except ValueError as error:
        raise UserError(
            f"{model} must hold whole weights before it is pushed: {error}. Nothing was sent. Make them anew (train "
            "or merge again), or push a checkpoint of the run: python cli.py push RUN/checkpoints/checkpoint-N --to …"
        ) from error


def _tensors(name: str, path: Path) -> set[str]:
    """Names of the tensors in a file, whose length must be that which its header says."""
    try:
        with safe_open(path, framework="numpy") as weights:
            tensors = set(weights.keys())
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{name} is broken or not all there ({error})") from error
    if not tensors:
        raise ValueError(f"{name} holds no tensor")
    return tensors


def _require_shards(index: str, path: Path, held: Mapping[str, set[str]]) -> None:
    """Every tensor must be in the shard where the index has it."""
    try:
        shards = json.loads(path.read_text(encoding="utf-8"))["weight_map"].items()
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{index} is broken: it has no weight_map") from error
    lost = [f"{tensor} in {shard}" for tensor, shard in shards if tensor not in held.get(shard, ())]
    if lost or not shards:
        raise ValueError(f"{index} names what is not there ({some_of(lost, 3) or 'nothing at all'})")
