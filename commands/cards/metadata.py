"""The head of a model's card, which the Hub reads: what it was made from, with what, and its results."""

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from commands.cards.results import measured
from commands.cards.subject import Subject
from commands.measured import accuracy_limits
from evaluation.benchmarks import BENCHMARKS
from evaluation.report import limits, title
from pages import one_line
from runs.public import public_name

PIPELINE = "text-generation"


def metadata(subject: Subject) -> ModelCardData:
    """All of it; what is not known is left out."""
    base, hub = subject.base, subject.base.get("hub_id")
    relation: dict[str, Any] = {"base_model_relation": "adapter" if subject.adapter else "finetune"} if hub else {}
    licence: dict[str, Any] = {
        key: one_line(base[key]) for key in ("license", "license_name", "license_link") if base.get(key)
    }
    data = subject.data.get("hub_id")
    results = eval_results(subject)
    # In the order of the head; the parameters' own order is alphabetical.
    return ModelCardData(
        base_model=hub,
        library_name="peft" if subject.adapter else "transformers",
        pipeline_tag=PIPELINE,
        language=["en"],
        tags=["math", "reasoning", "grpo", *({subject.method} - {"", "grpo"}), "trl"],
        datasets=[data] if data else None,
        metrics=["accuracy"] if results else None,
        model_name=one_line(subject.name) if results else None,
        eval_results=results or None,
        **relation,
        **licence,
    )


def eval_results(subject: Subject) -> list[EvalResult]:
    """Accuracies in per cent: on the held-out problems, and on every benchmark that was measured whole."""
    record, found = subject.record, []
    if measured(record) and not subject.part.startswith("as it was"):
        after, name = record["after"], one_line(public_name(str(subject.data.get("name", "problems"))))
        ends = accuracy_limits(after)
        found.append(
            EvalResult(
                **_task(),
                dataset_type=subject.data.get("hub_id") or _slug(name),
                dataset_name=f"{name}, held out",
                dataset_split="held_out",
                metric_value=_rounded(after["accuracy"]),
                metric_name=f"accuracy in %{_interval(*ends)}, greedy, {after['problems']} problems",
                metric_args={
                    "problems": after["problems"],
                    **_errors(after.get("accuracy_se"), *ends),
                    "before_training": _rounded(record["before"]["accuracy"]),
                },
            )
        )
    for _, evaluation in subject.evaluations:
        found += [_benchmark(result) for result in evaluation["results"] if not result["smoke"]]
    return found


def _benchmark(result: Any) -> EvalResult:
    entry, settings = BENCHMARKS.get(result["benchmark"]), result.get("settings") or {}
    protocol = f"{result['shots']}-shot, {result['metric']}"
    names = ("prompt", "temperature", "top_p", "max_new_tokens", "tools")
    return EvalResult(
        **_task(),
        dataset_type=entry.hub if entry else _slug(title(result)),
        dataset_name=one_line(title(result)),
        dataset_config=entry.config if entry else None,
        dataset_split=entry.split if entry else None,
        metric_value=_rounded(result["score"]),
        metric_name=f"accuracy in %{_interval(*limits(result))}, {protocol}, {result['problems']} problems",
        metric_args={
            "problems": result["problems"],
            **_errors(result["se"], *limits(result)),
            **{name: settings[name] for name in names if name in settings},
        },
    )


def _task() -> dict[str, Any]:
    return {"task_type": PIPELINE, "task_name": "Mathematical reasoning", "metric_type": "accuracy"}


def _interval(low: float | None, high: float | None) -> str:
    """The 95 % interval in words; "" where it is not known."""
    return "" if low is None or high is None else f", 95 % interval [{100 * low:.1f}, {100 * high:.1f}]"


def _errors(error: float | None, low: float | None, high: float | None) -> dict[str, float | None]:
    return {"standard_error": _rounded(error), "low": _rounded(low), "high": _rounded(high)}


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _slug(name: str) -> str:
    """A name as the Hub would write it."""
    return "".join(c if c.isalnum() or c in "-._" else "-" for c in name.rpartition("/")[2]) or "problems"
