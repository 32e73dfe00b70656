"""Confidence intervals by the bootstrap over images.

The images of a split are taken for a sample of all images there could be. Drawing as many of them again, with
replacement, and computing the figure from their pixels together shows how much it depends on which images
were drawn (Efron 1979, percentile interval). Pixels of one image are anything but independent, so images, not
pixels, are drawn. The net stays the same: what another training would give is not in the interval.
"""

from typing import NamedTuple

import numpy as np

from pixelwise.evaluation.metrics.confusion import Counts, Floats

RESAMPLES = 1000
LEVEL = 0.95

CONVENTION = (
    f"{LEVEL:.0%} percentile intervals from {RESAMPLES} bootstrap resamples of the images; "
    "a class without true pixels in a resample is left out of it; another training may differ by more"
)

_AT_A_TIME = 100


class Interval(NamedTuple):
    """An interval from `low` to `high`; NaN if the figure is undefined in all resamples."""

    low: float
    high: float


def resampled(images: Counts, resamples: int = RESAMPLES, seed: int = 0) -> Counts:
    """Counts (resamples, C), each of N images that are drawn with replacement from the N of (N, C).

    One image gives no resample, (0, C), and so no interval: it does not show how much others differ from it.
    Equal N, `resamples` and `seed` draw the same images, so figures of two models on one split are paired. If
    a resample lacks a class that the images have, the class is left out of it, with its predictions;
    otherwise its IoU of 0 would lower the mean.
    """
    count, classes = images.truth.shape
    if count == 0:
        raise ValueError("there is no image to draw from")
    resamples = resamples if count > 1 else 0
    rng = np.random.default_rng(seed)
    sides = np.concatenate([images.right, images.truth, images.predicted], axis=1).astype(np.float64)
    drawn = np.empty((resamples, 3 * classes))
    for start in range(0, resamples, _AT_A_TIME):
        part = drawn[start : start + _AT_A_TIME]
        times = rng.multinomial(count, np.full(count, 1 / count), size=len(part))
        np.matmul(times.astype(np.float64), sides, out=part)  # exact: sums of integers below 2^53
    right, truth, predicted = np.split(drawn.astype(np.int64), 3, axis=1)
    predicted[(truth == 0) & (images.truth.sum(axis=0) > 0)] = 0
    return Counts(right, truth, predicted)


def interval(figures: Floats, level: float = LEVEL) -> Interval:
    """The middle `level` of (resamples,) figures; resamples where the figure is not defined are left out."""
    low, high = intervals(figures[:, np.newaxis], level)[0]
    return Interval(low, high)


def intervals(figures: Floats, level: float = LEVEL) -> list[Interval]:
    """The same for each column of (resamples, C)."""
    if not 0 < level < 1:
        raise ValueError(f"the level is a share between 0 and 1, got {level}")
    found = []
    for column in figures.T:
        defined = column[~np.isnan(column)]
        tails = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.quantile(defined, tails) if defined.size else (np.nan, np.nan)
        found.append(Interval(float(low), float(high)))
    return found
