"""Open and decode picture files. All files that Pillow reads are opened here.

A file is decoded only if its format is one of FORMATS, its sides and its area are within bounds, and the
memory for decoding fits into memory_budget.PICTURES. All this is checked before the first pixel is decoded.
"""

import functools
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from pixelwise.core.errors import ImageError, MissingExtraError
from pixelwise.core.files import open_file
from pixelwise.core.pictures.endings import RAW_SUFFIXES
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.pillow_limits import MAX_PIXELS, guarded
from pixelwise.core.pictures.tiff_directories import HEIGHT, SAMPLES, TIFF, WIDTH, directories
from pixelwise.core.terminal import counted, library_messages, reason_of

# fmt: off
FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "PSD", "QOI", "SGI", "SUN",
    "TGA", "TIFF", "WEBP",
)
# fmt: on
"""The formats that are read, by Pillow's names; MPO comes with JPEG. Pillow's others start programs (EPS,
WMF), open pictures inside them without these checks (ICO, ICNS, IPTC), unpack without a bound (FITS), or are
not for photos. HEIC is read too if pillow_heif is installed."""

MAX_SIDE = 100_000
"""Pictures with a longer side are refused: decoders keep a table of rows."""

_SLOW_PIXELS = 16_000_000  # of formats that Pillow decodes in Python, at about 2 seconds for a million

# Pillow's exact need for these formats is the decoded picture; decoders of others may hold it several times.
_LEAN_FORMATS = {"PNG", "JPEG", "MPO", "BMP", "DIB", "TIFF", "GIF", "TGA", "PCX", "PPM", "SUN"}
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
_OTHER_BYTES_PER_PIXEL = {"AVIF": 24, "WEBP": 18}  # measured, with a margin for deep colours

_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT, _BITS = 278, 322, 323, 258  # tags of TIFF


@contextmanager
def opened(source: Path | IO[bytes], shown: str, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """The picture in a file, or in bytes found inside another file, `shown` in messages; not yet decoded.

    Raises ImageError for what is not a file, not a picture of `formats`, some or all of FORMATS, or larger
    than MAX_PIXELS and MAX_SIDE allow. `decode` it within the block.
    """
    with guarded(), identified(source, shown, formats) as image:
        yield image


@contextmanager
def identified(
    source: Path | IO[bytes], shown: str, formats: tuple[str, ...] = FORMATS
) -> Iterator[Image.Image]:
    """As `opened`, for files that stay open from one call to the next: only calls are `guarded` then."""
    with ExitStack() as stack:
        file = stack.enter_context(_opened_file(source, shown) if isinstance(source, Path) else source)
        if file.seek(0, io.SEEK_END) == 0:
            raise ImageError(f"{shown}: expected an image, got an empty file")
        file.seek(0)
        is_raw = isinstance(source, Path) and source.suffix.lower() in RAW_SUFFIXES
        try:
            image = stack.enter_context(_identified(file, shown, formats))
        except ImageError as problem:
            raise _raw(shown) if is_raw else problem from None
        if is_raw and image.format == "TIFF":
            raise _raw(shown)
        expect_bounded(image, shown)
        yield image


def _opened_file(path: Path, shown: str) -> IO[bytes]:
    try:
        return open_file(path)
    except FileNotFoundError:
        raise ImageError(f"{shown}: no such file") from None
    except PermissionError:
        raise ImageError(f"{shown}: no permission to read it") from None
    except IsADirectoryError:
        raise ImageError(f"{shown}: expected an image, got a folder") from None
    except (OSError, ValueError) as problem:  # ValueError: a null byte in the path
        raise ImageError(f"{shown}: {reason_of(problem)}") from problem


def _identified(file: IO[bytes], shown: str, formats: tuple[str, ...]) -> Image.Image:
    head = file.read(32)
    file.seek(0)
    try:
        if formats is FORMATS and is_heic(head):
            return _heic(file, shown)
        image = Image.open(file, formats=[name for name in formats if name in _formats_here()])
    except UnidentifiedImageError:
        raise _unidentified(file, shown, formats) from None
    except Image.DecompressionBombError:
        raise ImageError(_too_many_pixels(shown)) from None
    except ImageError:
        raise
    except Exception as problem:  # decoders raise nearly anything on damaged files
        raise ImageError(f"{shown}: damaged image: {reason_of(problem)}") from problem
    if head.startswith(_CANON) or _DNG_VERSION in getattr(image, "tag_v2", {}):
        raise _raw(shown)
    return image


def _unidentified(file: IO[bytes], shown: str, formats: tuple[str, ...]) -> ImageError:
    """The error for a file that Pillow does not take for an image of these formats."""
    hint = None if formats is FORMATS else f"formats that are read: {', '.join(formats)}"
    file.seek(0)
    kind = _kind(file.read(512))
    if kind == _TIFF and "TIFF" in formats:
        tags = next((page.tags for page in directories(file)), {})
        kind, hint = "a damaged TIFF", None
        if tags.get(WIDTH) and tags.get(HEIGHT):
            kind = f"a TIFF of {counted(tags.get(SAMPLES, 1), 'band')}, in a form that photos do not have"
            hint = "save grey or colours of 8 or 16 bits, or a single band of floats"
            hint += "; inputs=bands reads other bands" if formats is FORMATS else ""
    return ImageError(f"{shown}: expected an image, got {kind}", hint)


def _heic(file: IO[bytes], shown: str) -> Image.Image:
    """A HEIC photo, by pillow_heif. It is opened without the registry of Pillow, which belongs to users."""
    try:
        from pillow_heif import HeifImageFile
    except ModuleNotFoundError:
        missing = MissingExtraError("pillow_heif")
        raise ImageError(
            f"{shown}: a HEIC photo; {missing.message}", f"{missing.hint}, or convert it to JPEG"
        ) from None
    made: Callable[[IO[bytes]], Image.Image] = HeifImageFile
    try:
        return made(file)
    except Exception as problem:  # decoders raise nearly anything on damaged files
        raise ImageError(f"{shown}: damaged HEIC photo: {reason_of(problem)}") from problem


def is_heic(head: bytes) -> bool:
    """Whether a file that begins so is a HEIC photo."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC


def _raw(shown: str) -> ImageError:
    return ImageError(
        f"{shown}: expected an image, got a raw photo of a camera, which has to be developed first",
        "convert it to JPEG or TIFF, for example with darktable-cli, RawTherapee or magick IN.nef OUT.jpg",
    )


@functools.cache
def _formats_here() -> frozenset[str]:
    """The formats that this Pillow reads."""
    Image.init()
    return frozenset(Image.OPEN)


def expect_bounded(image: Image.Image, shown: str) -> None:
    """Raise ImageError for a picture without pixels, with too many of them, or with too long a side."""
    height, width = image.height, image.width
    if min(height, width) < 1:
        raise ImageError(f"{shown}: expected at least one pixel, got {height}x{width}")
    if height * width > MAX_PIXELS:
        raise ImageError(_too_many_pixels(shown, (height, width)))
    if max(height, width) > MAX_SIDE:
        raise ImageError(f"{shown}: expected sides of at most {MAX_SIDE} pixels, got {height}x{width}")
    slow = any(tile[0] in Image.DECODERS for tile in getattr(image, "tile", ()))
    if slow and height * width > _SLOW_PIXELS:
        raise ImageError(
            f"{shown}: decoding this {image.format} of {height}x{width} takes minutes", "save it as PNG"
        )


def decode(image: Image.Image, shown: str) -> list[str]:
    """Decode a picture from `opened`, in memory reserved from PICTURES, unless it is decoded already.

    Returns the decoder's complaints if the picture is usable nevertheless. Raises ImageError.
    """
    said: list[str] = []
    size = image.size
    try:
        with library_messages() if image.format == "TIFF" else _silence() as said:
            image.load()
        if image.format == "HEIF" and image.size != size:
            raise ValueError(
                f"the header says {size[0]}x{size[1]}, the picture is {image.width}x{image.height}"
            )
    except Image.DecompressionBombError:
        raise ImageError(_too_many_pixels(shown)) from None
    except MemoryError:
        raise ImageError(
            f"{shown}: not enough memory to decode {image.height}x{image.width} pixels"
        ) from None
    except Exception as problem:  # decoders raise nearly anything on damaged files
        reason = said[0] if said else reason_of(problem)
        kind = image.format or "Pillow"
        raise ImageError(f"{shown}: damaged or truncated {kind} image: {reason}") from problem
    return [f"damaged in part: {said[0][:160]}"] if said else []


@contextmanager
def _silence() -> Iterator[list[str]]:
    yield []


def expect_affordable(need: int, image: Image.Image, size: tuple[int, int], shown: str) -> None:
    """Raise ImageError if `need`, in bytes, is more than all pictures together may take."""
    if need > PICTURES.total:
        raise ImageError(
            f"{shown}: decoding this {image.format or 'image'} of {size[0]}x{size[1]} takes "
            f"{need / 1e9:.1f} GB, more than the limit of {PICTURES.total / 1e9:.1f} GB",
            "make it smaller, or save it as PNG or baseline JPEG",
        )


def decoding_bytes(image: Image.Image, size: tuple[int, int]) -> int:
    """The memory for decoding a picture; `size`: (height, width) before JPEG's decoder reduced it."""
    pixels = image.width * image.height
    need = pixels * _BYTES_PER_PIXEL.get(image.mode, 4)
    if image.format == "JPEG2000":
        need = pixels * (7 * len(image.getbands()) + 1)
    elif image.format not in _LEAN_FORMATS:
        need = pixels * _OTHER_BYTES_PER_PIXEL.get(str(image.format), 16)
    if image.info.get("progressive"):  # all coefficients
        layers: Iterable[tuple[int, int, int, int]] = getattr(image, "layer", [])
        areas = [horizontal * vertical for _, horizontal, vertical, _ in layers] or [1, 1, 1]
        need += round(2 * size[0] * size[1] * sum(areas) / max(areas))
    if image.format == "TIFF" and any(tile[0] == "libtiff" for tile in getattr(image, "tile", ())):
        need += _strip_bytes(image)
    return need


def _strip_bytes(image: Image.Image) -> int:
    """The largest strip or tile of a compressed TIFF, which its decoder holds unpacked beside the picture."""
    tags = getattr(image, "tag_v2", {})
    try:
        bits = tags.get(_BITS, 8)
        per_pixel = max(4, -(-sum(bits if isinstance(bits, tuple) else (bits,)) // 8))
        width = int(tags.get(_TILE_WIDTH, image.width))
        height = int(tags.get(_TILE_HEIGHT, min(int(tags.get(_ROWS_PER_STRIP, image.height)), image.height)))
    except (TypeError, ValueError):  # the decoder will report the fault
        return 0
    return max(0, width) * max(0, height) * per_pixel


def _too_many_pixels(shown: str, size: tuple[int, int] | None = None) -> str:
    came = "more" if size is None else f"{size[0]}x{size[1]}"
    return f"{shown}: expected at most {MAX_PIXELS} pixels (20000x20000), got {came}: a decompression bomb?"


_TIFF = "a TIFF"
_RAW = "a raw photo of a camera: convert it to JPEG or TIFF"
_CANON = b"II*\x00\x10\x00\x00\x00CR"
_DNG_VERSION = 50706  # a tag of TIFF
_MAGIC = {
    _CANON: _RAW,
    b"%!PS": "an EPS or PostScript file: convert it to PNG",
    b"\xc5\xd0\xd3\xc6": "an EPS file: convert it to PNG",
    b"\xd7\xcd\xc6\x9a": "a WMF drawing: convert it to PNG",
    b"SIMPLE  =": "a FITS file: convert it to TIFF",
    b"\x00\x00\x01\x00": "an icon: convert it to PNG",
    b"icns": "an icon: convert it to PNG",
    b"DDS ": "a DDS texture: convert it to PNG",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or office document",
    b"\x1f\x8b": "gzip data",
    b"\x89PNG": "a damaged PNG",
    b"\xff\xd8": "a damaged JPEG",
    b"GIF8": "a damaged GIF",
    b"BM": "a damaged BMP",
    **dict.fromkeys(TIFF, _TIFF),
    b"RIFF": "a damaged WebP, or RIFF audio or video",
    b"FUJIFILMCCD-RAW": _RAW,
    b"IIRO": _RAW,
    b"IIU\x00": _RAW,
    b"FOVb": _RAW,
    b"\x1aE\xdf\xa3": "a video",
    b"\x7fELF": "a program",
}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def _kind(head: bytes) -> str:
    """What a file that is not an image of FORMATS looks like, from its first bytes."""
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        if head[8:12] == b"crx ":
            return _RAW
        return "a HEIC photo: convert it to JPEG" if is_heic(head) else "a video, or a damaged AVIF"
    text = head.decode("latin-1")
    if all(c.isprintable() or c in "\r\n\t" for c in text):
        return "HTML or XML text" if text.lstrip().startswith("<") else "text"
    return f"unknown data beginning with {head[:8].hex(' ')}"
