"""`cli.py merge FOLDER`: an adapter into the weights of its base, compared with what was trained and then kept."""

import json
import os
import shutil
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

import embedded
from commands.adapters import Adapter, read_adapter
from commands.arguments.plain import PlainParser
from commands.merging.proof import Comparison, compare, logits_of, name_of, require_kept, texts_of
from commands.merging.weights import load_base, marks, merge_into, on_base
from commands.sample_record import weights_mark
from commands.terminal.console import say
from errors import UserError
from runs.environment import describe
from runs.files import sync, write_whole
from runs.folder import RunFolder, now

ABOUT = """\
Make a whole model of a run's adapter (--use_peft): its base is loaded in whole weights, never in 4 or 8 bits, the
adapter is merged into them, and the logits of what was written are held against those of base and adapter.

example: python cli.py merge outputs/my-run       # writes outputs/my-run/merged
"""
RECORD = "merge.json"


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError: There is no adapter, it does not fit or does nothing, or the folder is another's.
    """
    parser = PlainParser("merge", description=ABOUT)
    parser.add_argument("adapter", metavar="FOLDER", help="a run's folder, an adapter's, or a Hub id")
    parser.option("--base", metavar="MODEL", help="where its base is; default: as the adapter says")
    parser.option("--output", metavar="FOLDER", help="default: merged/ in the run's folder")
    types = ["auto", "bfloat16", "float16", "float32"]
    parser.option("--dtype", choices=types, default="auto", help="of the weights; auto: as the base is stored")
    parser.option("--trust-remote-code", action="store_true", help="run model code from the Hub")
    options = parser.settle(argv)
    adapter = read_adapter(options.adapter, "merge")
    if options.base:
        adapter = replace(adapter, base=options.base, revision=None)
    run = _run_of(Path(adapter.path))
    target = Path(options.output) if options.output else _default_output(adapter, run)
    asked = _question(adapter, options)
    if _is_there(target, asked):
        say(f"merged    {target} holds this very merge already")
        return
    disable_progress_bar()
    settings = yaml.safe_load(run.config.read_text(encoding="utf-8")) if run and run.config.is_file() else None
    if settings and (settings.get("load_in_4bit") or settings.get("load_in_8bit")):
        say("          It was trained on its base in few bits; on whole weights it answers a little otherwise.")
    record = {**asked, **_merge(adapter, asked, run, target, options), "made": now()}
    if run is not None and run.path.resolve() == target.resolve().parent and not run.is_written():
        run.update(merged={"folder": target.name, **record})


def _run_of(adapter: Path) -> RunFolder | None:
    """The run that an adapter lies in, as its final/ or one of its checkpoints."""
    runs = [RunFolder(folder) for folder in adapter.resolve().parents[:2]] if adapter.is_dir() else []
    return next((run for run in runs if run.run.is_file()), None)


def _default_output(adapter: Adapter, run: RunFolder | None) -> Path:
    path = Path(adapter.path)
    if run is not None:
        return run.path / ("merged" if path.name == run.final.name else f"merged-{path.name}")
    return (
        path.with_name(f"{path.resolve().name}-merged") if path.is_dir() else Path("outputs") / f"{path.name}-merged"
    )


def _question(adapter: Adapter, options: Namespace) -> dict[str, Any]:
    """What the result depends on."""
    try:
        config = AutoConfig.from_pretrained(
            adapter.base, revision=adapter.revision, trust_remote_code=options.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise UserError(
            f"the base of {adapter.path} could not be loaded from {adapter.base}: {str(error).splitlines()[0]} "
            "Say where it is: --base MODEL."
        ) from error
    stored = str(config.dtype or torch.float32).removeprefix("torch.")
    return {
        "base": "embedded" if Path(adapter.base).resolve() == embedded.MODEL else adapter.base,
        "revision": getattr(config, "_commit_hash", None) or adapter.revision,
        "base_weights": weights_mark(adapter.base),
        "adapter": options.adapter,
        "adapter_weights": weights_mark(adapter.path),
        "dtype": stored if options.dtype == "auto" else options.dtype,
    }


def _is_there(target: Path, asked: dict[str, Any]) -> bool:
    """Whether a folder holds this merge.

    Raises:
        UserError: It holds something else.
    """
    if not target.exists():
        return False
    try:
        found = json.loads((target / RECORD).read_text(encoding="utf-8"))
        differing = [name for name in asked if name != "adapter" and found.get(name) != asked[name]]
    except (OSError, ValueError, AttributeError):
        differing = ["no merge"]
    if not differing:
        return True
    raise UserError(
        f"--output {target} is there already and holds something else ({', '.join(differing)}). Name another, or "
        "remove it."
    )


def _merge(
    adapter: Adapter, asked: dict[str, Any], run: RunFolder | None, target: Path, options: Namespace
) -> dict[str, Any]:
    """Merge, compare, write, read back; returns what was found."""
    dtype, trust = getattr(torch, asked["dtype"]), {"trust_remote_code": options.trust_remote_code}
    tokenizer = adapter.tokenizer(**trust)
    texts, source = texts_of(run, tokenizer)
    say(f"base      {asked['base']} in {name_of(dtype)}, whole weights")
    model = load_base(adapter, dtype, **trust)
    before, base = marks(model), logits_of(model, tokenizer, texts)
    with_adapter = on_base(adapter, model)
    adapted = logits_of(with_adapter, tokenizer, texts)
    merged = merge_into(with_adapter)
    found = compare(base, adapted, logits := logits_of(merged, tokenizer, texts))
    after = marks(merged)
    changed = sum(after[name] != before.get(name) for name in after)
    _tell(found, dtype, source, changed, len(after))
    require_kept(adapter, found, dtype)
    if changed == 0:
        raise UserError(f"merged in {name_of(dtype)}, no weight of {adapter.base} changes; give --dtype float32.")
    result = {"compared_on": source, "tensors_changed": changed, "tensors": len(after), **asdict(found)}
    versions = describe([], processes=1)["versions"]
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        merged.save_pretrained(part)
        tokenizer.save_pretrained(part)
        _require_same(part, logits, texts, trust)
        write_whole(part / RECORD, json.dumps({**asked, **result, "versions": versions}, indent=1) + "\n")
        sync(part)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    say(f"merged    {target}, which evaluate, push and train --model_name_or_path take")
    return result


def _tell(found: Comparison, dtype: torch.dtype, source: str, changed: int, tensors: int) -> None:
    """What was compared, and how it came out."""
    say(f"weights   {changed} of {tensors} tensors differ from the base's")
    say(f"logits    of {source}, {found.positions} tokens: the adapter changes them by {found.effect:.3g} on average;")
    say(f"          merged − (base + adapter) is {found.error:.2g} on average, {found.largest:.2g} at most, in")
    say(f"          {name_of(dtype)}; the likeliest token is the same at {found.same_choice:.1%}")


def _require_same(part: Path, logits: list[torch.Tensor], texts: list[str], trust: dict[str, Any]) -> None:
    """Read back what was written.

    Raises:
        UserError: It is another model.
    """
    model = AutoModelForCausalLM.from_pretrained(part, dtype="auto", **trust)
    again = logits_of(model, AutoTokenizer.from_pretrained(part, **trust), texts)
    if not all(torch.equal(one, other) for one, other in zip(again, logits, strict=True)):
        raise UserError(
            "read back from disk, the merged model gives other logits than in memory, so it was not kept. Its class "
            "does not save all that the adapter trains: train without --lora_modules_to_save."
        )
    say("read back from disk: the same logits, bit for bit")
