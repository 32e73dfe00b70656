"""Makes docs/images/examples.jpg: `python docs/example_pictures.py` with the base tier installed."""

from pathlib import Path

from PIL import Image

import pixelwise
from pixelwise.inference import Cleaning

HERE = Path(__file__).parent
PHOTOS = ("chelsea.png", "dog.png", "parrot.png", "astronaut.png", "camera.png", "tabby.png")
HEIGHT, GAP = 220, 8
PAPER, SHEET = (255, 255, 255), (222, 232, 240)


def main() -> None:
    """Overlays above cutouts on another background, as `make demo` makes them."""
    predictor = pixelwise.load("default", crf="deeplab-coco").with_cleaning(Cleaning(min_region=0.01))
    columns = []
    for name in PHOTOS:
        result = predictor(HERE.parent / "examples" / name)
        cut = result.cutout()
        sheet = Image.new("RGBA", cut.size, SHEET)
        sheet.alpha_composite(cut)
        columns.append([fitted(result.overlay(legend=False)), fitted(sheet.convert("RGB"))])
    width = sum(column[0].width + GAP for column in columns) + GAP
    page = Image.new("RGB", (width, 2 * (HEIGHT + GAP) + GAP), PAPER)
    left = GAP
    for column in columns:
        for row, picture in enumerate(column):
            page.paste(picture, (left, GAP + row * (HEIGHT + GAP)))
        left += column[0].width + GAP
    page.save(HERE / "images" / "examples.jpg", quality=88)


def fitted(picture: Image.Image) -> Image.Image:
    """The picture HEIGHT pixels high."""
    return picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
