"""Hostile pictures of many bands are read, or are errors that name the file, in bounded time and memory."""

import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tifffile", reason="needs tifffile")

from cases_bands import cases

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.bands import read_bands
from pixelwise.core.pictures.memory_budget import PICTURES

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "200"))


def test_hostile_bands_are_read_or_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = refused = 0
    slow = []
    for case in cases(COUNT, 16, tmp_path):
        began = time.process_time()
        try:
            bands = read_bands(case.path)
        except ImageError as error:
            assert str(case.path) in error.message, case
            refused += 1
        else:
            assert bands.ndim == 3, case
            assert np.isfinite(bands).all(), case
            read += 1
        slow += [case] if time.process_time() - began > 20 else []
        case.path.unlink()
    assert slow == []
    assert read + refused == COUNT
    assert refused > COUNT // 4 and read > COUNT // 20
    assert capfd.readouterr().err == ""
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < PICTURES.total + 300_000_000
