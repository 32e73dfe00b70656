"""The compiled resampling against NumPy, written out by its definition."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise import _core

Floats = npt.NDArray[np.float64]


def interpolated(values: Floats, length: int, axis: int) -> Floats:
    """Bilinear interpolation along one axis: cell centres at (i + 0.5) / n, clamped at the ends."""
    cells = values.shape[axis]
    position = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, cells - 1)
    shape = [1] * values.ndim
    shape[axis] = length
    weight = (position - low).reshape(shape)
    result: Floats = np.take(values, low, axis) * (1 - weight) + np.take(values, high, axis) * weight
    return result


def softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(0))
    result: Floats = powers / powers.sum(0)
    return result


SIZES = [
    ((1, 1), (1, 1)),
    ((1, 1), (5, 7)),
    ((5, 7), (1, 1)),
    ((3, 4), (3, 4)),
    ((3, 4), (30, 41)),
    ((30, 41), (3, 4)),
    ((7, 1), (2, 9)),
    ((33, 65), (97, 131)),
    ((20, 300), (9, 37)),
    ((40, 70), (61, 300)),
]


@pytest.mark.parametrize(("small", "large"), SIZES)
@pytest.mark.parametrize("classes", [1, 2, 21])
def test_probabilities_are_the_softmax_of_interpolated_scores(
    small: tuple[int, int], large: tuple[int, int], classes: int
) -> None:
    scores = np.random.default_rng(1).normal(0, 5, (classes, *small)).astype(np.float32)
    expected = softmax(interpolated(interpolated(scores.astype(float), large[0], 1), large[1], 2))
    found = np.empty((classes, *large), np.float32)
    _core.pixel_probabilities(scores, found)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize(("small", "large"), SIZES)
def test_labels_are_the_best_class_and_counts_add_up(small: tuple[int, int], large: tuple[int, int]) -> None:
    scores = np.random.default_rng(2).normal(0, 3, (5, *small)).astype(np.float32)
    full = softmax(interpolated(interpolated(scores.astype(float), large[0], 1), large[1], 2))
    labels, pixels, confidence = np.empty(large, np.uint8), np.zeros(5, np.int64), np.zeros(5)
    _core.label_pixels(scores, labels, pixels, confidence)
    chosen = np.take_along_axis(full, labels[None].astype(int), 0)[0]
    np.testing.assert_allclose(chosen, full.max(0), atol=2e-6)
    assert pixels.tolist() == np.bincount(labels.ravel(), minlength=5).tolist()
    np.testing.assert_allclose(confidence, np.bincount(labels.ravel(), chosen.ravel(), 5), rtol=1e-5)
    sure = np.empty(large, np.float32)
    _core.pixel_confidence(scores, sure)
    np.testing.assert_allclose(sure, chosen, atol=2e-6)


def test_threads_share_the_rows_and_change_nothing() -> None:
    scores = np.random.default_rng(3).normal(0, 3, (5, 30, 40)).astype(np.float32)
    found = []
    for threads in (1, 2, 5):
        labels, pixels, confidence = np.empty((71, 90), np.uint8), np.zeros(5, np.int64), np.zeros(5)
        _core.label_pixels(scores, labels, pixels, confidence, threads)
        found.append((labels.tolist(), pixels.tolist(), confidence))
    for other in found[1:]:
        assert other[:2] == found[0][:2]
        np.testing.assert_allclose(other[2], found[0][2], rtol=1e-12)


def test_weighted_probabilities_are_added_to_a_part_of_the_total() -> None:
    rng = np.random.default_rng(4)
    scores = rng.normal(0, 3, (3, 7, 9)).astype(np.float32)
    of_rows, of_columns = rng.random(11, np.float32), rng.random(300, np.float32)
    before = rng.random((3, 20, 320), np.float32)
    total = before.copy()
    _core.add_probabilities(scores, of_rows, of_columns, 4, 13, total)
    added = softmax(interpolated(interpolated(scores.astype(float), 11, 1), 300, 2))
    expected = before.copy()
    expected[:, 4:15, 13:313] += added * of_rows[:, None] * of_columns
    np.testing.assert_allclose(total, expected, atol=3e-6)
    with pytest.raises(ValueError, match="beyond the total"):
        _core.add_probabilities(scores, of_rows, of_columns, 10, 13, total)


def test_a_single_number_that_is_not_finite_is_found() -> None:
    scores = np.full((3, 5, 7), np.finfo(np.float32).max, np.float32)
    scores[0, 0, 0] = -scores[0, 0, 1]
    assert _core.all_finite(scores)
    for place in ((0, 0, 0), (2, 4, 6), (1, 2, 3)):
        for number in (np.nan, -np.nan, np.inf, -np.inf):
            other = scores.copy()
            other[place] = number
            assert not _core.all_finite(other)


@pytest.mark.parametrize("stride", [1, 2, 4, 5])
def test_enlarged_scores_keep_the_cells_and_lie_on_lines_between_them(stride: int) -> None:
    scores = np.random.default_rng(5).normal(0, 3, (3, 6, 30)).astype(np.float32)
    rows, columns = (
        np.arange(stride * (cells - 1) + 3) / stride for cells in (6, 30)
    )  # 2 beyond the last cell
    out = np.empty((3, len(rows), len(columns)), np.float32)
    _core.enlarge(scores, stride, out)
    assert (out[:, :-2:stride, :-2:stride] == scores).all()
    down = np.stack([[np.interp(rows, np.arange(6), line) for line in plane.T] for plane in scores])
    across = np.stack([[np.interp(columns, np.arange(30), line) for line in plane.T] for plane in down])
    np.testing.assert_allclose(out, across, atol=1e-5)


def test_four_pixels_between_two_cells() -> None:
    # Centres of 4 pixels over 2 cells: (0.5, 1.5, 2.5, 3.5) / 2 - 0.5, clamped to 0, 0.25, 0.75, 1.
    scores = np.array([[[0, 4]], [[1, 1]]], np.float32)  # class 0 goes from 0 to 4, class 1 stays at 1
    labels, pixels, confidence = np.empty((1, 4), np.uint8), np.zeros(2, np.int64), np.zeros(2)
    _core.label_pixels(
        scores, labels, pixels, confidence
    )  # class 0: 0, 1, 3, 4; the tie goes to the lower id
    assert labels.tolist() == [[1, 0, 0, 0]]
    sure = [1 / (1 + np.exp(-1)), 1 / 2, 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-3))]
    assert confidence == pytest.approx([sure[1] + sure[2] + sure[3], sure[0]], abs=1e-5)


def test_far_apart_scores_give_zero_and_one() -> None:
    scores = np.array([[[-1000.0]], [[1000.0]]], np.float32)
    found = np.empty((2, 1, 1), np.float32)
    _core.pixel_probabilities(scores, found)
    assert found.ravel() == pytest.approx([0, 1])


def test_arrays_of_another_type_are_refused_instead_of_copied() -> None:
    scores, pixels, confidence = np.zeros((2, 3, 3), np.float32), np.zeros(2, np.int64), np.zeros(2)
    with pytest.raises(TypeError):
        _core.label_pixels(scores, np.zeros((3, 3), np.int32), pixels, confidence)
    with pytest.raises(TypeError):
        _core.label_pixels(scores, np.zeros((6, 6), np.uint8)[::2, ::2], pixels, confidence)


def test_classes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in classes"):
        _core.pixel_probabilities(np.zeros((2, 3, 3), np.float32), np.zeros((3, 3, 3), np.float32))


def misaligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    moved = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    assert not moved.flags.aligned
    return moved


def test_misaligned_arrays_are_refused_by_every_function() -> None:
    scores, pixels, confidence = np.zeros((2, 3, 3), np.float32), np.zeros(2, np.int64), np.zeros(2)
    labels, features = np.zeros((3, 3), np.uint8), np.zeros((2, 9), np.float32)
    field = _core.MeanField((1, 3, 3), 2, [(features, 0, 1.0, None)], 1)
    volume = np.zeros((2, 1, 3, 3), np.float32)
    field.set_unary(volume)
    images, weights = np.zeros((1, 3, 3, 32), np.float32), np.zeros((32, 32, 3, 3), np.float32)
    bias, rows = np.zeros(32, np.float32), np.zeros((9, 2), np.float32)
    calls: list[Callable[[Callable[[npt.NDArray[Any]], npt.NDArray[Any]]], object]] = [
        lambda placed: _core.label_pixels(placed(scores), labels, pixels, confidence),
        lambda placed: _core.label_pixels(scores, labels, placed(pixels), confidence),
        lambda placed: _core.pixel_probabilities(scores, placed(scores)),
        lambda placed: field.set_unary(placed(volume)),
        lambda placed: field.beliefs(placed(volume)),
        lambda placed: _core.MeanField((1, 3, 3), 2, [(placed(features), 0, 1.0, None)], 1),
        lambda placed: _core.convolve(placed(images), weights, bias, 1, 1, False, images.copy(), 1),
        lambda placed: _core.cross_entropy(placed(rows), labels.ravel(), rows[0], 1, None, 1),
    ]
    for call in calls:
        call(np.copy)  # nothing else is wrong with the arguments
        with pytest.raises(TypeError, match="incompatible function arguments"):
            call(misaligned)


def test_a_result_is_never_lost_in_a_converted_copy() -> None:
    field = _core.MeanField((1, 3, 3), 2, [], 1)
    field.set_unary(np.zeros((2, 1, 3, 3), np.float32))
    others: list[npt.NDArray[Any]] = [np.zeros((2, 1, 3, 3)), np.broadcast_to(np.float32(0), (2, 1, 3, 3))]
    for out in others:
        with pytest.raises(TypeError):
            field.beliefs(out)
    repeated = np.lib.stride_tricks.as_strided(np.zeros(9, np.float32), (2, 1, 3, 3), (0, 0, 12, 4))
    with pytest.raises(ValueError, match="repeats its numbers"):
        field.beliefs(repeated)


def test_nan_gives_no_probability_and_spoils_no_pixel_but_its_neighbours() -> None:
    scores = np.array([[[1, 1, np.nan]], [[2, 1, 1]]], np.float32)
    found = np.empty((2, 1, 3), np.float32)
    _core.pixel_probabilities(scores, found)
    assert found[:, 0, 0] == pytest.approx(softmax(np.array([1.0, 2])), abs=1e-6)
    assert np.isnan(found[:, 0, 2]).any()
    labels, pixels, confidence = np.empty((1, 3), np.uint8), np.zeros(2, np.int64), np.zeros(2)
    _core.label_pixels(scores, labels, pixels, confidence)
    assert pixels.sum() == 3
    assert labels[0, 0] == 1


def test_sides_are_bounded_before_memory_is_taken() -> None:
    long = np.zeros((2, 1, 2**24), np.float32)
    with pytest.raises(ValueError, match=r"2\^24"):
        _core.pixel_confidence(long, np.zeros((1, 1), np.float32))
    with pytest.raises(ValueError, match=r"2\^24"):
        _core.pixel_confidence(long[:, :, :1].copy(), np.zeros((2**24, 1), np.float32))
