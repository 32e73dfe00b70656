"""Accuracy by size of object: regions of the truth, from tiny to large.

A region is a connected set of pixels of one class, corners included. Limits of size are those of COCO (32 and
96 pixels squared), with a class of tiny regions below 16 pixels squared.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import VOID, Labels

SIZES = {"tiny": 0, "small": 16**2, "medium": 32**2, "large": 96**2}
"""Name and least area in pixels."""


def regions(labels: Labels) -> npt.NDArray[np.intp]:
    """(H, W) numbers of the connected regions of equal ids in (H, W) labels; the first is 0.

    Pixels are connected if they share an edge or a corner.
    """
    height, width = labels.shape
    starts = np.ones((height, width), np.bool_)
    starts[:, 1:] = labels[:, 1:] != labels[:, :-1]
    run = (np.cumsum(starts) - 1).reshape(height, width)  # of equal ids in a row
    pairs = []
    for upper, lower in (
        (np.s_[:, :], np.s_[:, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
    ):
        same = labels[:-1][upper] == labels[1:][lower]
        pair = run[:-1][upper][same] * labels.size + run[1:][lower][same]
        pairs.append(pair[np.diff(pair, prepend=-1) != 0])
    one, other = np.divmod(np.unique(np.concatenate(pairs)), labels.size)
    root = np.arange(starts.sum())
    while True:
        low, high = np.minimum(root[one], root[other]), np.maximum(root[one], root[other])
        if np.array_equal(low, high):
            break
        np.minimum.at(root, high, low)
        while not np.array_equal(root, root[root]):
            root = root[root]
    numbers: npt.NDArray[np.intp] = np.unique(root, return_inverse=True)[1][run]
    return numbers


class RegionSizes:
    """For each class and size: the number of `regions`, of those `found`, of their `pixels`, and of those
    `right`.
    """

    CONVENTION = (
        "regions of one class in the truth whose pixels share edges or corners, by area in pixels; "
        "found: at least half of its pixels have its class"
    )

    def __init__(self, classes: int) -> None:
        self.regions, self.found, self.pixels, self.right = np.zeros((4, classes, len(SIZES)), np.int64)

    def add(self, truth: Labels, prediction: Labels) -> None:
        """Count the regions of one image; void is not a region."""
        numbers = regions(truth)
        area = np.bincount(numbers.ravel())
        right = np.bincount(numbers[truth == prediction], minlength=area.size)
        id_ = np.empty(area.size, np.uint8)
        id_[numbers] = truth
        size = np.searchsorted(list(SIZES.values()), area, side="right") - 1
        known = id_ != VOID
        cell = (id_[known], size[known])
        np.add.at(self.regions, cell, 1)
        np.add.at(self.found, cell, 2 * right[known] >= area[known])
        np.add.at(self.pixels, cell, area[known])
        np.add.at(self.right, cell, right[known])

    def merge(self, other: "RegionSizes") -> None:
        """Add what another process has counted."""
        for mine, theirs in (
            (self.regions, other.regions),
            (self.found, other.found),
            (self.pixels, other.pixels),
            (self.right, other.right),
        ):
            mine += theirs

    def to_dict(self) -> dict[str, Any]:
        """Per size its limits, the counts over all classes, and the recall of pixels by class."""
        limits = [*SIZES.values(), None]
        rows = []
        for index, name in enumerate(SIZES):
            pixels, right = self.pixels[:, index], self.right[:, index]
            recall = [int(r) / int(p) if p else None for r, p in zip(right, pixels, strict=True)]
            rows.append(
                {
                    "size": name,
                    "from": limits[index],
                    "below": limits[index + 1],
                    "regions": int(self.regions[:, index].sum()),
                    "found": int(self.found[:, index].sum()),
                    "pixels": int(pixels.sum()),
                    "right": int(right.sum()),
                    "recall_per_class": recall,
                }
            )
        return {"sizes": rows, "convention": self.CONVENTION}
