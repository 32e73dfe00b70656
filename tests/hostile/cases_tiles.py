"""TIFF files in tiles and strips, damaged and forged, and pictures of extreme shapes, with sides of tiles."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

_SHAPES = ((1, 5000), (5000, 1), (1, 1), (33, 700), (400, 300), (97, 31))
_SIDES: tuple[int | str, ...] = (32, 33, 100, 512, 100_000, "auto")
_COMPRESSIONS = ("raw", "tiff_deflate", "tiff_lzw", "jpeg", "packbits")


class Case(NamedTuple):
    path: Path
    tiles: int | str
    made: str


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """`count` files, of which every third is sound."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        shape = _SHAPES[int(rng.integers(len(_SHAPES)))]
        compression = _COMPRESSIONS[int(rng.integers(len(_COMPRESSIONS)))]
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (*shape, 3), np.uint8)).save(
            file, "TIFF", compression=compression
        )
        content = bytearray(file.getvalue())
        way = ("sound", "cut", "flip")[number % 3]
        if way == "cut":
            content = content[: int(rng.integers(8, len(content)))]
        if way == "flip":
            for place in rng.integers(4, len(content), 4):
                content[int(place)] = int(rng.integers(256))
            directory = int.from_bytes(content[4:8], "little")
            if directory + 40 < len(content):
                content[directory + int(rng.integers(2, 38))] = int(rng.integers(256))
        path = folder / f"{number:05}.tif"
        path.write_bytes(content)
        yield Case(path, _SIDES[int(rng.integers(len(_SIDES)))], f"{way} {shape} {compression}")
