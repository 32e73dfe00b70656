"""Read every channel of a picture at its full depth: 16-bit colours, alpha, multispectral TIFF.

Photos are read by reading.py, as 8-bit RGB. Here nothing is scaled, blended or dropped. Pillow decodes what
it holds in full; other TIFF files are left to tiff_bands.py.
"""

import functools
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.errors import ArgumentError, ImageError
from pixelwise.core.files import open_file
from pixelwise.core.pictures import opening
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.reading import TURNS, turn_of
from pixelwise.core.pictures.tiff_bands import is_exact, read_tiff
from pixelwise.core.pictures.tiff_directories import TIFF
from pixelwise.core.terminal import printable
from pixelwise.core.types import Channel, RGBImage

MOST_BANDS = 1024
NUMBERS = ("uint8", "uint16", "float32")
_FORMATS = ("PNG", "TIFF", "JPEG", "BMP", "WEBP")
_MODES = ("L", "LA", "RGB", "RGBA", "I", "F")


@dataclass(frozen=True)
class BandForm:
    """How many bands a picture has, and the type of their numbers: one of NUMBERS."""

    count: int
    numbers: str

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_BANDS:
            raise ArgumentError("bands", f"a picture has 1 to {MOST_BANDS} bands, got {self.count}")
        if self.numbers not in NUMBERS:
            raise ArgumentError("bands", f"bands hold {', '.join(NUMBERS)}, got {self.numbers}")

    def __str__(self) -> str:
        return f"{self.count} band{'s' * (self.count > 1)} of {self.numbers}"

    @classmethod
    def parsed(cls, text: str) -> "BandForm":
        """The form that a text such as "4xuint16" names. Raises ValueError for other texts."""
        count, _, numbers = text.strip().partition("x")
        if not count.isdecimal() or numbers not in NUMBERS:
            raise ArgumentError(
                "bands",
                f"bands are COUNTxTYPE, such as 4xuint16, of types {', '.join(NUMBERS)}; got {text[:60]!r}",
            )
        return cls(int(count), numbers)

    @property
    def highest(self) -> int:
        """The largest number that a band can hold, 1 for float32."""
        return {"uint8": 255, "uint16": 65535, "float32": 1}[self.numbers]

    @classmethod
    def of(cls, bands: Channel) -> "BandForm":
        """The form of (H, W, K), in any byte order. Raises ValueError for other arrays and other numbers."""
        if bands.ndim != 3 or 0 in bands.shape:
            raise ValueError(f"bands are an array (H, W, K), got {bands.shape}")
        return cls(bands.shape[2], bands.dtype.name)


def read_bands(path: Path) -> Channel:
    """All bands of a file, (H, W, K) of uint8, uint16 or float32, turned upright; other numbers become
    float32.

    Raises ImageError if it cannot be read, holds NaN or infinite numbers, or has no bands of its own
    (palettes, CMYK); MissingExtraError for TIFF files that need tifffile.
    """
    shown = printable(path)
    with ExitStack() as stack:
        image = _opened(path, shown, stack)
        if image is None:
            values, orientation = read_tiff(path, shown)
            turn = TURNS.get(orientation)
        else:
            size = image.height, image.width
            need = 3 * opening.decoding_bytes(image, size)
            opening.expect_affordable(need, image, size, shown)
            stack.enter_context(PICTURES.reserve(need))
            values, turn = _decoded(image, path, shown), turn_of(image)
        bands = _numbers(values, shown)
    return bands if turn is None else np.ascontiguousarray(_TURNED[turn](bands))


def _opened(path: Path, shown: str, stack: ExitStack) -> Image.Image | None:
    """The picture, not yet decoded, open until `stack` ends; None for a TIFF whose bands Pillow does not hold
    in full.
    """
    try:
        with open_file(path) as file:
            is_tiff = file.read(4) in TIFF
    except (OSError, ValueError):
        is_tiff = False  # opening.py names the reason
    logging.getLogger("PIL.TiffImagePlugin").disabled = True  # it writes to stderr what is handled here
    try:
        image = stack.enter_context(opening.opened(path, shown, _FORMATS))
    except ImageError:
        if is_tiff:
            return None
        raise
    return image if not is_tiff or is_exact(image) else None


def _decoded(image: Image.Image, path: Path, shown: str) -> npt.NDArray[Any]:
    tiles: list[Any] = getattr(image, "tile", [])
    layout = str(tiles[0][3]) if tiles else ""
    if image.format == "PNG" and layout in ("RGB;16B", "RGBA;16B"):
        return _deep_png(image, path, layout, shown)
    if layout == "LA;16B":
        raise ImageError(f"{shown}: grey of 16 bits with alpha is not read in full", "save it as TIFF")
    _expect_sound(image, shown)
    if image.mode == "1":
        image = image.convert("L")
    if image.mode not in _MODES and not image.mode.startswith("I;16"):
        raise ImageError(
            f"{shown}: a picture of mode {image.mode} has no bands of its own", "save it as grey, RGB or RGBA"
        )
    return np.array(image)


def _deep_png(image: Image.Image, path: Path, layout: str, shown: str) -> npt.NDArray[Any]:
    """Colours of 16 bits, of which Pillow keeps the high bytes: once as they are, and once with the order of
    bytes reversed, which keeps the low bytes.
    """
    tile = image.tile[0]  # type: ignore[attr-defined]
    with opening.opened(path, shown, ("PNG",)) as again:
        again.tile = [tile._replace(args=layout.replace("16B", "16L"))]  # type: ignore[attr-defined]
        _expect_sound(again, shown)
        low = np.asarray(again)
    _expect_sound(image, shown)
    deep: Channel = (np.asarray(image).astype(np.uint16) << 8) | low
    return deep


def _expect_sound(image: Image.Image, shown: str) -> None:
    if damage := opening.decode(image, shown):
        raise ImageError(f"{shown}: {damage[0]}")


def _numbers(values: npt.NDArray[Any], shown: str) -> Channel:
    """(H, W, K) of one of NUMBERS."""
    values = values[..., np.newaxis] if values.ndim == 2 else values
    if values.shape[2] > MOST_BANDS:
        raise ImageError(f"{shown}: expected at most {MOST_BANDS} bands, got {values.shape[2]}")
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        return native(values)
    if values.dtype.kind not in "uif":
        raise ImageError(f"{shown}: expected bands of numbers, got {values.dtype}")
    with np.errstate(over="ignore"):
        numbers: Channel = values.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ImageError(
            f"{shown}: holds NaN, infinite or too large numbers", "replace them, by 0 for example"
        )
    return numbers


def native(values: Channel) -> Channel:
    """The numbers in this machine's byte order, themselves if they are."""
    ordered: Channel = values.astype(values.dtype.newbyteorder("="), copy=False)
    return ordered


_TURNED: Mapping[Image.Transpose, Callable[[Channel], Channel]] = {
    Image.Transpose.FLIP_LEFT_RIGHT: lambda bands: bands[:, ::-1],
    Image.Transpose.FLIP_TOP_BOTTOM: lambda bands: bands[::-1],
    Image.Transpose.ROTATE_90: np.rot90,
    Image.Transpose.ROTATE_180: lambda bands: np.rot90(bands, 2),
    Image.Transpose.ROTATE_270: lambda bands: np.rot90(bands, 3),
    Image.Transpose.TRANSPOSE: lambda bands: bands.swapaxes(0, 1),
    Image.Transpose.TRANSVERSE: lambda bands: np.rot90(bands, 2).swapaxes(0, 1),
}


def view_of(bands: Channel) -> RGBImage:
    """(H, W, 3): the first three bands as red, green and blue, or the first alone as grey, for people to look
    at, in memory of its own. Numbers of 8 bits stay; others are stretched from the 1st to the 99th percentile
    of the shown bands.
    """
    shown = bands[..., :3] if bands.shape[2] >= 3 else bands[..., :1].repeat(3, axis=2)
    if shown.dtype == np.uint8:
        return np.array(shown, order="C")
    low, high = (float(np.percentile(shown[::4, ::4], share)) for share in (1, 99))
    shares = (shown.astype(np.float32) - low) / (max(high - low, 1e-6) / 255)
    return np.ascontiguousarray(shares.clip(0, 255).astype(np.uint8))


def form_of(path: Path) -> BandForm | None:
    """The form of a file's bands; None if it cannot be read."""
    try:
        return _form(path, path.stat().st_mtime_ns)
    except (ImageError, OSError):
        return None


@functools.lru_cache(maxsize=64)
def _form(path: Path, _: int) -> BandForm:
    return BandForm.of(read_bands(path))
