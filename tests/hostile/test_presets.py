"""Whatever a preset file holds, it is a preset that works or a fault that names the file.

PIXELWISE_HOSTILE=N tries N files.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from cases_presets import cases
from PIL import Image
from verdicts import broken_rules, left_behind, run

from pixelwise.core.errors import PresetError
from pixelwise.crf import load_preset, refine

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "300"))
IMAGE = np.random.default_rng(0).integers(0, 256, (6, 7, 3)).astype(np.uint8)
LABELS = (np.arange(42).reshape(6, 7) % 2).astype(np.uint8)


def test_a_preset_file_works_or_is_refused_by_name(tmp_path: Path) -> None:
    accepted = refused = 0
    for path in cases(COUNT, 0, tmp_path):
        try:
            preset = load_preset(path)
        except PresetError as problem:
            assert str(path) in problem.message
            assert len(problem.message) < 1500
            assert problem.message.isprintable()
            refused += 1
        else:
            beliefs = refine(IMAGE, LABELS, preset=preset.for_size(IMAGE.shape), iterations=2)
            assert np.isfinite(beliefs).all()
            accepted += 1
    assert accepted + refused == COUNT
    assert refused > COUNT // 2


def test_the_command_keeps_the_rules(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "photo.png")
    Image.fromarray(LABELS).save(tmp_path / "labels.png")
    for path in cases(max(8, COUNT // 40), 1, tmp_path):
        outcome = run(
            ["refine", "photo.png", "labels.png", "-o", "out.png", "--overwrite", "--crf-preset", path.name],
            tmp_path,
        )
        assert broken_rules(outcome, path.name) == [], path.read_bytes()[:300]
        assert left_behind(tmp_path) == []
