"""Flicker of labels in a clip: the share of pixels that change label where the picture does not."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import VOID

STILL = 8
"""Grey levels: a pixel whose channels all change by less between two frames has not changed."""


def flicker(
    frames: Iterable[npt.NDArray[np.uint8]], labels: Iterable[npt.NDArray[np.uint8]], still: int = STILL
) -> float:
    """Of all pairs of neighbouring frames, the share of still pixels, labelled in both, that change label.

    frames: each (H, W, 3), so an array (T, H, W, 3) too; labels: each (H, W). Two of each are held at a time.
    In [0, 1]; NaN if nothing is still. Raises ValueError for other shapes.
    """
    pixels = changed = 0
    for (frame, before), (later, after) in pairwise(zip(frames, labels, strict=True)):
        if frame.ndim != 3 or not frame.shape[:2] == before.shape == later.shape[:2] == after.shape:
            raise ValueError(
                f"expected frames (T, H, W, 3) and labels (T, H, W), got a frame {frame.shape}, "
                f"labels {before.shape}"
            )
        difference = np.abs(later.astype(np.int16) - frame).max(axis=-1)
        counted = (difference < still) & (before != VOID) & (after != VOID)
        pixels += int(counted.sum())
        changed += int((counted & (before != after)).sum())
    return changed / pixels if pixels else float("nan")
