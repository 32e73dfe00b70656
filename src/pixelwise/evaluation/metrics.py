"""The four metrics of FCN from one confusion matrix. Source: Long et al. 2015, section 5.

A confusion matrix is (C, C) int64 and counts pixels: rows are truth, columns prediction, n[i, j] pixels of
class i predicted as j over a WHOLE data set; t[i] = sum_j n[i, j]. Pixels whose truth is VOID are in none
of its cells.
"""

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.types import VOID, Labels

Confusion = npt.NDArray[np.int64]

CONVENTION = (
    "one confusion matrix over all pixels of the split; void truth left out, also from false positives; "
    "a class absent from truth and prediction is left out of means; "
    "one absent from the truth but predicted counts IoU 0"
)


def confusion_matrix(
    truth: Labels, prediction: Labels, classes: int, ignore_index: int = VOID, into: Confusion | None = None
) -> Confusion:
    """The (C, C) confusion matrix of two label maps of one shape, added to `into` if that is given.

    Raises ValueError for other types or shapes, and for ids that are neither below `classes` nor, in the
    truth, `ignore_index`.
    """
    for name, labels in (("truth", truth), ("prediction", prediction)):
        if labels.dtype != np.uint8:
            raise ValueError(f"{name} must be uint8 class ids, got {labels.dtype}")
    if truth.shape != prediction.shape:
        raise ValueError(f"truth {truth.shape} and prediction {prediction.shape} must have one shape")
    matrix = np.zeros((classes, classes), np.int64) if into is None else into
    flat = np.ascontiguousarray(truth).reshape(-1), np.ascontiguousarray(prediction).reshape(-1)
    first_bad = _core.count_confusion(*flat, ignore_index, matrix)
    if first_bad < flat[0].size:
        raise ValueError(
            f"expected class ids below {classes} (or {ignore_index} in the truth), "
            f"but pixel {first_bad} has truth {flat[0][first_bad]} and prediction {flat[1][first_bad]}"
        )
    return matrix


def pixel_accuracy(confusion: Confusion) -> float:
    """sum_i n_ii / sum_i t_i, in [0, 1]; NaN if no pixel was counted."""
    return _ratio(np.trace(confusion), confusion.sum())


def class_accuracy(confusion: Confusion) -> npt.NDArray[np.float64]:
    """(C,) n_ii / t_i, in [0, 1]; NaN for a class absent from the truth."""
    return _ratios(np.diag(confusion), confusion.sum(axis=1))


def mean_accuracy(confusion: Confusion) -> float:
    """The mean of `class_accuracy` over the classes in the truth, in [0, 1]."""
    return _mean(class_accuracy(confusion))


def class_iou(confusion: Confusion) -> npt.NDArray[np.float64]:
    """(C,) n_ii / (t_i + sum_j n_ji - n_ii), in [0, 1]; NaN for a class absent from truth and prediction."""
    union = confusion.sum(axis=1) + confusion.sum(axis=0) - np.diag(confusion)
    return _ratios(np.diag(confusion), union)


def mean_iou(confusion: Confusion) -> float:
    """The mean of `class_iou`, in [0, 1] ("mean IU" in the paper).

    A class absent from truth and prediction is left out; one absent from the truth but predicted counts 0,
    as in FCN's release.
    """
    return _mean(class_iou(confusion))


def frequency_weighted_iou(confusion: Confusion) -> float:
    """(sum_k t_k)^-1 sum_i t_i IoU_i, in [0, 1]; NaN if no pixel was counted."""
    pixels = confusion.sum(axis=1)
    return _ratio(np.nansum(pixels * class_iou(confusion)), pixels.sum())


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else float("nan")


def _ratios(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    ratios = np.full(part.shape, np.nan)
    np.divide(part, whole, out=ratios, where=whole > 0)
    return ratios


def _mean(values: npt.NDArray[np.float64]) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")
