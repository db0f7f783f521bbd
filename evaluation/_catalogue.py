"""What a benchmark is: where it comes from and how it is usually run."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["math", "choice"]


@dataclass(frozen=True)
class Settings:
    """How a benchmark is run.

    Attributes:
        prompt: A name in `data.PRESETS`.
        shots: Demonstrations before the problem.
        samples: Completions per problem; the score is their mean, avg@n.
        tools: Whether the model may run Python between its turns.
        temperature: 0 decodes greedily.
        top_p: Share of the probability that is sampled from.
        max_new_tokens: Longest completion in tokens; with tools, of one turn.
        hints: Knowledge points in the prompt, "none", "all" or a rule whose selection the data has. Those of test
            problems were made from their solutions, so such a score says what hints do, not what a model knows.
    """

    prompt: str = "qwen-cot"
    shots: int = 0
    samples: int = 1
    tools: bool = False
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 2048
    hints: str = "none"

    @property
    def metric(self) -> str:
        """The name of the score: the mean of so many samples per problem."""
        return f"avg@{self.samples}" + (f", {self.hints} hints" if self.hints != "none" else "")


@dataclass(frozen=True)
class Entry:
    """A benchmark's sources and its usual settings.

    Attributes:
        title: As the seeds' tables head it.
        file: In a local folder, without `.jsonl`: rows with `id`, `problem`, `answer` and perhaps `choices`.
        hub: Data set on the Hub, or a name in `data.DATASETS`.
        columns: There, of the problem and the gold. A gold may be an index into `choices`.
        split: There.
        config: There, where it has several.
        revision: There; "main" is whatever is newest, for none of these has been pinned by this project.
        kind: "math" for an answer that is computed, "choice" for a letter.
        problems: Rows of the published set.
        shots_from: A bank of `data.SHOTS`.
        settings: The column heads of the seeds' tables, or the usual ones where they give none.
    """

    title: str
    file: str
    hub: str
    columns: tuple[str, str] = ("problem", "answer")
    split: str = "test"
    config: str | None = None
    revision: str = "main"
    kind: Kind = "math"
    problems: int = 0
    shots_from: str = "math"
    settings: Settings = field(default_factory=Settings)
