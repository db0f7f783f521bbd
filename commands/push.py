"""`cli.py push FOLDER`: a trained model, or a filtered data set, from its folder to the Hub."""

import json
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from commands.arguments.plain import PlainParser
from commands.cards.licence import check_licence, licence_on_hub
from commands.cards.page import card, write_card
from commands.cards.subject import EVALUATIONS, Subject
from commands.filtering.card import push
from commands.filtering.card import write_card as write_data_card
from commands.hub import Content, require_repository, upload
from commands.sample_record import weights_mark
from commands.sendable import files_to_send, require_whole_weights
from commands.terminal.console import say
from errors import UserError
from runs.folder import RunFolder, SampleFolder
from runs.public import without_paths

ABOUT = """\
Push what a folder holds: the model of a training run with its card and curves, one model folder inside a run (merged/,
checkpoints/checkpoint-40), or a filtered data set. Giving the command again sends only what is not there yet.

example: python cli.py push outputs/my-run --to me/my-model --evaluation outputs/eval-my-run
"""
MODEL = ("*", "additional_chat_templates/*")
"""What a model is loaded from."""
PAGE = ("run.json", "config.yaml", "plots/*.png", f"{EVALUATIONS}/*/*")
REPORT = ("evaluation.json", "report.md", "report.json", "report.png")
# Of no use without the run: what it goes on from, and pickled arguments with the paths of this machine.
LEFT_HERE = (
    "README.md",
    "training_args.bin",
    "*.pt",
    "*.pth",
    "trainer_state.json",
    "complete.json",
    "merge.json",
    ".*",
)


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError: The folder holds nothing to push, or the repository cannot be written to.
        PushError: The Hub could not be reached in the end.
    """
    options = parser().settle(argv)
    check_licence(options.license)
    path = Path(options.folder)
    if (path / "learnable.jsonl").is_file() and SampleFolder(path, "filter.json").read():
        if options.evaluation:
            raise UserError("--evaluation goes with a model; this folder holds a data set.")
        if options.license:
            write_data_card(SampleFolder(path, "filter.json"), license=options.license)
        done = push(path, options.to)
    else:
        run, model = _model_of(path)
        _add_evaluations(run, model, [Path(folder) for folder in options.evaluation])
        if options.license:
            run.update(base={**(run.read().get("base") or {}), "license": options.license})
        done = push_model(run, model, options.to)
    say(f"pushed    {done}")


def parser() -> PlainParser:
    """The options."""
    made = PlainParser("push", description=ABOUT)
    made.add_argument("folder", metavar="FOLDER", help="of a training run, of a model inside one, or of filter-data")
    made.option("--to", required=True, metavar="OWNER/NAME", help="the repository; made, private, if it is not there")
    made.option(
        "--evaluation", nargs="+", default=[], metavar="FOLDER",
        help="reports of `cli.py evaluate` on this very model, to go into its card",
    )  # fmt: skip
    made.option("--license", metavar="NAME", help="as the Hub names it; default: that of the base, if it tells")
    return made


def _model_of(path: Path) -> tuple[RunFolder, Path]:
    """The run, and the folder of the model in it that is meant.

    Raises:
        UserError: There is none.
    """
    for run in (RunFolder(folder) for folder in (path, *path.resolve().parents[:2])):
        if run.run.is_file():
            model = run.final if run.path == path else path
            if Subject(run, model).there:
                return run, model
            break
    raise UserError(
        f"{path} holds neither the model of a finished training run (final/), nor is it a model folder inside a run, "
        "nor a filtered data set (learnable.jsonl); name the folder of one."
    )


def _add_evaluations(run: RunFolder, model: Path, folders: Sequence[Path]) -> None:
    """Copy the reports of this model into its run.

    Raises:
        UserError: One is no report, or of another model.
    """
    for folder in folders:
        record = SampleFolder(folder, "evaluation.json").read()
        if "results" not in record:
            raise UserError(f"--evaluation {folder} holds no finished evaluation; name a folder that evaluate wrote.")
        if record["question"]["weights"] != weights_mark(str(model)):
            raise UserError(
                f"--evaluation {folder} is of {record['question']['model']}, whose weights are not those of {model}. "
                f"Measure this model: python cli.py evaluate --model {model} --benchmark …"
            )
    reports = [(folder, files_to_send(folder, REPORT)) for folder in folders]
    for folder, files in reports:
        kept = run.path / EVALUATIONS / folder.resolve().name
        if folder.resolve() != kept.resolve():
            kept.mkdir(parents=True, exist_ok=True)
            for name, path in files.items():
                shutil.copy(path, kept / name)


def push_model(run: RunFolder, model: Path, repository: str) -> str:
    """Push a model of a run with its card, in one commit. Returns where it is.

    Raises:
        UserError: The weights are not whole, something is a link out of the run, or the repository cannot be
            written to.
        PushError: It could not be done.
    """
    folder = run.path if model == run.final else model
    again = shlex.join(["python", "cli.py", "push", str(folder), "--to", repository])
    weights = files_to_send(model, MODEL, root=run.path, left_out=LEFT_HERE)
    require_whole_weights(model, weights)
    page = files_to_send(run.path, PAGE)
    repository = require_repository(repository, "model", again=again)
    base = run.read().get("base") or {}
    if base.get("hub_id") and not base.get("license"):
        run.update(base={**base, **licence_on_hub(base["hub_id"], "model")})
    subject = Subject(run, model, repository)
    if subject.adapter and not base.get("hub_id"):
        say("          the base of this adapter is a local folder, so nobody else can load it; a merged model can be")
    if model == run.final:
        write_card(run, repository)
    files: dict[str, Content] = {**weights}
    if subject.adapter:
        settings = (model / "adapter_config.json").read_text(encoding="utf-8")
        files["adapter_config.json"] = without_paths(settings, json.loads(settings)).encode()
    shown = {folder for folder, _ in subject.evaluations}
    for name, path in page.items():
        if path.parent in shown or not name.startswith(f"{EVALUATIONS}/"):
            files[name] = path if path.suffix == ".png" else subject.public(path.read_text(encoding="utf-8")).encode()
    files["README.md"] = card(subject).encode()
    return upload(files, repository, "model", "Trained model", again, folder)
