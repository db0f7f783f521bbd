"""Which of TRL's metrics a person looks at, under which names; plots and `show` draw the same ones."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """One picture.

    Attributes:
        name: Of the file in `plots/`.
        title: What is shown, with its unit.
        series: (metric, label) of each line.
        share: Whether values are shares of 1, shown in per cent.
        signed: Whether values may be negative.
    """

    name: str
    title: str
    series: tuple[tuple[str, str], ...]
    share: bool = False
    signed: bool = False


CURVES = (
    Curve("reward", "Mean reward", (("reward", "reward"),), signed=True),
    Curve("accuracy", "Sampled completions that are right", (("rewards/accuracy/mean", "right"),), share=True),
    Curve(
        "length",
        "Completion length in tokens",
        (
            ("completions/mean_length", "all"),
            ("completions/mean_length_correct", "right"),
            ("completions/mean_length_incorrect", "wrong"),
        ),
    ),
    Curve("entropy", "Entropy of the policy in nats per token", (("entropy", "entropy"),)),
    Curve(
        "clipping",
        "Share of tokens clipped, and of completions cut off",
        (("clip_ratio/region_mean", "tokens clipped"), ("completions/clipped_ratio", "completions cut off")),
        share=True,
    ),
    Curve(
        "zero_variance",
        "Groups without signal: all completions alike",
        (
            ("frac_reward_zero_std", "equal rewards"),
            ("groups/all_correct", "all right"),
            ("groups/all_wrong", "all wrong"),
        ),
        share=True,
    ),
    # Of methods that a model rewards itself by.
    Curve(
        "repetition", "Share of the text that repeats itself", (("completions/repetition", "repeated"),), share=True
    ),
    Curve(
        "correlation",
        "Correlation of the model's own reward with accuracy",
        tuple(
            (f"{name}/correlation_with_accuracy", name.replace("_", " "))
            for name in ("self_certainty", "negative_entropy", "majority")
        ),
        signed=True,
    ),
)


def points(records: list[dict], metric: str) -> list[tuple[int, float]]:
    """Return (step, value) wherever a metric was logged; of a step logged twice, the later value."""
    values = {
        record["step"]: record[metric] for record in records if record.get(metric) is not None and "step" in record
    }
    return sorted(values.items())
