"""Score and belief maps over mean-field iterations."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.inference.crf_refiner import CRFRefiner
from pixelwise.inference.external_results import read_given
from pixelwise.inference.iterations import iteration_sheet

CELL, GAP, TITLE = 220, 6, 22


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """White from column 22 of 44 on; labels that begin at column 18."""
    image = np.zeros((44, 44, 3), np.uint8)
    image[:, 22:] = 240
    Image.fromarray(image).save(tmp_path / "photo.png")
    labels = np.zeros((44, 44), np.uint8)
    labels[:, 18:] = 5
    Image.fromarray(labels).save(tmp_path / "labels.png")
    return tmp_path / "photo.png"


def test_after_gives_the_beliefs_that_the_refiner_ends_with() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (12, 15, 3), np.uint8)
    first = rng.random((12, 15), np.float32) * 0.8 + 0.1
    given = np.stack([first, 1 - first])
    refiner = CRFRefiner("deeplab")
    before, middle, last = refiner.after(image, given, (0, 3, 10))
    assert np.allclose(before, given, atol=1e-5)
    assert np.allclose(last, refiner(image, given), atol=1e-5)
    assert abs(middle - before).max() > 0.01


def test_the_sheet_shows_labels_scores_and_beliefs_as_they_move_to_the_edge(photo: Path) -> None:
    page = iteration_sheet(photo, read_given(photo.parent / "labels.png"), CRFRefiner("deeplab-coco"))
    assert page.width == GAP + 5 * (CELL + GAP)  # given, 1, 2, 5, 10
    rows = 5  # labels, and two for each of two classes
    assert page.height > TITLE + rows * (CELL + TITLE)
    pixels = np.asarray(page)
    middle = TITLE + 2 * (CELL + TITLE + GAP) + TITLE + CELL // 2  # the belief in the larger class, "5"
    strip = pixels[middle, :, 1].astype(int)  # green grows along the ramp
    first, last = GAP, GAP + 4 * (CELL + GAP)
    off = round(20 / 44 * CELL)  # between the labels' edge and the picture's
    assert strip[first + CELL - 5] > 150 and strip[first + off] > 150, "given: the class, on both"
    assert strip[last + CELL - 5] > 220 and strip[last + off] < 60, "refined: on white only"


def test_a_preset_of_few_iterations_shows_no_more(photo: Path) -> None:
    import dataclasses

    from pixelwise.crf import PRESETS

    preset = dataclasses.replace(PRESETS["deeplab"], iterations=2)
    page = iteration_sheet(photo, read_given(photo.parent / "labels.png"), CRFRefiner(preset))
    assert page.width == GAP + 3 * (CELL + GAP)
