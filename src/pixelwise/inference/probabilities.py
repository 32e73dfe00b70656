"""Convert scores to probabilities and back; what they say about a class in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.core.classes import Classes
from pixelwise.core.threads import processors
from pixelwise.core.types import Labels, Scores, is_whole
from pixelwise.inference.engines.coarse_scores import CoarseScores

Beliefs = npt.NDArray[np.float32]
"""(C, H, W), in [0, 1]; the values of a pixel add up to 1."""

_PIXELS_OF_ONE_THREAD = 2_000_000  # others score further pictures meanwhile

NOTHING_FOUND = "nothing found: everything is background"
"""What is said about such a picture."""

SMALLEST_SHOWN = 0.0005
"""Smaller shares would be printed as 0.0%."""


@dataclass(frozen=True)
class Area:
    """One class in one picture.

    area: share of the picture's pixels, 0 to 1. confidence: mean probability of the class over the pixels
    labelled with it, 0 to 1.
    """

    id: int
    name: str
    area: float
    confidence: float

    @property
    def per_cent(self) -> str:
        """The area for people: 54.1%, or <0.1% of what is there but small."""
        return f"{self.area:.1%}" if self.area >= SMALLEST_SHOWN else "<0.1%"


def nothing_found(areas: Sequence[Area], classes: Classes) -> bool:
    """Whether a picture shows the background alone."""
    return [area.id for area in areas] == [classes.background]


def uncertainty(areas: Sequence[Area]) -> float:
    """How unsure a net is about a picture, 0 to 1: one minus the mean probability of its pixels' labels.

    Pixels that cleaning has changed count as the others of their class.
    """
    sure = sum(area.area * area.confidence for area in areas)
    return max(0.0, 1 - sure)  # rounded shares may add up to more than 1


def fitting_scores(scores: npt.ArrayLike, classes: int) -> npt.NDArray[Any]:
    """The scores as an array (C, h, w). Raises ValueError for other shapes, empty arrays and other types."""
    given = np.asarray(scores)
    if given.ndim != 3 or len(given) != classes or given.size == 0:
        raise ValueError(f"expected scores ({classes}, h, w) for {classes} classes, got {given.shape}")
    if given.dtype.kind not in "iuf":
        raise ValueError(f"scores are real numbers, got an array of {given.dtype}")
    return given


def expect_size(size: Sequence[int]) -> None:
    """Raise ValueError unless it is the (height, width) of a picture."""
    if np.shape(size) != (2,) or not all(is_whole(length) and length >= 1 for length in size):
        raise ValueError(f"a size is (height, width), two whole numbers from 1, got {size!r}")


def labels_of(
    scores: Scores | CoarseScores, size: tuple[int, int]
) -> tuple[Labels, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """(H, W) the id of the most probable class of each pixel of `size`; of each class how many pixels it has,
    and the sum of its probabilities there.
    """
    labels, counts = np.empty(size, np.uint8), np.zeros(scores.shape[0], np.int64)
    sums = np.zeros(scores.shape[0], np.float64)
    threads = processors() if labels.size > _PIXELS_OF_ONE_THREAD else 1
    if isinstance(scores, CoarseScores):
        scores.label(labels, counts, sums, threads)
    else:
        _core.label_pixels(scores, labels, counts, sums, threads)
    return labels, counts, sums


def recounted(
    labels: Labels, cleaned: Labels, confidence: npt.NDArray[np.float32], classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Counts and sums as `labels_of` gives them, for `cleaned` labels: pixels that the cleaning changed count
    with the mean probability of the others of their class.
    """
    same = cleaned == labels
    counts = np.bincount(cleaned.reshape(-1), minlength=classes)
    sums = np.bincount(cleaned[same], confidence[same], classes)
    return counts, sums / np.maximum(np.bincount(cleaned[same], minlength=classes), 1) * counts


def likeliest(scores: Scores, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(H, W) the probability of the most probable class of each pixel of `size`."""
    confidence = np.empty(size, np.float32)
    _core.pixel_confidence(scores, confidence)
    return confidence


def areas_of(
    names: Sequence[str], counts: npt.NDArray[np.int64], sums: npt.NDArray[np.float64]
) -> list[Area]:
    """The classes that have pixels, largest first; `counts` and `sums` as `labels_of` gives them."""
    total = int(counts.sum())
    found = [
        Area(index, names[index], int(count) / total, float(sums[index]) / int(count))
        for index, count in enumerate(counts)
        if count
    ]
    return sorted(found, key=lambda entry: (-entry.area, entry.id))


def probabilities_of(scores: Scores, size: tuple[int, int]) -> Beliefs:
    """(C, *size) softmax of contiguous scores, interpolated to another (height, width)."""
    probabilities = np.empty((len(scores), *size), np.float32)
    _core.pixel_probabilities(scores, probabilities)
    return probabilities


def add_probabilities(
    scores: Scores,
    of_rows: npt.NDArray[np.float32],
    of_columns: npt.NDArray[np.float32],
    total: Beliefs,
    start: tuple[int, int],
) -> None:
    """Add to `total` (C, H, W), from `start` (row, column) on, the softmax of contiguous scores, interpolated
    to (R, K), times the weights of rows (R,) and columns (K,).
    """
    _core.add_probabilities(scores, of_rows, of_columns, *start, total)


def are_probabilities(scores: Scores) -> bool:
    """Whether what a net gives for (C, H, W) scores adds up to 1 at each pixel, and none is negative."""
    return len(scores) > 1 and bool(scores.min() >= 0) and bool(np.allclose(scores.sum(0), 1, atol=0.01))


def scores_of(beliefs: Beliefs) -> Scores:
    """Log-probabilities, the scores for a Segmentation. They overwrite the array of probabilities."""
    np.maximum(beliefs, np.finfo(np.float32).tiny, out=beliefs)
    return np.log(beliefs, out=beliefs)
