"""`cli.py push FOLDER`: a trained model, or a filtered data set, from its folder to the Hub."""

from collections.abc import Sequence
from pathlib import Path

from commands.arguments.plain import PlainParser
from commands.filtering.card import push
from commands.hub import require_repository, upload
from commands.terminal.console import say
from errors import UserError
from runs.folder import RunFolder
from runs.samples import SampleFolder

ABOUT = """\
Push what a folder holds: the model of a training run with its page and curves, or a filtered data set. Giving the
command again sends only what is not there yet.

example: python cli.py push outputs/my-run --to me/my-model
"""
PAGE = ["README.md", "run.json", "config.yaml", "plots/*.png"]


def main(argv: Sequence[str]) -> None:
    """Run the command.

    Raises:
        UserError: The folder holds nothing to push, or the repository cannot be written to.
        PushError: The Hub could not be reached in the end.
    """
    parser = PlainParser("push", description=ABOUT)
    parser.add_argument("folder", metavar="FOLDER", help="of a training run, or of filter-data")
    parser.option(
        "--to", required=True, metavar="OWNER/NAME", help="the repository; made, private, if it is not there"
    )
    options = parser.settle(argv)
    path = Path(options.folder)
    if (path / "learnable").is_dir() and SampleFolder(path, "filter.json").read():
        require_repository(options.to, "dataset")
        done = push(path, options.to)
    elif (RunFolder(path).final / "config.json").exists() or (RunFolder(path).final / "adapter_config.json").exists():
        require_repository(options.to, "model")
        done = push_run(RunFolder(path), options.to)
    else:
        raise UserError(
            f"{path} holds neither the model of a finished training run (final/) nor a filtered data set "
            "(learnable/); name the folder of one."
        )
    say(f"pushed    {done}")


def push_run(run: RunFolder, repository: str) -> str:
    """Push a run's model, and its page over that which TRL wrote.

    Raises:
        PushError: It could not be done.
    """
    again = f"python cli.py push {run.path} --to {repository}"
    upload(run.final, repository, "model", "Trained model", again, None)
    return upload(run.path, repository, "model", "The run on one page", again, PAGE)
