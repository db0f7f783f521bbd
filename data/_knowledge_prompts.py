"""What a teacher model is asked about knowledge points. The wording is ours: KnowRL's prompts are not public.

The order is the published one: points are extracted from a solution that was verified, each is judged for leakage, and
one that fails is rewritten. `data._knowledge_replies` reads what the teacher answers.
"""

from collections.abc import Iterable

from data._knowledge_records import split_point

Messages = list[dict[str, str]]

_GENERAL = (
    "A knowledge point is one mathematical fact, definition, theorem or technique that the solution cannot do "
    "without, stated so generally that it could stand in a textbook. It uses none of the problem's numbers, names or "
    "letters, no intermediate result, and it says neither the final answer nor which step to take next."
)

# What a judge is asked of each point: the key in its reply, and the question.
JUDGED = {
    "answer": "Does it state the final answer, in any form, or something from which the answer can be read off?",
    "numbers": "Does it use numbers that are particular to this problem or its solution?",
    "names": "Does it use names, objects or letters that are particular to this problem?",
    "intermediate": "Does it state a result that somebody would have to work out while solving this problem?",
    "step": "Does it say what to do in this problem, rather than what is true in general?",
}


def extract_prompt(problem: str, solution: str) -> Messages:
    """Ask for the knowledge points of a problem.

    Args:
        problem: The problem.
        solution: A worked solution whose answer was found to be right.

    Returns:
        Chat messages; `parse_points` reads the reply.
    """
    return _turn(
        f"Which knowledge does a student need for the problem below? {_GENERAL}",
        _block("Problem", problem),
        _block("Correct solution", solution),
        "List every point that the solution rests on, from two to ten, each only once and each a single idea. Leave "
        "out what any student knows. Reply with a JSON list and nothing else:",
        '[{"knowledge_point": "the fact itself, in one sentence", '
        '"key_considerations": "when it holds, and what is easily overlooked"}]',
        r"Inside JSON strings write every backslash of LaTeX twice, as in \\frac.",
    )


def judge_prompt(point: str, problem: str, answer: str) -> Messages:
    """Ask whether a point gives something of its problem away.

    Args:
        point: The knowledge point.
        problem: The problem it was extracted for.
        answer: Its gold answer.

    Returns:
        Chat messages; `parse_verdict` reads the reply.
    """
    questions = "\n".join(f"- {key}: {question}" for key, question in JUDGED.items())
    keys = ", ".join(f'"{key}": false' for key in JUDGED)
    return _turn(
        f"Judge whether a hint is general knowledge or gives part of a problem away. {_GENERAL}",
        _block("Problem", problem),
        _block("Final answer", answer),
        _block("Hint", _both(point)),
        f"Answer five questions about the hint with true or false:\n{questions}",
        f"If in doubt, the answer is true. Reply with one JSON object and nothing else:\n{{{keys}}}",
    )


def rewrite_prompt(point: str, problem: str, reasons: Iterable[object]) -> Messages:
    """Ask for a point again, without what it gave away.

    Args:
        point: The knowledge point that failed.
        problem: The problem it was extracted for.
        reasons: What is wrong with it, such as the `Leak`s of `leaks` or the kinds of a verdict.

    Returns:
        Chat messages; `parse_points` reads the reply, of one point.
    """
    listed = "\n".join(f"- {reason}" for reason in reasons)
    return _turn(
        f"The hint below gives part of a problem away and must be put in general terms. {_GENERAL}",
        _block("Problem", problem),
        _block("Hint", _both(point)),
        f"What is wrong with it:\n{listed}",
        "State the knowledge behind the hint without any of this. If nothing general remains, reply with []. Else "
        "reply with a JSON list of one object and nothing else:",
        '[{"knowledge_point": "…", "key_considerations": "…"}]',
    )


def _turn(*parts: str) -> Messages:
    return [{"role": "user", "content": "\n\n".join(parts)}]


def _block(name: str, text: str) -> str:
    return f"## {name}\n{text.strip()}"


def _both(point: str) -> str:
    return "\n".join(part for part in split_point(point) if part)
