"""Score a large picture in overlapping tiles and blend their probabilities."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.pictures.geotiff import tiff_windows
from pixelwise.core.pictures.reading import Readable
from pixelwise.core.pictures.windows import MOST_PIXELS_HELD, Box, HeldPicture, Windows
from pixelwise.core.threads import in_order
from pixelwise.core.types import RGBImage, Scores, is_number
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.probabilities import add_probabilities, scores_of

AUTO = "auto"
AUTO_FROM, AUTO_SIDE = 4, 2
"""With "auto", a picture is scored in tiles if its longer side exceeds AUTO_FROM times the model's long side.
The side of a tile is AUTO_SIDE times that long side."""

SMALLEST = 32
"""Pixels of the smallest side of a tile."""

MOST_BYTES = 450_000_000
"""Blended scores that would take more memory are kept on a coarser grid."""

_OVERLAP = 4  # neighbours share at least about a quarter of a tile
_BLIND = 3 / 8  # of an overlap, at the border of a tile, do not count
_ALIGNED = 32  # scored pixels; nets of this stride see each tile in the same phase as the whole picture


def check_tiles(tiles: str | int | None) -> str | int | None:
    """`tiles` if it is None, "auto" or a side in pixels. Raises ValueError for anything else."""
    if tiles is None or tiles == AUTO:
        return tiles
    if (
        isinstance(tiles, str)
        or not is_number(tiles)
        or not SMALLEST <= tiles < math.inf
        or int(tiles) != tiles
    ):
        raise ValueError(
            f'tiles is "{AUTO}", or the side of a tile in pixels, at least {SMALLEST}; got {tiles!r}'
        )
    return int(tiles)


def side_of_tiles(tiles: str | int | None, size: tuple[int, int], long_side: int) -> int | None:
    """The side, in pixels, of the tiles for a picture of (height, width); None: it is scored in one pass."""
    if tiles is None:
        return None
    if tiles == AUTO:
        return AUTO_SIDE * long_side if max(size) > AUTO_FROM * long_side else None
    return int(tiles) if max(size) > int(tiles) else None


@dataclass(frozen=True)
class Tiling:
    """The tiles of a picture of `size`.

    Tiles are laid out in cells of `grid`, on which the blended scores are kept. A cell is `cell` pixels wide
    in the copies that the net scores. `rows`, `columns`: the first cell of each tile and the one after its
    last.
    """

    size: tuple[int, int]
    side: int
    cell: int
    grid: tuple[int, int]
    rows: tuple[tuple[int, int], ...]
    columns: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, size: tuple[int, int], side: int, info: ModelInfo) -> "Tiling":
        """Tiles of `side` pixels, each of which is scored like a picture of that size."""
        scale = info.long_side / side if info.enlarge or side > info.long_side else 1.0
        values = len(info.classes) * size[0] * size[1] * scale**2
        cell = max(1, math.ceil((4 * values / MOST_BYTES) ** 0.5))
        grid = tuple(max(1, round(length * scale / cell)) for length in size)
        seen = min(side, info.long_side) if not info.enlarge else info.long_side
        rows, columns = (_spans(cells, max(1, seen // cell), cell) for cells in grid)
        return cls(size, side, cell, (grid[0], grid[1]), rows, columns)

    @property
    def tiles(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """The tiles from top to bottom, as spans of cells: of its rows and of its columns."""
        return [(row, column) for row in self.rows for column in self.columns]

    @property
    def scored_whole(self) -> tuple[int, int]:
        """(height, width) of a picture as large as its tiles are scored."""
        return self.grid[0] * self.cell, self.grid[1] * self.cell

    def long_side(self, scale: float) -> int:
        """The longer side that a copy of the picture needs for tiles to be scored at this scale."""
        return min(max(self.size), math.ceil(max(self.scored_whole) * min(scale, max(self.size))))

    def bytes(self, classes: int) -> int:
        """The approximate memory for blending, for labels, and for a copy of the picture."""
        pixels = self.size[0] * self.size[1]
        return 4 * classes * self.grid[0] * self.grid[1] + pixels + 3 * min(pixels, MOST_PIXELS_HELD)

    def turned(self, size: tuple[int, int]) -> "Tiling":
        """The tiles of the picture after it was turned upright, when it has this size."""
        if size == self.size:
            return self
        return replace(self, size=size, grid=self.grid[::-1], rows=self.columns, columns=self.rows)

    def box(self, row: tuple[int, int], column: tuple[int, int]) -> Box:
        """The pixels of a tile."""
        down, across = (length / cells for length, cells in zip(self.size, self.grid, strict=True))
        return row[0] * down, column[0] * across, row[1] * down, column[1] * across

    def scored_size(self, row: tuple[int, int], column: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the copy of a tile that the net scores."""
        return (row[1] - row[0]) * self.cell, (column[1] - column[0]) * self.cell

    def __str__(self) -> str:
        count = len(self.rows) * len(self.columns)
        return f"in {count} tile{'s' * (count > 1)} of {self.side}x{self.side} pixels"


def _spans(cells: int, tile: int, cell: int) -> tuple[tuple[int, int], ...]:
    """Spans of at most `tile` cells that cover `cells` with overlaps, spread evenly."""
    if cells <= tile:
        return ((0, cells),)
    overlap = tile // _OVERLAP
    count = max(2, math.ceil((cells - overlap) / max(1, tile - overlap)))
    step = _ALIGNED // math.gcd(_ALIGNED, cell)
    while step > 1 and 3 * step > overlap:  # small tiles
        step = max(1, step // 2)
    starts = [-(-(number * (cells - tile)) // ((count - 1) * step)) * step for number in range(count)]
    return tuple((start, min(cells, start + tile)) for start in starts)


def blending(spans: Sequence[tuple[int, int]], cells: int) -> list[npt.NDArray[np.float32]]:
    """The weight of each span's cells: 1 inside, falling smoothly to 0 towards its neighbours, none in the
    outer part of the overlap, where a tile does not see what is around. The weights of a cell add up to 1.
    """
    weights = np.zeros((len(spans), cells))
    for number, (start, stop) in enumerate(spans):
        reach = max(1, (stop - start) // _OVERLAP)
        inside = np.full(stop - start, np.inf)
        places = np.arange(stop - start) + 0.5
        if start > 0:
            inside = np.minimum(inside, places)
        if stop < cells:
            inside = np.minimum(inside, places[::-1])
        ramp = np.clip((inside / reach - _BLIND) / (1 - 2 * _BLIND), 0, 1)
        weights[number, start:stop] = np.maximum(ramp * ramp * (3 - 2 * ramp), 1e-6)
    weights /= weights.sum(0)
    return [weights[number, start:stop].astype(np.float32) for number, (start, stop) in enumerate(spans)]


def tiled_scores(
    tiling: Tiling,
    classes: int,
    score: Callable[[Box, tuple[int, int]], Scores],
    workers: int = 1,
) -> Scores:
    """Scores (C, *grid) whose softmax is the blend of the tiles' probabilities.

    score: the scores (C, h, w) of a tile by its box in pixels and the size of the copy to score. It is called
    from `workers` threads; this one blends meanwhile.
    """
    total = np.zeros((classes, *tiling.grid), np.float32)
    of_rows = dict(zip(tiling.rows, blending(tiling.rows, tiling.grid[0]), strict=True))
    of_columns = dict(zip(tiling.columns, blending(tiling.columns, tiling.grid[1]), strict=True))
    tiles = tiling.tiles
    found = in_order(lambda tile: score(tiling.box(*tile), tiling.scored_size(*tile)), tiles, workers)
    for (row, column), scores in zip(tiles, found, strict=True):
        add_probabilities(scores, of_rows[row], of_columns[column], total, (row[0], column[0]))
    return scores_of(total)


@contextmanager
def opened_windows(source: Readable, long_side: int) -> Iterator[Windows]:
    """The picture by parts. A TIFF of plain colours is read by parts if rasterio is installed; any other
    picture is held, reduced to `long_side`. Raises ImageError if it cannot be read.
    """
    by_parts = tiff_windows(Path(source)) if isinstance(source, str | Path) else None
    windows: Windows = HeldPicture(source, long_side) if by_parts is None else by_parts
    try:
        yield windows
    finally:
        windows.close()


def shown_on_grid(windows: Windows, grid: tuple[int, int]) -> RGBImage:
    """The picture on the grid of its scores, or in its own size if that is smaller."""
    smaller = grid[0] * grid[1] < windows.size[0] * windows.size[1]
    return windows.reduced(grid if smaller else windows.size)
