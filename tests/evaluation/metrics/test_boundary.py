"""Boundary IoU and F1 against definitions by loops, and where differences of ids go wrong."""

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise import _core
from pixelwise.core.types import VOID, Labels
from pixelwise.evaluation.metrics.boundary import Boundary, band_width, inner_band, tolerance


def random_labels(seed: int, shape: tuple[int, int] = (13, 17)) -> Labels:
    """Blocks of three pixels, so that bands have an inside, with some void."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice([0, 1, 2, VOID], (shape[0] // 3 + 1, shape[1] // 3 + 1), p=[0.5, 0.2, 0.2, 0.1])
    return blocks.repeat(3, 0).repeat(3, 1)[: shape[0], : shape[1]].astype(np.uint8)


def eroded(mask: npt.NDArray[np.bool_], width: int) -> npt.NDArray[np.bool_]:
    """True where the (2 width + 1)-square lies in the mask; outside the image there is none of it."""
    padded = np.pad(mask, width)
    out = np.zeros_like(mask)
    for row, column in np.ndindex(mask.shape):
        out[row, column] = padded[row : row + 2 * width + 1, column : column + 2 * width + 1].all()
    return out


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_the_inner_band_is_each_class_less_its_erosion(width: int, seed: int) -> None:
    labels = random_labels(seed)
    band = inner_band(labels, width)
    for id_ in np.unique(labels):
        mask = labels == id_
        assert np.array_equal(band & mask, mask & ~eroded(mask, width)), id_


def test_bands_of_large_pictures_are_wider_than_a_byte() -> None:
    width = band_width((10_000, 18_330))
    assert width == 418
    labels = np.zeros((900, 2400), np.uint8)
    labels[:, 1200:] = 1
    middle = np.flatnonzero(inner_band(labels, width)[450])
    assert middle.tolist() == [*range(418), *range(1200 - 418, 1200 + 418), *range(2400 - 418, 2400)]
    Boundary(2).add(np.zeros((3, 13_000), np.uint8), np.ones((3, 13_000), np.uint8))


def contour(labels: Labels, class_: int) -> npt.NDArray[np.bool_]:
    """The pixels of a class with another id above, below, left or right, by a loop."""
    out = np.zeros(labels.shape, np.bool_)
    for row, column in np.argwhere(labels == class_):
        for beside in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= beside[0] < labels.shape[0] and 0 <= beside[1] < labels.shape[1]
            out[row, column] |= inside and labels[beside] != class_
    return out


def near(own: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], radius: float) -> int:
    """How many pixels of `own` have one of `other` at most so far away in a straight line, by a loop."""
    others = np.argwhere(other)
    return sum(bool((np.hypot(*(others - pixel).T) <= radius).any()) for pixel in np.argwhere(own))


@pytest.mark.parametrize("radius", [1, 1.5, 3, 4.7])
@pytest.mark.parametrize("seed", range(3))
def test_contours_are_matched_by_straight_distance(radius: float, seed: int) -> None:
    truth, prediction = random_labels(seed), np.minimum(random_labels(seed + 9), 2)
    counts = np.zeros((4, 3), np.int64)
    _core.count_contours(truth, prediction, radius, VOID, counts)
    for class_ in range(3):
        own, theirs = contour(truth, class_), contour(prediction, class_)
        expected = [near(theirs, own, radius), theirs.sum(), near(own, theirs, radius), own.sum()]
        assert counts[:, class_].tolist() == expected


def test_any_two_ids_make_a_contour_and_equal_ones_none() -> None:
    for one, other in ((0, 1), (1, 2), (3, 251), (254, 0)):
        labels = np.array([[one, one, one, other, other, other]], np.uint8)
        counts = np.zeros((4, 255), np.int64)
        _core.count_contours(labels, labels, 1, VOID, counts)
        assert counts[3, [one, other]].tolist() == [1, 1] and counts.sum() == 8
    beside_void = np.array([[0, 0, VOID, VOID]], np.uint8)
    counts = np.zeros((4, 2), np.int64)
    _core.count_contours(beside_void, beside_void, 1, VOID, counts)
    assert counts.tolist() == [[1, 0]] * 4
    flat = np.full((3, 4), 1, np.uint8)
    _core.count_contours(flat, flat, 2, VOID, counts)
    assert counts.sum() == 4, "one label has no contour"
    with pytest.raises(ValueError, match="below the number of classes"):
        _core.count_contours(beside_void, np.array([[0, 7, 0, 0]], np.uint8), 1, VOID, counts)


def test_widths_are_shares_of_the_diagonal_and_at_least_a_pixel() -> None:
    assert band_width((300, 400)) == 10  # 2 % of 500
    assert tolerance((300, 400)) == 3.75  # 0.75 % of 500
    assert band_width((1, 1)) == tolerance((1, 1)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_itself_scores_one_whatever_is_said_of_void(seed: int) -> None:
    truth = random_labels(seed)
    boundary = Boundary(3)
    guess = np.random.default_rng(seed).integers(0, 3, truth.shape).astype(np.uint8)
    boundary.add(truth, np.where(truth == VOID, guess, truth))
    assert (boundary.band.iou() == 1).all()
    assert (boundary.f1() == 1).all()


def test_boundary_iou_by_hand() -> None:
    # 5 x 5, the band is 1 wide: of a class all that touches other ids or the frame.
    truth, prediction = np.zeros((2, 5, 5), np.uint8)
    truth[1:4, 1:4] = 1
    prediction[1:4, 1:5] = 1
    boundary = Boundary(2)
    boundary.add(truth, prediction)
    # Class 1: ring of 8 around (2, 2); predicted ring of 10 around (2, 2), (2, 3). (2, 3) is only in the
    # former, the last column only in the latter: 7 shared of 8 + 10 - 7.
    # Class 0: the frame of 16 and of 13, of which all 13 are shared.
    assert boundary.band.iou() == pytest.approx([13 / 16, 7 / 11])


def test_boundary_f1_by_hand() -> None:
    # A border between columns, moved by two pixels in a low image: 1 pixel of tolerance, contours of 1 row.
    truth = np.array([[0, 0, 0, 1, 1, 1, 1]], np.uint8)
    near = np.array([[0, 0, 1, 1, 1, 1, 1]], np.uint8)
    far = np.array([[1, 1, 1, 1, 1, 0, 1]], np.uint8)
    boundary = Boundary(2)
    boundary.add(truth, near)
    assert boundary.f1().tolist() == [1, 1]
    boundary = Boundary(2)
    boundary.add(truth, far)
    # Class 0: contour at 2 in the truth, at 5 in the prediction: no match. Class 1: at 3, and at 4 and 6.
    precision, recall = 1 / 2, 1 / 1
    assert boundary.f1() == pytest.approx([0, 2 * precision * recall / (precision + recall)])
    boundary = Boundary(2)
    boundary.add(far, truth)  # precision and recall change places
    assert boundary.f1() == pytest.approx([0, 2 * precision * recall / (precision + recall)])
    # With a second picture 1 of 2 match of class 0, both ways; of class 1, 3 of 3 predicted and 3 of 4 true.
    boundary.add(far, far)
    precision, recall = 3 / 3, 3 / 4
    assert boundary.f1() == pytest.approx([1 / 2, 2 * precision * recall / (precision + recall)])


def test_a_class_on_one_side_only_scores_0_and_on_neither_nothing() -> None:
    boundary = Boundary(4)
    boundary.add(np.array([[0, 0, 1]], np.uint8), np.array([[0, 0, 2]], np.uint8))
    assert boundary.f1()[:3].tolist() == [1, 0, 0]
    assert np.isnan(boundary.f1()[3])
    content = boundary.to_dict()
    assert content["mean_boundary_f1"] == pytest.approx(1 / 3)
    assert content["per_class"]["boundary_iou"] == [1, 0, 0, None]
    assert "2% of the diagonal" in content["convention"]


def test_parts_merge_into_the_whole() -> None:
    whole, first, second = Boundary(3), Boundary(3), Boundary(3)
    for seed, part in enumerate((first, second, second)):
        truth = random_labels(seed)
        prediction = np.minimum(random_labels(seed + 9), 2)
        whole.add(truth, prediction)
        part.add(truth, prediction)
    first.merge(second)
    assert first.to_dict() == whole.to_dict()
    with pytest.raises(ValueError, match="of 2 classes with 3"):
        first.merge(Boundary(2))
