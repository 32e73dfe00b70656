"""Labels from coarse scores are those of the enlarged ones, to the bit."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from tiny_model import CLASSES

from pixelwise import _core, load
from pixelwise.core.errors import ModelError
from pixelwise.inference.engines.coarse_scores import CoarseScores
from pixelwise.inference.engines.engine import CoarseEngine
from pixelwise.inference.probabilities import labels_of
from pixelwise.inference.segmentation import Segmentation

PHOTO = Path(__file__).parents[3] / "examples/chelsea.png"


@pytest.mark.parametrize("stride", [2, 4, 5])
@pytest.mark.parametrize("size", [(1, 1), (9, 31), (37, 60), (30, 45), (200, 150)])
def test_labels_counts_and_sums_are_those_of_the_enlarged_scores(stride: int, size: tuple[int, int]) -> None:
    cells = np.random.default_rng(stride).normal(0, 3, (7, 10, 13)).astype(np.float32)
    coarse = CoarseScores(cells, stride, (37, 60) if stride > 4 else (9 * stride + 1, 12 * stride - 2))
    found, expected = labels_of(coarse, size), labels_of(coarse.enlarged(), size)
    assert all(np.array_equal(found[index], expected[index]) for index in range(3))


def test_the_same_with_several_threads() -> None:
    cells = np.random.default_rng(0).normal(0, 3, (4, 50, 60)).astype(np.float32)
    coarse = CoarseScores(cells, 4, (197, 237))
    labels, counts, sums = np.empty((300, 400), np.uint8), np.zeros(4, np.int64), np.zeros(4)
    coarse.label(labels, counts, sums, threads=3)
    expected = labels_of(coarse.enlarged(), (300, 400))
    assert np.array_equal(labels, expected[0])
    assert np.array_equal(counts, expected[1])
    np.testing.assert_allclose(sums, expected[2], rtol=1e-12)


def test_a_result_enlarges_its_scores_when_they_are_asked_for() -> None:
    cells = np.random.default_rng(1).normal(0, 3, (4, 5, 6)).astype(np.float32)
    coarse, image = CoarseScores(cells, 4, (17, 21)), np.zeros((17, 21, 3), np.uint8)
    results = [Segmentation(scores, (40, 50), CLASSES, image) for scores in (coarse, coarse.enlarged())]
    assert results[0].grid_size == results[1].grid_size == (17, 21)
    assert results[0].areas() == results[1].areas()
    assert np.array_equal(results[0].scores, results[1].scores)
    assert np.array_equal(results[0].probabilities, results[1].probabilities)


@pytest.mark.parametrize("number", [np.nan, np.inf, 3e38])
def test_scores_that_would_not_be_finite_are_refused(number: float) -> None:
    cells = np.zeros((4, 5, 6), np.float32)
    cells[2, 3, 1], cells[2, 3, 2] = number, -3e38
    with pytest.raises(ModelError, match="NaN or infinite"):
        Segmentation(CoarseScores(cells, 4, (17, 21)), (40, 50), CLASSES, np.zeros((17, 21, 3), np.uint8))


def test_a_stride_needs_a_size() -> None:
    cells, labels = np.zeros((4, 5, 6), np.float32), np.empty((3, 3), np.uint8)
    for arguments in ((2, None), (1, (5, 6)), (0, (5, 6)), (2, (0, 6))):
        with pytest.raises(ValueError, match=r"stride|empty"):
            _core.label_pixels(cells, labels, np.zeros(4, np.int64), np.zeros(4), 1, *arguments)


def test_predictions_are_those_of_the_scores_at_full_size() -> None:
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("ONNX Runtime enlarges scores itself")
    predictor = load("default", threads=1, engine="openvino")
    assert isinstance(predictor.engine, CoarseEngine)
    result = predictor(PHOTO)
    whole = Segmentation(predictor.engine.scores(result.image), result.size, result.classes, result.image)
    assert np.array_equal(result.labels, whole.labels)
    assert result.areas() == whole.areas()
    assert np.array_equal(result.scores, whole.scores)
