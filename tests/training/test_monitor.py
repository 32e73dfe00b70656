"""The log of a run."""

import json
import math
from pathlib import Path

import pytest

from pixelwise.training.monitor import Monitor


def not_json(constant: str) -> float:
    raise AssertionError(f"{constant} is not JSON")


def test_the_log_is_json_also_where_a_figure_is_not_a_number(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    monitor = Monitor(tmp_path, 0, 20, 1, ())
    monitor.step(20, 0.5, 1e-3)
    monitor.evaluated(20, {"mean_iou": math.nan, "loss": math.inf, "pixel_accuracy": 0.25}, [])
    monitor.close()
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    first, second = (json.loads(line, parse_constant=not_json) for line in lines)
    assert (first["step"], first["loss"]) == (20, 0.5)
    assert second == {"step": 20, "val/mean_iou": None, "val/loss": None, "val/pixel_accuracy": 0.25}


def test_tensorboard_keeps_the_figures_of_the_step_that_a_run_goes_on_from(tmp_path: Path) -> None:
    """The first run was killed after step 60, its last checkpoint is of step 40."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for start, steps in ((0, (20, 40, 60)), (40, (60, 80))):
        monitor = Monitor(tmp_path, start, 80, 1, (20, 40) if start else ())
        for step in steps:
            monitor.step(step, step + start / 100, 1e-3)
            monitor.evaluated(step, {"mean_iou": step / 100}, [])
        monitor.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    losses = [(event.step, event.value) for event in events.Scalars("loss")]
    assert losses == [(20, 20), (40, 40), (60, pytest.approx(60.4)), (80, pytest.approx(80.4))]
    assert [event.step for event in events.Scalars("val/mean_iou")] == [20, 40, 60, 80]
