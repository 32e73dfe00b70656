"""Small pictures in files, and what a folder holds."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_pictures(folder: Path, count: int) -> list[Path]:
    """Pictures of 30x24 pixels in squares of random colours, no two alike."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    paths = [folder / f"{index:05}.png" for index in range(count)]
    for path in paths:
        squares = random.integers(0, 256, (4, 5, 3), np.uint8)
        Image.fromarray(squares.repeat(6, 0).repeat(6, 1)).save(path)
    return paths


def contents(folder: Path) -> dict[str, bytes]:
    """What the files below a folder hold, records among them, by their paths in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
