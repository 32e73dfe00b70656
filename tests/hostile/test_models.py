"""Hostile model files: each is run or named, and the command keeps the rules of verdicts.py."""

import os
from pathlib import Path

import pytest
from PIL import Image
from verdicts import broken_rules, left_behind, run

pytest.importorskip("onnx")
pytest.importorskip("openvino")

from cases_models import CHANGES, cases

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "66"))
BATCH = 110
ENGINES = ("onnxruntime", "openvino")
LOADED = (*ENGINES, "pixelwise.inference.predictor")


@pytest.mark.parametrize("batch", range(-(-COUNT // BATCH)))
def test_hostile_model_files_are_run_or_named(batch: int, exit_codes: set[int], tmp_path: Path) -> None:
    Image.effect_noise((60, 40), 90).convert("RGB").save(tmp_path / "photo.png")
    faults = []
    for number, case in enumerate(cases(min(BATCH, COUNT - batch * BATCH), batch, tmp_path)):
        engine = ENGINES[(number // len(CHANGES) + number) % 2]
        arguments = ["segment", "photo.png", "--model", case.path.name, "--engine", engine, "--overwrite"]
        outcome = run([*arguments, "--output", "out"], tmp_path, *LOADED)
        broken = [*broken_rules(outcome, case.path.name), *left_behind(tmp_path)]
        faults += [f"{case.made}, {engine}: {fault}" for fault in broken]
        exit_codes.add(outcome.code)
        case.path.unlink()
    assert faults == []


def test_some_changes_do_no_harm_and_others_are_refused(exit_codes: set[int]) -> None:
    assert {0, 1} <= exit_codes, "run it together with the batches"
