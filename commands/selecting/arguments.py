"""What `cli.py knowledge select` can be asked for."""

import argparse
from collections.abc import Sequence

from commands.arguments.plain import COUNT, PlainParser, number
from commands.sampling_options import problem_options, sampling_options, settle_model
from data.knowledge import HINT_STYLES, RULES
from errors import UserError, did_you_mean

ABOUT = """\
Keep of each problem's knowledge points (column kp_list) those that a model needs: sample solutions with none,
all and all but each one of them in the prompt, and select by the accuracy of each. Without --model and
--dataset: the embedded arithmetic model on its own hard problems.

example: accelerate launch cli.py knowledge select --model nvidia/OpenMath-Nemotron-1.5B --dataset points.jsonl
"""
MORE = """\
Give the same command again to go on after a stop, or with other rules: they share samples, and only what is
missing is drawn. `train --dataset_name FOLDER/knowledge.jsonl --hints RULE` trains with the selection.
"""
# Which rules an option is for: with none of them it would do nothing.
USED_BY = {
    "tolerance": ("t-loo", "cbrs"),
    "near": ("css", "random"),
    "prefer": ("max-score", "cbrs", "css", "random"),
}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line, fill in what depends on other options, and check what depends on several.

    Raises:
        UserError: Something cannot work.
    """
    options = settle_model(parser().settle(argv))
    if options.dataset == "arithmetic" and options.dataset_config is None:
        options.dataset_config = "knowledge"
    options.rule = [rule for rule in RULES if rule in options.rule]
    _check_samples(options)
    for name, rules in USED_BY.items():
        if getattr(options, name) is not None and not set(rules) & set(options.rule):
            raise UserError(
                f"--{name} is for {', '.join(rules)}, and --rule {' '.join(options.rule)} does not use it. Leave it "
                "out, or add such a rule."
            )
    if options.stop_when_solved and options.prefer == "more":
        raise UserError(
            "--stop-when-solved keeps no points where none are needed, and --prefer more keeps points that make no "
            "difference; give one of them."
        )
    options.tolerance = 1 / options.samples if options.tolerance is None else options.tolerance
    options.near = options.near or 0.0
    options.prefer = options.prefer or "fewer"
    options.judge_samples = options.samples if options.judge_samples is None else options.judge_samples
    return options


def _check_samples(options: argparse.Namespace) -> None:
    if options.samples % options.runs:
        divisors = [n for n in range(1, options.samples + 1) if options.samples % n == 0]
        raise UserError(
            f"the runs are equal parts of the samples, so --runs must divide --samples; found {options.runs} and "
            f"{options.samples}. Give one of --runs {', '.join(map(str, divisors))}, or --samples "
            f"{-(-options.samples // options.runs) * options.runs}."
        )
    if options.temperature == 0:
        raise UserError(
            f"--temperature 0 gives {options.samples} times the same solution, so every accuracy would be 0 or 1. "
            "Sample with a temperature above 0."
        )


def parser() -> PlainParser:
    """The options, in the sections of the help."""
    made = PlainParser("knowledge select", description=ABOUT, epilog=MORE)
    add = made.option
    made.section("the selection")
    add("--rule", nargs="+", type=_rule, default=["css", "cbrs"], help=f"{', '.join(RULES)}; default css cbrs")
    add("--samples", type=COUNT, default=32, help="solutions with each subset of the points; default 32")
    add("--runs", type=COUNT, default=8, help="equal parts of the samples, which cbrs compares; default 8")
    share = number(float, 0, 1, "an accuracy, 0 to 1")
    add("--tolerance", type=share, help="of t-loo and cbrs, in accuracy; default one sample, 1/32")
    add("--near", type=share, help="of css: how near the best removal others are made at once; default 0")
    add("--prefer", choices=["fewer", "more"], help="points, where accuracies are equal; default fewer")
    add("--stop-when-solved", action="store_true", help="keep none where all samples without points are right")
    judges = number(int, 0, 10**6, "a whole number, 0 or more")
    add("--judge-samples", type=judges, help="fresh ones of what was selected; default as --samples; 0: do without")
    add("--hint-style", choices=list(HINT_STYLES), default="repo", help="how points are worded; default repo")
    problem_options(made)
    sampling_options(made)
    made.section("the result")
    add("--output-dir", help="default: below outputs/, the same for the same question, so that it goes on there")
    return made


def _rule(text: str) -> str:
    if text not in RULES:
        raise argparse.ArgumentTypeError(f"takes {', '.join(RULES)}; found {text!r}.{did_you_mean(text, RULES)}")
    return text
