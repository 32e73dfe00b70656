"""The files of one sample: pictures, maps of ids and extra channels, each with its own `read`."""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.errors import DataError, ImageError, MissingExtraError, PixelwiseError
from pixelwise.core.files import open_file, regular_file
from pixelwise.core.pictures import opening
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.pages import holds_several
from pixelwise.core.pictures.reading import read_picture, size_of
from pixelwise.core.terminal import printable, reason_of
from pixelwise.core.types import VOID, Channel, FileIds, Labels, RGBImage
from pixelwise.data.formats.npy_arrays import read_array
from pixelwise.data.formats.stored_values import Restore, is_grey, restoring

_FORMATS = ("PNG", "TIFF", "BMP", "GIF", "PPM", "WEBP", "JPEG")
"""Formats of labels and extra channels. JPEG is listed only so that the error can name it."""

_REPLACE = "replace or remove the file"
_MOST_TEXT = 2_000_000_000  # bytes

Content_co = TypeVar("Content_co", covariant=True)


class Part(Protocol[Content_co]):
    """A part of a sample that is read from a file. Sources may define their own parts.

    `path` is the file to name in messages; `read` raises DataError, naming it, if it is missing or broken.
    """

    @property
    def path(self) -> Path: ...

    def read(self) -> Content_co: ...


def read_part(part: Part[Content_co]) -> Content_co:
    """The part's content. Raises DataError with the file's name for any fault in reading it, and
    MissingExtraError.
    """
    with part_errors(part.path):
        return part.read()


@contextmanager
def part_errors(path: Path) -> Iterator[None]:
    """Turn every error in reading a part into a DataError that names its file."""
    try:
        yield
    except (DataError, MissingExtraError):
        raise
    except PixelwiseError as error:
        raise DataError(error.message, error.hint) from None
    except MemoryError:
        raise DataError(f"{printable(path)} needs more memory than there is", _REPLACE) from None
    except Exception as error:  # decoders raise nearly anything on damaged files
        reason = reason_of(error)
        raise DataError(f"{printable(path)} cannot be read: {reason}", _REPLACE) from error


class Picture(Part[RGBImage], Protocol):
    """The image of a sample. `size` is its (height, width) before it is turned upright, known without
    decoding it; it raises DataError as `read` does.
    """

    def size(self) -> tuple[int, int]: ...


@contextmanager
def image_errors() -> Iterator[None]:
    """Turn ImageError into DataError."""
    try:
        yield
    except ImageError as error:
        raise DataError(f"the image {error.message}", error.hint or _REPLACE) from None


@dataclass(frozen=True)
class ImageFile:
    """A picture in its own file: (H, W, 3) uint8, read by core/pictures/reading.py."""

    path: Path

    def read(self) -> RGBImage:
        with image_errors():
            return read_picture(self.path)

    def size(self) -> tuple[int, int]:
        with image_errors():
            return size_of(self.path)


@dataclass(frozen=True)
class IdFile:
    """A palette or grey picture whose pixel values are ids: (H, W) integers."""

    path: Path

    def read(self) -> FileIds:
        with opened(self.path, "label") as (image, restore):
            _expect_lossless(image, self.path, "ids")
            if is_grey(image):
                return restore(np.array(image))
            raise _not_ids(self.path, image)

    def colours(self, ids: Iterable[int]) -> dict[int, int]:
        """The colours, as 0xRRGGBB, that the file's palette gives to these ids; none without a palette."""
        with opening.opened(self.path, printable(self.path), _FORMATS) as image:
            palette = image.getpalette("RGB") if image.mode == "P" else None
        table: RGBImage = np.array(palette or [], np.uint8).reshape(-1, 3)
        return {id_: int(packed(table[id_])) for id_ in ids if id_ < len(table)}


def _not_ids(path: Path, image: Image.Image) -> DataError:
    """The error for a label picture that has not one integer per pixel."""
    hint = "save labels as palette (P) or grey (L) PNG in which a pixel's value is its class id"
    if image.mode not in ("RGB", "RGBA"):
        return DataError(f"{path} has mode {image.mode}, which is not a map of ids", hint)
    red, green, blue = np.array(image)[..., :3].transpose(2, 0, 1)
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return DataError(
            f"{path} has mode {image.mode}, three equal numbers per pixel, but ids are one",
            'save one of the channels as grey PNG: convert("L") of Pillow, image[:, :, 0] of OpenCV',
        )
    colours = "cvat: reads colours as a labelmap.txt names them"
    return DataError(f"{path} has mode {image.mode}, which is not a map of ids", f"{hint}; {colours}")


def read_ids(path: Path) -> Labels:
    """(H, W) uint8 ids of a label file, as IdFile reads them. Raises DataError for ids above 255, too."""
    ids = IdFile(path).read()
    if ids.dtype != np.uint8 and not 0 <= ids.min() <= ids.max() <= VOID:
        raise DataError(f"{path} holds ids up to {ids.max()}", "ids must lie in 0 to 255; 255 is void")
    return ids.astype(np.uint8)


@dataclass(frozen=True)
class ColourFile:
    """A picture whose colours stand for classes: (H, W) colours as 0xRRGGBB."""

    path: Path

    def read(self) -> FileIds:
        with opened(self.path, "label") as (image, _):
            _expect_lossless(image, self.path, "colours")
            if image.mode not in ("RGB", "RGBA", "P"):
                raise DataError(
                    f"{self.path} has mode {image.mode}, but its classes should be colours",
                    "save labels as RGB or palette PNG in the colours of the data set",
                )
            return packed(np.array(image.convert("RGB")))


@dataclass(frozen=True)
class ChannelFile:
    """An extra channel: a picture of 8 or 16 bits or floats, or a .npy file, as (H, W, K) uint8 or
    float32.
    """

    path: Path

    def read(self) -> Channel:
        values = read_numbers(self.path, "channel")
        if values.ndim not in (2, 3):
            raise DataError(
                f"{self.path} holds {values.dtype} of shape {values.shape}",
                "a channel is an array (H, W) or (H, W, K) of numbers",
            )
        values = values[..., None] if values.ndim == 2 else values
        if values.dtype == np.uint8:
            return values
        with np.errstate(over="ignore"):
            numbers = values.astype(np.float32)
        if not np.isfinite(numbers).all():
            raise DataError(
                f"{self.path} holds NaN, infinite or too large numbers", "replace them, by 0 for example"
            )
        return numbers


@runtime_checkable
class Drawing(Part[FileIds], Protocol):
    """Labels drawn from the objects of an annotation file: `draw` returns the ids, as `read` does, and a
    phrase for each object that is not visible.
    """

    def draw(self) -> tuple[FileIds, tuple[str, ...]]: ...


def packed(colours: RGBImage) -> FileIds:
    """(..., 3) colours as integers 0xRRGGBB."""
    wide = colours.astype(np.int32)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


def portable(name: str) -> str:
    """A file name from a list or an annotation, with / as separator, which Windows accepts too."""
    return name.replace("\\", "/")


def missing(path: Path, kind: str) -> DataError:
    """The error for a missing file; `kind` describes the file."""
    return DataError(f"the {kind} {path} does not exist", "check its name and place")


@contextmanager
def opened(path: Path, kind: str) -> Iterator[tuple[Image.Image, Restore]]:
    """The decoded picture in a file, and a function from its values to those in the file (stored_values.py).

    Raises DataError with the file's name and `kind` if it cannot be read, or holds several pages or frames.
    """
    shown = printable(path)
    try:
        with opening.opened(regular_file(path), shown, _FORMATS) as image:
            size = image.height, image.width
            need = 2 * opening.decoding_bytes(image, size)  # the picture, and the array made of it
            opening.expect_affordable(need, image, size, shown)
            if holds_several(image):
                raise DataError(f"the {kind} {shown} holds several pictures", "save one map per file")
            restore = restoring(image)
            with PICTURES.reserve(need):
                if damage := opening.decode(image, shown):
                    raise ImageError(f"{shown}: {damage[0]}")
                yield image, restore
    except FileNotFoundError:
        raise missing(path, kind) from None
    except OSError as error:
        raise DataError(f"the {kind} {shown} cannot be read: {reason_of(error)}", _REPLACE) from None
    except ImageError as error:
        raise DataError(f"the {kind} {error.message}", error.hint or _REPLACE) from None


def _expect_lossless(image: Image.Image, path: Path, what: str) -> None:
    lossy = image.format in ("JPEG", "MPO") or "jpeg" in str(image.info.get("compression"))
    if lossy:
        raise DataError(f"{path} is a JPEG, whose compression alters {what}", "save labels as PNG")


def read_text(path: Path, kind: str, most: int = _MOST_TEXT) -> str:
    """The text of a file. Raises DataError with its name and `kind` if it cannot be read or has more than
    `most` bytes.
    """
    try:
        with io.TextIOWrapper(open_file(path), encoding="utf-8-sig") as file:
            if os.fstat(file.fileno()).st_size > most:
                raise DataError(f"the {kind} {path} has more than {most:,} bytes", "is this the right file?")
            return file.read()
    except FileNotFoundError:
        raise missing(path, kind) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error)
        raise DataError(f"the {kind} {path} cannot be read: {reason}", "it should be text in UTF-8") from None


def read_numbers(path: Path, kind: str) -> npt.NDArray[Any]:
    """The array of a .npy file or of a picture of 8 or 16 bits or floats, unchanged.

    Raises DataError with the file's name and `kind` if it cannot be read or does not hold numbers.
    """
    if path.suffix.lower() != ".npy":
        with opened(path, kind) as (image, restore):
            return restore(np.array(image.convert("RGB") if image.mode == "P" else image))
    try:
        values = read_array(path)
    except FileNotFoundError:
        raise missing(path, kind) from None
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise DataError(f"the {kind} {path} cannot be read: {reason}", "save it with numpy.save") from None
    if values.dtype.kind not in "uif":
        raise DataError(
            f"the {kind} {path} holds {values.dtype}, but should hold numbers", "is this the right file?"
        )
    return values
