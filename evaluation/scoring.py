r"""From a benchmark's completions to verdicts, votes and one result of a report.

Answers of kind "math" are compared by the verifier that training uses; of kind "choice" by letters. A letter counts
where it stands as the answer (``\boxed{C}``, ``\boxed{\text{(C) } 5}``), and so does what a box holds when it is one
of the options: models that were taught to compute box the number. Strictly that is the last box alone. Leniently,
without a box, it is what follows "the answer is", 答案是 or 故选, else the last letter in brackets, else an option's
content in the last sentence.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, NotRequired, TypedDict

import numpy as np

from boxed import last_boxed
from evaluation.benchmarks import Benchmark, Kind, Settings, claims_for
from evaluation.contamination import Match, clean_score
from evaluation.statistics import mean_at_n, score_of
from rewards import verify, verify_report
from rewards.extract import Extraction


class Result(TypedDict):
    """One benchmark, measured. Scores are shares between 0 and 1, claims per cent as the cards print them.

    `lenient` may be above `strict` and never stands for it; `score` is `strict` over the gradable problems. `low` and
    `high` are the ends of its 95 % interval, which reports of older versions lack; `report.limits` is right for both.
    """

    benchmark: str
    shots: int
    n_samples: int
    metric: str
    score: float
    se: float
    low: NotRequired[float]
    high: NotRequired[float]
    strict: float
    lenient: float
    truncated: int
    without_answer: int
    timeouts: int
    problems: int
    ungradable: int
    smoke: bool
    clean_score: NotRequired[float | None]
    clean_problems: NotRequired[int]
    claims: NotRequired[Mapping[str, float]]


@dataclass(frozen=True)
class Measured:
    """A result and the verdicts that it is made of.

    Attributes:
        result: A row of a report.
        correct: (problems, n), strict verdicts in the order of the benchmark, for `pass_at_k` and `score_change`.
            A text that the verifier could not finish is 0.0, and counted in the result's `timeouts`.
    """

    result: Result
    correct: list[list[float]]


def measure_texts(
    benchmark: Benchmark,
    settings: Settings,
    texts: Sequence[Sequence[str]],
    *,
    truncated: Sequence[Sequence[bool]] | None = None,
    suite: str = "",
    matches: Sequence[Match] | None = None,
) -> Measured:
    """Score the completions of a benchmark.

    Args:
        benchmark: The benchmark whose rows were completed.
        settings: The settings of the completions.
        texts: (problems, n), completions in the order of the rows, as many of each as `settings.samples`.
        truncated: (problems, n), whether each completion was truncated; None where none was.
        suite: The suite whose claims stand beside the result.
        matches: Result of `find_overlap` with the training problems; None where no overlap was searched.

    Raises:
        ValueError: The texts have another shape.
    """
    rows, n = benchmark.dataset.to_list(), settings.samples
    if len(texts) != len(rows) or any(len(row) != n for row in texts):
        raise ValueError(
            f"{benchmark.name} needs {n} completions for each of {len(rows)} problems; found "
            f"{sorted({len(row) for row in texts})} for {len(texts)}"
        )
    ends = truncated if truncated is not None else [[False] * n] * len(rows)
    items = [
        Item(row["answer"], text, benchmark.kind, row["choices"], ended)
        for row, group, flags in zip(rows, texts, ends, strict=True)
        for text, ended in zip(group, flags, strict=True)
    ]
    scores = score(items)
    correct = _shaped(scores.strict, n)
    strict = score_of(correct)
    result: Result = {
        "benchmark": benchmark.name, "shots": settings.shots, "n_samples": n, "metric": settings.metric,
        "score": strict.mean, "se": strict.standard_error, "low": strict.low, "high": strict.high,
        "strict": strict.mean, "lenient": mean_at_n(_shaped(scores.lenient, n))[0],
        "truncated": scores.truncated, "without_answer": scores.without_answer,
        "timeouts": scores.timeouts + scores.out_of_memory + scores.errors,
        "problems": len(rows), "ungradable": len(benchmark.ungradable), "smoke": benchmark.smoke,
        "claims": claims_for(suite, benchmark.name),
    }  # fmt: skip
    if matches is not None:
        clean = clean_score(benchmark.dataset["id"], correct, matches)
        result["clean_score"], result["clean_problems"] = (clean[0].mean, clean[1]) if clean else (None, 0)
    return Measured(result, correct)


def _shaped(verdicts: Sequence[float | None], n: int) -> list[list[float]]:
    flat = np.array([verdict or 0.0 for verdict in verdicts])
    return flat.reshape(-1, n).tolist()


# Verdicts ------------------------------------------------------------------------------------------------------------


class Item(NamedTuple):
    """One completion and the gold answer that it is compared with.

    Attributes:
        gold: Normalised, as `load_benchmark` gives it.
        text: What the model wrote, without the output of its tools.
        kind: "math" or "choice".
        choices: The options, for "choice".
        truncated: Whether the completion reached the longest length.
    """

    gold: str
    text: str
    kind: Kind = "math"
    choices: Sequence[str] = ()
    truncated: bool = False


@dataclass(frozen=True)
class Scores:
    """Verdicts on N completions.

    Attributes:
        strict: By the last box alone: 1.0, 0.0, or None where the gold cannot be read.
        lenient: By the places that `docs/answers.md` lists; never instead of `strict`, only beside it.
        truncated: Number of truncated completions.
        without_answer: Number of completions without a box.
        timeouts: Completions whose strict verdict is 0.0, or None, because the verifier reached its time limit.
        out_of_memory: Likewise, its memory limit.
        errors: Likewise, an exception in the verifier.
    """

    strict: list[float | None]
    lenient: list[float | None]
    truncated: int
    without_answer: int
    timeouts: int
    out_of_memory: int
    errors: int


def score(items: Sequence[Item]) -> Scores:
    r"""Score completions of both kinds.

    Example:
        >>> scores = score([Item("4", "It is 4."), Item("B", r"\boxed{B}", "choice", ["3", "4"])])
        >>> scores.strict, scores.lenient, scores.without_answer
        ([0.0, 1.0], [1.0, 1.0], 1)
    """
    strict, (timeouts, out_of_memory, errors) = _verdicts(items, "boxed")
    lenient, _ = _verdicts(items, "lenient")
    return Scores(
        strict,
        lenient,
        truncated=sum(item.truncated for item in items),
        without_answer=sum(not last_boxed(item.text) for item in items),
        timeouts=timeouts,
        out_of_memory=out_of_memory,
        errors=errors,
    )


def _verdicts(items: Sequence[Item], extraction: Extraction) -> tuple[list[float | None], tuple[int, int, int]]:
    """Return the verdicts, and how often the verifier reached a limit of time, of memory, or failed."""
    verdicts: list[float | None] = [None] * len(items)
    choice = [place for place, item in enumerate(items) if item.kind == "choice"]
    math = [place for place, item in enumerate(items) if item.kind == "math"]
    picked = [items[place] for place in choice]
    golds, texts, options = [i.gold for i in picked], [i.text for i in picked], [i.choices for i in picked]
    for place, graded in zip(choice, grade_choices(golds, texts, options, extraction=extraction), strict=True):
        verdicts[place] = graded
    report = verify_report([items[i].gold for i in math], [items[i].text for i in math], extraction=extraction)
    for place, verdict in zip(math, report.verdicts, strict=True):
        verdicts[place] = verdict
    return verdicts, (report.timeouts, report.out_of_memory, report.errors)


# Votes ---------------------------------------------------------------------------------------------------------------


def answer_groups(texts: Sequence[Sequence[str]]) -> list[list[int | None]]:
    r"""Number the different answers of each problem, equivalent ones alike.

    Args:
        texts: (problems, n), completions; their last boxes are compared by the verifier, in the order they first come.

    Returns:
        (problems, n): 0 for the answer that comes first, 1 for the next different one, …; None without a box. An
        answer that the verifier cannot read is equal only to the same text.

    >>> answer_groups([[r"\boxed{\frac12}", "none", r"\boxed{3}", r"\boxed{0.5}"]])
    [[0, None, 1, 0]]
    """
    boxes = [[last_boxed(text) or None for text in row] for row in texts]
    distinct = [list(dict.fromkeys(box for box in row if box is not None)) for row in boxes]
    pairs = [(i, a, b) for i, row in enumerate(distinct) for a, b in combinations(row, 2)]
    verdicts = verify([a for _, a, _ in pairs], [f"\\boxed{{{b}}}" for _, _, b in pairs])
    same = {pair for pair, verdict in zip(pairs, verdicts, strict=True) if verdict == 1.0}
    return [_numbered(i, row, distinct[i], same) for i, row in enumerate(boxes)]


def _numbered(
    problem: int, boxes: Sequence[str | None], distinct: Sequence[str], same: set[tuple[int, str, str]]
) -> list[int | None]:
    first: list[str] = []
    numbers: dict[str, int] = {}
    for box in distinct:
        number = next((n for n, earlier in enumerate(first) if (problem, earlier, box) in same), None)
        if number is None:
            first.append(box)
        numbers[box] = len(first) - 1 if number is None else number
    return [None if box is None else numbers[box] for box in boxes]


# Multiple choice -----------------------------------------------------------------------------------------------------

_LETTERS = r"\(?([A-H])\)?(?:\s*(?:,|;|/|&|and|or|和|与|及|、)?\s*\(?([A-H])\)?)*"
_ALONE = re.compile(
    rf"(?:the\s+)?(?:option|choice|answer|选项?|答案)?\s*(?:is|是|为|:)?\s*(?P<letters>{_LETTERS})\s*[.。]?", re.I
)
_BEFORE_CONTENT = re.compile(r"(?:\(([A-H])\)|([A-H])[.:、)])\s*\S")
_TYPESETTING = re.compile(r"\\(?:text(?:bf|rm|it)?|mathrm|mathbf|mathsf|boldsymbol|bf|rm)(?![a-zA-Z])|[{}$~]|\\[ ,;!]")
_STATED = re.compile(
    r"(?:answer\s*(?:is|:)|correct\s+(?:option|choice|answer)\s*(?:is|:)?|答案\s*(?:是|为|:)|故?选择?\s*:?)"
    rf"\s*(?:\$|\*\*|option|choice)*\s*(?P<letters>{_LETTERS})(?![a-zA-Z'])",
    re.I,
)
_BRACKETED = re.compile(r"\(([A-H])\)(?![a-zA-Z(])")
_TAIL_CHARS = 1000


def chosen_letters(answer: str) -> str | None:
    r"""Return the letters that an answer names, None without any.

    Args:
        answer: The content of a box.

    Returns:
        Capitals in order, each once.

    >>> chosen_letters(r"\text{(C)}"), chosen_letters("D, A"), chosen_letters("B. 5"), chosen_letters("a body at rest")
    ('C', 'AD', 'B', None)
    """
    text = _TYPESETTING.sub(" ", unicodedata.normalize("NFKC", answer)).strip()
    whole = _ALONE.fullmatch(text)
    if whole:
        return _capitals(whole["letters"])
    first = _BEFORE_CONTENT.match(text)
    return (first[1] or first[2]) if first else None


def grade_choices(
    golds: Sequence[str], texts: Sequence[str], options: Sequence[Sequence[str]], *, extraction: Extraction = "boxed"
) -> list[float]:
    r"""Compare the letters that texts choose with the right ones.

    Args:
        golds: A letter or several, such as "C" or "ACD"; all must be chosen, and no other.
        texts: As many completions.
        options: The options of each problem, in the order of the letters.
        extraction: "boxed" reads the last box alone, "lenient" goes on without a box.

    Returns:
        1.0 or 0.0 for each text.

    >>> grade_choices(["B"], [r"It is \boxed{0.5}."], [["2", r"$\frac{1}{2}$"]])
    [1.0]
    """
    answers = [_answer(text, extraction) for text in texts]
    letters = [None if answer is None else chosen_letters(answer) for answer in answers]
    verdicts = [float(chosen == gold) for chosen, gold in zip(letters, golds, strict=True)]
    unnamed = [i for i, answer in enumerate(answers) if answer and letters[i] is None and len(golds[i]) == 1]
    matches = _matching([options[i] for i in unnamed], [str(answers[i]) for i in unnamed])
    for place, matched in zip(unnamed, matches, strict=True):
        verdicts[place] = float(golds[place] in matched)
    return verdicts


def _answer(text: str, extraction: Extraction) -> str | None:
    box = last_boxed(text)
    if box is not None or extraction == "boxed" or "\\boxed" in text:
        return box
    tail = unicodedata.normalize("NFKC", text[-_TAIL_CHARS:])
    for statement in reversed(list(_STATED.finditer(tail))):
        letters = _capitals(statement["letters"])
        if letters:
            return letters
    bracketed = _BRACKETED.findall(tail)
    if bracketed:
        return bracketed[-1]
    sentences = [line for line in re.split(r"(?<=[.。])\s+|\n", tail.strip()) if line.strip()]
    return re.sub(r".*(?:\bis\b|是|为|:)\s*", "", sentences[-1]).strip(" .。") if sentences else None


def _capitals(text: str) -> str | None:
    """Sort the letters of a match; small letters are names of unknowns or words, and choose nothing."""
    words = re.sub(r"and|or", " ", text)
    return None if re.search(r"[a-z]", words) else "".join(sorted(set(re.findall(r"[A-H]", words)))) or None


def _matching(options: Sequence[Sequence[str]], answers: Sequence[str]) -> list[str]:
    """Return for each answer the letters of the options that it equals, as a text or by the verifier."""
    pairs = [(i, letter, text) for i, row in enumerate(options) for letter, text in zip("ABCDEFGH", row, strict=False)]
    verdicts = verify([text for _, _, text in pairs], [f"\\boxed{{{answers[i]}}}" for i, _, _ in pairs])
    matched = [""] * len(answers)
    for (i, letter, text), verdict in zip(pairs, verdicts, strict=True):
        if verdict == 1.0 or _plain(text) == _plain(answers[i]):
            matched[i] += letter
    return matched


def _plain(text: str) -> str:
    bare = _TYPESETTING.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return re.sub(r"\s+", "", bare).strip(".。,;")
