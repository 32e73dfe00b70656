"""The connected regions of a label map: polygons with holes, and what a table says about each."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import VOID, Labels
from pixelwise.data.annotations.ring_tracing import Borders, Ring, sums, traced
from pixelwise.data.annotations.simplification import simplified

_Values = npt.NDArray[np.float64]
_Total = Callable[[_Values], _Values]


@dataclass(frozen=True, eq=False)
class Region:
    """A region: 4-connected pixels of one class.

    id: of the class. outer, holes: closed rings (N, 2) of corners x, y in pixels, without the first one
    repeated; pixel (0, 0) reaches from 0 to 1. Outer rings go clockwise in the picture, holes the other way.
    area: pixels. box: x, y, width, height. centroid: x, y. Area, box and centroid are those of the pixels,
    also if the rings are simplified. confidence: the mean probability of the class, 0 to 1, or None if it is
    unknown. name: of the class, empty where only ids are known.
    """

    id: int
    outer: Ring
    holes: tuple[Ring, ...]
    area: int
    box: tuple[int, int, int, int]
    centroid: tuple[float, float]
    confidence: float | None = None
    name: str = ""

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The outer ring, then the holes."""
        return self.outer, *self.holes

    def simplified(self, tolerance: float) -> "Region":
        """The same region, whose rings have fewer corners: none of its borders moves by more than
        `tolerance` pixels.
        """
        if tolerance == 0:
            return self
        holes = tuple(simplified(hole, tolerance) for hole in self.holes)
        return replace(self, outer=simplified(self.outer, tolerance), holes=holes)


@dataclass(frozen=True)
class AnnotatedPicture:
    """The regions of one picture file of `size` (height, width)."""

    path: Path
    size: tuple[int, int]
    regions: tuple[Region, ...]


def extent(regions: Sequence[Region]) -> tuple[int, int]:
    """(height, width) of the picture that all its regions, those of the background too, cover."""
    corners = [(top + height, left + width) for left, top, width, height in (one.box for one in regions)]
    return max(bottom for bottom, _ in corners), max(right for _, right in corners)


def regions_of(
    labels: Labels, confidence: npt.NDArray[np.float32] | None = None, skip: Iterable[int] = ()
) -> list[Region]:
    """All regions of (H, W) labels but VOID and the ids to `skip`, by class, then from left to right.

    confidence: (h, w) of the same picture, perhaps smaller; regions get its mean, without pixels that are 0.
    Raises ImageError if the outlines have more than ring_tracing.MOST_POINTS corners.
    """
    borders = Borders.of(labels)
    present = np.unique(borders.around)  # every region has corners
    known = None if confidence is None else _MeanConfidence(confidence, labels.shape)
    chosen = [label for label in present.tolist() if label != VOID and label not in skip]
    return [region for label in chosen for region in _of_class(borders, label, known)]


def _of_class(borders: Borders, label: int, known: "_MeanConfidence | None") -> list[Region]:
    regions = traced(borders, label)
    rings = [ring for region in regions for ring in (region.outer, *region.holes)]
    counts = np.array([1 + len(region.holes) for region in regions])
    first = np.cumsum(counts) - counts
    points, lengths = np.concatenate(rings), np.array([len(ring) for ring in rings])
    x, y = points.T.astype(np.float64)

    def total(integral: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Per region."""
        return np.add.reduceat(sums(points, lengths, integral), first)

    area = total(x * y)
    centroids = np.stack([total(x * x * y), total(x * y * y)], axis=1) / (2 * area[:, None])
    means = None if known is None else known.means(x, y, total)
    begins = np.cumsum(lengths) - lengths
    low, high = np.minimum.reduceat(points, begins)[first], np.maximum.reduceat(points, begins)[first]
    boxes = np.concatenate([low, high - low], axis=1).tolist()
    made = []
    for index, start in enumerate(first.tolist()):
        made.append(
            Region(
                label,
                rings[start],
                tuple(rings[start + 1 : start + int(counts[index])]),
                round(float(area[index])),
                tuple(boxes[index]),
                (float(centroids[index, 0]), float(centroids[index, 1])),
                None if means is None else float(means[index]),
            )
        )
    return made


class _MeanConfidence:
    """Sums of confidences above and to the left of points, from which those inside of rings follow."""

    def __init__(self, confidence: npt.NDArray[np.float32], size: tuple[int, ...]) -> None:
        self._scale = confidence.shape[1] / size[1], confidence.shape[0] / size[0]
        self._sums = _integral(confidence)
        changed = (confidence == 0).any()
        self._counts = _integral(confidence > 0) if changed else None

    def means(self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], total: _Total) -> _Values:
        """The mean confidence of each region whose sums `total` computes; 0 where all are 0."""
        x, y = x * self._scale[0], y * self._scale[1]
        counts = x * y if self._counts is None else _between(self._counts, x, y)
        pixels = total(counts)
        some = pixels > 1e-6
        means: _Values = np.where(some, total(_between(self._sums, x, y)) / np.where(some, pixels, 1), 0)
        return means.clip(0, 1)


def _integral(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """(h + 1, w + 1): the sum of all values above and to the left of each corner of the pixels."""
    summed = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    np.cumsum(values, axis=0, out=summed[1:, 1:])
    np.cumsum(summed[1:, 1:], axis=1, out=summed[1:, 1:])
    return summed


def _between(integral: _Values, x: _Values, y: _Values) -> _Values:
    """The integral at places between its corners, interpolated bilinearly."""
    i = np.minimum(y.astype(np.int64), integral.shape[0] - 2)
    j = np.minimum(x.astype(np.int64), integral.shape[1] - 2)
    v, u = y - i, x - j
    upper = (1 - u) * integral[i, j] + u * integral[i, j + 1]
    lower = (1 - u) * integral[i + 1, j] + u * integral[i + 1, j + 1]
    found: _Values = (1 - v) * upper + v * lower
    return found
