"""The paper's four metrics."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pixelwise.evaluation.metrics import confusion as metrics
from pixelwise.evaluation.metrics.confusion import Confusion, Counts, confusion_matrix

# Rows are truth, columns prediction: class 0 has 3 pixels, all right; class 1 has 3, 2 right; class 2 none.
EXAMPLE: Confusion = np.array([[3, 0, 0], [1, 2, 0], [0, 0, 0]], np.int64)


@pytest.mark.parametrize("kind", ["uint8", "int16", "int64", ">i4", "uint64"])
def test_labels_are_integers_of_any_type(kind: str) -> None:
    truth, prediction = np.array([[0, 1], [1, 255]], kind), np.array([[0, 1], [0, 0]], kind)
    assert confusion_matrix(truth, prediction, 2).tolist() == [[1, 0], [1, 1]]
    assert confusion_matrix(truth.tolist(), prediction, 2).tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (np.array([-1, 0]), "from 0 to 255, got -1 to 0; give 255 to pixels without a label"),
        (np.array([256, 0]), "from 0 to 255, got 0 to 256"),
        (np.array([1.0, 0.0]), "truth must be class ids, whole numbers, got float64"),
        (np.array([True, False]), "truth must be class ids, whole numbers, got bool"),
    ],
)
def test_other_labels_are_refused_before_they_wrap(truth: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_matrix(truth, np.zeros(2, np.uint8), 2)


def test_pixel_accuracy_is_the_share_of_right_pixels() -> None:
    assert metrics.pixel_accuracy(EXAMPLE) == pytest.approx(5 / 6)


def test_mean_accuracy_leaves_out_absent_class() -> None:
    assert metrics.mean_accuracy(EXAMPLE) == pytest.approx((3 / 3 + 2 / 3) / 2)


def test_mean_iou_leaves_out_absent_class() -> None:
    assert metrics.mean_iou(EXAMPLE) == pytest.approx((3 / 4 + 2 / 3) / 2)


def test_mean_iou_counts_zero_for_a_class_that_is_only_predicted() -> None:
    confusion = EXAMPLE + np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    assert metrics.mean_iou(confusion) == pytest.approx((3 / 5 + 2 / 3 + 0) / 3)
    assert metrics.mean_accuracy(confusion) == pytest.approx((3 / 4 + 2 / 3) / 2)


def test_the_other_convention_leaves_out_a_class_that_is_only_predicted() -> None:
    confusion = EXAMPLE + np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    assert metrics.mean_iou(confusion, absent="drop") == pytest.approx((3 / 5 + 2 / 3) / 2)
    assert metrics.mean_iou(EXAMPLE, absent="drop") == metrics.mean_iou(EXAMPLE)  # absent from both
    confusion[2, 0] = 1  # one true pixel is enough
    assert metrics.mean_iou(confusion, absent="drop") == pytest.approx((3 / 6 + 2 / 3 + 0) / 3)


def test_precision_recall_and_f1_of_each_class() -> None:
    # Class 0 is predicted 4 times, 3 of them right; class 1 twice, both right, of 3; class 2 never.
    assert metrics.class_precision(EXAMPLE)[:2] == pytest.approx([3 / 4, 2 / 2])
    assert metrics.class_accuracy(EXAMPLE)[:2] == pytest.approx([3 / 3, 2 / 3])
    harmonic = [2 * (3 / 4) * 1 / (3 / 4 + 1), 2 * 1 * (2 / 3) / (1 + 2 / 3)]
    assert metrics.class_f1(EXAMPLE)[:2] == pytest.approx(harmonic)
    for figure in (metrics.class_precision, metrics.class_accuracy, metrics.class_f1, metrics.class_iou):
        assert np.isnan(figure(EXAMPLE)[2])


def test_a_class_only_predicted_has_precision_0_and_no_recall() -> None:
    confusion: Confusion = np.array([[3, 1], [0, 0]], np.int64)
    assert metrics.class_precision(confusion).tolist() == [1, 0]
    assert metrics.class_f1(confusion)[1] == metrics.class_iou(confusion)[1] == 0
    assert np.isnan(metrics.class_accuracy(confusion)[1])


def test_counts_of_many_matrices_give_each_its_own_figures() -> None:
    other: Confusion = np.array([[1, 1, 0], [0, 0, 0], [2, 0, 4]], np.int64)
    counts = Counts.of(np.stack([EXAMPLE, other]))
    assert counts.mean_iou().tolist() == [metrics.mean_iou(EXAMPLE), metrics.mean_iou(other)]
    assert counts.pixel_accuracy().tolist() == [5 / 6, 5 / 8]
    assert counts.mean_accuracy()[1] == pytest.approx((1 / 2 + 4 / 6) / 2)
    weighted = [metrics.frequency_weighted_iou(EXAMPLE), (2 * 1 / 4 + 6 * 4 / 6) / 8]
    assert counts.frequency_weighted_iou() == pytest.approx(weighted)


def test_the_total_of_counts_is_that_of_the_summed_matrix() -> None:
    other = np.array([[1, 1, 0], [0, 2, 0], [0, 0, 4]])
    total = metrics.Counts.of(np.stack([EXAMPLE, other])).total()
    assert total.right.tolist() == np.diagonal(EXAMPLE + other).tolist()
    assert total.mean_iou() == metrics.mean_iou(EXAMPLE + other)


def test_frequency_weighted_iou_weighs_by_true_pixels() -> None:
    assert metrics.frequency_weighted_iou(EXAMPLE) == pytest.approx((3 * 3 / 4 + 3 * 2 / 3) / 6)


def test_an_empty_matrix_gives_no_number_and_no_warning() -> None:
    empty: Confusion = np.zeros((2, 2), np.int64)
    figures = (
        metrics.pixel_accuracy,
        metrics.mean_accuracy,
        metrics.mean_iou,
        metrics.frequency_weighted_iou,
    )
    assert all(np.isnan(figure(empty)) for figure in figures)


def test_void_truth_is_in_no_cell() -> None:
    truth = np.array([[0, 1, 255, 255]], np.uint8)
    prediction = np.array([[0, 0, 1, 0]], np.uint8)
    assert confusion_matrix(truth, prediction, 2).tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize("classes", [1, 2, 21, 255])
@pytest.mark.parametrize("shape", [(0,), (1,), (7, 3), (64, 33)])
def test_counting_equals_numpy_on_random_maps(classes: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, shape).astype(np.uint8)
    prediction = rng.integers(0, classes, shape).astype(np.uint8)
    if classes < 255:
        truth[rng.random(shape) < 0.2] = 255
    known = truth != 255
    expected = np.bincount(
        truth[known].astype(np.int64) * classes + prediction[known], minlength=classes**2
    ).reshape(classes, classes)
    assert np.array_equal(confusion_matrix(truth, prediction, classes), expected)


def test_matrices_of_parts_add_up() -> None:
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 5, (2, 10, 30)).astype(np.uint8)
    total: Confusion = np.zeros((5, 5), np.int64)
    for rows in (slice(0, 4), slice(4, 10)):
        confusion_matrix(truth[rows], prediction[rows], 5, into=total)
    assert np.array_equal(total, confusion_matrix(truth, prediction, 5))


def test_strided_maps_are_counted() -> None:
    maps = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
    assert confusion_matrix(maps.T, maps.T, 2).tolist() == [[3, 0], [0, 3]]


@pytest.mark.parametrize(
    ("truth", "prediction", "complaint"),
    [
        (np.zeros((2, 2), np.uint8), np.zeros(4, np.uint8), r"truth \(2, 2\) and prediction \(4,\)"),
        (np.array([0, 2], np.uint8), np.zeros(2, np.uint8), "pixel 1 has truth 2 and prediction 0"),
        (np.array([0, 0], np.uint8), np.array([255, 0], np.uint8), "pixel 0 has truth 0 and prediction 255"),
    ],
)
def test_wrong_maps_are_rejected_with_the_place(
    truth: np.ndarray, prediction: np.ndarray, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        confusion_matrix(truth, prediction, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 0}, "classes must be a whole number from 1 to 256, got 0"),
        ({"classes": 2.0}, "from 1 to 256, got 2.0"),
        ({"classes": True}, "from 1 to 256, got True"),
        ({"classes": 257}, "from 1 to 256, got 257"),
        ({"ignore_index": None}, "ignore_index must be a whole number, such as 255, got None"),
        ({"into": np.zeros((3, 3), np.int64)}, r"an array \(2, 2\) of int64 .*, got \(3, 3\) of int64"),
        ({"into": np.zeros((2, 2))}, r"got \(2, 2\) of float64"),
        ({"into": np.broadcast_to(np.int64(0), (2, 2))}, r"got \(2, 2\) of int64, read-only"),
        ({"into": [[0, 0], [0, 0]]}, "got list"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: Any, message: str) -> None:
    ids = np.zeros(2, np.uint8)
    with pytest.raises(ValueError, match=message):
        confusion_matrix(ids, ids, **{"classes": 2, **arguments})


def test_counts_are_added_to_any_matrix_and_not_in_part() -> None:
    ids, whole = np.array([0, 1, 1], np.uint8), np.zeros((4, 4), np.int64)
    for into in (whole[::2, ::2], np.zeros((2, 2), np.int64).T):
        assert confusion_matrix(ids, ids, 2, into=into) is into
        assert into.tolist() == [[1, 0], [0, 2]]
        with pytest.raises(ValueError, match="pixel 2 has truth 7"):
            confusion_matrix(np.array([0, 1, 7]), ids, 2, into=into)
        assert into.tolist() == [[1, 0], [0, 2]]


FIGURES = (
    *(metrics.pixel_accuracy, metrics.mean_accuracy, metrics.mean_iou, metrics.frequency_weighted_iou),
    *(metrics.class_iou, metrics.class_accuracy, metrics.class_precision, metrics.class_f1),
)


@pytest.mark.parametrize("figure", FIGURES)
def test_a_matrix_may_be_a_list_a_tensor_or_of_any_type(figure: Callable[[Any], Any]) -> None:
    """Small types wrapped: 200 right of 200 had an F1 of 0.36."""
    matrix = np.array([[200, 3], [0, 250]])
    expected = figure(matrix)
    others = (matrix.astype(np.uint8), matrix.astype(">i4"), matrix.astype(float))
    for given in (matrix.tolist(), torch.from_numpy(matrix), *others):
        assert np.array_equal(figure(given), expected)


@pytest.mark.parametrize("figure", FIGURES)
def test_what_is_not_a_matrix_is_refused(figure: Callable[[Any], Any]) -> None:
    for wrong in (np.zeros((2, 3), np.int64), np.zeros(2, np.int64), np.zeros((2, 2), bool)):
        with pytest.raises(ValueError, match=r"a confusion matrix is an array \(C, C\) of numbers of pixels"):
            figure(wrong)
    with pytest.raises(ValueError, match=r"one confusion matrix \(C, C\), got \(4, 2, 2\)"):
        figure(np.zeros((4, 2, 2), np.int64))


def test_an_unknown_convention_is_refused() -> None:
    wrong: Any = "keep"
    with pytest.raises(ValueError, match="absent must be one of zero, drop, got 'keep'"):
        metrics.mean_iou(EXAMPLE, wrong)
