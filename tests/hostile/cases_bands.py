"""Damaged and forged pictures of many bands: TIFF of every layout, PNG of 16 bits."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile

_TAGS = (256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 322, 323, 338, 339)
_LAYOUTS: tuple[dict[str, Any], ...] = (
    {},
    {"byteorder": ">"},
    {"bigtiff": True},
    {"compression": "zlib"},
    {"compression": "zlib", "predictor": 2},
    {"tile": (16, 16)},
    {"tile": (16, 16), "compression": "zlib"},
    {"planarconfig": "separate"},
)


class Case(NamedTuple):
    path: Path
    made: str


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """`count` files, each damaged in one of a few ways."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        layout = _LAYOUTS[number % len(_LAYOUTS)]
        of_png = number % 9 == 8
        content = _png(rng) if of_png else _tiff(rng, layout)
        way = ("flip", "cut", "forge", "swap")[int(rng.integers(4))]
        path = folder / f"{number:05}.{'png' if of_png else 'tif'}"
        path.write_bytes(_damaged(content, way, rng))
        yield Case(path, f"{way} {'png' if of_png else layout}")


def _tiff(rng: np.random.Generator, layout: dict[str, Any]) -> bytes:
    values = rng.integers(0, 4096, (37, 29, int(rng.integers(2, 9))), np.uint16)
    values = np.moveaxis(values, 2, 0) if "planarconfig" in layout else values
    file = io.BytesIO()
    tifffile.imwrite(file, values, **{"photometric": "minisblack", "planarconfig": "contig", **layout})
    return file.getvalue()


def _png(rng: np.random.Generator) -> bytes:
    rows = b"".join(b"\0" + rng.bytes(29 * 6) for _ in range(37))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 29, 37, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    chunks = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _damaged(content: bytes, way: str, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    if way == "cut":
        return bytes(data[: int(rng.integers(1, len(data)))])
    if way == "swap":
        first, second = sorted(rng.integers(0, len(data), 2).tolist())
        return bytes(data[:first] + data[second:])
    if way == "forge":  # an entry of the list of tags: another type, count or value
        order = ">" if data[:2] == b"MM" else "<"
        names = [struct.pack(f"{order}H", tag) for tag in _TAGS]
        places = [place for name in names if (place := bytes(data).find(name, 8)) > 0]
        if places:
            place = places[int(rng.integers(len(places)))] + int(rng.choice([2, 4, 8, 12]))
            value = int(rng.choice([0, 1, 3, 255, 65_535, 2**31 - 1, 2**32 - 1]))
            data[place : place + 4] = struct.pack(f"{order}I", value)
        return bytes(data)
    for place in rng.integers(0, len(data), int(rng.integers(1, 12))).tolist():
        data[place] = int(rng.integers(256))
    return bytes(data)
