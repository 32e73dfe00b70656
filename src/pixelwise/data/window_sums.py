"""Sums over square windows, by sums along rows and columns."""

import numpy as np
import numpy.typing as npt


def box_sum(values: npt.NDArray[np.float64], radius: int) -> npt.NDArray[np.float64]:
    """(H, W) sums over windows of 2 * radius + 1 pixels a side, cut at the border."""
    for axis in (0, 1):
        length = values.shape[axis]
        sums = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis)], axis)
        places = np.arange(length)
        upper = np.minimum(places + radius + 1, length)
        values = sums.take(upper, axis) - sums.take(np.maximum(places - radius, 0), axis)
    return values
