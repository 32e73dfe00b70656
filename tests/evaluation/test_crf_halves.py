"""experiments/crf_halves.py prints its tables for any data."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from pixelwise.evaluation.metrics.trimap import Bands

FILE = Path(__file__).parents[2] / "experiments/crf_halves.py"


def test_pictures_without_class_borders_have_empty_cells(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("crf_halves", FILE)
    assert spec is not None
    assert spec.loader is not None
    halves = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(halves)
    judged = SimpleNamespace(classes=("background", "cat"), details=SimpleNamespace(class_borders=Bands(2)))
    halves.print_curves("class_borders", "the convention", {"no CRF": [judged]})
    cells = " | ".join("" for _ in halves.WIDTHS)
    assert capsys.readouterr().out.count(f"| no CRF | {cells} |") == 2
