"""Outlines and masks as annotation tools export them, painted into maps of ids."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pixelwise.types import FileIds

Mask = npt.NDArray[np.bool_]
Point = tuple[float, float]
"""(x, y) in pixels; pixel (0, 0) reaches from 0 to 1, its centre is at (0.5, 0.5)."""


@dataclass(frozen=True)
class Outline:
    """Closed polygons; what an odd number of them surrounds is inside."""

    rings: tuple[tuple[Point, ...], ...]


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


def paint(size: tuple[int, int], shapes: Iterable[tuple[int, Shape]], ground: int = 0) -> FileIds:
    """(H, W) ids: each (id, shape) covers those before it, `ground` is where there is none.

    A pixel belongs to an outline if its centre lies inside. Raises ValueError for runs that do not fill
    their box.
    """
    ids = np.full(size, ground, np.int32)
    for id_, shape in shapes:
        if isinstance(shape, Outline):
            top, left, mask = _fill(shape.rings, size)
        else:
            top, left, mask = shape.top, shape.left, _unroll(shape)
            rows, columns = slice(max(0, -top), size[0] - top), slice(max(0, -left), size[1] - left)
            top, left, mask = max(0, top), max(0, left), mask[rows, columns]
        ids[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = id_
    return ids


def area(shape: Shape) -> float:
    """Pixels inside, before clipping at the picture's border; of an outline the sum over its rings."""
    if isinstance(shape, Runs):
        return float(sum(shape.lengths[1::2]))
    return sum(abs(_signed_area(ring)) for ring in shape.rings)


def ring(numbers: Sequence[float]) -> tuple[Point, ...]:
    """The points of x, y, x, y, ..."""
    return tuple(zip(map(float, numbers[::2]), map(float, numbers[1::2]), strict=True))


def runs_of(mask: Mask, left: int, top: int) -> Runs:
    """A mask as runs in the box whose upper left pixel is (`left`, `top`)."""
    flat = np.concatenate([[False], mask.ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    lengths = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return Runs(tuple(lengths.tolist()), mask.shape[0], mask.shape[1], left, top)


def box(left: float, top: float, right: float, bottom: float, degrees: float = 0.0) -> Outline:
    """A rectangle, turned clockwise around its centre."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return Outline((_turned(corners, ((left + right) / 2, (top + bottom) / 2), degrees),))


def ellipse(centre: Point, radii: Point, degrees: float = 0.0) -> Outline:
    """An ellipse as a polygon of 90 sides, turned clockwise."""
    turns = [2 * math.pi * step / 90 for step in range(90)]
    points = [(centre[0] + radii[0] * math.cos(t), centre[1] + radii[1] * math.sin(t)) for t in turns]
    return Outline((_turned(points, centre, degrees),))


def stroke(points: Sequence[Point], width: float) -> list[Outline]:
    """A line along the points, as one rectangle a piece."""
    pieces = []
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        if length > 0:
            middle = (x0 + x1) / 2, (y0 + y1) / 2
            half, angle = length / 2, math.degrees(math.atan2(y1 - y0, x1 - x0))
            edges = middle[0] - half, middle[1] - width / 2, middle[0] + half, middle[1] + width / 2
            pieces.append(box(*edges, angle))
    return pieces


def _turned(points: Sequence[Point], centre: Point, degrees: float) -> tuple[Point, ...]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    offsets = [(x - centre[0], y - centre[1]) for x, y in points]
    return tuple((centre[0] + cos * x - sin * y, centre[1] + sin * x + cos * y) for x, y in offsets)


def _signed_area(points: Sequence[Point]) -> float:
    following = [*points[1:], *points[:1]]
    pairs = zip(points, following, strict=True)
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs) / 2


def _fill(rings: Sequence[Sequence[Point]], size: tuple[int, int]) -> tuple[int, int, Mask]:
    """Upper left corner and mask of the part of the outline that lies in the picture.

    On every row of pixel centres the outline is crossed an even number of times; a pixel is inside if an
    odd number of crossings lies left of its centre.
    """
    points = np.array([point for ring in rings for point in ring], np.float64).reshape(-1, 2)
    if len(points) == 0:
        return 0, 0, np.zeros((0, 0), bool)
    low = np.floor(points.min(0)).clip(0, (size[1], size[0])).astype(int)
    high = np.ceil(points.max(0)).clip(0, (size[1], size[0])).astype(int)
    (left, top), (width, height) = low, high - low
    crossings = np.zeros((height, width + 1), np.int32)
    for corners in rings:
        for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], *corners[:1]], strict=True):
            first, last = (math.ceil(y - 0.5) - top for y in sorted((y0, y1)))
            rows = np.arange(max(0, first), min(height, last))
            if len(rows):
                x = x0 + (rows + top + 0.5 - y0) * (x1 - x0) / (y1 - y0)
                columns = np.ceil(x - 0.5 - left).clip(0, width).astype(int)
                crossings[rows, columns] += 1
    inside: Mask = crossings.cumsum(axis=1)[:, :-1] % 2 == 1
    return int(top), int(left), inside


def _unroll(runs: Runs) -> Mask:
    if sum(runs.lengths) != runs.height * runs.width or min(runs.lengths, default=0) < 0:
        raise ValueError(
            f"runs of {sum(runs.lengths)} pixels do not fill {runs.height} x {runs.width} pixels"
        )
    inside = np.arange(len(runs.lengths)) % 2 == 1
    flat = np.repeat(inside, runs.lengths)
    return (
        flat.reshape(runs.width, runs.height).T if runs.by_column else flat.reshape(runs.height, runs.width)
    )
