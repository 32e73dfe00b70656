"""Makes docs/images/tiles.jpg: `python docs/tiles_picture.py` with the base tier installed."""

from pathlib import Path

import numpy as np
from PIL import Image

import pixelwise

HERE = Path(__file__).parent
PHOTOS = (
    "examples/chelsea.png",
    "examples/astronaut.png",
    "examples/camera.png",
    "tests/photos/grace_hopper.jpg",
)
SIDE, ROWS, COLUMNS = 500, 8, 10


def main() -> None:
    """A picture of 5000x4000 in one pass and in tiles."""
    picture = collage()
    halves = [
        pixelwise.load("default", tiles=tiles)(picture).overlay(legend=False) for tiles in (None, "auto")
    ]
    page = Image.new("RGB", (1408, 560), (255, 255, 255))
    for place, half in enumerate(halves):
        page.paste(half.resize((700, 560), Image.Resampling.LANCZOS), (708 * place, 0))
    page.save(HERE / "images" / "tiles.jpg", quality=85)


def collage() -> Image.Image:
    """Squares of the photos, chosen at random."""
    photos = [Image.open(HERE.parent / name).convert("RGB") for name in PHOTOS]
    chosen = np.random.default_rng(0).integers(0, len(photos), (ROWS, COLUMNS))
    page = Image.new("RGB", (SIDE * COLUMNS, SIDE * ROWS))
    for row in range(ROWS):
        for column in range(COLUMNS):
            photo = photos[chosen[row, column]]
            side = min(photo.size)
            left, top = (photo.width - side) // 2, (photo.height - side) // 2
            square = photo.crop((left, top, left + side, top + side))
            page.paste(square.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (SIDE * column, SIDE * row))
    return page


if __name__ == "__main__":
    main()
