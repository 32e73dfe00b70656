"""Hostile results of other programs: each is used or named, and commands keep the rules of verdicts.py.

PIXELWISE_HOSTILE=N tries N files.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from cases_results import SIZE, cases
from PIL import Image
from verdicts import broken_rules, left_behind, run

from pixelwise.core.errors import DataError
from pixelwise.inference.external_results import read_given

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "200"))


def test_arrays_and_masks_are_read_or_refused_by_name(tmp_path: Path) -> None:
    read = refused = 0
    for case in cases(COUNT, 0, tmp_path):
        try:
            given = read_given(case.path)
        except DataError as problem:
            assert case.path.name in problem.message, case.made
            assert problem.message.isprintable(), case.made
            refused += 1
        except ValueError as problem:
            assert "confidence must be" in str(problem), case.made
            refused += 1
        else:
            assert np.isfinite(given.probabilities((5, 6))).all(), case.made
            read += 1
    assert read + refused == COUNT
    assert min(read, refused) > COUNT // 20


def test_refine_and_eval_keep_the_rules(tmp_path: Path) -> None:
    for kind in ("images", "labels", "found"):
        (tmp_path / kind).mkdir()
    (tmp_path / "classes.txt").write_text("one\ntwo\nthree\n")
    labels = np.arange(SIZE[0] * SIZE[1], dtype=np.uint8).reshape(SIZE) % 3
    names = [case.path for case in cases(max(12, COUNT // 10), 1, tmp_path / "found")]
    for path in names:
        Image.effect_noise(SIZE[::-1], 90).convert("RGB").save(tmp_path / f"images/{path.stem}.png")
        Image.fromarray(labels).save(tmp_path / f"labels/{path.stem}.png")
    faults, codes = [], []
    for path in names[:8]:
        line = ["refine", f"images/{path.stem}.png", f"found/{path.name}", "-o", "out.png", "--overwrite"]
        outcome = run(line, tmp_path)
        faults += [f"{path.name}: {fault}" for fault in broken_rules(outcome, path.stem)]
        codes.append(outcome.code)
    outcome = run(["refine", "images", "found", "-o", "out"], tmp_path)
    faults += broken_rules(outcome)
    assert outcome.code == 1
    assert "failed, named above" in outcome.stderr
    outcome = run(
        ["eval", "masks:found", "--data", "folder:.", "--split", "all", "--allow-missing"], tmp_path
    )
    faults += broken_rules(outcome, "found")
    assert [*faults, *left_behind(tmp_path)] == []
    assert 1 in codes


def test_calibrations_and_formats_keep_the_rules(model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(model_path.read_bytes())
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 damaged")
    for arguments, code, named in (
        (["--calibrate", "empty"], 1, "empty"),
        (["--calibrate", "notes.txt"], 1, "notes.txt"),
        (["--calibrate", "broken"], 1, "photo.jpg"),
        (["--calibrate", "nowhere"], 1, "nowhere"),
        ([], 2, "int8 needs calibration"),
        (["--calibrate", "broken", "--format", "torchscript"], 2, "torchscript is written in float32"),
    ):
        outcome = run(["export", "mine.onnx", "--precision", "int8", *arguments], tmp_path)
        assert outcome.code == code, outcome.stderr
        assert code == 2 or broken_rules(outcome) == [], outcome.stderr
        assert named in " ".join(outcome.stderr.replace("\u2502", " ").split()), outcome.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "empty", "mine.onnx", "notes.txt"]
