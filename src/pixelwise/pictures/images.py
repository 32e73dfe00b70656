"""Read any picture Pillow can open into RGB, no larger than needed and in bounded memory.

Files are turned upright as their EXIF orientation says; the first frame of an animation counts; transparent
pixels are laid on white. A decoded picture is never copied as a whole: strips of it are converted and
averaged.
"""

import io
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from pixelwise.errors import ImageError
from pixelwise.pictures.memory import PICTURES
from pixelwise.pictures.pillow_guard import MAX_PIXELS, guarded
from pixelwise.pictures.pixel_modes import to_rgb
from pixelwise.types import RGBImage

Source = str | Path | Image.Image | npt.NDArray[np.uint8]
"""A file, a Pillow image, or an (H, W, 3) RGB array of uint8."""

Result = TypeVar("Result")

_STRIP_PIXELS = 4_000_000

# Pillow's exact need for these formats is the decoded picture; decoders of others may hold it several times.
_LEAN_FORMATS = {"PNG", "JPEG", "MPO", "BMP", "DIB", "TIFF", "GIF", "TGA", "PCX", "PPM"}
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPPING = {_TURNS[tag] for tag in (5, 6, 7, 8)}  # rows become columns


@dataclass(frozen=True)
class Photo:
    """A picture as it is scored, and the way back to the original.

    pixels: reduced copy (the original itself if that is small enough). size: (height, width) of the original.
    original: reads the picture again in its full size; raises ImageError if that is no longer possible.
    """

    pixels: RGBImage
    size: tuple[int, int]
    original: Callable[[], RGBImage]


def read_photo(source: Source, long_side: int) -> Photo:
    """A copy of `source` whose longer side has at most `long_side` pixels.

    Files are turned upright; Pillow images and (H, W, 3) uint8 arrays are taken as they lie, so that
    results fit them. Raises ImageError for files that are no readable image, ValueError for arrays of
    another kind.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        pixels, size = _read_file(path, long_side)
        again = partial(_read_again, path, size)
    else:
        image = source if isinstance(source, Image.Image) else _array_image(source)
        pixels, size = _read_open(image, long_side, _name(image))
        again = partial(_convert_again, image)
    return Photo(pixels, size, again if pixels.shape[:2] != size else partial(np.asarray, pixels))


def read_picture(path: Path) -> RGBImage:
    """A file in its full size, (H, W, 3), turned upright. Raises ImageError if it is no readable image."""
    return _read_file(path, None)[0]


def read_embedded(content: bytes, name: str) -> RGBImage:
    """A picture that another file carries, (H, W, 3); `name` says which, for messages.

    Raises ImageError if it is not a readable image.
    """
    return _read_stream(io.BytesIO(content), None, name)[0]


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) as the head of a file says, before it is turned upright and without decoding it.

    Raises ImageError if it is not a readable image.
    """
    return _from_file(path, _stream_size)


def size_of_embedded(content: bytes, name: str) -> tuple[int, int]:
    """The same of a picture that another file carries."""
    return _stream_size(io.BytesIO(content), name)


def fitting(size: tuple[int, int], long_side: int, enlarge: bool = False) -> tuple[int, int]:
    """(height, width) reduced to a longer side of at most `long_side` pixels, the shorter at least 1; with
    `enlarge` a smaller one is enlarged to it.
    """
    scale = long_side / max(size)
    scale = scale if enlarge else min(1.0, scale)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def printable(name: object) -> str:
    """A file name on one line: control characters and undecodable bytes are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))


def _name(image: Image.Image) -> str:
    return printable(getattr(image, "filename", "") or "the image")


def _array_image(array: npt.NDArray[np.uint8]) -> Image.Image:
    if not isinstance(array, np.ndarray):
        raise ValueError(
            f"expected a path, a Pillow image or an (H, W, 3) uint8 array, got {type(array).__name__}"
        )
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        advice = (
            "scale to 0..255 and call .astype(np.uint8)" if array.dtype != np.uint8 else "stack channels last"
        )
        raise ValueError(
            f"expected an RGB array (H, W, 3) of uint8, got {array.shape} of {array.dtype}: {advice}"
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _read_again(path: Path, size: tuple[int, int]) -> RGBImage:
    pixels, now = _read_file(path, None)
    if now != size:
        raise ImageError(f"{printable(path)}: the file has changed while it was being segmented", "try again")
    return pixels


def _convert_again(image: Image.Image) -> RGBImage:
    return _read_open(image, None, _name(image))[0]


def _read_file(path: Path, long_side: int | None) -> tuple[RGBImage, tuple[int, int]]:
    return _from_file(path, lambda file, shown: _read_stream(file, long_side, shown))


def _from_file(path: Path, read: Callable[[BinaryIO, str], Result]) -> Result:
    shown = printable(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{shown}: expected an image, got a folder")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{shown}: expected an image, got a device, pipe or socket")
        if status.st_size == 0:
            raise ImageError(f"{shown}: expected an image, got an empty file")
        with path.open("rb") as file:
            return read(file, shown)
    except FileNotFoundError:
        raise ImageError(f"{shown}: no such file") from None
    except PermissionError:
        raise ImageError(f"{shown}: no permission to read it") from None
    except (OSError, ValueError) as problem:  # ValueError: a null byte in the path
        raise ImageError(f"{shown}: cannot be read: {_reason(problem)}") from problem


def _stream_size(file: BinaryIO, shown: str) -> tuple[int, int]:
    with guarded(), _opened(file, shown) as image:
        return image.height, image.width


def _read_stream(file: BinaryIO, long_side: int | None, shown: str) -> tuple[RGBImage, tuple[int, int]]:
    with guarded():
        image = _opened(file, shown)
        with image:
            plan = _plan(image, long_side, shown, draft=image.format in ("JPEG", "MPO"))
            with PICTURES.reserve(plan.bytes):
                pixels = _decode(image, plan, shown)
                turn = _orientation(image)
                image.close()  # gives the memory back before the reservation
    if turn is None:
        return pixels, plan.size
    turned = np.ascontiguousarray(np.asarray(Image.fromarray(pixels).transpose(turn)))
    return turned, (plan.size[1], plan.size[0]) if turn in _SWAPPING else plan.size


def _opened(file: BinaryIO, shown: str) -> Image.Image:
    """The picture in a file, not yet decoded."""
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        file.seek(0)
        raise ImageError(
            f"{shown}: expected an image in a format Pillow reads, got {_kind(file.read(512))}"
        ) from None
    except Image.DecompressionBombError:
        raise ImageError(_too_many_pixels(shown)) from None
    except Exception as problem:  # decoders raise nearly anything on damaged files
        raise ImageError(f"{shown}: damaged image: {_reason(problem)}") from problem


def _read_open(image: Image.Image, long_side: int | None, shown: str) -> tuple[RGBImage, tuple[int, int]]:
    with guarded():
        plan = _plan(image, long_side, shown)
        with PICTURES.reserve(plan.bytes):
            return _decode(image, plan, shown), plan.size


def _orientation(image: Image.Image) -> Image.Transpose | None:
    """How to turn the picture upright. Asked after decoding, since Pillow decodes PNG to find out."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # an unreadable EXIF block says nothing about the orientation
        return None


@dataclass(frozen=True)
class _Plan:
    """How to decode: full size and wanted size (height, width), the part of the decoded picture, memory."""

    size: tuple[int, int]
    target: tuple[int, int]
    box: tuple[float, float, float, float]
    bytes: int


def _plan(image: Image.Image, long_side: int | None, shown: str, draft: bool = False) -> _Plan:
    """Check that the picture can be decoded.

    `draft` lets the decoder of JPEG reduce by a power of two, which changes the size of `image` itself.
    """
    size = image.height, image.width
    if min(size) < 1:
        raise ImageError(f"{shown}: expected at least one pixel, got {size[0]}x{size[1]}")
    if size[0] * size[1] > MAX_PIXELS:
        raise ImageError(_too_many_pixels(shown, size))
    target = fitting(size, max(size) if long_side is None else long_side)
    drafted = image.draft(None, (target[1], target[0])) if draft and target != size else None
    box = (0.0, 0.0, float(image.width), float(image.height)) if drafted is None else drafted[1]
    need = _decoding_bytes(image, size)
    if need > PICTURES.total:
        raise ImageError(
            f"{shown}: decoding this {image.format or 'image'} of {size[0]}x{size[1]} takes "
            f"{need / 1e9:.1f} GB, more than the limit of {PICTURES.total / 1e9:.1f} GB",
            "make it smaller, or save it as PNG or baseline JPEG",
        )
    return _Plan(size, target, box, need)


def _decode(image: Image.Image, plan: _Plan, shown: str) -> RGBImage:
    kind, (height, width) = image.format or "image", plan.size
    try:
        image.load()
        return _reduced(image, plan.box, plan.target)
    except Image.DecompressionBombError:
        raise ImageError(_too_many_pixels(shown)) from None
    except MemoryError:
        raise ImageError(f"{shown}: not enough memory to decode {height}x{width} pixels") from None
    except Exception as problem:  # decoders raise nearly anything on damaged files
        raise ImageError(f"{shown}: damaged or truncated {kind} image: {_reason(problem)}") from problem


def _decoding_bytes(image: Image.Image, size: tuple[int, int]) -> int:
    """What Pillow holds while decoding: the picture itself, and for progressive JPEG all coefficients."""
    per_pixel = _BYTES_PER_PIXEL.get(image.mode, 4) if image.format in _LEAN_FORMATS else 16
    need = image.width * image.height * per_pixel
    if image.info.get("progressive"):
        layers: Iterable[tuple[int, int, int, int]] = getattr(image, "layer", [])
        areas = [horizontal * vertical for _, horizontal, vertical, _ in layers] or [1, 1, 1]
        need += round(2 * size[0] * size[1] * sum(areas) / max(areas))
    return need


def _reduced(image: Image.Image, box: tuple[float, float, float, float], target: tuple[int, int]) -> RGBImage:
    """The part `box` of `image` as RGB of size `target`: averaged by an integer factor, then resampled."""
    factor = max(1, int(max(image.size) / (2 * max(target))))
    width, height = -(-image.width // factor), -(-image.height // factor)
    if image.mode == "RGB" and not image.has_transparency_data and factor == 1:
        small = image
    else:
        small = Image.new("RGB", (width, height))
        for top, strip in _strips(image, factor):
            small.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    if (small.height, small.width) != target:
        left, upper, right, lower = (edge / factor for edge in box)
        small = small.resize((target[1], target[0]), Image.Resampling.BICUBIC, (left, upper, right, lower))
    return np.array(small)


def _strips(image: Image.Image, multiple: int) -> Iterator[tuple[int, Image.Image]]:
    """(top row, RGB strip) from top to bottom; heights are multiples of `multiple` but for the last."""
    rows = max(1, _STRIP_PIXELS // (image.width * multiple)) * multiple

    def parts() -> Iterator[tuple[int, Image.Image]]:
        for top in range(0, image.height, rows):
            bottom = min(top + rows, image.height)
            yield top, image.crop((0, top, image.width, bottom)) if rows < image.height else image

    yield from to_rgb(image, parts)


def _too_many_pixels(shown: str, size: tuple[int, int] | None = None) -> str:
    came = "more" if size is None else f"{size[0]}x{size[1]}"
    return f"{shown}: expected at most {MAX_PIXELS} pixels (20000x20000), got {came}: a decompression bomb?"


_MAGIC = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or office document",
    b"\x1f\x8b": "gzip data",
    b"\x89PNG": "a damaged PNG",
    b"\xff\xd8": "a damaged JPEG",
    b"GIF8": "a damaged GIF",
    b"BM": "a damaged BMP",
    b"II*\x00": "a damaged TIFF",
    b"MM\x00*": "a damaged TIFF",
    b"RIFF": "a damaged WebP, or RIFF audio or video",
    b"\x7fELF": "a program",
}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def _kind(head: bytes) -> str:
    """What a file that is no image looks like, from its first bytes."""
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC:
        return "a HEIC photo: convert it to JPEG"
    text = head.decode("latin-1")
    if all(c.isprintable() or c in "\r\n\t" for c in text):
        return "HTML or XML text" if text.lstrip().startswith("<") else "text"
    return f"unknown data beginning with {head[:8].hex(' ')}"


def _reason(problem: Exception) -> str:
    text = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return printable(" ".join(text.split()))[:160]
