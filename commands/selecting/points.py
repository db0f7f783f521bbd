"""The problems with their points, and the prompts of subsets of them."""

import hashlib
import json
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import datasets

from commands.filtering.pool import Pool, prepare
from data import build_prompts, render_prompt
from data.knowledge import record_of
from errors import UserError
from evaluation.sampler import Problem

JUDGED = "judged"


@dataclass(frozen=True)
class Pointed:
    """A problem with knowledge points.

    Attributes:
        problem: As it is asked without points.
        text: The problem itself.
        points: Its points.
    """

    problem: Problem
    text: str
    points: tuple[str, ...]


def prepare_points(options: Namespace) -> tuple[Pool, list[Pointed]]:
    """Load and check the problems; a prompt is too long if it is so with all points.

    Raises:
        UserError, DataError: The model's name or the data cannot work, or no problem is left.
    """
    pool = prepare(options, hints="all", hint_style=options.hint_style)
    pointed = []
    for problem in pool.problems:
        row = pool.rows[problem.id]
        points = record_of({"problem": row["problem"], "kp_list": row["kp_list"]}).points
        pointed.append(Pointed(problem, row["problem"], points))
    if not any(one.points for one in pointed):
        raise UserError(
            f"no problem of {options.dataset} has knowledge points: its column kp_list is empty in every row. "
            "`cli.py knowledge extract` makes some."
        )
    return pool, pointed


def points_fingerprint(pool: Pool) -> str:
    """Return the SHA-256 of the points of all rows: others, or in another order, are another question."""
    digest = hashlib.sha256()
    for points in pool.source.dataset["kp_list"]:
        digest.update(json.dumps(points).encode() + b"\n")
    return digest.hexdigest()


def subset_id(problem: str, subset: Iterable[int], purpose: str = "") -> str:
    """Return what samples of a problem with these points are filed under, and seeded by.

    >>> subset_id("ab12", []), subset_id("ab12", {3, 0}), subset_id("ab12", {0}, JUDGED)
    ('ab12', 'ab12+0,3', 'ab12+0 judged')
    """
    places = ",".join(map(str, sorted(subset)))
    return problem + (f"+{places}" if places else "") + (f" {purpose}" if purpose else "")


def with_subsets(
    wanted: Sequence[tuple[Pointed, frozenset[int]]], options: Namespace, tokenizer: object, purpose: str = ""
) -> list[Problem]:
    """Return problems with subsets of their points, worded as training words them."""
    if not wanted:
        return []
    rows = [
        {"problem": one.text, "kp_list": list(one.points), "kept_kp_index": sorted(subset)} for one, subset in wanted
    ]
    asked = build_prompts(
        datasets.Dataset.from_list(rows),
        options.prompt_style,
        system=options.system_prompt,
        hints="kept",
        hint_style=options.hint_style,
    )
    return [
        Problem(subset_id(one.problem.id, subset, purpose), render_prompt(prompt, tokenizer), one.problem.answer)
        for (one, subset), prompt in zip(wanted, asked["prompt"], strict=True)
    ]
