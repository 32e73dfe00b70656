"""Trace the borders between labels along pixel edges: rings of corners, exact, for 4-connected regions.

Every corner of the border ends one horizontal and one vertical segment. Sorted by row, then column, corners
pair up to the horizontal segments; sorted by column, then row, to the vertical ones. Following the two kinds
of segments in turn gives the rings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ImageError
from pixelwise.core.types import VOID, Labels
from pixelwise.data.formats.outlines import Mask

MOST_POINTS = 2_000_000
"""The most points of one picture where outlines may turn. Tracing this many takes half a minute and 1 GB."""

Ring = npt.NDArray[np.int64]
"""(N, 2): the corners x, y of a closed ring, in order, without the first repeated. Pixel (0, 0) reaches from
0 to 1. In a picture, whose y points down, outer rings go clockwise and holes counter-clockwise: the region
lies on the right."""


@dataclass(frozen=True, eq=False)
class TracedRegion:
    """A 4-connected region: its outer ring, and the rings of its holes. Rings touch at corners only."""

    outer: Ring
    holes: tuple[Ring, ...]


@dataclass(frozen=True, eq=False)
class Borders:
    """The points of (H, W) labels where pixels of several labels meet, in rows.

    points (N, 2): x, y. around (N, 4): the labels of the pixels at the upper left, upper right, lower left
    and lower right; VOID outside of the picture.
    """

    labels: Labels
    points: Ring
    around: Labels

    @classmethod
    def of(cls, labels: Labels, most_points: int = MOST_POINTS) -> "Borders":
        """Raises ImageError for labels with more points than `most_points`."""
        padded = np.pad(labels, 1, constant_values=VOID)
        parts = [padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]]
        # Along a straight border the upper pixels are equal and the lower ones, or the left and the right.
        bends = ((parts[0] != parts[1]) | (parts[2] != parts[3])) & (
            (parts[0] != parts[2]) | (parts[1] != parts[3])
        )
        if (count := np.count_nonzero(bends)) > most_points:
            raise ImageError(
                f"the outlines of the regions have {count} corners; {most_points} can be written",
                "remove specks: --min-region 0.01%, or Cleaning(min_region=0.0001)",
            )
        y, x = np.nonzero(bends)
        around = np.stack([part[y, x] for part in parts], axis=1)
        return cls(labels, np.stack([x, y], axis=1), around)


def traced(borders: Borders, label: int) -> list[TracedRegion]:
    """The regions of a label other than VOID, from left to right."""
    corners = _Corners.of(borders, label)
    rings = list(_rings(corners))
    if not rings:
        return []
    lengths = np.array([len(ring) for ring in rings])
    first = np.cumsum(lengths) - lengths
    members = np.concatenate([np.array(ring) for ring in rings])
    number = np.empty(len(members), np.int64)
    number[members] = np.repeat(np.arange(len(rings)), lengths)
    points = corners.points[members]
    height = borders.labels.shape[0] + 1
    starts = np.minimum.reduceat(points[:, 0] * height + points[:, 1], first)  # leftmost, then topmost
    clockwise = sums(points, lengths, points.prod(axis=1)) > 0

    owner = np.arange(len(rings))
    holes = np.flatnonzero(~clockwise)
    holes = holes[np.argsort(starts[holes])]
    if len(holes):
        places = starts[holes] // height, starts[holes] % height
        left = _rings_to_the_left(borders.labels, label, corners, number, *places)
        for index, neighbour in zip(holes.tolist(), left.tolist(), strict=True):
            owner[index] = owner[neighbour]  # it starts further left, so its owner is known
    parts = np.split(points, first[1:])
    of: dict[int, list[Ring]] = {index: [] for index in np.flatnonzero(clockwise).tolist()}
    for index in holes.tolist():
        of[int(owner[index])].append(parts[index])
    return [TracedRegion(parts[index], tuple(of[index])) for index in sorted(of, key=starts.__getitem__)]


@dataclass(frozen=True, eq=False)
class _Corners:
    """points (N, 2): x, y, twice where two pixels touch diagonally. across, along: the corner at the other
    end of the horizontal and of the vertical segment. forward: whether the horizontal segment is followed
    from this corner. twin: the other corner of the same point, or -1.
    """

    points: Ring
    across: npt.NDArray[np.int64]
    along: npt.NDArray[np.int64]
    forward: Mask
    twin: npt.NDArray[np.int64]

    @classmethod
    def of(cls, borders: Borders, label: int) -> "_Corners":
        code = (borders.around == label) @ np.array([1, 2, 4, 8], np.uint8)
        found = np.flatnonzero(_IS_CORNER[code])
        x, y = borders.points[found].T
        kind = code[found]
        saddle = np.flatnonzero(_IS_SADDLE[kind])
        # The first corner of a saddle is that of its upper pixel: its vertical segment is above.
        second = np.arange(len(y), len(y) + len(saddle))
        y, x = np.append(y, y[saddle]), np.append(x, x[saddle])
        twin = np.full(len(y), -1)
        twin[saddle], twin[second] = second, saddle
        goes_right, goes_down = _GOES_RIGHT[kind], _GOES_DOWN[kind]
        goes_right = np.append(goes_right, ~goes_right[saddle])
        goes_down = np.append(goes_down, ~goes_down[saddle])
        # A corner that ends the segment from the left comes before one that begins the segment to the right.
        across = _paired(np.lexsort((goes_right, x, y)))
        along = _paired(np.lexsort((goes_down, y, x)))
        inside_below = np.append(_INSIDE_BELOW[kind], np.ones(len(saddle), bool))
        return cls(np.stack([x, y], axis=1), across, along, inside_below == goes_right, twin)


def _rings(corners: _Corners) -> Iterator[list[int]]:
    """The corners of each ring, in order. A ring that touches itself is split there."""
    across, along, twin = corners.across.tolist(), corners.along.tolist(), corners.twin.tolist()
    starts = np.flatnonzero(corners.forward).tolist()
    done = bytearray(len(across))
    place = [-1] * len(across)
    for start in starts:
        if done[start]:
            continue
        path: list[int] = []
        here = start
        while not done[here]:
            for corner in (here, across[here]):
                done[corner] = 1
                other = twin[corner]
                if other >= 0 and place[other] >= 0:  # the path has been at this point before
                    begin = place[other]
                    for passed in path[begin:]:
                        place[passed] = -1
                    yield path[begin:]
                    del path[begin:]
                place[corner] = len(path)
                path.append(corner)
            here = along[across[here]]
        for passed in path:
            place[passed] = -1
        yield path


def _rings_to_the_left(
    labels: Labels,
    label: int,
    corners: _Corners,
    number: npt.NDArray[np.int64],
    x: npt.NDArray[np.int64],
    y: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """The ring at the left end of the run of pixels that ends at each (x, y), in the row below y."""
    rows, place = np.unique(y, return_inverse=True)
    inside = labels[rows] == label
    after = np.arange(1, labels.shape[1] + 1, dtype=np.int32)  # where a run may begin
    run_starts = np.where(inside, np.int32(0), after)
    np.maximum.accumulate(run_starts, axis=1, out=run_starts)
    begin = run_starts[place, x - 1]
    height = labels.shape[0] + 1
    upward = np.flatnonzero(~corners.forward)  # vertical segments belong to the ring of the corner they leave
    tops = np.minimum(corners.points[upward, 1], corners.points[corners.along[upward], 1])
    keys = corners.points[upward, 0] * height + tops
    order = np.argsort(keys)
    found = np.searchsorted(keys, begin * height + y, side="right", sorter=order) - 1
    rings: npt.NDArray[np.int64] = number[upward[order[found]]]
    return rings


def sums(points: Ring, lengths: npt.NDArray[np.int64], integral: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The sum of values inside each ring, negative for holes.

    points (N, 2): the corners of rings that have these `lengths`, one after another. integral (N): the sum of
    all values above and to the left of each corner.
    """
    last = np.cumsum(lengths) - 1
    first = last + 1 - lengths
    following = np.arange(1, len(points) + 1)
    following[last] = first
    vertical = points[following, 0] == points[:, 0]
    found: npt.NDArray[np.float64]
    found = np.add.reduceat(np.where(vertical, integral[following] - integral, 0.0), first)
    return found


def _paired(order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each corner the one beside it, if the corners in this order are pairs."""
    partner = np.empty(len(order), np.int64)
    partner[order[::2]], partner[order[1::2]] = order[1::2], order[::2]
    return partner


_A, _B, _C, _D = (
    np.arange(16) >> bit & 1 == 1 for bit in range(4)
)  # of a code: upper left, upper right, lower left, lower right
_IS_SADDLE = (_A == _D) & (_B == _C) & (_A != _B)
_IS_CORNER = (_A ^ _B ^ _C ^ _D) | _IS_SADDLE
# Of a corner's two segments; of the first corner of a saddle, whose inside is above the horizontal segment.
_GOES_RIGHT = np.where(_IS_SADDLE, _B, _B != _D)
_GOES_DOWN = (_C != _D) & ~_IS_SADDLE
_INSIDE_BELOW = np.where(_GOES_RIGHT, _D, _C) & ~_IS_SADDLE
