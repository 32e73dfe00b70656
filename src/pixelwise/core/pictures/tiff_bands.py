"""TIFF files with bands that Pillow does not hold in full: multispectral ones, and colours of 16 bits."""

import logging
import math
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.errors import ImageError, MissingExtraError
from pixelwise.core.files import open_file
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.opening import MAX_SIDE
from pixelwise.core.pictures.pillow_limits import MAX_PIXELS
from pixelwise.core.pictures.tiff_directories import ORIENTATION, SAMPLES
from pixelwise.core.terminal import reason_of

_BITS, _WHITE_IS_ZERO, _EXTRA = 258, 262, 338  # tags
_DEFLATE = (8, 32946)
_OFTEN = {5: "LZW", 32773: "PackBits", 7: "JPEG", 50000: "ZSTD", 34925: "LZMA", 34887: "LERC"}
_MOST_DEFLATE = 1032  # no byte of deflate becomes more


def is_exact(image: Image.Image) -> bool:
    """Whether Pillow holds all samples of a TIFF, unchanged, and there is one page."""
    if getattr(image, "is_animated", False):
        return False
    tags = getattr(image, "tag_v2", {})
    bits, samples = tags.get(_BITS, (1,)), tags.get(SAMPLES, 1)
    deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
    whole = samples == len(image.getbands()) and (deep or set(bits) == {8}) and len(bits) in (1, samples)
    premultiplied = tuple(tags.get(_EXTRA, ())) == (1,)
    return bool(whole and not premultiplied and tags.get(_WHITE_IS_ZERO) != 0 and image.mode != "P")


def read_tiff(path: Path, shown: str) -> tuple[npt.NDArray[Any], int]:
    """(H, W) or (H, W, K): the samples of the first page, which may lie side by side or plane by plane; and
    its orientation, numbered as in EXIF.

    Raises ImageError for damaged files, other arrangements, and pictures beyond the limits of opening.py;
    MissingExtraError without tifffile.
    """
    try:
        import tifffile
    except ModuleNotFoundError:
        raise MissingExtraError("tifffile") from None
    logging.getLogger("tifffile").disabled = True  # it writes to stderr what becomes an error here
    try:
        with open_file(path) as file, tifffile.TiffFile(file, name=path.name) as tiff:
            page: Any = tiff.pages[0]
            _expect_readable(page, shown)
            _expect_one_page(tiff, page, shown)
            need = 3 * page.nbytes
            if need > PICTURES.total:
                raise ImageError(
                    f"{shown}: decoding it takes {need / 1e9:.1f} GB, more than the limit of "
                    f"{PICTURES.total / 1e9:.1f} GB",
                    "cut it into tiles",
                )
            with PICTURES.reserve(need):
                _expect_whole(page, file, shown)
                values: npt.NDArray[Any] = page.asarray(maxworkers=1)
            turn = page.tags.valueof(ORIENTATION, 1)
            return (np.moveaxis(values, 0, 2) if page.axes == "SYX" else values), turn
    except (ImageError, MemoryError):
        raise
    except Exception as problem:  # it raises nearly anything on damaged files
        reason = reason_of(problem)
        code = next((name for name in _OFTEN.values() if name in reason.upper()), None)
        if "imagecodecs" in reason:
            raise ImageError(
                f"{shown}: its compression{f' {code}' if code else ''} needs the package imagecodecs",
                "pip install imagecodecs, or save it with deflate or without compression",
            ) from problem
        raise ImageError(f"{shown}: damaged or truncated TIFF image: {reason}") from problem


def _expect_readable(page: Any, shown: str) -> None:
    if page.axes not in ("YX", "YXS", "SYX"):
        raise ImageError(f"{shown}: expected rows, columns and bands, got a TIFF of {page.shape} numbers")
    height, width = page.imagelength, page.imagewidth
    if not (min(height, width) >= 1 and max(height, width) <= MAX_SIDE and height * width <= MAX_PIXELS):
        raise ImageError(
            f"{shown}: expected sides of 1 to {MAX_SIDE} and at most {MAX_PIXELS} pixels, "
            f"got {height}x{width}"
        )
    if page.dtype is None or page.dtype.kind not in "uif":
        raise ImageError(f"{shown}: expected bands of numbers, got {page.dtype}")


def _expect_one_page(tiff: Any, page: Any, shown: str) -> None:
    """Raise ImageError if more pages of the same size follow, which may be bands, times or depths."""
    try:
        second = tiff.pages[1]
    except IndexError:
        return
    if (second.imagelength, second.imagewidth) == (page.imagelength, page.imagewidth):
        raise ImageError(
            f"{shown}: holds several pages of the same size, so which are its bands is not known",
            "save the bands as the samples of one page",
        )


def _expect_whole(page: Any, file: IO[bytes], shown: str) -> None:
    """Raise ImageError if a part lies beyond the end of the file, or unpacks to more than its size."""
    end = file.seek(0, 2)
    expected = math.prod(page.chunks) * page.dtype.itemsize
    for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        if size < 1 or offset + size > end:
            raise ImageError(f"{shown}: truncated TIFF image")
        if page.compression in _DEFLATE and size * _MOST_DEFLATE > PICTURES.total:
            file.seek(offset)
            unpacked = zlib.decompressobj().decompress(file.read(size), expected + 1)
            if len(unpacked) > expected:
                raise ImageError(f"{shown}: a part of this TIFF unpacks to more than its size")
