"""FCN's four metrics, and precision, recall and F1 per class, from one confusion matrix.

Source: Long et al. 2015, section 5. A confusion matrix is (C, C) int64 and counts pixels: rows are truth,
columns prediction, n[i, j] pixels of class i predicted as j over a WHOLE data set; t[i] = sum_j n[i, j].
Pixels whose truth is VOID are in none of its cells.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.core.types import VOID, Labels, is_whole

Confusion = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

Absent = Literal["zero", "drop"]
"""The IoU of a class that is predicted but absent from the truth: 0, as in FCN's release, or left out of the
mean. A class absent from truth and prediction is always left out."""

_MOST_CLASSES = 256  # ids are bytes; whoever has 256 classes chooses an ignore_index beyond them

CONVENTION = (
    "one confusion matrix over all pixels of the split; void truth left out, also from false positives; "
    "a class absent from truth and prediction is left out of means; "
    "one absent from the truth but predicted counts IoU 0"
)


def confusion_matrix(
    truth: npt.ArrayLike,
    prediction: npt.ArrayLike,
    classes: int,
    ignore_index: int = VOID,
    into: Confusion | None = None,
) -> Confusion:
    """The (C, C) confusion matrix of two label maps of one shape, of integers of any type, added to `into` if
    that is given.

    Raises ValueError for other types or shapes, for other than 1 to 256 classes, and for ids that are neither
    below `classes` nor, in the truth, `ignore_index`; `into` then stays as it was.
    """
    if not is_whole(classes) or not 1 <= classes <= _MOST_CLASSES:
        raise ValueError(f"classes must be a whole number from 1 to {_MOST_CLASSES}, got {classes!r}")
    if not is_whole(ignore_index):
        raise ValueError(f"ignore_index must be a whole number, such as {VOID}, got {ignore_index!r}")
    if into is not None:
        _expect_matrix(into, classes)
    truth, prediction = _ids("truth", truth), _ids("prediction", prediction)
    if truth.shape != prediction.shape:
        raise ValueError(f"truth {truth.shape} and prediction {prediction.shape} must have one shape")
    matrix = np.zeros((classes, classes), np.int64)
    flat = np.ascontiguousarray(truth).reshape(-1), np.ascontiguousarray(prediction).reshape(-1)
    first_bad = _core.count_confusion(*flat, int(ignore_index), matrix)
    if first_bad < flat[0].size:
        raise ValueError(
            f"expected class ids below {classes} (or {ignore_index} in the truth), "
            f"but pixel {first_bad} has truth {flat[0][first_bad]} and prediction {flat[1][first_bad]}"
        )
    if into is None:
        return matrix
    into += matrix
    return into


def _expect_matrix(into: object, classes: int) -> None:
    fits = isinstance(into, np.ndarray) and into.dtype == np.int64 and into.shape == (classes, classes)
    if not isinstance(into, np.ndarray) or not fits or not into.flags.writeable:
        got = f"{into.shape} of {into.dtype}" if isinstance(into, np.ndarray) else type(into).__name__
        read_only = ", read-only" * fits
        raise ValueError(
            f"into must be an array {(classes, classes)} of int64 that can be written, got {got}{read_only}"
        )


def _ids(name: str, labels: npt.ArrayLike) -> Labels:
    """The labels as uint8. Raises ValueError if they are not whole numbers from 0 to 255."""
    given = np.asarray(labels)
    if given.dtype.kind not in "iu":
        raise ValueError(f"{name} must be class ids, whole numbers, got {given.dtype}")
    if given.dtype != np.uint8 and given.size and not (given.min() >= 0 and given.max() <= VOID):
        raise ValueError(
            f"{name} must be class ids from 0 to {VOID}, got {given.min()} to {given.max()}; "
            f"give {VOID} to pixels without a label"
        )
    return given.astype(np.uint8, copy=False)


@dataclass(frozen=True)
class Counts:
    """The counts of a confusion matrix for the metrics: for each class, the pixels that are right (n_ii),
    true (t_i), and predicted (sum_j n_ji).

    Each is (..., C) int64; leading axes, if any, are over images or resamples, and every metric keeps them.
    An undefined figure is NaN.
    """

    right: Confusion
    truth: Confusion
    predicted: Confusion

    @classmethod
    def of(cls, confusion: Confusion) -> "Counts":
        """The counts of confusion matrices (..., C, C). Raises ValueError for other shapes and types."""
        given = np.asarray(confusion)
        if given.ndim < 2 or given.shape[-1] != given.shape[-2] or given.dtype.kind not in "iuf":
            raise ValueError(
                "a confusion matrix is an array (C, C) of numbers of pixels, rows being truth, "
                f"got {given.shape} of {given.dtype}"
            )
        # Small integers would wrap in sums and in twice the right pixels.
        confusion = given if given.dtype.kind == "f" else given.astype(np.int64, copy=False)
        right = np.diagonal(confusion, axis1=-2, axis2=-1).copy()
        return cls(right, confusion.sum(axis=-1), confusion.sum(axis=-2))

    def total(self) -> "Counts":
        """The sum over the first axis, as of images."""
        return Counts(self.right.sum(axis=0), self.truth.sum(axis=0), self.predicted.sum(axis=0))

    def iou(self) -> Floats:
        """(..., C) n_ii / (t_i + sum_j n_ji - n_ii); NaN for a class absent from truth and prediction."""
        return _ratios(self.right, self.truth + self.predicted - self.right)

    def recall(self) -> Floats:
        """(..., C) n_ii / t_i, the paper's class accuracy; NaN for a class absent from the truth."""
        return _ratios(self.right, self.truth)

    def precision(self) -> Floats:
        """(..., C) n_ii / sum_j n_ji; NaN for a class never predicted."""
        return _ratios(self.right, self.predicted)

    def f1(self) -> Floats:
        """(..., C) 2 n_ii / (t_i + sum_j n_ji), Dice's coefficient; NaN where the IoU is."""
        return _ratios(2 * self.right, self.truth + self.predicted)

    def pixel_accuracy(self) -> Floats:
        """(...) sum_i n_ii / sum_i t_i; NaN if no pixel was counted."""
        return _ratios(self.right.sum(axis=-1), self.truth.sum(axis=-1))

    def mean_accuracy(self) -> Floats:
        """(...) the mean of `recall` over the classes in the truth."""
        return _means(self.recall())

    def mean_iou(self, absent: Absent = "zero") -> Floats:
        """(...) the mean of `iou` over classes ("mean IU" in the paper), with `absent` as the convention."""
        if absent not in get_args(Absent):
            raise ValueError(f"absent must be one of {', '.join(get_args(Absent))}, got {absent!r}")
        iou = self.iou()
        return _means(iou if absent == "zero" else np.where(self.truth > 0, iou, np.nan))

    def frequency_weighted_iou(self) -> Floats:
        """(...) (sum_k t_k)^-1 sum_i t_i IoU_i; NaN if no pixel was counted."""
        weighted = np.nansum(self.truth * self.iou(), axis=-1)
        return _ratios(weighted, self.truth.sum(axis=-1))


def pixel_accuracy(confusion: Confusion) -> float:
    """sum_i n_ii / sum_i t_i, in [0, 1]; NaN if no pixel was counted."""
    return float(_counts(confusion).pixel_accuracy())


def mean_accuracy(confusion: Confusion) -> float:
    """The mean of n_ii / t_i over the classes in the truth, in [0, 1]."""
    return float(_counts(confusion).mean_accuracy())


def mean_iou(confusion: Confusion, absent: Absent = "zero") -> float:
    """The mean of `class_iou`, in [0, 1] ("mean IU" in the paper), with `absent` as the convention."""
    return float(_counts(confusion).mean_iou(absent))


def frequency_weighted_iou(confusion: Confusion) -> float:
    """(sum_k t_k)^-1 sum_i t_i IoU_i, in [0, 1]; NaN if no pixel was counted."""
    return float(_counts(confusion).frequency_weighted_iou())


def class_iou(confusion: Confusion) -> Floats:
    """(C,) n_ii / (t_i + sum_j n_ji - n_ii), in [0, 1]; NaN for a class absent from truth and prediction."""
    return _counts(confusion).iou()


def class_accuracy(confusion: Confusion) -> Floats:
    """(C,) n_ii / t_i, in [0, 1], which is the recall; NaN for a class absent from the truth."""
    return _counts(confusion).recall()


def class_precision(confusion: Confusion) -> Floats:
    """(C,) n_ii / sum_j n_ji, in [0, 1]; NaN for a class never predicted."""
    return _counts(confusion).precision()


def class_f1(confusion: Confusion) -> Floats:
    """(C,) the harmonic mean of precision and recall, in [0, 1]; NaN where the IoU is."""
    return _counts(confusion).f1()


def _counts(confusion: Confusion) -> Counts:
    """The counts of one matrix (C, C)."""
    if np.ndim(confusion) > 2:
        raise ValueError(
            f"expected one confusion matrix (C, C), got {np.shape(confusion)}; add up those of several images"
        )
    return Counts.of(confusion)


def number(value: float) -> float | None:
    """A figure for JSON: None if it is undefined."""
    return None if math.isnan(value) else float(value)


def _ratios(part: npt.NDArray[np.int64] | Floats, whole: npt.NDArray[np.int64]) -> Floats:
    ratios = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=ratios, where=np.asarray(whole) > 0)
    return ratios


def _means(values: Floats) -> Floats:
    """The mean over the last axis, without NaN."""
    present = ~np.isnan(values)
    return _ratios(np.where(present, values, 0).sum(axis=-1), present.sum(axis=-1))
