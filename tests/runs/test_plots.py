"""Plots show what was logged, and only that."""

import pytest
from matplotlib.image import imread

from runs.curves import CURVES, points
from runs.files import append_jsonl
from runs.folder import RunFolder
from runs.plots import _lines, draw, draw_samples


def test_of_a_step_logged_twice_the_later_value_counts():
    records = [{"step": 2, "reward": 0.1}, {"step": 4, "reward": None}, {"step": 2, "reward": 0.3}, {"step": 6}]
    assert points(records, "reward") == [(2, 0.3)]


def test_a_curve_without_values_is_not_drawn(tmp_path):
    run = RunFolder(tmp_path)
    append_jsonl(run.metrics, [{"step": 1, "reward": 0.5, "entropy": None}])
    assert [path.name for path in draw(run)] == ["reward.png"]
    assert [path.name for path in run.plots.iterdir()] == ["reward.png"]


def test_nothing_logged_is_nothing_drawn(tmp_path):
    assert draw(RunFolder(tmp_path)) == []
    assert not RunFolder(tmp_path).plots.exists()


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_lines_hold_the_logged_values_and_lie_within_the_picture(curve, tmp_path):
    from matplotlib.figure import Figure

    values = {metric: [0.1 * (i + 1), 0.9, 0.4] for i, (metric, _) in enumerate(curve.series)}
    records = [{"step": 4 * n + 4} | {metric: values[metric][n] for metric in values} for n in range(3)]
    axes = Figure().subplots()
    _lines(axes, curve, records)
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}
    assert drawn == {label: values[metric] for metric, label in curve.series}
    assert [list(line.get_xdata()) for line in axes.get_lines()] == [[4, 8, 12]] * len(curve.series)
    low, high = axes.get_ylim()
    assert low <= 0.1
    assert high >= 0.9
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len({dashes for _, dashes in looks}) == len(curve.series), "told apart by colour alone"


def test_a_picture_is_opaque(tmp_path):
    """On a dark page a transparent one would put dark ink on black."""
    run = RunFolder(tmp_path)
    append_jsonl(run.metrics, [{"step": step, "reward": step / 9} for step in range(1, 9)])
    pixels = imread(draw(run)[0])
    assert pixels.shape[2] == 3 or pixels[..., 3].min() == 1
    assert (pixels[0] == 1).all(), "the margin is white"
    assert (pixels[..., :3].min() < 0.5).any(), "something is drawn"


def test_samples_are_drawn_as_far_as_they_were_graded_and_ranked(tmp_path):
    def records(rewards, grades):
        return [
            {"step": step, "group": 0, "reward": reward, "advantage": reward - 0.5, "length": 9, "rewards": grade}
            for step in range(1, 5)
            for reward, grade in zip(rewards, grades, strict=True)
        ]

    kinds = {
        "graded": ([1.0, 0.0], [{"accuracy": 1.0}, {"accuracy": 0.0}], ["pass_rates.png", "advantages.png"]),
        "ungraded": ([1.0, 0.0], [{"own": 1.0}, {"own": 0.0}], ["advantages.png"]),
        "tied": ([1.0, 1.0], [{"accuracy": 1.0}, {"accuracy": 1.0}], ["pass_rates.png"]),
        "unknown": ([None, 1.0], [{"accuracy": None}, {"accuracy": 1.0}], []),
    }
    for name, (rewards, grades, drawn) in kinds.items():
        run = RunFolder(tmp_path / name)
        if name == "unknown":
            rows = [{"step": 1, "group": 0, "reward": None, "advantage": 0.0, "length": 9, "rewards": grades[0]}]
        else:
            rows = records(rewards, grades)
        append_jsonl(run.completions / "000000-000999.jsonl", rows)
        assert [path.name for path in draw_samples(run)] == drawn, name
