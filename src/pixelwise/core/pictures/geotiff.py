"""TIFF files by parts, and their place on the map, through rasterio (GDAL)."""

import io
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ImageError, MissingExtraError
from pixelwise.core.files import open_file
from pixelwise.core.pictures.opening import opened
from pixelwise.core.pictures.pages import Page, holds_several
from pixelwise.core.pictures.pillow_limits import guarded
from pixelwise.core.pictures.reading import FIRST_FRAME, Encoded
from pixelwise.core.pictures.tiff_directories import ORIENTATION, TIFF, directories
from pixelwise.core.pictures.windows import Box, around, resized_part
from pixelwise.core.terminal import printable, reason_of
from pixelwise.core.types import Labels, RGBImage

MOST_BLOCK = 100_000_000
"""Bytes of the largest strip or tile of a file that is read by parts."""

_MOST_PART = 16_000_000  # pixels of a part that is read before it is resized
_WHITE_IS_ZERO, _EXTRA, _UNASSOCIATED = 262, 338, 2
_SETTINGS = {"GDAL_CACHEMAX": 64, "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}  # megabytes; no other files


@dataclass(frozen=True)
class Georeference:
    """Where a picture, turned upright, lies on the map.

    crs: the coordinate system as WKT, or none. transform: a, b, c, d, e, f of x = a column + b row + c,
    y = d column + e row + f. code: of the coordinate system, such as "EPSG:32633", if it has one.
    """

    crs: str | None
    transform: tuple[float, ...]
    code: str | None = None


class TiffWindows:
    """Windows of an open TIFF of 8-bit grey, RGB or RGBA, which is blended with white."""

    def __init__(self, dataset: Any, path: Path, notes: tuple[str, ...], stack: ExitStack) -> None:
        self._dataset, self._shown, self._stack = dataset, printable(path), stack
        self.original = partial(_read_whole, path)
        self.size, self.notes = (dataset.height, dataset.width), notes
        self._lock = threading.Lock()

    def read(self, box: Box, size: tuple[int, int]) -> RGBImage:
        rows, above = around(box[0], box[2], size[0], self.size[0])
        columns, before = around(box[1], box[3], size[1], self.size[1])
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if height * width > _MOST_PART:  # the mean of cells first, then the exact size
            shrink = max(1.0, min((box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]) / 2)
            part = self._colours(rows, columns, (round(height / shrink), round(width / shrink)))
        else:
            part = self._colours(rows, columns, (height, width))
        down, across = part.shape[0] / height, part.shape[1] / width
        inner = ((box[0] - above) * down, (box[1] - before) * across)
        outer = ((box[2] - above) * down, (box[3] - before) * across)
        return resized_part(part, (*inner, *outer), size)

    def reduced(self, size: tuple[int, int]) -> RGBImage:
        height, width = self.size
        rows = max(1, _MOST_PART * size[0] // (height * width))  # at a time: GDAL holds all that it averages
        out = np.empty((*size, 3), np.uint8)
        for top in range(0, size[0], rows):
            bottom = min(size[0], top + rows)
            part = slice(top * height // size[0], -(-bottom * height // size[0]))
            out[top:bottom] = self._colours(part, slice(0, width), (bottom - top, size[1]))
        return out

    def close(self) -> None:
        self._stack.close()

    def _colours(self, rows: slice, columns: slice, size: tuple[int, int]) -> RGBImage:
        from rasterio import Env
        from rasterio.enums import Resampling

        box = ((rows.start, rows.stop), (columns.start, columns.stop))
        with self._lock, _errors(self._shown), Env(**_SETTINGS):
            values = self._dataset.read(
                window=box, out_shape=(self._dataset.count, *size), resampling=Resampling.average
            )
        image: RGBImage = np.moveaxis(values[:3] if len(values) >= 3 else values[:1].repeat(3, 0), 0, 2)
        if len(values) in (2, 4):
            opaque = values[-1][..., np.newaxis].astype(np.uint16)
            image = ((image * opaque + 255 * (255 - opaque) + 127) // 255).astype(np.uint8)
        return np.ascontiguousarray(image)


def tiff_windows(path: Path) -> TiffWindows | None:
    """The parts of a TIFF whose colours need no conversion; None for other files, and without rasterio.

    Raises ImageError for a file that cannot be read.
    """
    shown = printable(path)
    if not _is_tiff(path):
        return None
    rasterio = _rasterio()
    if rasterio is None:
        return None
    with opened(path, shown) as image:
        if not _is_plain(image):
            return None
        size, bands = (image.height, image.width), len(image.getbands())
        notes = (FIRST_FRAME,) if holds_several(image) else ()
    stack = ExitStack()
    dataset = stack.enter_context(_dataset(rasterio, path, shown))
    block = max(height * width for height, width in dataset.block_shapes) * bands
    fits = (dataset.height, dataset.width) == size and dataset.count == bands
    if not fits or set(dataset.dtypes) != {"uint8"} or block > MOST_BLOCK:
        stack.close()
        return None
    return TiffWindows(dataset, path, notes, stack)


def _read_whole(path: Path) -> RGBImage:
    windows = tiff_windows(path)
    if windows is None:
        raise ImageError(f"{printable(path)}: the file has changed while it was being segmented", "try again")
    with closing(windows):
        return windows.reduced(windows.size)


def _is_tiff(source: Path | Encoded) -> bool:
    if isinstance(source, Encoded):
        return source.content[:4] in TIFF
    try:
        with open_file(source) as file:
            return file.read(4) in TIFF
    except (OSError, ValueError):
        return False  # opening.py names the reason


def _is_plain(image: Image.Image) -> bool:
    """Whether the samples of a TIFF are the colours as they are seen."""
    tags = getattr(image, "tag_v2", {})
    alpha = image.mode in ("LA", "RGBA")
    return (
        image.mode in ("L", "LA", "RGB", "RGBA")
        and tags.get(ORIENTATION, 1) == 1
        and tags.get(_WHITE_IS_ZERO) != 0
        and (not alpha or tuple(tags.get(_EXTRA, ())) == (_UNASSOCIATED,))
    )


def georeference_of(picture: Path | Encoded | Page) -> Georeference | None:
    """Where a file, the content of one, or a page of a TIFF file lies on the map; None if it does not say.
    Raises ImageError, and MissingExtraError for a TIFF file.
    """
    source = picture.reader.path if isinstance(picture, Page) else picture
    if not _is_tiff(source):
        return None
    rasterio = _rasterio()
    if rasterio is None:
        raise MissingExtraError("rasterio")
    if isinstance(picture, Page):
        place, orientation = picture.reader.place_and_orientation(picture.index)
        page = f"off:{place}" if place else str(picture.index + 1)
    else:
        page, orientation = None, _orientation(picture)
    with _dataset(rasterio, source, printable(picture), page) as dataset:
        crs, code = None, None
        if dataset.crs is not None:
            crs, authority = dataset.crs.to_wkt(), dataset.crs.to_authority()
            code = None if authority is None else ":".join(authority)
        transform = tuple(dataset.transform)[:6]
        if crs is None and transform == (1, 0, 0, 0, 1, 0):
            return None
        stored = _stored(orientation, dataset.width, dataset.height)
    return Georeference(crs, _after(stored, transform), code)


def _orientation(source: Path | Encoded) -> int:
    """The orientation of the first page, numbered as in EXIF. Raises ImageError."""
    try:
        with io.BytesIO(source.content) if isinstance(source, Encoded) else open_file(source) as file:
            return next((page.orientation for page in directories(file)), 1)
    except OSError as problem:
        raise ImageError(f"{printable(source)}: {reason_of(problem)}") from None


def _stored(orientation: int, width: int, height: int) -> tuple[float, ...]:
    """The transform from places in the picture, turned upright, to those in a file of `width` x `height`,
    which GDAL does not turn.
    """
    return {
        2: (-1, 0, width, 0, 1, 0),
        3: (-1, 0, width, 0, -1, height),
        4: (1, 0, 0, 0, -1, height),
        5: (0, 1, 0, 1, 0, 0),
        6: (0, 1, 0, -1, 0, height),
        7: (0, -1, width, -1, 0, height),
        8: (0, -1, width, 1, 0, 0),
    }.get(orientation, (1, 0, 0, 0, 1, 0))


def _after(first: Sequence[float], second: Sequence[float]) -> tuple[float, ...]:
    """The transform that does `first`, then `second`."""
    a, b, c, d, e, f = first
    rows = second[:3], second[3:]
    return tuple(value for x, y, z in rows for value in (x * a + y * d, x * b + y * e, x * c + y * f + z))


def write_geotiff(file: BinaryIO, labels: Labels, classes: Classes, place: Georeference | None) -> None:
    """Write labels (H, W) as a GeoTIFF of class ids with a colour table and the names of the classes, in
    tiles, compressed without loss. Raises MissingExtraError.
    """
    rasterio = _rasterio()
    if rasterio is None:
        raise MissingExtraError("rasterio")
    options: dict[str, Any] = {
        "driver": "GTiff",
        "height": labels.shape[0],
        "width": labels.shape[1],
        "count": 1,
        "dtype": "uint8",
        "compress": "deflate",
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
    }
    if place is not None:
        options |= {"crs": place.crs, "transform": rasterio.Affine(*place.transform)}
    with _errors("the GeoTIFF mask"), guarded(), rasterio.MemoryFile() as memory:
        with memory.open(**options) as dataset:
            for top in range(0, labels.shape[0], 512):  # rows of tiles
                rows = labels[top : top + 512]
                dataset.write(rows, 1, window=((top, top + len(rows)), (0, labels.shape[1])))
            dataset.write_colormap(1, {index: (*colour, 255) for index, colour in enumerate(classes.palette)})
            dataset.update_tags(1, **{f"class_{index}": name for index, name in enumerate(classes.names)})
        memory.seek(0)
        while part := memory.read(1 << 20):
            file.write(part)


def _rasterio() -> ModuleType | None:
    """The package, or None if it is not installed."""
    try:
        import rasterio
        import rasterio.windows
    except ModuleNotFoundError:
        return None
    logger = logging.getLogger("rasterio")
    if not logger.handlers:  # it would write to stderr what becomes an error here
        logger.addHandler(logging.NullHandler())
    module: ModuleType = rasterio
    return module


@contextmanager
def _dataset(
    rasterio: ModuleType, source: Path | Encoded, shown: str, page: str | None = None
) -> Iterator[Any]:
    """A file of the driver for TIFF, or a `page` of it, open for reading: its number from 1, or the place of
    its directory, "off:1234". No other file is looked at.
    """
    with ExitStack() as stack:
        with _errors(shown), guarded(), rasterio.Env(**_SETTINGS):
            if isinstance(source, Encoded):
                memory = stack.enter_context(rasterio.MemoryFile(source.content))
                dataset = memory.open(driver="GTiff", sharing=False)
            else:
                name = source.resolve() if page is None else f"GTIFF_DIR:{page}:{source.resolve()}"
                dataset = rasterio.open(name, driver="GTiff", sharing=False)
        yield stack.enter_context(dataset)


@contextmanager
def _errors(shown: str) -> Iterator[None]:
    from rasterio.errors import RasterioError

    try:
        yield
    except (RasterioError, ValueError, OSError) as problem:
        reason = printable(" ".join(str(problem.__cause__ or problem).split()))[:160]
        raise ImageError(f"{shown}: damaged or truncated TIFF image: {reason}") from problem
