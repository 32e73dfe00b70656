"""Accuracy near borders: DeepLab's trimap around void, and a band around class borders.

Source of the trimap: Chen et al. 2015 (DeepLab v1), section 5 and figure 5, after Kohli, Ladicky and Torr
2009. VOC's annotators left a line of void between objects; the trimap evaluates only the pixels near void. A
data set without void has no trimap; use `class_border_distance` there, which is another figure.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.core.types import VOID, Labels
from pixelwise.evaluation.metrics import confusion as metrics

WIDEST = 40
"""DeepLab's curve ends at this many pixels."""

FARTHEST = 254
"""Pixels of the largest limit of a distance, which is a byte."""

TRIMAP_CONVENTION = (
    "trimap of width w: pixels that a square of side 2w+1 around some void pixel of the labels covers "
    "(void as the data set has it or --classes makes it, not what becomes void for lack of a class in the "
    "model), void itself left out; one confusion matrix per width over the split"
)
BORDER_CONVENTION = (
    "class border band of width w: the w pixels on each side of a border between two classes, diagonal "
    "steps counting one; borders with void do not count; one confusion matrix per width over the split"
)

Distance = npt.NDArray[np.uint8]
"""(H, W) distances: 0 at the starting pixels, then 1 and so on; limit + 1 beyond the limit."""


def chessboard_distance(mask: npt.NDArray[np.bool_], limit: int = WIDEST) -> Distance:
    """For each pixel the distance to the nearest True one of (H, W), diagonal steps counting one.

    So `chessboard_distance(mask) <= w` is the mask dilated by a square of side 2w+1. limit: 1 to 254 pixels;
    everything farther is limit + 1.
    """
    if mask.dtype != np.bool_ or mask.ndim != 2:
        raise ValueError(f"expected an (H, W) array of bool, got {mask.shape} of {mask.dtype}")
    _check_limit(limit)
    distance = np.empty(mask.shape, np.uint8)
    if mask.size:
        _core.chessboard_distance(np.ascontiguousarray(mask).view(np.uint8), limit, distance)
    return distance


def void_distance(labels: Labels, limit: int = WIDEST) -> Distance:
    """The distance to VOID in (H, W) labels: 1 to w are the trimap of width w."""
    return chessboard_distance(labels == VOID, limit)


def class_border_distance(labels: Labels, limit: int = WIDEST) -> Distance:
    """The distance of each pixel to the nearest class border in (H, W) labels: 1 is next to the border.

    A border lies between two pixels that share an edge and have different classes, none of them VOID.
    """
    _check_limit(limit)
    beside = np.zeros(labels.shape, np.bool_)
    for first, second in neighbours():
        one, other = labels[first], labels[second]
        border = (one != other) & (one != VOID) & (other != VOID)
        beside[first] |= border
        beside[second] |= border
    distance: Distance = chessboard_distance(beside, max(1, limit - 1)) + np.uint8(1)
    return np.minimum(distance, np.uint8(limit + 1), out=distance)


_Part = tuple[slice, slice]


def neighbours(diagonal: bool = False) -> list[tuple[_Part, _Part]]:
    """Pairs of parts of an image in which each pixel lies over one of its neighbours: those that share an
    edge, or `diagonal`, a corner, too.
    """
    whole, first, last = slice(None), slice(None, -1), slice(1, None)
    pairs = [((whole, first), (whole, last)), ((first, whole), (last, whole))]
    if diagonal:
        pairs += [((first, first), (last, last)), ((first, last), (last, first))]
    return pairs


class Bands:
    """One confusion matrix for each distance, from which those of all widths follow.

    `rings` (limit, C, C) counts the pixels at distance 1, 2, ... limit, rows being truth.
    """

    def __init__(self, classes: int, limit: int = WIDEST) -> None:
        _check_limit(limit)
        self.rings = np.zeros((limit, classes, classes), np.int64)

    @property
    def limit(self) -> int:
        """The widest band, in pixels."""
        return self.rings.shape[0]

    def add(self, distance: Distance, truth: Labels, prediction: Labels) -> None:
        """Count one image: where `distance` is from 1 to the limit and `truth` is not VOID.

        Raises ValueError for shapes that differ and ids that are not classes.
        """
        classes = self.rings.shape[1]
        if not distance.shape == truth.shape == prediction.shape:
            raise ValueError(
                f"distance {distance.shape}, truth {truth.shape} and prediction {prediction.shape} "
                "must have one shape"
            )
        counted = (distance >= 1) & (distance <= self.limit) & (truth != VOID)
        ring, true, predicted = (array[counted].astype(np.intp) for array in (distance, truth, prediction))
        if true.size and max(true.max(), predicted.max()) >= classes:
            raise ValueError(
                f"expected class ids below {classes}, got {max(true.max(), predicted.max())} near a border"
            )
        cells = np.bincount(((ring - 1) * classes + true) * classes + predicted, minlength=self.rings.size)
        self.rings += cells.reshape(self.rings.shape)

    def merge(self, other: "Bands") -> None:
        """Add what another process or half of the data has counted."""
        if other.rings.shape != self.rings.shape:
            raise ValueError(
                f"cannot merge bands {other.rings.shape} into {self.rings.shape}: other classes or limit"
            )
        self.rings += other.rings

    def confusion(self, width: int) -> metrics.Confusion:
        """(C, C) over the pixels at distance 1 to `width`."""
        if not 1 <= width <= self.limit:
            raise ValueError(f"width must be from 1 to {self.limit} pixels, got {width}")
        total: metrics.Confusion = self.rings[:width].sum(axis=0)
        return total

    def curve(self, widths: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Per width (by default each from 1 to the limit) the pixels, pixel accuracy and mean IoU.

        Figures are in [0, 1], None where no pixel was counted; mean IoU by the convention of `metrics`.
        """
        rows = []
        for width in range(1, self.limit + 1) if widths is None else widths:
            confusion = self.confusion(width)
            pixels = int(confusion.sum())
            rows.append(
                {
                    "width": width,
                    "pixels": pixels,
                    "pixel_accuracy": metrics.pixel_accuracy(confusion) if pixels else None,
                    "mean_iou": metrics.mean_iou(confusion) if pixels else None,
                }
            )
        return rows


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= FARTHEST:
        raise ValueError(f"the limit must be from 1 to {FARTHEST} pixels, got {limit}")
