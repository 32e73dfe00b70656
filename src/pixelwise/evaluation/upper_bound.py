"""The best possible mean IoU on a coarser grid: that of the ground truth, reduced and enlarged again.

Source: Long et al. 2015, appendix A ("Upper Bound on IU"). The paper states neither the resampling nor the
treatment of void, so `CONVENTIONS` holds the plausible ones. Report each figure with its convention.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.core.types import VOID, Labels
from pixelwise.data import LabelledImages
from pixelwise.evaluation.metrics.confusion import Confusion, Floats, confusion_matrix, mean_iou

FACTORS = (128, 64, 32, 16, 8, 4)

PAPER = {128: 50.9, 64: 73.3, 32: 86.1, 16: 92.8, 8: 96.4, 4: 98.5}
"""Mean IU in per cent on VOC 2011's seg11valid, 21 classes."""

Reduce = Literal["centre", "corner", "majority", "shares"]
Enlarge = Literal["nearest", "bilinear"]
Void = Literal["left out", "a miss", "no vote"]
Over = Literal["pixels", "images"]


@dataclass(frozen=True)
class Convention:
    """How the truth is resampled to a grid of cells of factor x factor pixels (the image cuts off the last
    ones) and back, and how void is treated.

    reduce: a cell has the id of its middle pixel (the lower right of four), of its first pixel, or the most
    frequent one; the smaller id wins a tie. "shares": it has the share of every id, by antialiased bilinear
    resizing to rounded sizes, and these are interpolated. enlarge: a pixel takes its cell's id, or the id of
    the largest weight when ids are interpolated bilinearly between the cells' middles ("corner": their first
    pixels). over: the mean IoU of one confusion matrix over all "pixels", or the mean over "images" of each
    one's mean IoU.
    void: "left out": void is an id like others, and pixels that get it are not counted, like those void in
    the truth; "a miss": they count as wrong, in no class's prediction; "no vote": void has no weight in
    cells or between them, and where nothing else has any it is a miss.
    """

    reduce: Reduce
    enlarge: Enlarge
    void: Void
    over: Over = "pixels"

    def __str__(self) -> str:
        return f"{self.reduce}, {self.enlarge}, void {self.void}, over {self.over}"


CONVENTIONS = (
    *(
        Convention(reduce, enlarge, void)
        for reduce, enlarge, void in itertools.product(get_args(Reduce), get_args(Enlarge), get_args(Void))
        # Where a cell is one sampled pixel that is not interpolated, no vote and a miss are the same.
        if void != "no vote" or enlarge == "bilinear" or reduce == "majority"
        if reduce != "shares" or enlarge == "bilinear"
    ),
    Convention("shares", "bilinear", "a miss", "images"),
)
"""The plausible conventions that differ from each other."""


def upper_bounds(
    dataset: LabelledImages,
    factors: tuple[int, ...] = FACTORS,
    conventions: tuple[Convention, ...] = CONVENTIONS,
    progress: Callable[[int], None] | None = None,
) -> dict[Convention, Floats]:
    """Per convention the mean IoU (in [0, 1], absent classes as in `metrics.mean_iou`) at each factor.

    Reads the labels of the main head only; `progress` gets the number of images done. Raises DataError if
    a file is broken or nothing is labelled.
    """
    if wrong := [factor for factor in factors if factor < 1]:
        raise ValueError(f"a factor must be at least 1 pixel, got {wrong[0]}")
    classes = len(dataset.classes)
    shape = len(factors), classes + 1, classes + 1
    counts = {_way(convention): np.zeros(shape, np.int64) for convention in conventions}
    single: dict[Convention, list[list[float]]] = {c: [] for c in conventions if c.over == "images"}
    for index in range(len(dataset)):
        labels = next(iter(dataset.read_labels(index).values()))
        for way, total in counts.items():
            own = np.zeros(shape, np.int64)
            for factor, into in zip(factors, own, strict=True):
                coarse = np.minimum(resampled(labels, factor, *way), classes).astype(np.uint8)
                confusion_matrix(labels, coarse, classes + 1, into=into)
            total += own
            for convention, rows in single.items():
                if _way(convention) == way and own.any():
                    rows.append([_mean_iou(count, convention.void) for count in own])
        if progress is not None:
            progress(index + 1)
    if not all(total.any() for total in counts.values()):
        raise DataError(
            f"{dataset.name}: no pixel of these images has a label",
            "name labelled data, or other --classes",
        )
    return {
        convention: np.mean(single[convention], axis=0)
        if convention in single
        else np.array([_mean_iou(count, convention.void) for count in counts[_way(convention)]])
        for convention in conventions
    }


def _way(convention: Convention) -> tuple[Reduce, Enlarge, bool]:
    """What decides about the labels; the rest decides about counting."""
    return convention.reduce, convention.enlarge, convention.void != "no vote"


def resampled(labels: Labels, factor: int, reduce: Reduce, enlarge: Enlarge, void_votes: bool) -> Labels:
    """(H, W) labels after reducing by `factor` and enlarging again; VOID where void won or nothing voted."""
    if reduce == "shares":
        return _by_shares(labels, factor, void_votes)
    cells = _reduced(labels, factor, reduce, void_votes)
    if enlarge == "nearest":
        return cells.repeat(factor, 0).repeat(factor, 1)[: labels.shape[0], : labels.shape[1]]
    offset = 0 if reduce == "corner" else (factor - 1) / 2
    return _interpolated(cells, labels.shape, factor, offset, void_votes)


def _reduced(labels: Labels, factor: int, how: Reduce, void_votes: bool) -> Labels:
    height, width = labels.shape
    if how != "majority":
        offset = factor // 2 if how == "centre" else 0
        rows, columns = (
            np.minimum(np.arange(0, size, factor) + offset, size - 1) for size in (height, width)
        )
        return labels[np.ix_(rows, columns)]
    starts = np.arange(0, height, factor), np.arange(0, width, factor)
    best = np.zeros((len(starts[0]), len(starts[1])), np.int64)
    winner = np.full(best.shape, VOID, np.uint8)
    for id_ in _ids(labels, void_votes):
        per_row = np.add.reduceat(labels == id_, starts[1], axis=1, dtype=np.int64)
        votes = np.add.reduceat(per_row, starts[0], axis=0)
        winner[votes > best] = id_
        np.maximum(best, votes, out=best)
    return winner


def _interpolated(
    cells: Labels, shape: tuple[int, ...], factor: int, offset: float, void_votes: bool
) -> Labels:
    (top, bottom, down), (left, right, along) = (
        _between(size, count, factor, offset) for size, count in zip(shape, cells.shape, strict=True)
    )
    best = np.zeros(shape, np.float32)
    winner = np.full(shape, VOID, np.uint8)
    for id_ in _ids(cells, void_votes):
        weight = (cells == id_).astype(np.float32)
        weight = weight[:, left] + along * (weight[:, right] - weight[:, left])
        weight = weight[top] + down[:, np.newaxis] * (weight[bottom] - weight[top])
        winner[weight > best] = id_
        np.maximum(best, weight, out=best)
    return winner


def _by_shares(labels: Labels, factor: int, void_votes: bool) -> Labels:
    height, width = labels.shape
    cells = max(1, round(width / factor)), max(1, round(height / factor))
    best = np.zeros(labels.shape, np.float32)
    winner = np.full(labels.shape, VOID, np.uint8)
    for id_ in _ids(labels, void_votes):
        share = Image.fromarray((labels == id_).astype(np.float32)).resize(cells, Image.Resampling.BILINEAR)
        # rounded, so that rounding errors decide no tie
        weight = np.asarray(share.resize((width, height), Image.Resampling.BILINEAR)).round(5)
        winner[weight > best] = id_
        np.maximum(best, weight, out=best)
    return winner


_Between = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]


def _between(size: int, count: int, factor: int, offset: float) -> _Between:
    """Per pixel the cells before and after it, and the weight of the latter; beyond the outer ones, these."""
    place = np.clip((np.arange(size) - offset) / factor, 0, count - 1)
    before = place.astype(np.intp)
    return before, np.minimum(before + 1, count - 1), (place - before).astype(np.float32)


def _ids(labels: Labels, with_void: bool) -> list[int]:
    present = np.flatnonzero(np.bincount(labels.ravel()))
    return [int(id_) for id_ in present if with_void or id_ != VOID]


def _mean_iou(counts: Confusion, void: Void) -> float:
    """Of (C + 1, C + 1) pixels whose last column is void; its row, of a class that is never true, is
    empty.
    """
    return mean_iou(counts[:-1, :-1] if void == "left out" else counts, absent="drop")
