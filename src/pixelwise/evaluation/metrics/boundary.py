"""Boundary IoU and boundary F1: how well labels follow the outlines of objects.

A border is where ids differ, whichever they are. Both metrics compare class by class, and count over the
whole split like a confusion matrix. First, pixels that are void in the truth become void in the prediction:
outlines hidden by void are unknown, and a prediction that is right wherever the truth is known scores 1.

Boundary IoU: Cheng et al. 2021 (arXiv 2103.16562). Boundary F1: Csurka et al. 2013 ("What is a good
evaluation measure for semantic segmentation?"), who average over images instead.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.core.types import VOID, Labels
from pixelwise.evaluation.metrics.confusion import Counts, Floats, number
from pixelwise.evaluation.metrics.trimap import FARTHEST, chessboard_distance, neighbours

BAND = 0.02
"""Width of boundary IoU's band as a share of the image's diagonal, as in its paper."""

TOLERANCE = 0.0075
"""Boundary F1's tolerance as a share of the image's diagonal, as in its paper."""

Mask = npt.NDArray[np.bool_]


def band_width(shape: tuple[int, ...]) -> int:
    """Pixels of boundary IoU's band in an image (H, W): BAND of the diagonal, rounded, at least 1."""
    return max(1, round(BAND * math.hypot(*shape)))


def tolerance(shape: tuple[int, ...]) -> float:
    """Pixels by which a contour may be off in an image (H, W): TOLERANCE of the diagonal, at least 1."""
    return max(1.0, TOLERANCE * math.hypot(*shape))


def inner_band(labels: Labels, width: int) -> Mask:
    """Where another id or the outside of the image is within `width` pixels, diagonal steps counting one.

    It is the inner band of every class at once: that of class c is where the labels are c. Label maps are
    (H, W) and may hold VOID, which is an id like others here.
    """
    edge = np.zeros(labels.shape, np.bool_)
    edge[0] = edge[-1] = True
    edge[:, 0] = edge[:, -1] = True
    for one, other in neighbours(diagonal=True):
        differ = labels[one] != labels[other]
        edge[one] |= differ
        edge[other] |= differ
    near: Mask = edge
    for left in range(width - 1, 0, -FARTHEST):  # of the widening that is still due
        step = min(left, FARTHEST)
        near = chessboard_distance(near, step) <= step
    return near


class Boundary:
    """Counts over a split; `band` holds pixels of the bands that are right, of the truth, and predicted."""

    CONVENTION = (
        "borders lie where ids differ, class by class, counted over the split; void of the truth is void in "
        f"the prediction too; boundary IoU: a band {BAND:.0%} of the diagonal wide inside each class, along "
        f"the image frame too; boundary F1: contours at most {TOLERANCE:.2%} of the diagonal apart, without "
        "the frame"
    )

    def __init__(self, classes: int) -> None:
        self._band = np.zeros((3, classes), np.int64)
        self._contours = np.zeros((4, classes), np.int64)

    @property
    def band(self) -> Counts:
        """IoU of the pixels in the truth's and the prediction's bands."""
        return Counts(*self._band)

    def add(self, truth: Labels, prediction: Labels) -> None:
        """Count one image; labels are (H, W) of class ids, VOID in the truth alone."""
        prediction = np.where(truth == VOID, np.uint8(VOID), prediction)
        self._add_bands(truth, prediction)
        self._add_contours(truth, prediction)

    def _add_bands(self, truth: Labels, prediction: Labels) -> None:
        width = band_width(truth.shape)
        true, predicted = inner_band(truth, width), inner_band(prediction, width)
        right = true & predicted & (truth == prediction)
        for row, labels in zip(self._band, (truth[right], truth[true], prediction[predicted]), strict=True):
            row += np.bincount(labels, minlength=256)[: len(row)]

    def _add_contours(self, truth: Labels, prediction: Labels) -> None:
        radius = tolerance(truth.shape)
        maps = np.ascontiguousarray(truth), np.ascontiguousarray(prediction)
        _core.count_contours(*maps, radius, VOID, self._contours)

    def merge(self, other: "Boundary") -> None:
        """Add what another process has counted."""
        if other._band.shape != self._band.shape:
            raise ValueError(
                f"cannot merge boundaries of {other._band.shape[1]} classes with {self._band.shape[1]}"
            )
        self._band += other._band
        self._contours += other._contours

    def f1(self) -> Floats:
        """(C,) the harmonic mean of the shares of predicted and of true contour that lie near the other.

        0 where only one of the two has the class; NaN where neither has a contour of it.
        """
        with np.errstate(invalid="ignore"):
            precision, recall = self._contours[0] / self._contours[1], self._contours[2] / self._contours[3]
            figure = 2 * precision * recall / (precision + recall)
        some = (self._contours[1] > 0) | (self._contours[3] > 0)
        scores: Floats = np.where(some, np.nan_to_num(figure), np.nan)
        return scores

    def to_dict(self) -> dict[str, Any]:
        """Means over classes and per class, in [0, 1], None where not defined."""
        per_class = {"boundary_iou": self.band.iou(), "boundary_f1": self.f1()}
        means = {f"mean_{name}": _mean(values) for name, values in per_class.items()}
        lists = {name: [number(value) for value in values] for name, values in per_class.items()}
        return {**means, "per_class": lists, "convention": self.CONVENTION}


def _mean(values: Floats) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else None
