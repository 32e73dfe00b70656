"""Polygons with fewer corners, by the algorithm of Douglas and Peucker (1973)."""

import numpy as np
import numpy.typing as npt

from pixelwise.data.annotations.ring_tracing import Ring
from pixelwise.data.formats.outlines import Points


def simplified(ring: Ring, tolerance: float) -> Ring:
    """Some corners of a closed ring, in order: all that were left out lie within `tolerance` of the rest.

    Rectangles, and rings of which fewer than three corners would stay, are returned unchanged. Raises
    ValueError for a tolerance that is negative or not a number.
    """
    if not tolerance >= 0:
        raise ValueError(f"expected a tolerance of at least 0 pixels, got {tolerance}")
    if len(ring) <= 4:
        return ring
    start = int(np.lexsort((ring[:, 1], ring[:, 0]))[0])
    closed = np.concatenate([ring[start:], ring[: start + 1]]).astype(np.float64)
    far = int(np.square(closed - closed[0]).sum(axis=1).argmax())
    kept = np.zeros(len(closed), bool)
    kept[[0, far]] = True
    left = [(0, far), (far, len(closed) - 1)]
    while left:
        first, last = left.pop()
        if last - first < 2:
            continue
        distance = _distances(closed[first + 1 : last], closed[first], closed[last])
        furthest = int(distance.argmax())
        if distance[furthest] > tolerance**2:
            middle = first + 1 + furthest
            kept[middle] = True
            left += [(first, middle), (middle, last)]
    chosen = np.flatnonzero(kept[:-1])
    return ring if len(chosen) < 3 else ring[(chosen + start) % len(ring)]


def _distances(points: Points, begin: Points, end: Points) -> npt.NDArray[np.float64]:
    """Squared distances of points from the segment between two others."""
    along = end - begin
    length = float((along**2).sum())
    share = ((points - begin) @ along / length).clip(0, 1) if length else np.zeros(len(points))
    found: npt.NDArray[np.float64] = np.square(points - begin - share[:, None] * along).sum(axis=1)
    return found
