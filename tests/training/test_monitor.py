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
