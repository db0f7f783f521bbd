"""What became of a problem and of each of its points."""

from dataclasses import dataclass, field

from commands.extracting.pool import Task
from data.knowledge import Leak


@dataclass
class Point:
    """A point and what became of it.

    Attributes:
        text: As extracted.
        reasons: Against it.
        rewritten: As written anew, None where it was not.
        reasons_after: Against that.
    """

    text: str
    reasons: list[Leak] = field(default_factory=list)
    rewritten: str | None = None
    reasons_after: list[Leak] = field(default_factory=list)

    @property
    def kept(self) -> str | None:
        """The text that is let through, if one is."""
        if not self.reasons:
            return self.text
        return None if self.reasons_after else self.rewritten

    def object(self, reason: Leak) -> None:
        """Turn down what would be let through."""
        (self.reasons_after if self.reasons else self.reasons).append(reason)


@dataclass
class Outcome:
    """What came of a problem.

    Attributes:
        task: The problem.
        solution: The verified one, None where there is none.
        failed: Why there are no points, "" where some were extracted.
        points: All that were extracted.
    """

    task: Task
    solution: str | None = None
    failed: str = ""
    points: list[Point] = field(default_factory=list)

    @property
    def kept(self) -> list[str]:
        """The points that are let through."""
        return [text for point in self.points if (text := point.kept)]
