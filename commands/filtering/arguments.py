"""What `cli.py filter-data` can be asked for."""

import argparse
from collections.abc import Sequence

from commands.arguments.plain import COUNT, PlainParser, number
from commands.sampling_options import problem_options, sampling_options, settle_model
from errors import UserError

ABOUT = """\
Keep the problems that a model can learn from: sample solutions of each and keep those of which some, but
not most, are right (by default 2 to 5 of 8, as for Nexus-1.5B). Without --model and --dataset: the embedded
arithmetic model on its own problems.

example: accelerate launch cli.py filter-data --model Qwen/Qwen2.5-Math-1.5B-Instruct --dataset math --keep 100
"""
MORE = """\
Give the same command again to go on after a stop, or with other --low and --high to sort the same samples
anew: only what is missing is drawn. The zone is a statement about this model, prompt, temperature and length.
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line, fill in what depends on the model, and check what depends on several options.

    Raises:
        UserError: Something cannot work.
    """
    options = settle_model(parser().settle(argv))
    if not options.low <= options.high <= options.samples:
        raise UserError(
            f"the zone needs 0 ≤ --low ≤ --high ≤ --samples; found {options.low}, {options.high} and "
            f"{options.samples}."
        )
    if options.low == 0 and options.high == options.samples:
        raise UserError(
            f"--low 0 and --high {options.high} of --samples {options.samples} keep every problem; narrow the zone."
        )
    if options.all_samples and options.stop_when_unlikely is not None:
        raise UserError("--all-samples draws every sample and --stop-when-unlikely fewer; give one of them.")
    if options.temperature == 0 and options.samples > 1:
        raise UserError(
            f"--temperature 0 gives {options.samples} times the same solution, so nothing would lie between never and "
            "always. Sample with a temperature above 0."
        )
    return options


def parser() -> PlainParser:
    """The options, in the sections of the help."""
    made = PlainParser("filter-data", description=ABOUT, epilog=MORE)
    add = made.option
    made.section("the zone")
    whole = number(int, 0, 10**6, "a whole number, 0 or more")
    add("--low", type=whole, default=2, help="fewest right answers of a learnable problem; default 2")
    add("--high", type=whole, default=5, help="most right answers; default 5")
    add("--samples", type=COUNT, default=8, help="solutions per problem at most; default 8")
    add("--max-problems", "--keep", type=COUNT, metavar="N", help="stop when N learnable problems are found")
    add("--all-samples", action="store_true", help="also draw samples that cannot change the verdict")
    chance = number(float, 0, 1, "a probability, 0 to 1")
    add("--stop-when-unlikely", type=chance, metavar="P", help="give a problem up when its chance falls below P")
    problem_options(made)
    sampling_options(made)
    made.section("the result")
    add("--keep-completions", action="store_true", help="write the texts of all samples, too")
    add("--output-dir", help="default: below outputs/, the same for the same question, so that it goes on there")
    add("--push-to-hub", metavar="OWNER/NAME", help="push the result as a data set")
    return made
