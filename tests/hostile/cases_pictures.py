"""Pictures that are damaged, that lie about their size, or whose format or name is meant to do harm."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, features

Draw = np.random.Generator


@dataclass(frozen=True)
class Case:
    """A file and how it was made, so that a failure can be understood."""

    path: Path
    made: str


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """Write `count` files into `folder`: each of `fixed` once, then mutations of files of all formats."""
    draw = np.random.default_rng(seed)
    sound = sound_files(draw)
    known = list(fixed().items())
    for number in range(count):
        if number < len(known):
            name, content = known[number]
            made = name
        else:
            kind = list(sound)[number % len(sound)]
            change = CHANGES[int(draw.integers(len(CHANGES)))]
            content, made = change(sound[kind], draw), f"{kind}, {change.__name__}"
            name = f"{number:05}.{kind.split('_')[0]}"
        path = folder / name
        path.write_bytes(content)
        yield Case(path, made)


def sound_files(draw: Draw) -> dict[str, bytes]:
    """One of each format that is read and in each of the ways of compressing TIFF, by name."""
    photo = Image.fromarray(draw.integers(0, 256, (40, 60, 3), np.uint8))
    deep = Image.fromarray(draw.integers(0, 65536, (40, 60)).astype(np.uint16))
    real = Image.fromarray(draw.normal(size=(40, 60)).astype(np.float32))
    files = {
        "jpg": _encoded(photo, "JPEG"),
        "jpg_progressive": _encoded(photo, "JPEG", progressive=True),
        "png": _encoded(photo, "PNG"),
        "png_deep": _encoded(deep, "PNG"),
        "gif": _encoded(photo, "GIF", save_all=True, append_images=[photo.rotate(90)]),
        "bmp": _encoded(photo, "BMP"),
        "tga": _encoded(photo, "TGA", compression="tga_rle"),
        "pcx": _encoded(photo, "PCX"),
        "ppm": _encoded(photo, "PPM"),
        "ppm_plain": b"P3 6 4 255 " + b" ".join(str(value).encode() for value in range(72)),
        "sgi": _encoded(photo, "SGI"),
        "tif": _encoded(real, "TIFF"),
        "tif_fax": _encoded(photo.convert("1"), "TIFF", compression="group4"),
        "psd": _psd(60, 40),
    }
    for way in ("tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits"):
        files[f"tif_{way}"] = _encoded(photo, "TIFF", compression=way)
    for feature, kind, ending in (
        ("webp", "WEBP", "webp"),
        ("avif", "AVIF", "avif"),
        ("jpg_2000", "JPEG2000", "jp2"),
    ):
        if features.check(feature):
            files[ending] = _encoded(photo, kind)
    return files


def fixed() -> dict[str, bytes]:
    """What a mutation would not find, by file name."""
    tall = _png(1, 400_000_000)
    return {
        "endless.eps": _ENDLESS,
        "endless_named_jpeg.jpg": _ENDLESS,
        "endless_after_binary_head.png": b"\xc5\xd0\xd3\xc6"
        + struct.pack("<II", 32, len(_ENDLESS))
        + bytes(20)
        + _ENDLESS,
        "drawing.png": b"\xd7\xcd\xc6\x9a" + bytes(18) + b"\x01\x00\t\x00" + bytes(100),
        "sky.png": b"SIMPLE  =                    T".ljust(80) + b"END".ljust(80),
        "icon_with_a_large_picture.png": b"\x00\x00\x01\x00\x01\x00"
        + bytes([16, 16, 0, 0, 1, 0, 32, 0])
        + struct.pack("<II", len(tall), 22)
        + tall,
        "apple_icon.png": b"icns"
        + struct.pack(">I", 8 + 8 + len(tall))
        + b"ic07"
        + struct.pack(">I", 8 + len(tall))
        + tall,
        "press.png": b"\x1c\x03\x3c\x00\x02\x01\x01" + b"\x1c\x08\x0a\x00\x04" + _ENDLESS[:4],
        "bitmap.png": b"#define x_width 99999\n#define x_height 99999\nstatic char x_bits[] = {0x00};",
        "one_pixel_wide.png": tall,
        "one_pixel_high.png": _png(400_000_000, 1),
        "wide.ppm": b"P6 2000000 2 255\n" + bytes(100),
        "slow.ppm": b"P6 20000 20000 254\n" + bytes(100),
        "slow.qoi": b"qoif" + struct.pack(">II", 20_000, 20_000) + b"\x03\x00" + bytes(100),
        "one_strip.tif": _tiff(20_000, 20_000, 32, compression=5),
        "large_tile.tif": _tiff(10, 10, 8, compression=5, tile=(2**31 - 16, 2**31 - 16)),
        "no_bits.tif": _tiff(10, 10, 0, compression=5),
        "layers.psd": _psd(30_000, 30_000),
        "line\nbreak.png": b"\x89PNG",
        "\x1b]0;title\x07.png": b"",
        "return\rerror: nothing.png": b"",
        "left\u202eto right.png": b"",
        "\udcff\udcfe.png": b"",
        ("long" * 60) + ".png": b"",
    }


def _flipped(content: bytes, draw: Draw) -> bytes:
    """Some bytes replaced, half the time near the beginning, where headers are."""
    changed = bytearray(content)
    end = min(len(changed), 300) if draw.integers(2) else len(changed)
    for place in draw.integers(0, end, int(draw.integers(1, 8))):
        changed[place] = int(draw.choice([0, 1, 0x7F, 0x80, 0xFF, int(draw.integers(256))]))
    return bytes(changed)


def _cut(content: bytes, draw: Draw) -> bytes:
    return content[: int(draw.integers(1, len(content)))]


def _doubled(content: bytes, draw: Draw) -> bytes:
    """A part of the file twice."""
    first, last = sorted(draw.integers(0, len(content), 2).tolist())
    return content[:last] + content[first:]


def _large_numbers(content: bytes, draw: Draw) -> bytes:
    """A field of two or four bytes near the beginning set to a large number, as sizes and offsets are."""
    width = int(draw.choice([2, 4]))
    place = int(draw.integers(0, max(1, min(len(content), 200) - width)))
    value = int(draw.choice([2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1])) % 2 ** (8 * width)
    field: bytes = value.to_bytes(width, "big" if draw.integers(2) else "little")
    return content[:place] + field + content[place + width :]


CHANGES: tuple[Callable[[bytes, Draw], bytes], ...] = (_flipped, _cut, _doubled, _large_numbers)

_ENDLESS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n{} loop\n%%EOF\n"


def _encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def _tiff(width: int, height: int, bits: int, compression: int, tile: tuple[int, int] | None = None) -> bytes:
    """A grey TIFF whose one strip, or tile, holds a hundred bytes."""
    places = {273: 8, 278: height, 279: 100}
    if tile is not None:
        places = {322: tile[0], 323: tile[1], 324: 8, 325: 100}
    tags = {
        256: width,
        257: height,
        258: bits,
        259: compression,
        262: 1,
        277: 1,
        339: 3 if bits == 32 else 1,
    } | places
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return (
        b"II*\x00" + struct.pack("<I", 108) + bytes(100) + struct.pack("<H", len(tags)) + entries + bytes(4)
    )


def _psd(width: int, height: int) -> bytes:
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3)
    return head + bytes(12) + struct.pack(">H", 0) + bytes(min(3 * width * height, 10_000))
