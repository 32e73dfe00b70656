"""Flicker of labels in a clip: the share of pixels that change label where the picture does not."""

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import VOID

STILL = 8
"""Grey levels: a pixel whose channels all change by less between two frames has not changed."""


def flicker(frames: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], still: int = STILL) -> float:
    """Of all pairs of neighbouring frames, the share of still pixels, labelled in both, that change label.

    frames (T, H, W, 3), labels (T, H, W). In [0, 1]; NaN if nothing is still. Raises ValueError for other
    shapes.
    """
    if frames.ndim != 4 or labels.shape != frames.shape[:3]:
        raise ValueError(
            f"expected frames (T, H, W, 3) and labels (T, H, W), got {frames.shape}, {labels.shape}"
        )
    pixels = changed = 0
    for number in range(len(frames) - 1):
        difference = np.abs(frames[number + 1].astype(np.int16) - frames[number]).max(axis=-1)
        before, after = labels[number], labels[number + 1]
        counted = (difference < still) & (before != VOID) & (after != VOID)
        pixels += int(counted.sum())
        changed += int((counted & (before != after)).sum())
    return changed / pixels if pixels else float("nan")
