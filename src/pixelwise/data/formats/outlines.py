"""Draw the outlines and masks of annotation tools into maps of class ids."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import Labels

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]
"""(N, 2): x, y in pixels; pixel (0, 0) reaches from 0 to 1, its centre is at (0.5, 0.5)."""

Point = tuple[float, float]
"""(2,): x, y of one point in pixels."""

_BAND = 4_000_000  # pixels of an outline filled at a time
_CROSSINGS = 1_000_000  # crossings of edges and rows found at a time
_MOST_WORK = 7_000_000_000  # pixels of all shapes of a picture, about a minute


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed polygon; if it crosses itself, the even-odd rule says what is inside."""

    points: Points


@dataclass(frozen=True)
class Runs:
    """A mask in a box whose upper left pixel is (`left`, `top`), as lengths of runs, outside first.

    The runs go row by row, or column by column if `by_column`, over (`height`, `width`) pixels.
    """

    lengths: tuple[int, ...]
    height: int
    width: int
    left: int = 0
    top: int = 0
    by_column: bool = False


Shape = Outline | Runs


class Shown(Enum):
    """Whether the labels show an object: VISIBLE, if a pixel of it has its id; COVERED, if others are above
    all of its pixels; or NOWHERE, if it covers no pixel of the picture.
    """

    NOWHERE = 0
    COVERED = 1
    VISIBLE = 2


def paint(
    size: tuple[int, int], objects: Iterable[tuple[int, Sequence[Shape]]], ground: int = 0
) -> tuple[Labels, list[Shown]]:
    """(H, W) uint8 ids, and for each object whether it is seen.

    Each object (id, shapes) is drawn above those before it; `ground` is the id elsewhere. A pixel belongs to
    an outline if its centre lies inside. Raises ValueError for runs that do not fill their box, or whose box
    is larger than the picture, and for shapes that take minutes to fill.
    """
    objects = list(objects)
    if (work := sum(_work(shape, size) for _, shapes in objects for shape in shapes)) > _MOST_WORK:
        raise ValueError(f"{len(objects)} objects with {work:.0e} pixels in all take minutes to draw")
    owners = np.zeros(size, np.uint16 if len(objects) < 65535 else np.uint32)  # by number, from 1
    drawn = []
    for number, (_, shapes) in enumerate(objects, start=1):
        any_pixel = False
        for place, mask in _parts(shapes, size):
            owners[place][mask] = number
            any_pixel = any_pixel or bool(mask.any())
        drawn.append(any_pixel)
    ids = np.array([ground, *(id_ for id_, _ in objects)], np.uint8)[owners]
    owning = _numbers_in(owners)
    return ids, [
        (Shown.VISIBLE if number in owning or _has(ids, *thing) else Shown.COVERED)
        if any_pixel
        else Shown.NOWHERE
        for number, (thing, any_pixel) in enumerate(zip(objects, drawn, strict=True), start=1)
    ]


def _parts(shapes: Iterable[Shape], size: tuple[int, int]) -> Iterator[tuple[tuple[slice, slice], Mask]]:
    """The shapes in parts: rows and columns of the picture, and which of their pixels belong to the shape."""
    for shape in shapes:
        for top, left, mask in (
            _bands(shape.points, size) if isinstance(shape, Outline) else _runs(shape, size)
        ):
            yield (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])), mask


def _has(ids: Labels, id_: int, shapes: Sequence[Shape]) -> bool:
    """Whether a pixel of the shapes has this id."""
    return any(bool((ids[place][mask] == id_).any()) for place, mask in _parts(shapes, ids.shape))


def _numbers_in(owners: npt.NDArray[np.unsignedinteger[Any]]) -> set[int]:
    """Those in an (H, W) map: looked for only where a row changes, which takes a fifth of the time."""
    begins = np.ones(owners.shape, np.bool_)
    np.not_equal(owners[:, 1:], owners[:, :-1], out=begins[:, 1:])
    return set(owners[begins].tolist())


def area(shapes: Iterable[Shape]) -> float:
    """The sum of the pixels inside each shape, in the picture or not."""
    return sum(
        float(sum(shape.lengths[1::2])) if isinstance(shape, Runs) else abs(_signed_area(shape.points))
        for shape in shapes
    )


def outline(numbers: Sequence[float]) -> Outline:
    """The outline through the points x, y, x, y, ... Raises ValueError for an odd number of them."""
    if len(numbers) % 2:
        raise ValueError(f"it should be x, y, x, y, ..., but has {len(numbers)} numbers")
    return Outline(np.array(numbers, np.float64).reshape(-1, 2))


def runs_of(mask: Mask, left: int, top: int) -> Runs:
    """A mask as runs in the box whose upper left pixel is (`left`, `top`)."""
    flat = np.concatenate([[False], mask.ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    lengths = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return Runs(tuple(lengths.tolist()), mask.shape[0], mask.shape[1], left, top)


def box(left: float, top: float, right: float, bottom: float, degrees: float = 0.0) -> Outline:
    """A rectangle, turned clockwise around its centre."""
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
    return _turned(corners, ((left + right) / 2, (top + bottom) / 2), degrees)


def ellipse(centre: Point, radii: Point, degrees: float = 0.0) -> Outline:
    """An ellipse as a polygon of 90 sides, turned clockwise."""
    turns = 2 * np.pi * np.arange(90) / 90
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return _turned(circle * radii + np.array(centre), centre, degrees)


def stroke(points: Points, width: float) -> tuple[Outline, ...]:
    """A line along the points, as one rectangle per segment."""
    pieces = []
    for (x0, y0), (x1, y1) in pairwise(points.tolist()):
        length = math.hypot(x1 - x0, y1 - y0)
        if length > 0:
            middle = (x0 + x1) / 2, (y0 + y1) / 2
            half, angle = length / 2, math.degrees(math.atan2(y1 - y0, x1 - x0))
            edges = middle[0] - half, middle[1] - width / 2, middle[0] + half, middle[1] + width / 2
            pieces.append(box(*edges, angle))
    return tuple(pieces)


def _turned(points: Points, centre: Point, degrees: float) -> Outline:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    offsets = points - np.array(centre)
    turned = offsets @ np.array([[cos, sin], [-sin, cos]])
    return Outline(turned + np.array(centre))


def _signed_area(points: Points) -> float:
    (x0, y0), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    return float((x0 * y1 - x1 * y0).sum() / 2)


def _bands(points: Points, size: tuple[int, int]) -> Iterator[tuple[int, int, Mask]]:
    """Upper left corners and masks of the part of the outline that lies in the picture, from top to bottom.

    On every row of pixel centres the outline is crossed an even number of times; a pixel is inside if an
    odd number of crossings lies left of its centre.
    """
    if len(points) < 3:
        return
    left, top = np.floor(points.min(0)).clip(0, (size[1], size[0])).astype(int).tolist()
    right, bottom = np.ceil(points.max(0)).clip(0, (size[1], size[0])).astype(int).tolist()
    rows = max(1, _BAND // max(1, right - left))
    for first in range(top, bottom, rows) if right > left else ():
        last = min(first + rows, bottom)
        crossings = np.zeros((last - first, right - left + 1), np.uint8)
        for row, x in _crossings(points, first, last):
            column = np.ceil(x - 0.5 - left).clip(0, right - left).astype(int)
            np.add.at(crossings, (row - first, column), 1)  # the count wraps at 256: odd stays odd
        yield first, left, crossings.cumsum(axis=1, dtype=np.uint8)[:, :-1] % 2 == 1


def _crossings(
    points: Points, top: int, bottom: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """Rows from `top` to `bottom` whose centres an edge crosses, with the x where it does, in parts.

    Edges count from their upper end, so that one that is walked in both directions, as to a hole of the
    outline, is crossed twice at the very same x.
    """
    following = np.roll(points, -1, axis=0)
    upward = points[:, 1:] > following[:, 1:]
    begin, end = np.where(upward, following, points), np.where(upward, points, following)
    y0, y1 = begin[:, 1], end[:, 1]
    first = np.ceil(y0 - 0.5).clip(top, bottom).astype(np.int64)
    last = np.ceil(y1 - 0.5).clip(top, bottom).astype(np.int64)
    edges = np.flatnonzero(last > first)
    parts = np.cumsum(last[edges] - first[edges]) // _CROSSINGS
    for chosen in np.split(edges, np.flatnonzero(np.diff(parts)) + 1):
        many = last[chosen] - first[chosen]
        edge = np.repeat(chosen, many)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(many) - many, many) + first[edge]
        slope = (end[edge, 0] - begin[edge, 0]) / (y1[edge] - y0[edge])
        yield row, begin[edge, 0] + (row + 0.5 - y0[edge]) * slope


def _work(shape: Shape, size: tuple[int, int]) -> float:
    """Pixels to look at, and ten for each crossing of an edge and a row."""
    if isinstance(shape, Runs):
        return min(shape.height * shape.width, size[0] * size[1])
    if len(shape.points) < 3:
        return 0
    points = shape.points.clip(0, (size[1], size[0]))
    width, height = np.ptp(points, axis=0).tolist()
    return float(width * height + 10 * np.abs(points[:, 1] - np.roll(points[:, 1], 1)).sum())


def _runs(runs: Runs, size: tuple[int, int]) -> Iterator[tuple[int, int, Mask]]:
    """The part of the mask that lies in the picture, with its upper left corner."""
    height, width = runs.height, runs.width
    if height > size[0] or width > size[1]:
        raise ValueError(
            f"a mask of {width} x {height} pixels is larger than its picture, {size[1]} x {size[0]}"
        )
    if sum(runs.lengths) != height * width or min(runs.lengths, default=0) < 0:
        raise ValueError(f"runs of {sum(runs.lengths)} pixels do not fill {width} x {height} pixels")
    flat = np.repeat(np.arange(len(runs.lengths)) % 2 == 1, runs.lengths)
    mask = flat.reshape(width, height).T if runs.by_column else flat.reshape(height, width)
    cut = mask[
        max(0, -runs.top) : max(0, size[0] - runs.top), max(0, -runs.left) : max(0, size[1] - runs.left)
    ]
    yield max(0, runs.top), max(0, runs.left), cut
