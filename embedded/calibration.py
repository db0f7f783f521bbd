"""What the embedded model can do on held-out problems, with 95 % intervals: the ground a run starts from."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase, Qwen2ForCausalLM

from boxed import last_boxed
from data import render_prompt
from data.arithmetic import FAMILIES, problems
from data.knowledge import with_hints
from evaluation.engines import Request, Sampling, TransformersEngine, sample_seed
from evaluation.statistics import Score, in_per_cent, score_of

MAX_NEW_TOKENS = 160


@dataclass(frozen=True)
class Sampled:
    """A problem (row of `data.arithmetic.problems`), and for each of its samples: right or not, and the tokens."""

    problem: dict
    right: list[bool]
    tokens: list[int]


def load(path: Path) -> tuple[Qwen2ForCausalLM, PreTrainedTokenizerBase]:
    """Load model and tokenizer, on the CPU."""
    return AutoModelForCausalLM.from_pretrained(path).eval(), AutoTokenizer.from_pretrained(path)


def sample(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[dict],
    *,
    n: int | None = None,
    turns: Sequence[dict[str, str]] = (),
) -> list[Sampled]:
    """Solve problems, greedily once or n times at temperature 1.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        rows: The problems.
        n: Samples per problem; None decodes greedily.
        turns: Turns before the question, as a system prompt.
    """
    k = n or 1
    prompts = [render_prompt([*turns, {"role": "user", "content": row["problem"]}], tokenizer) for row in rows]
    requests = [Request(prompt, sample_seed(0, prompt, index)) for prompt in prompts for index in range(k)]
    sampling = Sampling(MAX_NEW_TOKENS, temperature=0.0 if n is None else 1.0)
    completions = TransformersEngine(model, tokenizer, batch_size=256).complete(requests, sampling)
    right = [last_boxed(c.text) == rows[i // k]["answer"] for i, c in enumerate(completions)]
    tokens = [c.length for c in completions]
    return [Sampled(row, right[i * k : i * k + k], tokens[i * k : i * k + k]) for i, row in enumerate(rows)]


def accuracy(results: Sequence[Sampled]) -> Score:
    """Return the share of right samples, clustered by problem."""
    return score_of([result.right for result in results])


def mean_tokens(results: Sequence[Sampled]) -> float:
    """Return the mean number of tokens written."""
    return fmean(tokens for result in results for tokens in result.tokens)


def by_family(results: Sequence[Sampled]) -> dict[str, list[Sampled]]:
    """Group results by the family of their problem."""
    families = defaultdict(list)
    for result in results:
        families[result.problem["family"]].append(result)
    return dict(families)


def by_length(results: Sequence[Sampled]) -> list[Score]:
    """Return the accuracy of the short, middle and long third, thirds taken within each family.

    The wording is meant to cost no accuracy, so the three should agree.
    """
    thirds: list[dict[int, list[bool]]] = [defaultdict(list) for _ in range(3)]
    for group in by_family(results).values():
        lengths = sorted(tokens for result in group for tokens in result.tokens)
        cuts = [lengths[len(lengths) * i // 3] for i in (1, 2)]
        for result in group:
            for tokens, right in zip(result.tokens, result.right, strict=True):
                thirds[(tokens >= cuts[0]) + (tokens >= cuts[1])][id(result)].append(right)
    return [score_of(list(third.values())) for third in thirds]


def share(results: Sequence[Sampled], solved: Iterable[int], of: int = 8) -> float:
    """Return the expected share of problems with so many right out of `of` samples, unbiased, from n >= `of` each.

    Counting `of` samples directly leaves a standard error of 3 points on 200 problems; more samples lower it.
    """
    n, solved = len(results[0].right), list(solved)

    def chance(right: int) -> float:
        return sum(math.comb(right, k) * math.comb(n - right, of - k) for k in solved) / math.comb(n, of)

    return fmean(chance(sum(result.right)) for result in results)


def report(path: Path, seed: int = 0) -> str:
    """Measure a model and return its calibration as text."""
    model, tokenizer = load(path)
    torch.manual_seed(seed)
    rows = problems(400, split="held_out", seed=seed)
    greedy = sample(model, tokenizer, rows)
    sampled = sample(model, tokenizer, rows, n=16)
    level_4 = problems(99, split="held_out", seed=seed, levels=[4])
    hard = sample(model, tokenizer, level_4, n=8)
    with_hint = [{**row, "problem": with_hints(row["problem"], [FAMILIES[row["family"]].hint])} for row in level_4]
    hinted = sample(model, tokenizer, with_hint)
    lengths = sorted(tokens for result in sampled for tokens in result.tokens)
    deciles = [lengths[len(lengths) * i // 10] for i in (1, 5, 9)]
    lines = [
        f"greedy accuracy, 400 problems: {_percent(accuracy(greedy))}, {mean_tokens(greedy):.1f} tokens",
        f"T=1 accuracy, 400 problems x 16: {_percent(accuracy(sampled))}, {mean_tokens(sampled):.1f} tokens "
        f"(10, 50, 90 %: {deciles})",
        "problems with 0, 1, ... 8 of 8 right, expected: "
        + ", ".join(f"{100 * share(sampled, [k]):.1f}" for k in range(9))
        + f" % (2 to 5: {100 * share(sampled, range(2, 6)):.1f} %)",
        f"T=1 accuracy, short, middle, long third within each family: {', '.join(map(_percent, by_length(sampled)))}",
        f"T=1 accuracy of level 4, 99 problems x 8: {_percent(accuracy(hard))}; greedy with the fitting hint "
        f"{_percent(accuracy(hinted))}",
    ]
    lines += [
        f"  {name:12} greedy {_percent(accuracy(group))}   T=1 {_percent(accuracy(by_family(sampled)[name]))}"
        for name, group in by_family(greedy).items()
    ]
    return "\n".join(lines)


def _percent(score: Score) -> str:
    return in_per_cent(score.mean, score.low, score.high)
