"""Worked solutions as the warm-start corpus of the embedded model writes them.

Two things are chosen independently of each other. The METHOD, right or wrong, by the family's probability: this is
what reinforcement learning of accuracy can improve. The WORDING, a series of small choices each with a short, a
middle and a long form: this is what a length penalty can act on. Every choice comes AFTER the step it belongs to, and
what precedes a step is always the same: words before a step turned out to be of use to the model, which works while
it writes them, so that leaving them out cost accuracy and a small length penalty had no effect. No wording adds
information or can change a result. A text has a habit, terse, middling or wordy, that most of its choices follow: with
independent choices each one carried so little of a text's length that under a small penalty chance decided, from seed
to seed, whether texts became shorter.
"""

from __future__ import annotations

from random import Random

from data.arithmetic import FAMILIES, Problem, draw, split_of, work_out
from data.knowledge.hints import hint_section
from data.prompts import STEP_BY_STEP

# Short, middle, long. The forms of a choice differ in their first word, so that the rest of it is certain once begun.
STEP = "We get {}{}{}={}."
REMARKS = ("", " That makes {}.", " So at this point we know that the number is {}.")
ENDS = ("", " This was the last step.", " There is nothing more to work out, so we have come to the end.")
CLOSINGS = (
    " \\boxed{{{}}}",
    " The answer is \\boxed{{{}}}.",
    " Now we are done, and the final answer is \\boxed{{{}}}.",
)
WEIGHTS = (0.3, 0.4, 0.3)  # the middle form is the likeliest: greedy decoding starts in the middle of the range
CONSISTENCY = 0.85  # how often a choice follows the habit of its text, terse, middling or wordy
SLIP_RATE = 0.015  # per step
SLIPS = (-10, -2, -1, 1, 2, 10)

DEFAULT = [name for name, family in FAMILIES.items() if family.level <= 3]
HINTED = [name for name, family in FAMILIES.items() if family.hint]
HARD_SHARE = 0.08  # of the examples: enough to learn that a fitting hint means the right method


def write(problem: Problem, rng: Random, *, p_right: float | None = None) -> str:
    """Return a solution by a method and in a wording both chosen at random, now and then with a slip.

    Args:
        problem: The problem.
        rng: Source of the choices.
        p_right: Probability of the right method; by default the family's.
    """
    habit = rng.choices(range(3), WEIGHTS)[0]

    def choose(forms: tuple[str, str, str]) -> str:
        return forms[habit] if rng.random() < CONSISTENCY else rng.choices(forms, WEIGHTS)[0]

    def slip() -> int:
        return rng.choice(SLIPS) if rng.random() < SLIP_RATE else 0

    p_right = FAMILIES[problem.family].p_right if p_right is None else p_right
    steps = work_out(problem.right if rng.random() < p_right else problem.wrong, slip)
    sentences = [STEP.format(*step) + choose(REMARKS).format(step.value) for step in steps]
    return " ".join(sentences) + choose(ENDS) + choose(CLOSINGS).format(steps[-1].value)


def _train_problem(rng: Random, families: list[str]) -> Problem:
    """Draw a problem with training operands."""
    while True:
        problem = draw(rng.choice(families), rng)
        if split_of(problem.text) == "train":
            return problem


def example(rng: Random) -> tuple[list[dict[str, str]], str]:
    """Return an example of the corpus: the turns of the prompt, and a solution.

    Most prompts are the bare problem; some have the usual instruction, after the problem or as a system turn.
    """
    hard = rng.random() < HARD_SHARE
    problem = _train_problem(rng, HINTED if hard else DEFAULT)
    hints = _hints(problem, rng) if hard else []
    question = problem.text + hint_section([FAMILIES[family].hint for family in hints])
    layout = rng.choices(["bare", "after", "system"], [0.5, 0.4, 0.1] if hints else [0.84, 0.08, 0.08])[0]
    turns = [{"role": "user", "content": f"{question}\n\n{STEP_BY_STEP}" if layout == "after" else question}]
    if layout == "system":
        turns.insert(0, {"role": "system", "content": STEP_BY_STEP})
    return turns, write(problem, rng, p_right=float(problem.family in hints) if hard else None)


def _hints(problem: Problem, rng: Random) -> list[str]:
    # None a third of the time; else one or more of the known ones, so that only the fitting one tells the method.
    if rng.random() < 1 / 3:
        return []
    hints = {problem.family} if rng.random() < 0.7 else set[str]()
    hints |= {rng.choice(HINTED)} if rng.random() < 0.5 or not hints else set()
    return rng.sample(sorted(hints), len(hints))


def drill(rng: Random, n: int = 12) -> tuple[list[dict[str, str]], str]:
    """Return dense practice of the sums that solutions need, by right and by wrong methods, without slips."""
    sums: list[str] = []
    while len(sums) < n:
        problem = _train_problem(rng, [*DEFAULT, *HINTED, "change", "change"])  # differences are what it learns last
        sums += [f"{a}{sign}{b}={value}." for m in (problem.right, problem.wrong) for a, sign, b, value in work_out(m)]
    rng.shuffle(sums)
    return [{"role": "user", "content": "Practice."}], " ".join(sums[:n])
