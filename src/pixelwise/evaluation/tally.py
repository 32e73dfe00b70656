"""The counts of a split: one confusion matrix over all images, and the counts of each image.

Confidence intervals and comparisons need the counts of each image. Tallies of parts of a split, from several
processes, merge into that of the whole.
"""

from collections.abc import Iterable, KeysView, Set
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import Labels
from pixelwise.evaluation.metrics.confusion import Confusion, Counts, confusion_matrix

_ImageCounts = npt.NDArray[np.int64]
"""(K, 4): class id, pixels that are right, true, and predicted, for the K classes in truth or prediction."""


class Tally:
    """`confusion` (C, C) over the images `ids`."""

    def __init__(self, classes: int) -> None:
        self.confusion: Confusion = np.zeros((classes, classes), np.int64)
        self._images: dict[str, _ImageCounts] = {}

    @property
    def ids(self) -> KeysView[str]:
        """The images, in the order they were counted."""
        return self._images.keys()

    def add(self, image: str, truth: Labels, prediction: Labels) -> None:
        """Count one image. Raises ValueError for maps that do not fit and for an image counted before."""
        self._refuse({image} & self.ids)
        confusion = confusion_matrix(truth, prediction, len(self.confusion))
        counts = Counts.of(confusion)
        present = np.flatnonzero(counts.truth + counts.predicted)
        rows = (present, counts.right[present], counts.truth[present], counts.predicted[present])
        self._images[image] = np.stack(rows, axis=1)
        self.confusion += confusion

    def merge(self, other: "Tally") -> None:
        """Add what another process has counted. Raises ValueError if classes differ or an image is in
        both: samplers that fill up the last batch would have it counted twice.
        """
        if other.confusion.shape != self.confusion.shape:
            raise ValueError(
                f"cannot merge a tally of {len(other.confusion)} classes into one of {len(self.confusion)}"
            )
        self._refuse(self.ids & other.ids)
        self._images |= other._images
        self.confusion += other.confusion

    def _refuse(self, known: Set[str]) -> None:
        if known:
            raise ValueError(
                f'image "{min(known)}" is counted twice: every image of a split needs a unique id'
            )

    def per_image(self) -> Counts:
        """The counts (N, C) of the N images in the order of `ids`."""
        return dense_counts(self._images.values(), len(self.confusion))

    def to_list(self) -> list[dict[str, Any]]:
        """Per image its id and `counts`, lists of [class id, right, truth, predicted], as plain data."""
        return [{"id": image, "counts": counts.tolist()} for image, counts in self._images.items()]


def dense_counts(images: Iterable["_ImageCounts | list[list[int]]"], classes: int) -> Counts:
    """Counts (N, C) of N images from their lists of [class id, right, truth, predicted]."""
    rows = [np.asarray(counts, np.int64).reshape(-1, 4) for counts in images]
    dense = np.zeros((3, len(rows), classes), np.int64)
    for index, counts in enumerate(rows):
        dense[:, index, counts[:, 0]] = counts[:, 1:].T
    return Counts(*dense)
