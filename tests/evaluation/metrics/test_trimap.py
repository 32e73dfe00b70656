"""Bands near void and near class borders, against arithmetic and against plain dilation."""

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise.core.types import VOID, Labels
from pixelwise.evaluation.metrics import confusion
from pixelwise.evaluation.metrics.trimap import (
    Bands,
    chessboard_distance,
    class_border_distance,
    void_distance,
)


def dilated(mask: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    """True where the (2 width + 1)-square around the pixel holds a True one: the definition, by loops."""
    out = np.zeros_like(mask)
    for row, column in np.ndindex(mask.shape):
        square = mask[max(0, row - width) : row + width + 1, max(0, column - width) : column + width + 1]
        out[row, column] = square.any()
    return out


@pytest.mark.parametrize("share", [0, 0.003, 0.05, 1])
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (23, 31)])
def test_distances_up_to_w_are_the_dilation_by_a_square(share: float, shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(3).random(shape) < share
    distance = chessboard_distance(mask, 9)
    assert distance.max() <= 10
    for width in range(10):
        assert ((distance <= width) == dilated(mask, width)).all(), width


def test_the_trimap_is_what_is_near_void_without_void() -> None:
    labels = np.array([[0, 0, 0, 0, 1, VOID, 1, 1]], np.uint8)
    assert void_distance(labels, 2).tolist() == [[3, 3, 3, 2, 1, 0, 1, 2]]


def test_the_class_border_counts_pixels_on_each_side_and_void_is_no_class() -> None:
    labels = np.array([[0, 0, 0, 1, 1, VOID, 2, 2]], np.uint8)
    assert class_border_distance(labels, 3).tolist() == [[3, 2, 1, 1, 2, 3, 4, 4]]
    assert class_border_distance(np.array([[0, VOID], [VOID, 1]], np.uint8), 3).min() == 4


@pytest.mark.parametrize("limit", [1, 2, 254])
def test_what_is_beyond_the_limit_stays_beyond_it(limit: int) -> None:
    labels = np.zeros((1, 600), np.uint8)
    labels[0, 300:] = 1
    steps = np.minimum(np.concatenate([np.arange(300, 0, -1), np.arange(1, 301)]), limit + 1)
    assert class_border_distance(labels, limit).tolist() == [steps.tolist()]


def test_a_border_between_rows_counts_as_one_between_columns() -> None:
    labels = np.array([[0, 0, 0, 1, 1]], np.uint8)
    assert (class_border_distance(labels.T, 3) == class_border_distance(labels, 3).T).all()


def test_one_matrix_per_width_over_all_images() -> None:
    bands = Bands(2, limit=3)
    #          distance to void:   3  2  1  0     1  2  3  4
    first = np.array([[0, 0, 0, VOID]], np.uint8)
    second = np.array([[VOID, 1, 1, 1, 1]], np.uint8)
    bands.add(void_distance(first, 3), first, np.array([[0, 0, 1, 1]], np.uint8))
    bands.add(void_distance(second, 3), second, np.array([[0, 1, 0, 1, 0]], np.uint8))
    assert bands.confusion(1).tolist() == [[0, 1], [0, 1]]
    assert bands.confusion(2).tolist() == [[1, 1], [1, 1]]
    assert bands.confusion(3).tolist() == [[2, 1], [1, 2]]  # the far pixel, wrong too, is in none
    assert bands.curve([1, 3]) == [
        {"width": 1, "pixels": 2, "pixel_accuracy": 1 / 2, "mean_iou": (0 / 1 + 1 / 2) / 2},
        {"width": 3, "pixels": 6, "pixel_accuracy": 4 / 6, "mean_iou": (2 / 4 + 2 / 4) / 2},
    ]


def random_case(seed: int) -> tuple[Labels, Labels]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, (17, 40), np.uint8)
    truth[random.random(truth.shape) < 0.004] = VOID
    return truth, random.integers(0, 3, truth.shape, np.uint8)


def test_the_curve_is_that_of_masks_dilated_one_by_one() -> None:
    bands = Bands(3)
    expected = np.zeros((41, 3, 3), np.int64)
    for seed in range(4):
        truth, prediction = random_case(seed)
        bands.add(void_distance(truth), truth, prediction)
        for width in range(1, 41):
            near = np.where(dilated(truth == VOID, width), truth, VOID)
            confusion.confusion_matrix(near, prediction, 3, into=expected[width])
    rows = bands.curve()
    assert [row["width"] for row in rows] == list(range(1, 41))
    for row in rows:
        matrix = expected[row["width"]]
        assert (bands.confusion(row["width"]) == matrix).all()
        assert row["pixels"] == matrix.sum() > 0
        assert row["pixel_accuracy"] == confusion.pixel_accuracy(matrix)
        assert row["mean_iou"] == confusion.mean_iou(matrix)


def test_halves_merge_to_the_whole() -> None:
    halves, whole = [Bands(3), Bands(3)], Bands(3)
    for seed in range(4):
        truth, prediction = random_case(seed)
        for bands in (halves[seed % 2], whole):
            bands.add(class_border_distance(truth), truth, prediction)
    halves[0].merge(halves[1])
    assert (halves[0].rings == whole.rings).all()
    assert whole.rings.sum() > 0


def test_a_set_without_void_has_no_trimap() -> None:
    labels = np.zeros((4, 5), np.uint8)
    bands = Bands(2)
    bands.add(void_distance(labels), labels, labels)
    assert bands.curve([40]) == [{"width": 40, "pixels": 0, "pixel_accuracy": None, "mean_iou": None}]


def test_pixels_whose_class_was_made_void_later_are_left_out() -> None:
    read = np.array([[VOID, 0, 4, 0]], np.uint8)  # class 4 is unknown to the model
    bands = Bands(1)
    bands.add(void_distance(read), np.where(read == 4, VOID, read).astype(np.uint8), np.zeros_like(read))
    assert bands.confusion(3).tolist() == [[2]]


def test_what_does_not_fit_is_refused() -> None:
    labels = np.zeros((2, 3), np.uint8)
    near = np.ones((2, 3), np.uint8)
    with pytest.raises(ValueError, match=r"truth \(2, 3\) and prediction \(3, 2\) must have one shape"):
        Bands(2).add(near, labels, labels.T)
    with pytest.raises(ValueError, match="expected class ids below 2, got 2 near a border"):
        Bands(2).add(near, labels, labels + np.uint8(2))
    with pytest.raises(ValueError, match="other classes or limit"):
        Bands(2).merge(Bands(3))
    with pytest.raises(ValueError, match="width must be from 1 to 40 pixels, got 41"):
        Bands(2).confusion(41)
    with pytest.raises(ValueError, match="limit must be from 1 to 254 pixels, got 255"):
        Bands(2, 255)
    for limit in (0, 255):
        with pytest.raises(ValueError, match=f"limit must be from 1 to 254 pixels, got {limit}"):
            chessboard_distance(labels == 1, limit)
    with pytest.raises(ValueError, match=r"expected an \(H, W\) array of bool, got \(2, 3\) of uint8"):
        chessboard_distance(labels)  # type: ignore[arg-type]
