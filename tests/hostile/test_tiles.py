"""Damaged TIFF files in tiles are segmented, or are errors that name the file, in bounded memory."""

import os
import resource
from pathlib import Path

import pytest

pytest.importorskip("rasterio", reason="needs rasterio")

from cases_tiles import cases

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.inference.predictor import Predictor

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "120"))


@pytest.mark.slow
def test_hostile_tiffs_in_tiles_are_segmented_or_named(tmp_path: Path, predictor: Predictor) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    segmented = refused = 0
    for case in cases(COUNT, 18, tmp_path):
        tiled = Predictor(predictor.engine, predictor.info, tiles=case.tiles)
        try:
            result = tiled(case.path)
        except ImageError as error:
            assert str(case.path) in error.message, case
            assert not case.made.startswith("sound"), error
            refused += 1
        else:
            assert result.labels.shape == result.size, case
            segmented += 1
        case.path.unlink()
    assert segmented + refused == COUNT
    assert segmented >= COUNT // 3 and refused > COUNT // 10
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < PICTURES.total + 300_000_000
