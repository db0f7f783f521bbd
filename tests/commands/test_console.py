"""The line that a person reads while a run goes on."""

from commands._console import metrics_line


def test_the_line_shows_what_tells_whether_a_run_learns():
    logs = {
        "loss": 0.0,
        "reward": 0.53,
        "rewards/accuracy/mean": 0.481,
        "completions/mean_length": 41.4,
        "completions/mean_length_correct": 38.2,
        "completions/mean_length_incorrect": 44.4,
        "completions/clipped_ratio": 0.02,
        "groups/effective": 0.84,
        "groups/all_correct": 0.05,
        "groups/all_wrong": 0.11,
        "entropy": 0.614,
        "clip_ratio/region_mean": 0.012,
        "step_time": 1.26,
    }
    assert metrics_line(10, 80, logs) == (
        "step 10/80  reward 0.53  accuracy 48%  length 41  (right 38)  (wrong 44)  cut 2%  groups that teach 84%  "
        "all right 5%  all wrong 11%  entropy 0.61  clipped 1.2%  1.3 s/step"
    )


def test_what_has_no_value_is_left_out():
    """A step that re-uses a generation has no rewards; TRL logs None where nothing was wrong."""
    logs = {"loss": 0.0, "entropy": 0.5, "completions/mean_length_incorrect": None}
    assert metrics_line(2, 80, logs) == "step 2/80  entropy 0.50"
