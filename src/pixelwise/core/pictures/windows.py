"""Read parts of a picture that is too large to be held as a whole."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from pixelwise.core.pictures.reading import (
    Encoded,
    Readable,
    fitting,
    read_photo,
    size_of,
    size_of_embedded,
)
from pixelwise.core.types import RGBImage

MOST_PIXELS_HELD = 64_000_000
"""A picture that cannot be read by windows is held reduced to at most this many pixels."""

_MARGIN = 3
"""Pixels around a window, of its reduced copy, that resampling may need."""

Box = tuple[float, float, float, float]
"""Top, left, bottom, right, in pixels of the picture."""


class Windows(Protocol):
    """A picture that is read in parts, from one thread at a time."""

    size: tuple[int, int]
    """(height, width) of the picture."""
    notes: tuple[str, ...]
    """What a user should know about the file."""

    def read(self, box: Box, size: tuple[int, int]) -> RGBImage:
        """The part `box` of the picture, resized to (height, width). Raises ImageError."""

    @property
    def original(self) -> Callable[[], RGBImage]:
        """Reads the picture in its full size, also after `close`, and in other processes."""

    def reduced(self, size: tuple[int, int]) -> RGBImage:
        """The whole picture, reduced to (height, width). Raises ImageError."""

    def close(self) -> None:
        """End the reading."""


class HeldPicture:
    """Windows of a picture in memory: its own pixels, or a copy of at most MOST_PIXELS_HELD."""

    def __init__(self, source: Readable, long_side: int) -> None:
        """long_side: that of the copy; more is not needed. Raises ImageError and ValueError as read_photo."""
        most = _largest_side(source, long_side)
        photo = read_photo(source, most)
        self.size, self.notes = photo.size, photo.notes
        self._pixels, self.original = photo.pixels, photo.original

    def read(self, box: Box, size: tuple[int, int]) -> RGBImage:
        down, across = (held / whole for held, whole in zip(self._pixels.shape, self.size, strict=False))
        top, left, bottom, right = box[0] * down, box[1] * across, box[2] * down, box[3] * across
        rows, above = around(top, bottom, size[0], self._pixels.shape[0])
        columns, before = around(left, right, size[1], self._pixels.shape[1])
        part = self._pixels[rows, columns]
        return resized_part(part, (top - above, left - before, bottom - above, right - before), size)

    def reduced(self, size: tuple[int, int]) -> RGBImage:
        return resized_part(self._pixels, (0, 0, *self._pixels.shape[:2]), size)

    def close(self) -> None:
        pass


def _largest_side(source: Readable, long_side: int) -> int:
    height, width = fitting(size_before_reading(source), long_side)
    excess = height * width / MOST_PIXELS_HELD
    return long_side if excess <= 1 else int(max(height, width) / excess**0.5)


def size_before_reading(source: Readable) -> tuple[int, int]:
    """(height, width) of a source, before it is turned upright. Pages are decoded to find out.

    Raises ImageError for a file that is not a picture.
    """
    if isinstance(source, str | Path):
        return size_of(Path(source))
    if isinstance(source, Encoded):
        return size_of_embedded(source.content, source.name)
    if isinstance(source, Image.Image):
        return source.height, source.width
    if isinstance(source, np.ndarray) and source.ndim >= 2:
        return source.shape[0], source.shape[1]
    return read_photo(source, 1).size


def around(start: float, stop: float, target: int, whole: int) -> tuple[slice, int]:
    """The pixels that resampling start..stop to `target` pixels may need, and the first of them."""
    margin = 0 if _is_exact(start, stop, target) else math.ceil(_MARGIN * max(1.0, (stop - start) / target))
    first = max(0, math.floor(start) - margin)
    return slice(first, min(whole, math.ceil(stop) + margin)), first


def _is_exact(start: float, stop: float, target: int) -> bool:
    return start == int(start) and stop == int(stop) and int(stop - start) == target


def resized_part(part: RGBImage, box: Box, size: tuple[int, int]) -> RGBImage:
    """The `box` of (h, w, 3) resized to (height, width), unchanged if it has that size."""
    if tuple(box) == (0, 0, *size) and part.shape[:2] == size:
        return np.ascontiguousarray(part)
    top, left, bottom, right = box
    corners = (max(0.0, left), max(0.0, top), min(part.shape[1], right), min(part.shape[0], bottom))
    image = Image.fromarray(np.ascontiguousarray(part))
    return np.array(image.resize((size[1], size[0]), Image.Resampling.BICUBIC, corners))
