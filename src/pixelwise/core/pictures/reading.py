"""Read pictures into RGB, no larger than needed and in bounded memory.

EXIF orientation is applied; the first frame of an animation is read, unless a Page asks for another;
transparent pixels are blended with white. A decoded picture is never copied as a whole: it is converted and
averaged in strips.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.opening import decode, decoding_bytes, expect_affordable, expect_bounded, opened
from pixelwise.core.pictures.pages import Page, holds_several
from pixelwise.core.pictures.pillow_limits import guarded
from pixelwise.core.pictures.pixel_modes import to_rgb
from pixelwise.core.terminal import printable
from pixelwise.core.types import RGBImage


@dataclass(frozen=True)
class Encoded:
    """The content of a picture file that is in memory, and its name for messages."""

    content: bytes = field(repr=False)
    name: str = "the bytes"

    def __str__(self) -> str:
        return self.name


Readable = str | Path | Encoded | Page | Image.Image | npt.NDArray[Any]
"""A file, one of its pages, the content of a file, a Pillow image, or an RGB array (H, W, 3) of uint8; models
of bands take (H, W, K).
"""

FIRST_FRAME = "only the first frame"
"""The note on a file that holds several pictures."""

DIM = 64
"""Of 255: pictures below it are nearly black. 12 bits in 16 reach 15, photos taken at night more."""

_NEARLY_BLACK = "nearly black; 12 bits stored in 16 must be scaled up first"

_STRIP_PIXELS = 4_000_000
_LARGEST_PROFILE = 1_000_000  # bytes; those of printers and cameras have less

TURNS = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPPING = {TURNS[tag] for tag in (5, 6, 7, 8)}  # rows become columns


@dataclass(frozen=True)
class Photo:
    """A picture at the size at which it is scored, and a way to read the original again.

    pixels: reduced copy (the original itself if that is small enough). size: (height, width) of the original.
    original: reads the picture again in its full size; raises ImageError if that is no longer possible.
    notes: what a user should know about the file, such as FIRST_FRAME.
    """

    pixels: RGBImage
    size: tuple[int, int]
    original: Callable[[], RGBImage]
    notes: tuple[str, ...] = ()


def read_photo(source: Readable, long_side: int) -> Photo:
    """A copy of `source` whose longer side has at most `long_side` pixels.

    Files are turned upright; Pillow images and (H, W, 3) uint8 arrays are not, so that results fit them.
    Raises ImageError for files that are not readable images, ValueError for other arrays.
    """
    notes: list[str] = []
    if isinstance(source, Page) and (whole := source.frame(_whole)) is not None:
        return replace(read_photo(whole, long_side), original=partial(np.asarray, whole))
    if isinstance(source, str | Path | Encoded | Page):
        file = Path(source) if isinstance(source, str) else source
        pixels, size, notes = _read_file(file, long_side, printable(file))
        again = partial(_read_again, file, size)
    else:
        image = source if isinstance(source, Image.Image) else _array_image(source)
        name = _name(image)
        pixels, size = _read_open(image, long_side, name)
        if image is source and pixels.shape[:2] != size:
            image = image.copy()  # the caller may draw on it, reduce or close it
        again = partial(_convert_again, image, name)
    original = again if pixels.shape[:2] != size else partial(np.asarray, pixels)
    return Photo(pixels, size, original, tuple(notes))


def held(source: Readable) -> Readable:
    """The source itself; the pixels of a frame of an animation, which is then not read again: see
    `Page.frame`. Raises ImageError.
    """
    frame = source.frame(_whole) if isinstance(source, Page) else None
    return source if frame is None else frame


def read_picture(path: Path) -> RGBImage:
    """A file in its full size, (H, W, 3), turned upright. Raises ImageError if it cannot be read."""
    return _read_file(path, None, printable(path))[0]


def read_embedded(content: bytes, name: str) -> RGBImage:
    """A picture inside another file as read_picture gives it; `name` is for messages."""
    return _read_file(Encoded(content, name), None, name)[0]


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of a file before it is turned upright, without decoding it. Raises ImageError."""
    with opened(path, printable(path)) as image:
        return image.height, image.width


def size_of_embedded(content: bytes, name: str) -> tuple[int, int]:
    """(height, width) of a picture inside another file; `name` is for messages. Raises ImageError."""
    with opened(io.BytesIO(content), name) as image:
        return image.height, image.width


def fitting(size: tuple[int, int], long_side: int, enlarge: bool = False) -> tuple[int, int]:
    """(height, width) reduced to a longer side of at most `long_side` pixels, the shorter at least 1; with
    `enlarge` a smaller one is enlarged to it.
    """
    scale = long_side / max(size)
    scale = scale if enlarge else min(1.0, scale)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _name(image: Image.Image) -> str:
    return printable(getattr(image, "filename", "") or "the image")


def _array_image(array: npt.NDArray[np.uint8]) -> Image.Image:
    if not isinstance(array, np.ndarray):
        raise ValueError(
            f"expected a path, a Pillow image or an (H, W, 3) uint8 array, got {type(array).__name__}"
        )
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise ValueError(
            f"expected an RGB array (H, W, 3) of uint8, got {array.shape} of {array.dtype}: {_advice(array)}"
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _advice(array: npt.NDArray[Any]) -> str:
    """How to make an RGB picture of it."""
    if array.size == 0:
        return "it has no pixels"
    if array.dtype != np.uint8:
        return "scale to 0..255 and call .astype(np.uint8)"
    if array.ndim == 2:
        return "repeat grey values, np.stack([array] * 3, axis=-1)"
    if array.ndim == 3 and array.shape[2] == 1:
        return "repeat grey values, array.repeat(3, axis=2)"
    if array.ndim == 3 and array.shape[2] == 4:
        return "leave out the opacity, array[..., :3]"
    if array.ndim == 3 and array.shape[0] == 3:
        return "put the channels last, array.transpose(1, 2, 0)"
    return "give one picture at a time, and bands to a model of bands"


def _read_again(file: Path | Encoded | Page, size: tuple[int, int]) -> RGBImage:
    pixels, now, _ = _read_file(file, None, printable(file))
    if now != size:
        raise ImageError(f"{printable(file)}: the file has changed while it was being segmented", "try again")
    return pixels


def _convert_again(image: Image.Image, name: str) -> RGBImage:
    return _read_open(image, None, name)[0]


def _opened(source: Path | Encoded | Page, shown: str) -> AbstractContextManager[Image.Image]:
    if isinstance(source, Page):
        return source.opened()
    return opened(io.BytesIO(source.content) if isinstance(source, Encoded) else source, shown)


def _read_file(
    source: Path | Encoded | Page, long_side: int | None, shown: str
) -> tuple[RGBImage, tuple[int, int], list[str]]:
    """Pixels, (height, width) of the original, notes."""
    with ExitStack() as memory:
        if isinstance(source, Page):  # who has the file must not wait for memory: see Page.opened
            with source.reader.seen(source.index) as image:
                need = _plan(image, long_side, shown).bytes
            memory.enter_context(PICTURES.reserve(need))
        return _read_opened(source, long_side, shown)


def _read_opened(
    source: Path | Encoded | Page, long_side: int | None, shown: str
) -> tuple[RGBImage, tuple[int, int], list[str]]:
    with _opened(source, shown) as image:
        notes = [] if isinstance(source, Page) or not holds_several(image) else [FIRST_FRAME]
        plan = _plan(image, long_side, shown, draft=image.format in ("JPEG", "MPO"))
        with PICTURES.reserve(plan.bytes):
            notes += decode(image, shown)
            pixels = _converted(image, plan, shown)
            if long_side is not None and pixels.min() < pixels.max() < DIM:
                notes.append(_NEARLY_BLACK)
            turn = turn_of(image)
            if not isinstance(source, Page):
                image.close()  # free the memory before the reservation ends
    if turn is None:
        return pixels, plan.size, notes
    return _turned(pixels, turn), (plan.size[1], plan.size[0]) if turn in _SWAPPING else plan.size, notes


def _whole(image: Image.Image, shown: str) -> RGBImage:
    """A picture of an open file in its full size, turned upright."""
    plan = _plan(image, None, shown)
    with PICTURES.reserve(plan.bytes):
        decode(image, shown)
        pixels = _converted(image, plan, shown)
    turn = turn_of(image)
    return pixels if turn is None else _turned(pixels, turn)


def _turned(pixels: RGBImage, turn: Image.Transpose) -> RGBImage:
    return np.ascontiguousarray(np.asarray(Image.fromarray(pixels).transpose(turn)))


def _read_open(image: Image.Image, long_side: int | None, shown: str) -> tuple[RGBImage, tuple[int, int]]:
    with guarded():
        expect_bounded(image, shown)
        plan = _plan(image, long_side, shown)
        with PICTURES.reserve(plan.bytes):
            decode(image, shown)
            return _converted(image, plan, shown), plan.size


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """How to turn the picture upright. Called after decoding, since Pillow must decode PNG to find out."""
    try:
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # an unreadable EXIF block says nothing about the orientation
        return None


def turn_of_file(file: Path) -> Image.Transpose | None:
    """How the picture in a file was turned upright when it was read. Raises ImageError as `read_photo`."""
    shown = printable(file)
    with _opened(file, shown) as image:
        decode(image, shown)
        return turn_of(image)


def colour_profile(source: Path | Encoded | Page) -> bytes | None:
    """The ICC profile that says which colours the RGB pixels of a file are, such as Display P3; None if there
    is none, or no file any more.
    """
    file = source.reader.path if isinstance(source, Page) else source
    try:
        with _opened(file, printable(file)) as image:
            profile = image.info.get("icc_profile")
    except ImageError:
        return None
    is_usable = isinstance(profile, bytes) and profile[16:20] == b"RGB " and len(profile) <= _LARGEST_PROFILE
    return profile if is_usable else None


@dataclass(frozen=True)
class _Plan:
    """How to decode: full size and wanted size (height, width), the part of the decoded picture, memory."""

    size: tuple[int, int]
    target: tuple[int, int]
    box: tuple[float, float, float, float]
    bytes: int


def _plan(image: Image.Image, long_side: int | None, shown: str, draft: bool = False) -> _Plan:
    """How to decode a picture that is within bounds; ImageError if there is too little memory for it.

    `draft` lets the decoder of JPEG reduce by a power of two, which changes the size of `image` itself.
    """
    size = image.height, image.width
    target = fitting(size, max(size) if long_side is None else long_side)
    drafted = image.draft(None, (target[1], target[0])) if draft and target != size else None
    box = (0.0, 0.0, float(image.width), float(image.height)) if drafted is None else drafted[1]
    copies = 3 if image.mode == "RGB" and not image.has_transparency_data else 7
    need = decoding_bytes(image, size) + target[0] * target[1] * copies
    expect_affordable(need, image, size, shown)
    return _Plan(size, target, box, need)


def _converted(image: Image.Image, plan: _Plan, shown: str) -> RGBImage:
    try:
        return _reduced(image, plan.box, plan.target)
    except MemoryError:
        raise ImageError(f"{shown}: not enough memory to read {plan.size[0]}x{plan.size[1]} pixels") from None
    except Exception as problem:  # odd palettes and modes
        raise ImageError(f"{shown}: damaged {image.format or 'image'} image: {problem}") from problem


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
